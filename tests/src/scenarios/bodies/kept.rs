//! What is kept of a body that is paused.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    let request = |name, reference, second, answer: Op| {
        Scenario::new(name)
            .reference(reference)
            .script(Script::new().on(
                RequestBody,
                [
                    get_buffer(Buffer::RequestBody, 0, 100),
                    nth(1, [answer.clone()]),
                    nth(2, [answer]),
                ],
            ))
            .begin(post_request("/").body_later())
            .part(0, "abc")
            .logged("request_body 2, size 3")
            .part(0, "defg")
            .logged(second)
            .end(0, &[])
    };
    let too_much = |name, answer: Op| {
        Scenario::new(name)
            .reference(
                "envoy filter_manager.cc, addDecodedData, \
                 setDecoderFilterAboveWriteBufferHighWatermark",
            )
            .script(Script::new().quietly(RequestBody, [answer]).on(ResponseHeaders, []))
            .buffer_limit(1000)
            .begin(post_request("/").body_later())
            .arrived("app", 1)
            .part(0, "a".repeat(3000))
            .end(0, &[])
            .show_endings()
    };
    vec![
        request(
            "a paused body is collected, and each part comes with all before it",
            "envoy context.cc, Context::decodeData: buffering_request_body_",
            "request_body 2, size 7",
            PAUSE,
        )
        .expect(
            Observed::new()
                .log([
                    "request_body 2, size 3",
                    "read request_body 0 100 -> ok 'abc'",
                    "request_body 2, size 7",
                    "read request_body 0 100 -> ok 'abcdefg'",
                    "request_body 2, size 7, end of stream",
                    "read request_body 0 100 -> ok 'abcdefg'",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("abcdefg")),
        ),
        request(
            "a body paused with a watermark is collected, and each part comes alone",
            "envoy context.cc, Context::decodeData: StopIterationAndWatermark",
            "request_body 2, size 4",
            PAUSE_AND_WATERMARK,
        )
        .expect(
            Observed::new()
                .log([
                    "request_body 2, size 3",
                    "read request_body 0 100 -> ok 'abc'",
                    "request_body 2, size 4",
                    "read request_body 0 100 -> ok 'defg'",
                    "request_body 2, size 0, end of stream",
                    "read request_body 0 100 -> ok ''",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("abcdefg")),
        ),
        request(
            "a body paused without buffering is lost",
            "envoy context.cc, Context::decodeData: StopIterationNoBuffer",
            "request_body 2, size 4",
            PAUSE_NO_BUFFER,
        )
        .expect(
            Observed::new()
                .log([
                    "request_body 2, size 3",
                    "read request_body 0 100 -> ok 'abc'",
                    "request_body 2, size 4",
                    "read request_body 0 100 -> ok 'defg'",
                    "request_body 2, size 0, end of stream",
                    "read request_body 0 100 -> ok ''",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/")),
        ),
        request(
            "an answer beyond the known ones loses a part of the body, too",
            "cpp-host context.cc, convertVmCallResultToFilterDataStatus",
            "request_body 2, size 4",
            Op::Answer(4),
        )
        .expect(
            Observed::new()
                .log([
                    "request_body 2, size 3",
                    "read request_body 0 100 -> ok 'abc'",
                    "request_body 2, size 4",
                    "read request_body 0 100 -> ok 'defg'",
                    "request_body 2, size 0, end of stream",
                    "read request_body 0 100 -> ok ''",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/")),
        ),
        Scenario::new("a collected body can be replaced when its end has come")
            .reference("envoy context.cc, Context::getBuffer: modifyDecodingBuffer")
            .script(Script::new().on(
                RequestBody,
                [
                    nth(1, [PAUSE]),
                    nth(
                        2,
                        [
                            get_buffer(Buffer::RequestBody, 0, 100),
                            set_buffer(Buffer::RequestBody, 0, 100, "new"),
                            get_buffer(Buffer::RequestBody, 0, 100),
                        ],
                    ),
                ],
            ))
            .begin(post_request("/").body_later())
            .part(0, "abc")
            .logged("request_body 2, size 3")
            .end(0, &[])
            .expect(
                Observed::new()
                    .log([
                        "request_body 2, size 3",
                        "request_body 2, size 3, end of stream",
                        "read request_body 0 100 -> ok 'abc'",
                        "write request_body 0 100 -> ok",
                        "read request_body 0 100 -> ok 'new'",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("new")),
            ),
        Scenario::new("a response's body is collected in the same way")
            .reference("envoy context.cc, Context::encodeData: buffering_response_body_")
            .script(Script::new().on(
                ResponseBody,
                [get_buffer(Buffer::ResponseBody, 0, 100), nth(1, [PAUSE]), nth(2, [PAUSE])],
            ))
            .app([reply_of(200).chunk("abc").told().chunk("defg").told().end(&[])])
            .begin(get_request("/"))
            .logged("response_body 2, size 3")
            .tell("app")
            .logged("response_body 2, size 7")
            .tell("app")
            .expect(
                Observed::new()
                    .log([
                        "response_body 2, size 3",
                        "read response_body 0 100 -> ok 'abc'",
                        "response_body 2, size 7",
                        "read response_body 0 100 -> ok 'abcdefg'",
                        "response_body 2, size 7, end of stream",
                        "read response_body 0 100 -> ok 'abcdefg'",
                    ])
                    .answer(answer(200).body("abcdefg"))
                    .seen(seen("GET", "/")),
            ),
        too_much("a request body that is collected beyond the limit is answered 413", PAUSE)
            .expect(
                Observed::new()
                    .log(["response_headers 2"])
                    .answer(answer(413).body("Payload Too Large"))
                    .seen(seen("POST", "/").broken())
                    .ending("413 request_payload_too_large -"),
            ),
        Scenario::new("a body paused with a watermark stops its client until it is continued")
            .reference("envoy filter_manager.cc, setDecoderFilterAboveWriteBufferHighWatermark")
            .script(
                Script::new()
                    .on(RequestBody, [first([PAUSE_AND_WATERMARK])])
                    .on(Tick, [tick_every(0), set_context(2), continue_stream(Stream::Request)])
                    .on(RequestHeaders, [nth(2, [tick_every(10)])])
                    .watch([ResponseHeaders]),
            )
            .buffer_limit(1000)
            .begin(post_request("/").body_later())
            .part(0, "a".repeat(3000))
            .logged("request_body 2, size 3000")
            .part(0, "bcd")
            .end(0, &[])
            .pass(50)
            .exchange(get_request("/ticks"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "request_body 2, size 3000",
                        "request_headers 3, end of stream",
                        "tick every 10 -> ok",
                        "response_headers 3",
                        "tick 1",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "continue request -> ok",
                        "request_body 2, size 3",
                        "request_body 2, size 0, end of stream",
                        "response_headers 2",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("3003 bytes: aaaaaaaaaa..."))
                    .seen(seen("GET", "/ticks")),
            ),
        Scenario::new("a response body that is collected beyond the limit is cut off")
            .reference("envoy filter_manager.cc, responseDataTooLarge: the headers are gone")
            .script(Script::new().quietly(ResponseBody, [PAUSE]).on(ResponseHeaders, []))
            .buffer_limit(1000)
            .app([reply_of(200).chunk("a".repeat(3000)).end(&[])])
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log(["response_headers 2"])
                    .answer(answer(200).broken())
                    .seen(seen("GET", "/"))
                    .ending("200 response_payload_too_large -"),
            ),
        Scenario::new(
            "a response body that is collected beyond the limit is a 500 while \
             its headers are held",
        )
        .reference("envoy filter_manager.cc, responseDataTooLarge: sendLocalReply")
        .script(
            Script::new()
                .on(ResponseHeaders, [nth(1, [PAUSE])])
                .quietly(ResponseBody, [PAUSE])
                .watch([Log, Done]),
        )
        .headers_may_pause_alone()
        .buffer_limit(1000)
        .app([reply_of(200).chunk("a".repeat(3000)).end(&[])])
        .exchange(get_request("/"))
        .show_endings()
        .expect(
            Observed::new()
                .log(["response_headers 2", "log 2", "done 2"])
                .answer(answer(500).body("Internal Server Error"))
                .seen(seen("GET", "/"))
                .ending("500 response_payload_too_large -"),
        ),
    ]
}
