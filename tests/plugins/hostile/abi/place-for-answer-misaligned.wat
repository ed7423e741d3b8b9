;; The host shall put its answer at an odd address.
(data (i32.const 2048) "key")
(func $on-message (type $message)
  (call $kv.get (i32.const 2048) (i32.const 3) (i32.const 4097))
  (i32.const 1024))
