;; A key that lies behind the end of memory.
(func $on-message (type $message)
  (call $kv.set (i32.const 0xfffffff0) (i32.const 8) (i32.const 0) (i32.const 0) (i32.const 2048))
  (i32.const 1024))
