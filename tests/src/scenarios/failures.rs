//! VMs that fail.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [traps(), policies()].concat()
}

/// What a VM does that fails in a callback of its first stream, when requests follow.
fn trap(name: &'static str, callback: Callback, policy: FailurePolicy) -> Scenario {
    let all = [
        RequestHeaders,
        RequestBody,
        RequestTrailers,
        ResponseHeaders,
        ResponseBody,
        ResponseTrailers,
        Log,
        Done,
        Delete,
    ];
    let scenario = Scenario::new(name)
        .reference(
            "cpp-host context.cc, CHECK_FAIL_HTTP; envoy context.cc, \
             Context::failStream",
        )
        .script(Script::new().on(callback, [TRAP]).watch(all))
        .failure_policy(policy)
        .app([reply_of(200).chunk("ok").end(&[("x-t", "1")])])
        .begin(post_request("/").body_later());
    // What has not reached the upstream when the VM fails does not get there.
    let scenario = match callback {
        RequestHeaders => scenario,
        _ => scenario.arrived("app", 1),
    };
    scenario
        .part(0, "abc")
        .end(0, &[("x-t", "1")])
        .answered(0)
        .exchange(get_request("/next"))
        .show_endings()
}

fn traps() -> Vec<Scenario> {
    use FailurePolicy::Closed;
    vec![
        trap(
            "a trap in request headers is a 503, and so is the next request",
            RequestHeaders,
            Closed,
        )
        .expect(
            Observed::new()
                .log(["request_headers 2"])
                .answer(answer(503))
                .answer(answer(503))
                .ending("503 wasm_fail_stream -")
                .ending("503 wasm_fail_stream -"),
        ),
        trap("a trap in a request body is a 503", RequestBody, Closed).expect(
            Observed::new()
                .log(["request_headers 2", "request_body 2, size 3"])
                .answer(answer(503))
                .answer(answer(503))
                .seen(seen("POST", "/").broken())
                .ending("503 wasm_fail_stream -")
                .ending("503 wasm_fail_stream -"),
        ),
        trap("a trap in request trailers is a 503", RequestTrailers, Closed).expect(
            Observed::new()
                .log(["request_headers 2", "request_body 2, size 3", "request_trailers 2, count 1"])
                .answer(answer(503))
                .answer(answer(503))
                .seen(seen("POST", "/").broken())
                .ending("503 wasm_fail_stream -")
                .ending("503 wasm_fail_stream -"),
        ),
        trap(
            "a trap in response headers is a 503 in place of the response",
            ResponseHeaders,
            Closed,
        )
        .expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "request_body 2, size 3",
                    "request_trailers 2, count 1",
                    "response_headers 2",
                ])
                .answer(answer(503))
                .answer(answer(503))
                .seen(seen("POST", "/").body("abc").trailer("x-t", "1"))
                .ending("503 wasm_fail_stream -")
                .ending("503 wasm_fail_stream -"),
        ),
        trap("a trap in a response body cuts the response off", ResponseBody, Closed).expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "request_body 2, size 3",
                    "request_trailers 2, count 1",
                    "response_headers 2",
                    "response_body 2, size 2",
                ])
                .answer(answer(200).broken())
                .answer(answer(503))
                .seen(seen("POST", "/").body("abc").trailer("x-t", "1"))
                .ending("200 wasm_fail_stream -")
                .ending("503 wasm_fail_stream -"),
        ),
        trap("a trap in response trailers cuts the response off", ResponseTrailers, Closed).expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "request_body 2, size 3",
                    "request_trailers 2, count 1",
                    "response_headers 2",
                    "response_body 2, size 2",
                    "response_trailers 2, count 1",
                ])
                .answer(answer(200).body("ok").broken())
                .answer(answer(503))
                .seen(seen("POST", "/").body("abc").trailer("x-t", "1"))
                .ending("200 wasm_fail_stream -")
                .ending("503 wasm_fail_stream -"),
        ),
        trap("a trap in the log callback fails the next request only", Log, Closed).expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "request_body 2, size 3",
                    "request_trailers 2, count 1",
                    "response_headers 2",
                    "response_body 2, size 2",
                    "response_trailers 2, count 1",
                    "log 2",
                ])
                .answer(answer(200).body("ok").trailer("x-t", "1"))
                .answer(answer(503))
                .seen(seen("POST", "/").body("abc").trailer("x-t", "1"))
                .ending("200 via_upstream -")
                .ending("503 wasm_fail_stream -"),
        ),
        trap("a trap in the delete callback fails the next request only", Delete, Closed).expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "request_body 2, size 3",
                    "request_trailers 2, count 1",
                    "response_headers 2",
                    "response_body 2, size 2",
                    "response_trailers 2, count 1",
                    "log 2",
                    "done 2",
                    "delete 2",
                ])
                .answer(answer(200).body("ok").trailer("x-t", "1"))
                .answer(answer(503))
                .seen(seen("POST", "/").body("abc").trailer("x-t", "1"))
                .ending("200 via_upstream -")
                .ending("503 wasm_fail_stream -"),
        ),
        Scenario::new(
            "a trap in a tick fails the requests that come, and leaves those that \
             wait",
        )
        .reference("cpp-host v8.cc, fail callbacks; envoy context.cc, Context::failStream")
        .script(
            Script::new()
                .on(RequestHeaders, [first([tick_every(20), PAUSE])])
                .on(Tick, [TRAP])
                .watch([ResponseHeaders, Log, Done]),
        )
        .begin(get_request("/"))
        .logged("tick 1")
        .exchange(get_request("/next"))
        .leave(0)
        .show_endings()
        .expect(
            Observed::new()
                .log(["request_headers 2, end of stream", "tick every 20 -> ok", "tick 1"])
                .answer(no_answer())
                .answer(answer(503))
                .ending("503 wasm_fail_stream -")
                .ending("0 downstream_remote_disconnect DC"),
        ),
        Scenario::new("a trap in the answer to a call leaves the stream that waits for it")
            .reference("cpp-host context.cc, ContextBase::onHttpCallResponse: no CHECK_FAIL")
            .script(
                Script::new()
                    .on(RequestHeaders, [http_call("side", "/", 1000), PAUSE])
                    .on(HttpCallResponse, [TRAP])
                    .watch([ResponseHeaders, Log, Done]),
            )
            .begin(get_request("/"))
            .logged("http_call_response 1, token 4, headers 3, body 4, trailers 0")
            .exchange(get_request("/next"))
            .leave(0)
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                    ])
                    .answer(no_answer())
                    .answer(answer(503))
                    .seen(seen("GET", "/").at("side"))
                    .ending("503 wasm_fail_stream -")
                    .ending("0 downstream_remote_disconnect DC"),
            ),
        Scenario::new("a trap takes all streams of its VM along")
            .reference("cpp-host context.cc, CHECK_FAIL_HTTP in the other stream's next callback")
            .script(Script::new().on(RequestHeaders, [nth(2, [TRAP])]).watch([
                ResponseHeaders,
                Log,
                Done,
            ]))
            .app([reply_of(200).told().body("ok")])
            .begin(get_request("/waits"))
            .arrived("app", 1)
            .exchange(get_request("/traps"))
            .tell("app")
            .answered(0)
            .show_endings()
            .expect(
                Observed::new()
                    .log(["request_headers 2, end of stream", "request_headers 3, end of stream"])
                    .answer(answer(503))
                    .answer(answer(503))
                    .seen(seen("GET", "/waits"))
                    .ending("503 wasm_fail_stream -")
                    .ending("503 wasm_fail_stream -"),
            ),
    ]
}

