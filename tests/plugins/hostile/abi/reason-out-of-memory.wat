;; Rejects with a reason that lies behind the end of memory.
(data (i32.const 1024) "\01\00\00\00\01\00\00\00\f0\ff\ff\ff\10\00\00\00")
(func $on-message (type $message) (i32.const 1024))
