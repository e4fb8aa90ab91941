//! Ticks, time and the log.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "ticks come again and again, in the context of the plugin, until the \
             period is 0",
        )
        .reference("envoy wasm.cc, Wasm::setTimerPeriod, tickHandler")
        .script(
            Script::new()
                .on(RequestHeaders, [first([tick_every(10)])])
                .on(Tick, [nth(3, [tick_every(0)])]),
        )
        .exchange(get_request("/"))
        .step(Step::Logged("tick 1".into(), 3))
        .pass(60)
        .expect(
            Observed::new()
                .log([
                    "request_headers 2, end of stream",
                    "tick every 10 -> ok",
                    "tick 1",
                    "tick 1",
                    "tick 1",
                    "tick every 0 -> ok",
                ])
                .usual(),
        ),
        Scenario::new("ticks begin where the plugin is configured, without any request")
            .reference("envoy wasm.cc, Wasm::setTimerPeriod")
            .script(
                Script::new().on(Configure, [tick_every(10)]).on(Tick, [nth(2, [tick_every(0)])]),
            )
            .step(Step::Logged("tick 1".into(), 2))
            .expect(Observed::new().log([
                "configure 1, size 0",
                "tick every 10 -> ok",
                "tick 1",
                "tick 1",
                "tick every 0 -> ok",
            ])),
        Scenario::new("another period takes effect at once")
            .reference("envoy wasm.cc, Wasm::setTimerPeriod: enableTimer with the new period")
            .script(
                Script::new()
                    .on(RequestHeaders, [nth(1, [tick_every(60_000)]), nth(2, [tick_every(10)])])
                    .on(Tick, [tick_every(0)]),
            )
            .exchange(get_request("/"))
            .exchange(get_request("/"))
            .logged("tick 1")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "tick every 60000 -> ok",
                        "request_headers 3, end of stream",
                        "tick every 10 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new("a stream can ask for ticks, which the plugin gets")
            .reference("cpp-host context.cc, ContextBase::setTimerPeriod: root_context()->id()")
            .script(
                Script::new()
                    .on(RequestHeaders, [tick_every(10)])
                    .on(Tick, [tick_every(0), get(Map::RequestHeaders, ":path")]),
            )
            .exchange(get_request("/"))
            .logged("tick every 0 -> ok")
            .logged("get request_headers :path -> bad argument")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "tick every 10 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                        "get request_headers :path -> bad argument",
                    ])
                    .usual(),
            ),
        Scenario::new("time does not go back")
            .reference("envoy context.cc, Context::getCurrentTimeNanoseconds")
            .script(
                Script::new()
                    .quietly(RequestHeaders, [time(), time()])
                    .quietly(ResponseHeaders, [time()]),
            )
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "time -> ok not before",
                        "time -> ok not before",
                        "time -> ok not before",
                    ])
                    .usual(),
            ),
        Scenario::new("lines below the level are not written, and beyond the last level refused")
            .reference("envoy context.cc, Context::log, getLogLevel; cpp-host exports.cc, log")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    log_level(),
                    log_at(0, "trace"),
                    log_at(1, "debug"),
                    log_at(2, "info"),
                    log_at(3, "warn"),
                    log_at(4, "error"),
                    log_at(5, "critical"),
                    log_at(6, "beyond"),
                    log_at(-1, "beyond"),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "log level -> ok 2",
                        "log at 0 -> ok",
                        "log at 1 -> ok",
                        "info",
                        "log at 2 -> ok",
                        "warning: warn",
                        "log at 3 -> ok",
                        "error: error",
                        "log at 4 -> ok",
                        "critical: critical",
                        "log at 5 -> ok",
                        "log at 6 -> bad argument",
                        "log at -1 -> bad argument",
                    ])
                    .usual(),
            ),
    ]
}
