;; Wants 4 GiB of memory in one step, and does without.
(func $on-message (type $message)
  (drop (memory.grow (i32.const 65530)))
  (i32.const 1024))
