;; A line of a level that there is not.
(func $on-message (type $message)
  (call $log.write (i32.const 200) (i32.const 2048) (i32.const 0) (i32.const 2064))
  (i32.const 1024))
