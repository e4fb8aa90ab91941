  ;; What every probe can do: hand out memory, and write lines into the log.

  ;; The host has a module allocate what it returns. Nothing lives longer than a callback.
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $address i32) (local $missing i32)
    (local.set $address (global.get $heap))
    (global.set $heap
      (i32.and (i32.add (i32.add (local.get $address) (local.get $size)) (i32.const 7))
        (i32.const -8)))
    (local.set $missing
      (i32.sub (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.lt_s
              (memory.grow
                (i32.add (i32.div_u (local.get $missing) (i32.const 65536)) (i32.const 1)))
              (i32.const 0))
          (then unreachable))))
    (local.get $address))

  ;; Begins a line.
  (func $line (global.set $end (global.get $start)))

  ;; Logs the line, at the level "info".
  (func $flush
    (drop (call $proxy_log (i32.const 2) (global.get $start)
      (i32.sub (global.get $end) (global.get $start)))))

  (func $byte (param $byte i32)
    (i32.store8 (global.get $end) (local.get $byte))
    (global.set $end (i32.add (global.get $end) (i32.const 1))))

  (func $text (param $address i32) (param $size i32)
    (memory.copy (global.get $end) (local.get $address) (local.get $size))
    (global.set $end (i32.add (global.get $end) (local.get $size))))

  (func $number (param $number i64)
    (if (i64.ge_u (local.get $number) (i64.const 10))
      (then (call $number (i64.div_u (local.get $number) (i64.const 10)))))
    (call $byte
      (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10))))))

  (func $hex (param $digit i32)
    (call $byte
      (i32.add (local.get $digit)
        (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10))))))

  ;; Bytes that are no printable ASCII as \xff; only the size of what would not fit on a line.
  (func $bytes (param $address i32) (param $size i32)
    (local $index i32) (local $byte i32)
    (if (i32.gt_u (local.get $size) (i32.const 300))
      (then
        (call $byte (i32.const 35))
        (call $number (i64.extend_i32_u (local.get $size)))
        (return)))
    (loop $next
      (if (i32.lt_u (local.get $index) (local.get $size))
        (then
          (local.set $byte (i32.load8_u (i32.add (local.get $address) (local.get $index))))
          (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 32)) (i32.const 95))
            (then (call $byte (local.get $byte)))
            (else
              (call $byte (i32.const 92))
              (call $byte (i32.const 120))
              (call $hex (i32.shr_u (local.get $byte) (i32.const 4)))
              (call $hex (i32.and (local.get $byte) (i32.const 15)))))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next)))))

  ;; Pairs as `[a: 1, b: 2]`.
  (func $pairs (param $address i32) (param $size i32)
    (local $count i32) (local $index i32) (local $sizes i32) (local $data i32)
    (call $byte (i32.const 91))
    (if (local.get $size)
      (then
        (local.set $count (i32.load (local.get $address)))
        (local.set $sizes (i32.add (local.get $address) (i32.const 4)))
        (local.set $data
          (i32.add (local.get $sizes) (i32.mul (local.get $count) (i32.const 8))))
        (loop $next
          (if (i32.lt_u (local.get $index) (local.get $count))
            (then
              (if (local.get $index)
                (then (call $byte (i32.const 44)) (call $byte (i32.const 32))))
              (call $bytes (local.get $data) (i32.load (local.get $sizes)))
              (local.set $data
                (i32.add (i32.add (local.get $data) (i32.load (local.get $sizes)))
                  (i32.const 1)))
              (call $byte (i32.const 58))
              (call $byte (i32.const 32))
              (call $bytes (local.get $data) (i32.load offset=4 (local.get $sizes)))
              (local.set $data
                (i32.add (i32.add (local.get $data) (i32.load offset=4 (local.get $sizes)))
                  (i32.const 1)))
              (local.set $sizes (i32.add (local.get $sizes) (i32.const 8)))
              (local.set $index (i32.add (local.get $index) (i32.const 1)))
              (br $next))))))
    (call $byte (i32.const 93)))
