//! Bodies: reading and writing them, and what is kept of them while they are paused.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [buffers(), ends(), kept()].concat()
}

fn buffers() -> Vec<Scenario> {
    let write = |name, reference, start, size| {
        Scenario::new(name)
            .reference(reference)
            .script(Script::new().quietly(
                RequestBody,
                [first([
                    set_buffer(Buffer::RequestBody, start, size, "<new>"),
                    get_buffer(Buffer::RequestBody, 0, 100),
                ])],
            ))
            .begin(post_request("/").body_later())
            .part(0, "abc")
            .end(0, &[])
    };
    let copy_from = "envoy context.cc, Buffer::copyFrom";
    vec![
        Scenario::new("a body is read from anywhere, and what is beyond its end is left out")
            .reference("cpp-host exports.cc, get_buffer_bytes")
            .script(Script::new().quietly(
                RequestBody,
                [first([
                    buffer_size(Buffer::RequestBody),
                    get_buffer(Buffer::RequestBody, 0, 2),
                    get_buffer(Buffer::RequestBody, 2, 2),
                    get_buffer(Buffer::RequestBody, 4, 100),
                    get_buffer(Buffer::RequestBody, 5, 1),
                    get_buffer(Buffer::RequestBody, 6, 1),
                    get_buffer(Buffer::RequestBody, 0, 0),
                    get_buffer(Buffer::RequestBody, 1, -1),
                    get_buffer(Buffer::RequestBody, -1, 1),
                ])],
            ))
            .exchange(post_request("/").body("abcde"))
            .expect(
                Observed::new()
                    .log([
                        "size request_body -> ok 5",
                        "read request_body 0 2 -> ok 'ab'",
                        "read request_body 2 2 -> ok 'cd'",
                        "read request_body 4 100 -> ok 'e'",
                        "read request_body 5 1 -> ok ''",
                        "read request_body 6 1 -> ok ''",
                        "read request_body 0 0 -> ok ''",
                        "read request_body 1 -1 -> ok 'bcde'",
                        "read request_body -1 1 -> ok ''",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abcde")),
            ),
        Scenario::new("a buffer that is not there now is empty or not found")
            .reference("envoy context.cc, Context::getBuffer")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    get_buffer(Buffer::RequestBody, 0, 100),
                    get_buffer(Buffer::ResponseBody, 0, 100),
                    get_buffer(Buffer::CallBody, 0, 100),
                    get_buffer(Buffer::GrpcMessage, 0, 100),
                    get_buffer(Buffer::PluginConfiguration, 0, 100),
                    get_buffer(Buffer::VmConfiguration, 0, 100),
                    get_buffer(Buffer::ForeignArguments, 0, 100),
                    get_buffer(Buffer::Unknown, 0, 100),
                    set_buffer(Buffer::RequestBody, 0, 0, "new"),
                    set_buffer(Buffer::Unknown, 0, 0, "new"),
                ],
            ))
            .configuration("text")
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "read request_body 0 100 -> ok ''",
                        "read response_body 0 100 -> ok ''",
                        "read call_body 0 100 -> not found",
                        "read grpc_message 0 100 -> ok ''",
                        "read plugin_configuration 0 100 -> not found",
                        "read vm_configuration 0 100 -> ok ''",
                        "read foreign_arguments 0 100 -> ok ''",
                        "read unknown 0 100 -> bad argument",
                        "write request_body 0 0 -> bad argument",
                        "write unknown 0 0 -> bad argument",
                    ])
                    .usual(),
            ),
        write("a write at 0 of size 0 goes in front of the body", copy_from, 0, 0).expect(
            Observed::new()
                .log(["write request_body 0 0 -> ok", "read request_body 0 100 -> ok '<new>abc'"])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("<new>abc")),
        ),
        write("a write at 0 of the body's size or more replaces it", copy_from, 0, 3).expect(
            Observed::new()
                .log(["write request_body 0 3 -> ok", "read request_body 0 100 -> ok '<new>'"])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("<new>")),
        ),
        write("a write at the end or behind it is appended", copy_from, 3, 0).expect(
            Observed::new()
                .log(["write request_body 3 0 -> ok", "read request_body 0 100 -> ok 'abc<new>'"])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("abc<new>")),
        ),
        write("a write far behind the end is appended, too, whatever its size", copy_from, 100, 7)
            .expect(
                Observed::new()
                    .log([
                        "write request_body 100 7 -> ok",
                        "read request_body 0 100 -> ok 'abc<new>'",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abc<new>")),
            ),
        write("a write of less than the body at 0 replaces its beginning", copy_from, 0, 2).expect(
            Observed::new()
                .log(["write request_body 0 2 -> ok", "read request_body 0 100 -> ok '<new>c'"])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("<new>c")),
        ),
        write("a write into the middle is a bad argument", copy_from, 1, 1).expect(
            Observed::new()
                .log([
                    "write request_body 1 1 -> bad argument",
                    "read request_body 0 100 -> ok 'abc'",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("abc")),
        ),
        Scenario::new("a body that is changed keeps its content-length, so that it is cut off")
            .reference(
                "envoy http1/codec_impl.cc writes what content-length says, whatever \
                 follows",
            )
            .script(Script::new().quietly(
                ResponseBody,
                [first([set_buffer(Buffer::ResponseBody, 0, 100, "much longer")])],
            ))
            .app([reply_of(200).body("short")])
            .look_at(["content-length"])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log(["write response_body 0 100 -> ok"])
                    .answer(answer(200).header("content-length", "5").body("much "))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new("without its content-length a body of another size arrives as a whole")
            .reference("envoy http1/codec_impl.cc: chunked when there is no length")
            .script(
                Script::new()
                    .quietly(RequestHeaders, [remove(Map::RequestHeaders, "content-length")])
                    .quietly(
                        RequestBody,
                        [first([set_buffer(Buffer::RequestBody, 0, 100, "much longer")])],
                    )
                    .quietly(ResponseHeaders, [remove(Map::ResponseHeaders, "content-length")])
                    .quietly(
                        ResponseBody,
                        [first([set_buffer(Buffer::ResponseBody, 0, 100, "longer, too")])],
                    ),
            )
            .app([reply_of(200).body("short")])
            .look_at(["content-length", "transfer-encoding"])
            .exchange(post_request("/").body("short"))
            .expect(
                Observed::new()
                    .log([
                        "remove request_headers content-length -> ok",
                        "write request_body 0 100 -> ok",
                        "remove response_headers content-length -> ok",
                        "write response_body 0 100 -> ok",
                    ])
                    .answer(answer(200).header("transfer-encoding", "chunked").body("longer, too"))
                    .seen(
                        seen("POST", "/")
                            .header("transfer-encoding", "chunked")
                            .body("much longer"),
                    ),
            ),
        Scenario::new("a body is added to by its last part, even where that is empty")
            .reference("envoy context.cc, Context::decodeData, Buffer::copyFrom")
            .script(
                Script::new()
                    .on(RequestBody, [nth(2, [set_buffer(Buffer::RequestBody, 0, 0, "end")])]),
            )
            .begin(post_request("/").body_later())
            .part(0, "abc")
            .logged("request_body 2, size 3")
            .end(0, &[])
            .expect(
                Observed::new()
                    .log([
                        "request_body 2, size 3",
                        "request_body 2, size 0, end of stream",
                        "write request_body 0 0 -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abcend")),
            ),
    ]
}

