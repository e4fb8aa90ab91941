//! Reading and writing a body.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
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
