;; A value of 2 GiB.
(data (i32.const 2048) "key")
(func $on-message (type $message)
  (call $kv.set (i32.const 2048) (i32.const 3) (i32.const 0) (i32.const 0x7fffffff) (i32.const 2064))
  (i32.const 1024))
