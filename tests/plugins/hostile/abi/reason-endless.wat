;; Rejects with a reason of 4 GiB.
(data (i32.const 1024) "\01\00\00\00\01\00\00\00\00\00\00\00\ff\ff\ff\ff")
(func $on-message (type $message) (i32.const 1024))
