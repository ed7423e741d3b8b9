;; Neither ok nor an error.
(data (i32.const 1024) "\07")
(func $on-message (type $message) (i32.const 1024))
