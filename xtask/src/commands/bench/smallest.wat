;; The least that Envoy takes for an HTTP filter. Without proxy_on_memory_allocate (or malloc) and the
;; version of the ABI it refuses a module (proxy-wasm-cpp-host, src/wasm.cc); nothing here asks the host
;; for anything, so nothing is ever allocated.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) unreachable)
  (func (export "proxy_on_request_headers")
    (param $stream i32) (param $headers i32) (param $end_of_stream i32) (result i32)
    i32.const 0)) ;; continue
