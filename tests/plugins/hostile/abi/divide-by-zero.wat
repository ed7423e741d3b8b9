;; Divides by zero.
(func $on-message (type $message) (i32.div_u (i32.const 1024) (i32.const 0)))
