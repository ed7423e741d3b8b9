;; Neither some interval nor none.
(data (i32.const 2048) "timer")
(func $on-message (type $message)
  (call $timers.set (i32.const 2048) (i32.const 5) (i64.const 60000) (i32.const 7) (i64.const 0) (i32.const 2064))
  (i32.const 1024))
