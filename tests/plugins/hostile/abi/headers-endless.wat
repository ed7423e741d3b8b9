;; A request with 268 million headers.
(func $on-message (type $message)
  (call $http.fetch
    (i32.const 2048) (i32.const 0) (i32.const 2048) (i32.const 0) (i32.const 0) (i32.const 0x10000000)
    (i32.const 0) (i32.const 0) (i32.const 4096))
  (i32.const 1024))
