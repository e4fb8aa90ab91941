//! What Envoy's codecs make of messages around the module.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [requests(), responses()].concat()
}

fn requests() -> Vec<Scenario> {
    vec![
        Scenario::new("a request that should have a body and has none says so to the upstream")
            .reference("envoy http1/codec_impl.cc, StreamEncoderImpl::encodeHeadersBase")
            .script(Script::new().on(RequestHeaders, [get(Map::RequestHeaders, "content-length")]))
            .look_at(["content-length"])
            .exchange(request("PUT", "/"))
            .exchange(request("DELETE", "/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "get request_headers content-length -> not found",
                        "request_headers 3, end of stream",
                        "get request_headers content-length -> not found",
                    ])
                    .answer(answer(200).header("content-length", "2").body("ok"))
                    .answer(answer(200).header("content-length", "2").body("ok"))
                    .seen(seen("PUT", "/").header("content-length", "0"))
                    .seen(seen("DELETE", "/")),
            ),
        Scenario::new("blanks around a value are not seen, and those that are written are lost")
            .reference("envoy http1/balsa_parser.cc; the upstream's parser")
            .script(Script::new().quietly(
                RequestHeaders,
                [get(Map::RequestHeaders, "x-a"), add(Map::RequestHeaders, "x-b", " b ")],
            ))
            .exchange(get_request("/").header("x-a", "  a  "))
            .expect(
                Observed::new()
                    .log(["get request_headers x-a -> ok 'a'", "add request_headers x-b -> ok"])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("x-a", "a").header("x-b", "b")),
            ),
        Scenario::new("trailers that are added to a request of known length are lost")
            .reference("envoy http1/codec_impl.cc, StreamEncoderImpl::encodeTrailersBase")
            .script(
                Script::new().on(RequestBody, [nth(2, [add(Map::RequestTrailers, "x-t", "1")])]),
            )
            .exchange(post_request("/").body("abc"))
            .expect(
                Observed::new()
                    .log([
                        "request_body 2, size 3",
                        "request_body 2, size 0, end of stream",
                        "add request_trailers x-t -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").body("abc")),
            ),
        Scenario::new("headers paused by 3 are answered 413 when more than the limit follows")
            .reference("envoy filter_manager.cc, ActiveStreamFilterBase::commonHandleAfterHeaders")
            .script(
                Script::new()
                    .on(RequestHeaders, [Op::Answer(3)])
                    .watch([RequestBody, ResponseHeaders]),
            )
            .buffer_limit(1000)
            .look_at(["connection"])
            .begin(post_request("/").body_later())
            .part(0, "a".repeat(3000))
            .end(0, &[])
            .show_endings()
            .expect(
                Observed::new()
                    .log(["request_headers 2", "response_headers 2"])
                    .answer(answer(413).header("connection", "close").body("Payload Too Large"))
                    .ending("413 request_payload_too_large -"),
            ),
    ]
}

fn responses() -> Vec<Scenario> {
    vec![
        Scenario::new("an answer before the end of the request closes the client's connection")
            .reference(
                "envoy conn_manager_impl.cc, ActiveStream::encodeHeaders: DrainState::Closing",
            )
            .script(Script::new().on(RequestBody, [first([reply(403, "early", "no")])]))
            .look_at(["connection"])
            .begin(post_request("/").body_later())
            .arrived("app", 1)
            .part(0, "abc")
            .answered(0)
            .show_endings()
            .expect(
                Observed::new()
                    .log(["request_body 2, size 3", "reply 403 -> ok"])
                    .answer(answer(403).header("connection", "close").body("no"))
                    .seen(seen("POST", "/").broken())
                    .ending("403 early -"),
            ),
        Scenario::new("headers of the connection that a module adds to a response are taken away")
            .reference("envoy conn_manager_utility.cc, mutateResponseHeaders")
            .script(Script::new().quietly(
                ResponseHeaders,
                [
                    get(Map::ResponseHeaders, "connection"),
                    get(Map::ResponseHeaders, "transfer-encoding"),
                    get(Map::ResponseHeaders, "keep-alive"),
                    add(Map::ResponseHeaders, "connection", "x-hop"),
                    add(Map::ResponseHeaders, "keep-alive", "timeout=5"),
                    add(Map::ResponseHeaders, "x-hop", "1"),
                ],
            ))
            .app([reply_of(200).header("keep-alive", "timeout=1").chunk("abc").end(&[])])
            .look_at(["connection", "keep-alive", "transfer-encoding"])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "get response_headers connection -> not found",
                        "get response_headers transfer-encoding -> ok 'chunked'",
                        "get response_headers keep-alive -> not found",
                        "add response_headers connection -> ok",
                        "add response_headers keep-alive -> ok",
                        "add response_headers x-hop -> ok",
                    ])
                    .answer(
                        answer(200)
                            .header("keep-alive", "timeout=5")
                            .header("x-hop", "1")
                            .header("transfer-encoding", "chunked")
                            .body("abc"),
                    )
                    .seen(seen("GET", "/")),
            )
            .until(
                "1.38",
                Observed::new()
                    .log([
                        "get response_headers connection -> not found",
                        "get response_headers transfer-encoding -> ok 'chunked'",
                        "get response_headers keep-alive -> ok 'timeout=1'",
                        "add response_headers connection -> ok",
                        "add response_headers keep-alive -> ok",
                        "add response_headers x-hop -> ok",
                    ])
                    .answer(
                        answer(200)
                            .header("x-hop", "1")
                            .header("transfer-encoding", "chunked")
                            .body("abc"),
                    )
                    .seen(seen("GET", "/")),
                "keep-alive is taken away behind the filters, and not in front of them",
            ),
        Scenario::new("a control character in a response header that is no line break passes")
            .reference("envoy http1/codec_impl.cc does not check responses")
            .script(
                Script::new()
                    .quietly(ResponseHeaders, [add(Map::ResponseHeaders, "x-a", "a\x01\x7fb")]),
            )
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log(["add response_headers x-a -> ok"])
                    .answer(answer(200).header("x-a", "a\\x01\\x7fb").body("ok"))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new("a response whose status is no number becomes a 502")
            .reference("envoy header_utility.cc, checkRequiredResponseHeaders")
            .script(
                Script::new().on(
                    ResponseHeaders,
                    [first([replace(Map::ResponseHeaders, ":status", "abc")])],
                ),
            )
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log(["response_headers 2", "replace response_headers :status -> ok"])
                    .answer(answer(502).body("missing required header: :status"))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new("a continue of a response that has not begun crashes Envoy")
            .reference("envoy filter_manager.cc, ActiveStreamEncoderFilter::doHeaders")
            .script(Script::new().on(RequestHeaders, [continue_stream(Stream::Response)]))
            .alone()
            .exchange(get_request("/"))
            .expect(Observed::crashed()),
    ]
}
