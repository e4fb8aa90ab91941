//! Answers that the module gives itself, and streams that it closes.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [plain(), phases(), grpc(), closing()].concat()
}

/// All that may come after a local answer.
fn watching(script: Script) -> Script {
    script.watch([ResponseBody, ResponseTrailers, Log, Done, Delete])
}

fn plain() -> Vec<Scenario> {
    vec![
        Scenario::new("an answer to request headers passes the module's own response callbacks")
            .reference(
                "envoy context.cc, Context::sendLocalResponse: \
                 decoder_callbacks_->sendLocalReply",
            )
            .script(watching(
                Script::new().on(RequestHeaders, [reply(403, "probe_denied", "no"), PAUSE]).on(
                    ResponseHeaders,
                    [get_pairs(Map::ResponseHeaders), add(Map::ResponseHeaders, "x-own", "1")],
                ),
            ))
            .look_at(["content-type", "content-length"])
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "reply 403 -> ok",
                        "response_headers 2",
                        "pairs response_headers -> ok [:status: 403, content-length: 2, \
                         content-type: text/plain]",
                        "add response_headers x-own -> ok",
                        "response_body 2, size 2, end of stream",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(
                        answer(403)
                            .header("content-length", "2")
                            .header("content-type", "text/plain")
                            .header("x-own", "1")
                            .body("no"),
                    )
                    .ending("403 probe_denied -"),
            ),
        Scenario::new("an answer that is followed by a continue is sent all the same")
            .reference("cpp-host exports.cc, send_local_response: stopNextIteration")
            .script(watching(Script::new().on(RequestHeaders, [reply(403, "", "no"), CONTINUE])))
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "reply 403 -> ok",
                        "response_body 2, size 2, end of stream",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(answer(403).body("no"))
                    .ending("403  -"),
            ),
        Scenario::new(
            "the headers of an answer are added to Envoy's, in lower case, and \
             may be repeated",
        )
        .reference("envoy context.cc, Context::sendLocalResponse: modify_headers, addCopy")
        .script(Script::new().quietly(
            RequestHeaders,
            [reply_with(
                429,
                "probe",
                "{}",
                &[
                    ("X-One", "1"),
                    ("x-two", "2"),
                    ("x-one", "3"),
                    ("content-type", "application/json"),
                ],
                -1,
            )],
        ))
        .look_at(["content-type", "content-length"])
        .exchange(get_request("/"))
        .expect(
            Observed::new().log(["reply 429 -> ok"]).answer(
                answer(429)
                    .header("x-one", "1")
                    .header("x-two", "2")
                    .header("x-one", "3")
                    .header("content-type", "application/json")
                    .header("content-length", "2")
                    .body("{}"),
            ),
        ),
        Scenario::new("the status of an answer cannot be overruled by its headers")
            .reference(
                "envoy http/utility.cc, Utility::prepareLocalReply: setStatus after \
                 modify_headers_",
            )
            .script(Script::new().quietly(
                RequestHeaders,
                [reply_with(403, "", "no", &[(":status", "200"), ("content-length", "7")], -1)],
            ))
            .look_at(["content-length"])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log(["reply 403 -> ok"])
                    .answer(answer(403).header("content-length", "2").body("no")),
            ),
        Scenario::new("an answer without a body has no type")
            .reference("envoy http/utility.cc, Utility::prepareLocalReply")
            .script(watching(
                Script::new().quietly(RequestHeaders, [reply(200, "", "")]).on(ResponseHeaders, []),
            ))
            .look_at(["content-type", "content-length"])
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "reply 200 -> ok",
                        "response_headers 2, end of stream",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(answer(200).header("content-length", "0"))
                    .ending("200  -"),
            ),
        Scenario::new("the details of an answer lose their blanks")
            .reference("envoy context.cc, Context::sendLocalResponse: replaceAllEmptySpace")
            .script(Script::new().quietly(RequestHeaders, [reply(403, "no way\tout", "")]))
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log(["reply 403 -> ok"])
                    .answer(answer(403))
                    .ending("403 no_way_out -"),
            ),
        Scenario::new(
            "of two answers the first is sent, and the access log has the details \
             of the second",
        )
        .reference(
            "envoy context.cc, Context::sendLocalResponse; filter_manager.cc, \
             sendLocalReply",
        )
        .script(watching(
            Script::new()
                .on(
                    RequestHeaders,
                    [reply(401, "first", "one"), reply(402, "second", "two"), PAUSE],
                )
                .on(ResponseHeaders, []),
        ))
        .exchange(get_request("/"))
        .show_endings()
        .expect(
            Observed::new()
                .log([
                    "request_headers 2, end of stream",
                    "reply 401 -> ok",
                    "reply 402 -> ok",
                    "response_headers 2",
                    "response_body 2, size 3, end of stream",
                    "log 2",
                    "done 2",
                    "delete 2",
                ])
                .answer(answer(401).body("one"))
                .ending("401 second -"),
        ),
        Scenario::new("the answer to a HEAD keeps the length and drops the body")
            .reference("envoy http/utility.cc, Utility::sendLocalReply: is_head_request_")
            .script(watching(
                Script::new()
                    .quietly(RequestHeaders, [reply(403, "", "no")])
                    .on(ResponseHeaders, []),
            ))
            .look_at(["content-length"])
            .exchange(request("HEAD", "/"))
            .expect(
                Observed::new()
                    .log([
                        "reply 403 -> ok",
                        "response_headers 2, end of stream",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(answer(403).header("content-length", "2")),
            ),
    ]
}

