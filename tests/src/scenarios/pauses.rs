//! Pausing streams and continuing them.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [requests(), responses(), odd()].concat()
}

/// A tick continues the paused stream 2, and ends the ticks.
fn continues(script: Script, stream: Stream) -> Script {
    script.on(Tick, [tick_every(0), set_context(2), continue_stream(stream)])
}

fn requests() -> Vec<Scenario> {
    let rest = [RequestBody, RequestTrailers, ResponseHeaders];
    vec![
        Scenario::new(
            "a pause in request headers holds back the body, too, until a tick \
             continues",
        )
        .reference("cpp-host context.cc, convertVmCallResultToFilterHeadersStatus")
        .script(continues(
            Script::new().on(RequestHeaders, [tick_every(20), PAUSE]).watch(rest),
            Stream::Request,
        ))
        .exchange(post_request("/").body("abc"))
        .expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "tick every 20 -> ok",
                    "tick 1",
                    "tick every 0 -> ok",
                    "set context 2 -> ok",
                    "continue request -> ok",
                    "request_body 2, size 3, end of stream",
                    "response_headers 2",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("abc")),
        ),
        Scenario::new("a pause in request headers can be allowed to let the body come")
            .reference("cpp-host context.cc, allow_on_headers_stop_iteration_")
            .script(
                Script::new()
                    .on(RequestHeaders, [PAUSE])
                    .on(RequestBody, [nth(1, [replace(Map::RequestHeaders, "x-a", "1"), PAUSE])]),
            )
            .headers_may_pause_alone()
            .exchange(post_request("/").body("abc"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "request_body 2, size 3",
                        "replace request_headers x-a -> ok",
                        "request_body 2, size 3, end of stream",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").header("x-a", "1").body("abc")),
            ),
        Scenario::new(
            "headers that are paused can be written until they are continued, by \
             the tick, too",
        )
        .reference("envoy context.cc, Context::continueStream: request_headers_ = nullptr")
        .script(Script::new().on(RequestHeaders, [tick_every(20), PAUSE]).on(
            Tick,
            [
                tick_every(0),
                replace(Map::RequestHeaders, "x-a", "root"),
                set_context(2),
                get(Map::RequestHeaders, ":path"),
                replace(Map::RequestHeaders, "x-a", "stream"),
                continue_stream(Stream::Request),
                replace(Map::RequestHeaders, "x-a", "late"),
                set_context(1),
            ],
        ))
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "request_headers 2, end of stream",
                    "tick every 20 -> ok",
                    "tick 1",
                    "tick every 0 -> ok",
                    "replace request_headers x-a -> bad argument",
                    "set context 2 -> ok",
                    "get request_headers :path -> ok '/'",
                    "replace request_headers x-a -> ok",
                    "continue request -> ok",
                    "replace request_headers x-a -> bad argument",
                    "set context 1 -> ok",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("GET", "/").header("x-a", "stream")),
        ),
        Scenario::new("a body that is paused at its end is continued by a tick")
            .reference("envoy context.cc, Context::continueStream")
            .script(continues(
                Script::new()
                    .on(RequestHeaders, [])
                    .on(RequestBody, [nth(2, [tick_every(20)]), PAUSE])
                    .watch([ResponseHeaders]),
                Stream::Request,
            ))
            .exchange(post_request("/").body("abc"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "request_body 2, size 3",
                        "request_body 2, size 3, end of stream",
                        "tick every 20 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "continue request -> ok",
                        "response_headers 2",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abc")),
            ),
        Scenario::new("trailers that are paused are continued by a tick, after the body")
            .reference("envoy context.cc, Context::decodeTrailers")
            .script(continues(
                Script::new()
                    .watch([RequestBody])
                    .on(RequestTrailers, [tick_every(20), PAUSE])
                    .watch([ResponseHeaders]),
                Stream::Request,
            ))
            .begin(post_request("/").body_later())
            .part(0, "abc")
            .end(0, &[("x-t", "1")])
            .expect(
                Observed::new()
                    .log([
                        "request_body 2, size 3",
                        "request_trailers 2, count 1",
                        "tick every 20 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "continue request -> ok",
                        "response_headers 2",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abc").trailer("x-t", "1")),
            ),
        Scenario::new("a body that is collected goes on with trailers that are not paused")
            .reference(
                "envoy filter_manager.cc, decodeTrailers: \
                 commonHandleAfterTrailersCallback",
            )
            .script(
                Script::new()
                    .on(RequestBody, [PAUSE])
                    .on(RequestTrailers, [get_buffer(Buffer::RequestBody, 0, 100)]),
            )
            .begin(post_request("/").body_later())
            .part(0, "abc")
            .logged("request_body 2, size 3")
            .part(0, "def")
            .end(0, &[("x-t", "1")])
            .expect(
                Observed::new()
                    .log([
                        "request_body 2, size 3",
                        "request_body 2, size 6",
                        "request_trailers 2, count 1",
                        "read request_body 0 100 -> ok 'abcdef'",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abcdef").trailer("x-t", "1")),
            ),
        Scenario::new(
            "several streams wait at the same time, and each is continued by its \
             number",
        )
        .reference("cpp-host exports.cc, set_effective_context")
        .script(
            Script::new()
                .on(
                    RequestHeaders,
                    [nth(1, [PAUSE]), nth(2, [tick_every(20), PAUSE]), nth(3, [tick_every(20)])],
                )
                .on(
                    Tick,
                    [
                        tick_every(0),
                        nth(1, [set_context(3)]),
                        nth(2, [set_context(2)]),
                        continue_stream(Stream::Request),
                    ],
                )
                .watch([ResponseHeaders]),
        )
        .begin(get_request("/first"))
        .logged("request_headers 2, end of stream")
        .begin(get_request("/second"))
        .answered(1)
        .exchange(get_request("/third"))
        .expect(
            Observed::new()
                .log([
                    "request_headers 2, end of stream",
                    "request_headers 3, end of stream",
                    "tick every 20 -> ok",
                    "tick 1",
                    "tick every 0 -> ok",
                    "set context 3 -> ok",
                    "continue request -> ok",
                    "response_headers 3",
                    "request_headers 4, end of stream",
                    "tick every 20 -> ok",
                    "response_headers 4",
                    "tick 1",
                    "tick every 0 -> ok",
                    "set context 2 -> ok",
                    "continue request -> ok",
                    "response_headers 2",
                ])
                .answer(answer(200).body("ok"))
                .answer(answer(200).body("ok"))
                .answer(answer(200).body("ok"))
                .seen(seen("GET", "/second"))
                .seen(seen("GET", "/third"))
                .seen(seen("GET", "/first")),
        ),
    ]
}

fn responses() -> Vec<Scenario> {
    vec![
        Scenario::new("a pause in response headers holds back the body, too")
            .reference("cpp-host context.cc, convertVmCallResultToFilterHeadersStatus")
            .script(continues(
                Script::new()
                    .on(ResponseHeaders, [tick_every(20), PAUSE])
                    .watch([ResponseBody, ResponseTrailers]),
                Stream::Response,
            ))
            .app([reply_of(200).chunk("abc").end(&[("x-t", "1")])])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "response_headers 2",
                        "tick every 20 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "continue response -> ok",
                        "response_body 2, size 3",
                        "response_trailers 2, count 1",
                    ])
                    .answer(answer(200).body("abc").trailer("x-t", "1"))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new("a response body that is paused is continued by a tick")
            .reference("envoy context.cc, Context::encodeData, continueStream")
            .script(continues(
                Script::new()
                    .on(ResponseBody, [nth(2, [tick_every(20)]), PAUSE])
                    .watch([ResponseTrailers]),
                Stream::Response,
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "response_body 2, size 2",
                        "response_body 2, size 2, end of stream",
                        "tick every 20 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "continue response -> ok",
                    ])
                    .usual(),
            ),
        Scenario::new("response trailers that are paused are continued by a tick")
            .reference("envoy context.cc, Context::encodeTrailers")
            .script(continues(
                Script::new().watch([ResponseBody]).on(ResponseTrailers, [tick_every(20), PAUSE]),
                Stream::Response,
            ))
            .app([reply_of(200).chunk("abc").end(&[("x-t", "1")])])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "response_body 2, size 3",
                        "response_trailers 2, count 1",
                        "tick every 20 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "continue response -> ok",
                    ])
                    .answer(answer(200).body("abc").trailer("x-t", "1"))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new(
            "response headers that are paused can be written by a tick, even \
             after the continue",
        )
        .reference(
            "envoy context.cc, Context::continueStream forgets only what belongs \
             to the request",
        )
        .script(Script::new().on(ResponseHeaders, [tick_every(20), PAUSE]).on(
            Tick,
            [
                tick_every(0),
                set_context(2),
                replace(Map::ResponseHeaders, "x-a", "1"),
                continue_stream(Stream::Response),
                replace(Map::ResponseHeaders, "x-late", "1"),
            ],
        ))
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "response_headers 2",
                    "tick every 20 -> ok",
                    "tick 1",
                    "tick every 0 -> ok",
                    "set context 2 -> ok",
                    "replace response_headers x-a -> ok",
                    "continue response -> ok",
                    "replace response_headers x-late -> ok",
                ])
                .answer(answer(200).header("x-a", "1").header("x-late", "1").body("ok"))
                .seen(seen("GET", "/")),
        ),
    ]
}

