//! In which parts bodies come, and how they end.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
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
