;; A key of 4 GiB.
(func $on-message (type $message)
  (call $kv.set (i32.const 0) (i32.const 0xffffffff) (i32.const 0) (i32.const 0) (i32.const 2048))
  (i32.const 1024))
