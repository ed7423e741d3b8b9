;; Rejects with a reason that is no UTF-8.
(data (i32.const 1024) "\01\00\00\00\01\00\00\00\00\08\00\00\03\00\00\00")
(data (i32.const 2048) "\ff\fe\fd")
(func $on-message (type $message) (i32.const 1024))