fn odd() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "a continue in the callback that pauses comes too early: headers go \
             on, the body is held",
        )
        .reference("cpp-host context.cc, DeferAfterCallActions: before the answer is taken")
        .script(continues(
            Script::new()
                .on(RequestHeaders, [tick_every(20), continue_stream(Stream::Request), PAUSE])
                .watch([RequestBody, ResponseHeaders]),
            Stream::Request,
        ))
        .exchange(post_request("/").body("abc"))
        .expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "tick every 20 -> ok",
                    "continue request -> ok",
                    "tick 1",
                    "tick every 0 -> ok",
                    "set context 2 -> ok",
                    "continue request -> ok",
                    "request_body 2, size 3, end of stream",
                    "response_headers 2",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("abc")),
        ),
        Scenario::new("a continue of a request that is not paused sends it twice")
            .reference(
                "envoy filter_manager.cc, ActiveStreamDecoderFilter::doHeaders before \
                 the answer is taken",
            )
            .script(Script::new().on(RequestHeaders, [continue_stream(Stream::Request)]))
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log(["request_headers 2, end of stream", "continue request -> ok"])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/"))
                    .ending("200 via_upstream -"),
            ),
        Scenario::new("a continue of a response that is not paused writes its headers twice")
            .reference(
                "envoy filter_manager.cc, ActiveStreamEncoderFilter::doHeaders before \
                 the answer is taken",
            )
            .script(Script::new().on(ResponseHeaders, [continue_stream(Stream::Response)]))
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log(["response_headers 2", "continue response -> ok"])
                    .answer(answer(200).body("HT"))
                    .seen(seen("GET", "/"))
                    .ending("200 via_upstream -"),
            ),
        Scenario::new("a stream is continued once, however often it is asked for")
            .reference("envoy filter_manager.cc, ActiveStreamFilterBase::commonContinue")
            .script(
                Script::new()
                    .on(RequestHeaders, [tick_every(20), PAUSE])
                    .on(
                        Tick,
                        [
                            nth(2, [tick_every(0)]),
                            set_context(2),
                            continue_stream(Stream::Request),
                            continue_stream(Stream::Request),
                        ],
                    )
                    .watch([RequestBody]),
            )
            .app([reply_of(200).told().body("ok")])
            .begin(post_request("/").body("abc"))
            .step(Step::Logged("tick 1".into(), 2))
            .tell("app")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "tick every 20 -> ok",
                        "tick 1",
                        "set context 2 -> ok",
                        "continue request -> ok",
                        "continue request -> ok",
                        "request_body 2, size 3, end of stream",
                        "tick 1",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "continue request -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abc")),
            ),
        Scenario::new("streams that are no HTTP can be continued as far as the host knows them")
            .reference(
                "cpp-host exports.cc, continue_stream; envoy context.cc, \
                 Context::continueStream",
            )
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    continue_stream(Stream::Downstream),
                    continue_stream(Stream::Upstream),
                    continue_stream(Stream::Unknown),
                    close_stream(Stream::Unknown),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "continue downstream -> ok",
                        "continue upstream -> unimplemented",
                        "continue unknown -> bad argument",
                        "close unknown -> bad argument",
                    ])
                    .usual(),
            ),
        Scenario::new(
            "an answer to headers that the ABI does not have lets them go on, or \
             pauses",
        )
        .reference(
            "cpp-host context.cc, convertVmCallResultToFilterHeadersStatus; envoy \
             context.cc, convertFilterHeadersStatus",
        )
        .script(
            Script::new()
                .on(
                    RequestHeaders,
                    [nth(1, [Op::Answer(2)]), nth(2, [tick_every(20), Op::Answer(7)])],
                )
                .on(Tick, [tick_every(0), set_context(3), continue_stream(Stream::Request)]),
        )
        .exchange(get_request("/two"))
        .exchange(get_request("/seven"))
        .expect(
            Observed::new()
                .log([
                    "request_headers 2, end of stream",
                    "request_headers 3, end of stream",
                    "tick every 20 -> ok",
                    "tick 1",
                    "tick every 0 -> ok",
                    "set context 3 -> ok",
                    "continue request -> ok",
                ])
                .answer(answer(200).body("ok"))
                .answer(answer(200).body("ok"))
                .seen(seen("GET", "/two"))
                .seen(seen("GET", "/seven")),
        ),
    ]
}
