;; The host calls that a filter has to make for a token that it knows, and nothing else: it has the
;; headers handed over, asks for the time, takes the token out of the request, and counts two things
;; (that a request passed, that a token was known).
(module
  (import "env" "proxy_get_header_map_pairs"
    (func $get_header_map_pairs (param $map i32) (param $data i32) (param $size i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds"
    (func $get_current_time (param $time i32) (result i32)))
  (import "env" "proxy_remove_header_map_value"
    (func $remove_header (param $map i32) (param $name i32) (param $size i32) (result i32)))
  (import "env" "proxy_define_metric"
    (func $define_metric
      (param $kind i32) (param $name i32) (param $size i32) (param $id i32) (result i32)))
  (import "env" "proxy_increment_metric"
    (func $increment_metric (param $id i32) (param $by i64) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "authorization")
  (data (i32.const 96) "bench_one")
  (data (i32.const 112) "bench_two")
  (func (export "proxy_abi_version_0_2_1"))
  ;; Every buffer is the second page: there is one at a time, smaller than that.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    i32.const 65536)
  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (drop (call $define_metric (i32.const 0) (i32.const 96) (i32.const 9) (i32.const 32)))
    (drop (call $define_metric (i32.const 0) (i32.const 112) (i32.const 9) (i32.const 36)))
    i32.const 1)
  (func (export "proxy_on_request_headers")
    (param $stream i32) (param $headers i32) (param $end_of_stream i32) (result i32)
    (drop (call $get_header_map_pairs (i32.const 0) (i32.const 0) (i32.const 4)))
    (drop (call $get_current_time (i32.const 16)))
    (drop (call $remove_header (i32.const 0) (i32.const 64) (i32.const 13)))
    (drop (call $increment_metric (i32.load (i32.const 32)) (i64.const 1)))
    (drop (call $increment_metric (i32.load (i32.const 36)) (i64.const 1)))
    i32.const 0)) ;; continue
