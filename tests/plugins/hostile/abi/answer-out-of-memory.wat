;; The answer lies behind the end of memory.
(func $on-message (type $message) (i32.const 0xfffffff0))
