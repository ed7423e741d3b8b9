;; A header that is neither a text nor a secret.
(data (i32.const 2048) "\00\00\00\00\00\00\00\00\09\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
(func $on-message (type $message)
  (call $http.fetch
    (i32.const 2048) (i32.const 0) (i32.const 2048) (i32.const 0) (i32.const 2048) (i32.const 1)
    (i32.const 0) (i32.const 0) (i32.const 4096))
  (i32.const 1024))