fn policies() -> Vec<Scenario> {
    use FailurePolicy::{Open, Reload};
    vec![
        trap(
            "with FAIL_OPEN a trap in request headers is a 503 all the same, and \
             the next requests pass",
            RequestHeaders,
            Open,
        )
        .expect(
            Observed::new()
                .log(["request_headers 2"])
                .answer(answer(503))
                .answer(answer(200).body("ok").trailer("x-t", "1"))
                .seen(seen("GET", "/next"))
                .ending("503 wasm_fail_stream -")
                .ending("200 via_upstream -"),
        ),
        trap(
            "with FAIL_OPEN a trap in a response body cuts it off all the same",
            ResponseBody,
            Open,
        )
        .expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "request_body 2, size 3",
                    "request_trailers 2, count 1",
                    "response_headers 2",
                    "response_body 2, size 2",
                ])
                .answer(answer(200).broken())
                .answer(answer(200).body("ok").trailer("x-t", "1"))
                .seen(seen("POST", "/").body("abc").trailer("x-t", "1"))
                .seen(seen("GET", "/next"))
                .ending("200 wasm_fail_stream -")
                .ending("200 via_upstream -"),
        ),
        trap(
            "with FAIL_RELOAD a trap is a 503, and the next request gets a new VM",
            ResponseHeaders,
            Reload,
        )
        .expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "request_body 2, size 3",
                    "request_trailers 2, count 1",
                    "response_headers 2",
                    "request_headers 2, end of stream",
                    "response_headers 2",
                ])
                .answer(answer(503))
                .answer(answer(503))
                .seen(seen("POST", "/").body("abc").trailer("x-t", "1"))
                .seen(seen("GET", "/next"))
                .ending("503 wasm_fail_stream -")
                .ending("503 wasm_fail_stream -")
                .stat("wasm.probe-000.vm_reload_success", 1)
                .stat("wasm.probe-000.vm_reload_backoff", 0),
        )
        .show_stat("wasm.probe-000.vm_reload_success")
        .show_stat("wasm.probe-000.vm_reload_backoff"),
        Scenario::new("with FAIL_RELOAD a VM that fails again too soon is not replaced yet")
            .reference("envoy wasm.cc, PluginConfig::maybeReloadHandleIfNeeded: backoff")
            .script(Script::new().on(RequestHeaders, [TRAP]).watch([ContextCreate]))
            .failure_policy(Reload)
            .exchange(get_request("/one"))
            .exchange(get_request("/two"))
            .exchange(get_request("/three"))
            .show_endings()
            .show_stat("wasm.probe-000.vm_reload_success")
            .show_stat("wasm.probe-000.vm_reload_backoff")
            .expect(
                Observed::new()
                    .log([
                        "context_create 1, of 0",
                        "context_create 2, of 1",
                        "request_headers 2, end of stream",
                        "context_create 1, of 0",
                        "context_create 2, of 1",
                        "request_headers 2, end of stream",
                    ])
                    .answer(answer(503))
                    .answer(answer(503))
                    .answer(answer(503))
                    .ending("503 wasm_fail_stream -")
                    .ending("503 wasm_fail_stream -")
                    .ending("503 wasm_fail_stream -")
                    .stat("wasm.probe-000.vm_reload_success", 1)
                    .stat("wasm.probe-000.vm_reload_backoff", 1),
            ),
        Scenario::new(
            "a new VM begins with its first context, and finds shared data and \
             metrics as they were",
        )
        .reference("envoy wasm.cc, PluginConfig::maybeReloadHandleIfNeeded")
        .script(
            Script::new()
                .watch([ContextCreate, VmStart, Configure])
                .on(
                    RequestHeaders,
                    [
                        get_shared("a"),
                        set_shared("a", "kept", 0),
                        define(Kind::Gauge, "raised", 0),
                        increment(0, 1),
                    ],
                )
                .on(ResponseHeaders, [TRAP]),
        )
        .failure_policy(Reload)
        .show_stat("wasmcustom.probe-000.raised")
        .exchange(get_request("/one"))
        .exchange(get_request("/two"))
        .expect(
            Observed::new()
                .log([
                    "context_create 1, of 0",
                    "vm_start 1, size 0",
                    "configure 1, size 0",
                    "context_create 2, of 1",
                    "request_headers 2, end of stream",
                    "shared a -> not found",
                    "set shared a if 0 -> ok",
                    "define gauge raised -> ok",
                    "increment by 1 -> ok",
                    "response_headers 2",
                    "context_create 1, of 0",
                    "vm_start 1, size 0",
                    "configure 1, size 0",
                    "context_create 2, of 1",
                    "request_headers 2, end of stream",
                    "shared a -> ok 'kept' +0",
                    "set shared a if 0 -> ok",
                    "define gauge raised -> ok",
                    "increment by 1 -> ok",
                    "response_headers 2",
                ])
                .answer(answer(503))
                .answer(answer(503))
                .seen(seen("GET", "/one"))
                .seen(seen("GET", "/two"))
                .stat("wasmcustom.probe-000.raised", 2),
        ),
    ]
}
