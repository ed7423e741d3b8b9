;; Does nothing wrong: shows that the frame itself is sound.
(func $on-message (type $message) (i32.const 1024))
