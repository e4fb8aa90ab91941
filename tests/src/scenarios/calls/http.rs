//! HTTP calls.

use super::on_answer;
use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [http(), refused()].concat()
}

fn http() -> Vec<Scenario> {
    let called =
        |timeout| Script::new().on(RequestHeaders, [http_call("side", "/called", timeout), PAUSE]);
    let answer_of = || {
        vec![
            get(Map::CallHeaders, ":status"),
            get(Map::CallHeaders, "x-a"),
            get_buffer(Buffer::CallBody, 0, 100),
            get_pairs(Map::CallTrailers),
            call_status(),
        ]
    };
    vec![
        Scenario::new("the answer to a call comes in the plugin's context, whoever called")
            .reference(
                "cpp-host exports.cc, http_call: root_context(); envoy context.cc, \
                 onHttpCallSuccess",
            )
            .script(called(1000).on(HttpCallResponse, on_answer(answer_of())))
            .side([reply_of(200).header("x-a", "1").header("x-a", "2").body("answer")])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 5, body 6, trailers 0",
                        "get call_headers :status -> ok '200'",
                        "get call_headers x-a -> ok '1'",
                        "read call_body 0 100 -> ok 'answer'",
                        "pairs call_trailers -> ok []",
                        "status -> ok '' 0",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
        Scenario::new("the trailers of an answer are there with it")
            .reference("envoy context.cc, Context::getConstMap: HttpCallResponseTrailers")
            .script(called(1000).on(HttpCallResponse, on_answer(answer_of())))
            .side([reply_of(200).chunk("an").chunk("swer").end(&[("x-t", "1")])])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 6, trailers 1",
                        "get call_headers :status -> ok '200'",
                        "get call_headers x-a -> not found",
                        "read call_body 0 100 -> ok 'answer'",
                        "pairs call_trailers -> ok [x-t: 1]",
                        "status -> ok '' 0",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
        Scenario::new("an answer that is an error is an answer")
            .reference("envoy context.cc, Context::onHttpCallSuccess")
            .script(called(1000).on(HttpCallResponse, on_answer(answer_of())))
            .side([reply_of(500).body("bad")])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 3, trailers 0",
                        "get call_headers :status -> ok '500'",
                        "get call_headers x-a -> not found",
                        "read call_body 0 100 -> ok 'bad'",
                        "pairs call_trailers -> ok []",
                        "status -> ok '' 0",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
        Scenario::new("a call that takes too long is answered 504 by Envoy")
            .reference("envoy router.cc, onResponseTimeout: sendLocalReply to the async client")
            .script(called(30).on(HttpCallResponse, on_answer(answer_of())))
            .side([reply_of(200).told().body("late")])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 24, trailers 0",
                        "get call_headers :status -> ok '504'",
                        "get call_headers x-a -> not found",
                        "read call_body 0 100 -> ok 'upstream request timeout'",
                        "pairs call_trailers -> ok []",
                        "status -> ok '' 0",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
        Scenario::new("a call whose connection breaks is answered 503 by Envoy")
            .reference("envoy router.cc, onUpstreamReset: sendLocalReply to the async client")
            .script(called(1000).on(HttpCallResponse, on_answer(answer_of())))
            .side([reply_of(200).reset()])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 95, trailers 0",
                        "get call_headers :status -> ok '503'",
                        "get call_headers x-a -> not found",
                        "read call_body 0 100 -> ok 'upstream connect error or \
                         disconnect/reset before headers. reset reason: connection \
                         termination'",
                        "pairs call_trailers -> ok []",
                        "status -> ok '' 0",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side").broken()),
            ),
        Scenario::new("an answer that breaks off is a failure: a callback without headers")
            .reference("envoy context.cc, Context::onHttpCallFailure")
            .script(called(1000).on(HttpCallResponse, on_answer(answer_of())))
            .side([reply_of(200).chunk("par").told().reset()])
            .begin(get_request("/"))
            .arrived("side", 1)
            .pass(30)
            .tell("side")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 0, body 0, trailers 0",
                        "get call_headers :status -> bad argument",
                        "get call_headers x-a -> bad argument",
                        "read call_body 0 100 -> not found",
                        "pairs call_trailers -> ok []",
                        "status -> ok 'reset' 11",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
        Scenario::new(
            "the service sees the headers and the body of a call, and that Envoy \
             is within its network",
        )
        .reference("envoy context.cc, Context::httpCall")
        .script(
            Script::new()
                .on(
                    RequestHeaders,
                    [
                        http_call_with(
                            &cluster("side"),
                            &[
                                (":method", "POST"),
                                (":path", "/called?a"),
                                (":authority", "side.test"),
                                ("x-b", "1"),
                                ("x-a", "2"),
                                ("X-B", "3"),
                            ],
                            "body",
                            &[("x-t", "1")],
                            1000,
                        ),
                        PAUSE,
                    ],
                )
                .on(HttpCallResponse, on_answer(vec![])),
        )
        .look_at([
            "host",
            "content-length",
            "transfer-encoding",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-envoy-internal",
            "x-envoy-expected-rq-timeout-ms",
        ])
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "request_headers 2, end of stream",
                    "http call -> ok 4",
                    "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                    "set context 2 -> ok",
                    "continue request -> ok",
                ])
                .answer(answer(200).header("content-length", "2").body("ok"))
                .seen(
                    seen("GET", "/")
                        .header("host", "probe.test")
                        .header("x-forwarded-proto", "http"),
                )
                .seen(
                    seen("POST", "/called?a")
                        .at("side")
                        .header("host", "side.test")
                        .header("x-b", "1")
                        .header("x-a", "2")
                        .header("x-b", "3")
                        .header("content-length", "4")
                        .header("x-envoy-internal", "true")
                        .header("x-envoy-expected-rq-timeout-ms", "1000")
                        .body("body"),
                ),
        ),
        Scenario::new("answers come as they arrive, each with the number of its call")
            .reference("envoy context.cc, Context::httpCall: nextHttpCallId")
            .script(
                Script::new()
                    .on(
                        RequestHeaders,
                        [http_call("side", "/slow", 5000), http_call("app", "/fast", 5000), PAUSE],
                    )
                    .on(
                        HttpCallResponse,
                        [
                            get_buffer(Buffer::CallBody, 0, 100),
                            nth(2, [set_context(2), continue_stream(Stream::Request)]),
                        ],
                    ),
            )
            .side([reply_of(200).told().body("slow")])
            .app([reply_of(200).body("fast"), reply_of(200).body("ok")])
            .begin(get_request("/"))
            .logged("read call_body 0 100 -> ok 'fast'")
            .arrived("side", 1)
            .tell("side")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http call -> ok 8",
                        "http_call_response 1, token 8, headers 3, body 4, trailers 0",
                        "read call_body 0 100 -> ok 'fast'",
                        "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                        "read call_body 0 100 -> ok 'slow'",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/fast"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/slow").at("side")),
            ),
        Scenario::new("an answer comes even after the end of the stream that called")
            .reference("cpp-host exports.cc, http_call: the call is the root context's")
            .script(
                Script::new()
                    .on(RequestHeaders, [http_call("side", "/called", 5000)])
                    .watch([Delete])
                    .on(HttpCallResponse, [set_context(2), get_buffer(Buffer::CallBody, 0, 100)]),
            )
            .side([reply_of(200).told().body("late")])
            .exchange(get_request("/"))
            .arrived("side", 1)
            .logged("delete 2")
            .tell("side")
            .logged("read call_body 0 100 -> ok 'late'")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "delete 2",
                        "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                        "set context 2 -> bad argument",
                        "read call_body 0 100 -> ok 'late'",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
        Scenario::new("an answer is out of reach outside of its callback")
            .reference("envoy context.cc, Context::getConstMap: http_call_response_")
            .script(
                Script::new()
                    .on(RequestHeaders, [http_call("side", "/called", 1000), PAUSE])
                    .on(HttpCallResponse, on_answer(vec![]))
                    .quietly(ResponseHeaders, answer_of()),
            )
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                        "set context 2 -> ok",
                        "continue request -> ok",
                        "get call_headers :status -> bad argument",
                        "get call_headers x-a -> bad argument",
                        "read call_body 0 100 -> not found",
                        "pairs call_trailers -> ok []",
                        "status -> ok '' 0",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
        Scenario::new("an answer is read in the context of a stream, too")
            .reference(
                "envoy context.cc, Context::getConstMap: \
                 rootContext()->http_call_response_",
            )
            .script(
                called(1000).on(
                    HttpCallResponse,
                    [vec![set_context(2)], answer_of(), vec![continue_stream(Stream::Request)]]
                        .concat(),
                ),
            )
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                        "set context 2 -> ok",
                        "get call_headers :status -> ok '200'",
                        "get call_headers x-a -> not found",
                        "read call_body 0 100 -> ok 'side'",
                        "pairs call_trailers -> ok []",
                        "status -> ok '' 0",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
        Scenario::new("an answer cannot be written")
            .reference("envoy context.cc, Context::getMap has no such case; Buffer::copyFrom")
            .script(called(1000).on(
                HttpCallResponse,
                on_answer(vec![
                    replace(Map::CallHeaders, "x-a", "new"),
                    set_buffer(Buffer::CallBody, 0, 100, "new"),
                    get_buffer(Buffer::CallBody, 0, 100),
                ]),
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                        "replace call_headers x-a -> bad argument",
                        "write call_body 0 100 -> bad argument",
                        "read call_body 0 100 -> ok 'side'",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
        Scenario::new("the plugin calls from a tick without any stream, on the main thread, too")
            .reference("envoy context.cc, Context::httpCall")
            .script(
                Script::new()
                    .on(Configure, [tick_every(10)])
                    .on(Tick, [tick_every(0), http_call("side", "/tick", 1000)])
                    .on(HttpCallResponse, [get_buffer(Buffer::CallBody, 0, 100)]),
            )
            .logged("read call_body 0 100 -> ok 'side'")
            .arrived("side", 2)
            .expect(
                Observed::new()
                    .log([
                        "configure 1, size 0",
                        "tick every 10 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                        "read call_body 0 100 -> ok 'side'",
                    ])
                    .seen(seen("GET", "/tick").at("side"))
                    .seen(seen("GET", "/tick").at("side")),
            ),
        Scenario::new("a call can be made from the log callback")
            .reference("cpp-host exports.cc, http_call: the call is the root context's")
            .script(
                Script::new()
                    .on(Log, [http_call("side", "/log", 1000)])
                    .on(HttpCallResponse, [get_buffer(Buffer::CallBody, 0, 100)]),
            )
            .exchange(get_request("/"))
            .logged("read call_body 0 100 -> ok 'side'")
            .expect(
                Observed::new()
                    .log([
                        "log 2",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                        "read call_body 0 100 -> ok 'side'",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/log").at("side")),
            ),
        Scenario::new("a call without a time limit waits as long as it takes")
            .reference("envoy context.cc, Context::httpCall: no timeout when it is 0")
            .script(called(0).on(HttpCallResponse, on_answer(vec![])))
            .side([reply_of(200).told().body("late")])
            .begin(get_request("/"))
            .arrived("side", 1)
            .pass(100)
            .tell("side")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "http call -> ok 4",
                        "http_call_response 1, token 4, headers 3, body 4, trailers 0",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/called").at("side")),
            ),
    ]
}

fn refused() -> Vec<Scenario> {
    let good = [(":method", "GET"), (":path", "/"), (":authority", "side.test")];
    let without = |index: usize| {
        let mut headers = good.to_vec();
        headers.remove(index);
        http_call_with(&cluster("side"), &headers, "", &[], 1000)
    };
    vec![
        Scenario::new(
            "a call of an unknown cluster, or without method, path or authority, \
             is refused",
        )
        .reference("envoy context.cc, Context::httpCall: BadArgument")
        .script(
            Script::new()
                .quietly(
                    RequestHeaders,
                    [
                        http_call("absent", "/", 1000),
                        without(0),
                        without(1),
                        without(2),
                        http_call_with(&cluster("side"), &good, "", &[], -1),
                        http_call_with("", &good, "", &[], 1000),
                    ],
                )
                .on(HttpCallResponse, []),
        )
        .exchange(get_request("/"))
        .pass(30)
        .expect(
            Observed::new()
                .log([
                    "http call -> bad argument",
                    "http call -> bad argument",
                    "http call -> bad argument",
                    "http call -> bad argument",
                    "http call -> bad argument",
                    "http call -> bad argument",
                ])
                .usual(),
        ),
    ]
}
