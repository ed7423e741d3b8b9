;; A key that is no UTF-8.
(data (i32.const 2048) "\c3\28")
(func $on-message (type $message)
  (call $kv.set (i32.const 2048) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 2064))
  (i32.const 1024))
