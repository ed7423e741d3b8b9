;; Grows a table until it may not, and then insists.
(table $t 1 funcref)
(func $on-message (type $message)
  (loop $more
    (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
  (unreachable))
