;; Wants two billion entries of a table in one step, and does without.
(table $t 1 funcref)
(func $on-message (type $message)
  (drop (table.grow $t (ref.null func) (i32.const 0x7fffffff)))
  (i32.const 1024))