fn phases() -> Vec<Scenario> {
    vec![
        Scenario::new("an answer to a part of a body stops the request")
            .reference("envoy context.cc, Context::sendLocalResponse")
            .script(watching(
                Script::new()
                    .on(RequestBody, [first([reply(403, "body", "no"), PAUSE])])
                    .on(ResponseHeaders, []),
            ))
            .begin(post_request("/").body_later())
            .arrived("app", 1)
            .part(0, "abc")
            .answered(0)
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_body 2, size 3",
                        "reply 403 -> ok",
                        "response_headers 2",
                        "response_body 2, size 2, end of stream",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(answer(403).body("no"))
                    .seen(seen("POST", "/").broken())
                    .ending("403 body -"),
            ),
        Scenario::new("an answer from a tick is for the stream that the tick names")
            .reference("cpp-host exports.cc, send_local_response: contextOrEffectiveContext")
            .script(
                watching(Script::new().on(RequestHeaders, [tick_every(20), PAUSE]))
                    .on(Tick, [tick_every(0), set_context(2), reply(503, "tick", "late")])
                    .on(ResponseHeaders, []),
            )
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "tick every 20 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "reply 503 -> ok",
                        "response_headers 2",
                        "response_body 2, size 4, end of stream",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(answer(503).body("late"))
                    .ending("503 tick -"),
            ),
        Scenario::new("an answer in the context of the plugin goes nowhere")
            .reference("envoy context.cc, Context::sendLocalResponse: no decoder_callbacks_")
            .script(Script::new().on(RequestHeaders, [tick_every(20), PAUSE]).on(
                Tick,
                [
                    tick_every(0),
                    reply(503, "tick", "late"),
                    set_context(2),
                    continue_stream(Stream::Request),
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
                        "reply 503 -> ok",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .usual(),
            ),
        Scenario::new("an answer to response headers takes the place of the response")
            .reference(
                "envoy context.cc, Context::sendLocalResponse; filter_manager.cc, \
                 sendLocalReply",
            )
            .script(watching(
                Script::new().on(ResponseHeaders, [first([reply(502, "response", "bad"), PAUSE])]),
            ))
            .app([reply_of(200).header("x-app", "1").body("ok")])
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log(["response_headers 2", "reply 502 -> ok", "log 2", "done 2", "delete 2"])
                    .answer(answer(502).body("bad"))
                    .seen(seen("GET", "/"))
                    .ending("502 response -"),
            ),
        Scenario::new("an answer in the middle of a response cuts it off")
            .reference(
                "envoy filter_manager.cc, sendLocalReply: the headers are gone, \
                 resetStream",
            )
            .script(watching(
                Script::new().on(ResponseBody, [first([reply(502, "body", "bad"), PAUSE])]),
            ))
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "response_body 2, size 2",
                        "reply 502 -> ok",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(answer(200).broken())
                    .seen(seen("GET", "/"))
                    .ending("200 body -"),
            ),
        crash(
            "an answer in the log callback crashes Envoy",
            Script::new().on(Log, [reply(500, "late", "no")]),
        )
        .expect(Observed::crashed()),
        crash(
            "a close in the log callback crashes Envoy",
            Script::new().on(Log, [close_stream(Stream::Request)]),
        )
        .expect(Observed::crashed()),
    ]
}

