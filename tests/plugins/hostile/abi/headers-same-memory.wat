;; Thousands of headers, each of which is the same 60 KiB of text: little memory here, hundreds of megabytes at a careless host.
(func $on-message (type $message)
  (local $entry i32)
  (local.set $entry (i32.const 65536))
  (loop $next
    (i32.store (local.get $entry) (i32.const 4096))
    (i32.store offset=4 (local.get $entry) (i32.const 60000))
    (i32.store offset=8 (local.get $entry) (i32.const 0))
    (i32.store offset=12 (local.get $entry) (i32.const 4096))
    (i32.store offset=16 (local.get $entry) (i32.const 60000))
    (local.set $entry (i32.add (local.get $entry) (i32.const 28)))
    (br_if $next (i32.lt_u (local.get $entry) (i32.const 130000))))
  (call $http.fetch
    (i32.const 2048) (i32.const 0) (i32.const 2048) (i32.const 0) (i32.const 65536) (i32.const 2302)
    (i32.const 0) (i32.const 0) (i32.const 3072))
  (i32.const 1024))
