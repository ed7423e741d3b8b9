;; Traps while it is instantiated.
(func $trap (unreachable))
(start $trap)
(func $on-message (type $message) (i32.const 1024))