fn ends() -> Vec<Scenario> {
    let all = || {
        Script::new().watch([
            RequestHeaders,
            RequestBody,
            RequestTrailers,
            ResponseHeaders,
            ResponseBody,
            ResponseTrailers,
        ])
    };
    vec![
        Scenario::new("without a body the headers are the end, and no body comes")
            .reference("envoy context.cc, Context::decodeHeaders, encodeHeaders")
            .script(all())
            .app([reply_of(200)])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log(["request_headers 2, end of stream", "response_headers 2, end of stream"])
                    .answer(answer(200))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new("over HTTP/1.1 the end comes as an empty part behind the body")
            .reference("envoy http1/codec_impl.cc, onMessageComplete: decodeData(buffer, true)")
            .script(all())
            .exchange(post_request("/").body("abc"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "request_body 2, size 3",
                        "request_body 2, size 0, end of stream",
                        "response_headers 2",
                        "response_body 2, size 2",
                        "response_body 2, size 0, end of stream",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abc")),
            ),
        Scenario::new("over HTTP/2 the last part of a body is the end, too")
            .reference("envoy http2/codec_impl.cc: END_STREAM on the DATA frame")
            .script(all())
            .exchange(post_request("/").body("abc").http2())
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "request_body 2, size 3, end of stream",
                        "response_headers 2",
                        "response_body 2, size 2",
                        "response_body 2, size 0, end of stream",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abc")),
            ),
        Scenario::new("with trailers no part of the body is the end")
            .reference("envoy context.cc, Context::decodeTrailers")
            .script(all())
            .app([reply_of(200).chunk("ok").end(&[("x-t", "1")])])
            .begin(post_request("/").body_later().http2())
            .part(0, "abc")
            .end(0, &[("x-t", "1")])
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "request_body 2, size 3",
                        "request_trailers 2, count 1",
                        "response_headers 2",
                        "response_body 2, size 2",
                        "response_trailers 2, count 1",
                    ])
                    .answer(answer(200).body("ok").trailer("x-t", "1"))
                    .seen(seen("POST", "/").body("abc").trailer("x-t", "1")),
            ),
        Scenario::new("the answer to a HEAD has no body, whatever its length says")
            .reference("envoy http1/codec_impl.cc, response to HEAD")
            .script(all())
            .look_at(["content-length"])
            .exchange(request("HEAD", "/"))
            .expect(
                Observed::new()
                    .log(["request_headers 2, end of stream", "response_headers 2, end of stream"])
                    .answer(answer(200).header("content-length", "2"))
                    .seen(seen("HEAD", "/")),
            ),
        Scenario::new("answers without a body end with their headers")
            .reference("envoy context.cc, Context::encodeHeaders")
            .script(all())
            .app([reply_of(204), reply_of(304)])
            .exchange(get_request("/"))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "response_headers 2, end of stream",
                        "request_headers 3, end of stream",
                        "response_headers 3, end of stream",
                    ])
                    .answer(answer(204))
                    .answer(answer(304))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new("an informational answer passes by the module")
            .reference("envoy context.cc, Context::encode1xxHeaders")
            .script(all())
            .app([reply_of(200).informational(103).body("ok")])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "response_headers 2",
                        "response_body 2, size 2",
                        "response_body 2, size 0, end of stream",
                    ])
                    .usual(),
            ),
        Scenario::new(
            "who expects a 100 gets it from the proxy, and the upstream sees no \
                 expectation",
        )
        .reference(
            "envoy conn_manager_impl.cc, decodeHeaders: 100-continue; \
                 encode1xxHeaders",
        )
        .script(all())
        .begin(post_request("/").header("expect", "100-continue").body_later())
        .logged("request_headers 2")
        .part(0, "abc")
        .end(0, &[])
        .look_at(["expect"])
        .expect(
            Observed::new()
                .log([
                    "request_headers 2",
                    "request_body 2, size 3",
                    "request_body 2, size 0, end of stream",
                    "response_headers 2",
                    "response_body 2, size 2",
                    "response_body 2, size 0, end of stream",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("POST", "/").body("abc")),
        ),
        Scenario::new("parts of a body come as they arrive")
            .reference("envoy context.cc, Context::decodeData, encodeData")
            .script(all())
            .app([reply_of(200).chunk("ab").told().chunk("cd").told().end(&[])])
            .begin(post_request("/").body_later())
            .part(0, "abc")
            .logged("request_body 2, size 3")
            .part(0, "defg")
            .logged("request_body 2, size 4")
            .end(0, &[])
            .logged("response_body 2, size 2")
            .tell("app")
            .step(Step::Logged("response_body 2, size 2".into(), 2))
            .tell("app")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "request_body 2, size 3",
                        "request_body 2, size 4",
                        "request_body 2, size 0, end of stream",
                        "response_headers 2",
                        "response_body 2, size 2",
                        "response_body 2, size 2",
                        "response_body 2, size 0, end of stream",
                    ])
                    .answer(answer(200).body("abcd"))
                    .seen(seen("POST", "/").body("abcdefg")),
            ),
    ]
}

fn kept() -> Vec<Scenario> {
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
