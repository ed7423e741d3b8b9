;; What every module here shares: the imports that some of them call, a memory, and exports that do nothing.
;; Zeroes are the answer "ok". A file beside this one takes the place of the line of dots; it has to define $on-message, which has
;; the type $message, and may define $realloc (else it gets an honest one) and anything more.
;;
;; Memory: an answer at 1024, texts at 2048, what the host lowers from 8192 on.
(module
  (type $message (func (param i64 i32 i32 i32 i32 i64 i32 i32 i64 i32) (result i32)))
  (type $realloc (func (param i32 i32 i32 i32) (result i32)))
  (import "starling:plugin/kv@0.1.0" "get" (func $kv.get (param i32 i32 i32)))
  (import "starling:plugin/kv@0.1.0" "set" (func $kv.set (param i32 i32 i32 i32 i32)))
  (import "starling:plugin/log@0.1.0" "write" (func $log.write (param i32 i32 i32 i32)))
  (import "starling:plugin/timers@0.1.0" "set" (func $timers.set (param i32 i32 i64 i32 i64 i32)))
  (import "starling:plugin/http@0.1.0" "fetch" (func $http.fetch (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "starling:plugin/random@0.1.0" "bytes" (func $random.bytes (param i32 i32)))
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 8192))
  (func $take (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get $size)) (i32.const 15)) (i32.const -16)))
    (local.get $at))
  (export "cabi_realloc" (func $realloc))
  (export "starling:plugin/handler@0.1.0#on-message" (func $on-message))
  (func (export "starling:plugin/handler@0.1.0#on-start") (result i32) (i32.const 1024))
  (func (export "starling:plugin/handler@0.1.0#on-timer") (param i32 i32) (result i32) (i32.const 1024))
  (func (export "starling:plugin/handler@0.1.0#migrate") (param i32 i32) (result i32) (i32.const 1024))
  (func (export "starling:plugin/handler@0.1.0#on-command")
    (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i64 i32 i32 i64 i32) (result i32)
    (i32.const 1024))
  (func (export "starling:plugin/handler@0.1.0#on-event")
    (param i32 i32 i32 i32 i32 i64 i32 i64 i32 i32 i32) (result i32)
    (i32.const 1024))
  ;; ........
)