/// The callbacks of the filter manager are gone by then (`Context::sendLocalResponse` and
/// `closeStream` in context.cc do not ask); so it is in `done` and `delete`.
fn crash(name: &'static str, script: Script) -> Scenario {
    Scenario::new(name)
        .reference(
            "envoy context.cc, Context::sendLocalResponse, closeStream: \
             decoder_callbacks_",
        )
        .script(script)
        .alone()
        .exchange(get_request("/"))
}

fn grpc() -> Vec<Scenario> {
    let grpc = || {
        post_request("/probe.Service/Method")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(b"\0\0\0\0\x01a")
            .http2()
    };
    vec![
        Scenario::new("a gRPC client gets the answer as a status in headers, by its HTTP status")
            .reference("envoy http/utility.cc, Utility::prepareLocalReply: is_grpc_")
            .script(Script::new().quietly(RequestHeaders, [reply(403, "denied", "no entry")]))
            .look_at(["content-type", "grpc-status", "grpc-message"])
            .exchange(grpc())
            .show_endings()
            .expect(
                Observed::new()
                    .log(["reply 403 -> ok"])
                    .answer(
                        answer(200)
                            .header("content-type", "application/grpc")
                            .header("grpc-status", "7")
                            .header("grpc-message", "no entry"),
                    )
                    .ending("200 denied -"),
            ),
        Scenario::new("a gRPC client gets the gRPC status that the module names")
            .reference("envoy context.cc, Context::sendLocalResponse: grpc_status_code")
            .script(
                Script::new()
                    .quietly(RequestHeaders, [reply_with(403, "denied", "no entry", &[], 16)]),
            )
            .look_at(["content-type", "grpc-status", "grpc-message"])
            .exchange(grpc())
            .expect(
                Observed::new().log(["reply 403 -> ok"]).answer(
                    answer(200)
                        .header("content-type", "application/grpc")
                        .header("grpc-status", "16")
                        .header("grpc-message", "no entry"),
                ),
            ),
        Scenario::new("a gRPC status is nothing to a client that does not speak gRPC")
            .reference("envoy http/utility.cc, Utility::prepareLocalReply")
            .script(
                Script::new()
                    .quietly(RequestHeaders, [reply_with(403, "denied", "no entry", &[], 16)]),
            )
            .look_at(["grpc-status", "grpc-message"])
            .exchange(get_request("/"))
            .expect(Observed::new().log(["reply 403 -> ok"]).answer(answer(403).body("no entry"))),
    ]
}

fn closing() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "a request that is closed resets its stream: no answer, and no \
             response callbacks",
        )
        .reference("envoy context.cc, Context::closeStream: resetStream, wasm_close_stream")
        .script(watching(
            Script::new()
                .on(RequestHeaders, [close_stream(Stream::Request), PAUSE])
                .on(ResponseHeaders, []),
        ))
        .exchange(get_request("/"))
        .show_endings()
        .expect(
            Observed::new()
                .log([
                    "request_headers 2, end of stream",
                    "close request -> ok",
                    "log 2",
                    "done 2",
                    "delete 2",
                ])
                .answer(no_answer())
                .ending("0 wasm_close_stream -"),
        ),
        Scenario::new("a response that is closed resets its stream")
            .reference("envoy context.cc, Context::closeStream")
            .script(watching(
                Script::new().on(ResponseHeaders, [close_stream(Stream::Response), PAUSE]),
            ))
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "response_headers 2",
                        "close response -> ok",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(no_answer())
                    .seen(seen("GET", "/"))
                    .ending("200 via_upstream -"),
            ),
        Scenario::new("a paused stream is closed by a tick")
            .reference("envoy context.cc, Context::closeStream")
            .script(watching(Script::new().on(RequestHeaders, [tick_every(20), PAUSE])).on(
                Tick,
                [
                    tick_every(0),
                    set_context(2),
                    close_stream(Stream::Request),
                    continue_stream(Stream::Request),
                ],
            ))
            .exchange(get_request("/").http2())
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "tick every 20 -> ok",
                        "tick 1",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "close request -> ok",
                        "continue request -> ok",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(no_answer())
                    .ending("0 wasm_close_stream -"),
            ),
    ]
}
