;; Never comes to its first call: spins while it is instantiated.
(func $spin (loop $again (br $again)))
(start $spin)
(func $on-message (type $message) (i32.const 1024))
