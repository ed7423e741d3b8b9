;; Calls a function by a type that it has not.
(table $t 1 funcref)
(elem $t (i32.const 0) func $take)
(func $on-message (type $message)
  (call_indirect $t (result i32) (i32.const 0)))
