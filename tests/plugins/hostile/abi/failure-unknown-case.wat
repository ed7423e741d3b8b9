;; A failure that is neither retry nor reject.
(data (i32.const 1024) "\01\00\00\00\09")
(func $on-message (type $message) (i32.const 1024))
