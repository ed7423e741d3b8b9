;; So many headers that their size in bytes does not fit into 32 bits.
(func $on-message (type $message)
  (call $http.fetch
    (i32.const 2048) (i32.const 0) (i32.const 2048) (i32.const 0) (i32.const 0) (i32.const 0x0924924a)
    (i32.const 0) (i32.const 0) (i32.const 4096))
  (i32.const 1024))
