;; The host shall put its answer behind the end of memory.
(data (i32.const 2048) "key")
(func $on-message (type $message)
  (call $kv.get (i32.const 2048) (i32.const 3) (i32.const 0xfffffff0))
  (i32.const 1024))
