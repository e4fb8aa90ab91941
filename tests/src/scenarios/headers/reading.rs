//! Reading header maps.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("a single look-up gives the first of several values")
            .reference("envoy context.cc, Context::getHeaderMapValue")
            .script(Script::new().on(RequestHeaders, [get(Map::RequestHeaders, "x-a")]))
            .exchange(get_request("/").header("x-a", "1").header("x-a", "2"))
            .expect(
                Observed::new()
                    .log(["request_headers 2, end of stream", "get request_headers x-a -> ok '1'"])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("x-a", "1").header("x-a", "2")),
            ),
        Scenario::new("a header that is absent is not found, and an empty one is")
            .reference("envoy context.cc, Context::getHeaderMapValue")
            .script(Script::new().quietly(
                RequestHeaders,
                [get(Map::RequestHeaders, "x-a"), get(Map::RequestHeaders, "x-empty")],
            ))
            .exchange(get_request("/").header("x-empty", ""))
            .expect(
                Observed::new()
                    .log([
                        "get request_headers x-a -> not found",
                        "get request_headers x-empty -> ok ''",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("x-empty", "")),
            ),
        Scenario::new("the names of headers are looked up without regard to case")
            .reference("envoy context.cc, Context::getHeaderMapValue: LowerCaseString")
            .script(Script::new().quietly(
                RequestHeaders,
                [get(Map::RequestHeaders, "X-A"), get(Map::RequestHeaders, ":METHOD")],
            ))
            .exchange(get_request("/").header("X-a", "1"))
            .expect(
                Observed::new()
                    .log([
                        "get request_headers X-A -> ok '1'",
                        "get request_headers :METHOD -> ok 'GET'",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("x-a", "1")),
            ),
        Scenario::new(
            "over HTTP/1.1 pairs come in the order of arrival, behind the pseudo \
             headers",
        )
        .reference(
            "envoy context.cc, headerMapToPairs; HeaderMapImpl keeps pseudo \
             headers first",
        )
        .script(Script::new().quietly(RequestHeaders, [get_pairs(Map::RequestHeaders)]))
        .exchange(
            get_request("/path?query").header("x-b", "1").header("x-a", "2").header("x-b", "3"),
        )
        .expect(
            Observed::new()
                .log(["pairs request_headers -> ok [:authority: probe.test, :path: \
                       /path?query, :method: GET, :scheme: http, x-b: 1, x-a: 2, x-b: 3, \
                       x-forwarded-proto: http]"])
                .answer(answer(200).body("ok"))
                .seen(
                    seen("GET", "/path?query")
                        .header("x-b", "1")
                        .header("x-a", "2")
                        .header("x-b", "3"),
                ),
        ),
        Scenario::new(
            "over HTTP/2 pseudo headers come in the order in which the client \
             sent them",
        )
        .reference("envoy context.cc, headerMapToPairs")
        .script(Script::new().quietly(RequestHeaders, [get_pairs(Map::RequestHeaders)]))
        .exchange(get_request("/path?query").header("x-b", "1").http2())
        .expect(
            Observed::new()
                .log(["pairs request_headers -> ok [:method: GET, :scheme: http, \
                       :authority: probe.test, :path: /path?query, x-b: 1, \
                       x-forwarded-proto: http]"])
                .answer(answer(200).body("ok"))
                .seen(seen("GET", "/path?query").header("x-b", "1")),
        ),
        Scenario::new("cookies that HTTP/2 sends in crumbs are one header")
            .reference(
                "envoy http2/codec_impl.cc, ConnectionImpl::StreamImpl::saveHeader, \
                 cookies_",
            )
            .script(Script::new().quietly(RequestHeaders, [get(Map::RequestHeaders, "cookie")]))
            .exchange(get_request("/").header("cookie", "a=1").header("cookie", "b=2").http2())
            .look_at(["cookie"])
            .expect(
                Observed::new()
                    .log(["get request_headers cookie -> ok 'a=1; b=2'"])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("cookie", "a=1; b=2")),
            ),
        Scenario::new("cookies that HTTP/1.1 sends on several lines stay several headers")
            .reference("envoy http1/codec_impl.cc does not join them; Context::getHeaderMapValue")
            .script(Script::new().quietly(RequestHeaders, [get(Map::RequestHeaders, "cookie")]))
            .exchange(get_request("/").header("cookie", "a=1").header("cookie", "b=2"))
            .look_at(["cookie"])
            .expect(
                Observed::new()
                    .log(["get request_headers cookie -> ok 'a=1'"])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("cookie", "a=1").header("cookie", "b=2")),
            ),
        Scenario::new("values are bytes, and need not be UTF-8")
            .reference("envoy http/header_utility.cc, HeaderUtility::headerValueIsValid")
            .script(Script::new().quietly(RequestHeaders, [get(Map::RequestHeaders, "x-bytes")]))
            .exchange(get_request("/").header("x-bytes", b"\x80\xff \xc3\xa9"))
            .expect(
                Observed::new()
                    .log(["get request_headers x-bytes -> ok '\\x80\\xff \\xc3\\xa9'"])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("x-bytes", "\\x80\\xff \\xc3\\xa9")),
            ),
        Scenario::new("the size of a map is the bytes of its names and values")
            .reference("envoy context.cc, Context::getHeaderMapSize: HeaderMap::byteSize")
            .script(Script::new().quietly(
                RequestHeaders,
                [map_size(Map::RequestHeaders), map_size(Map::RequestTrailers)],
            ))
            .exchange(get_request("/").header("x-a", "1"))
            .expect(
                Observed::new()
                    .log(["size request_headers -> ok 72", "size request_trailers -> bad argument"])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("x-a", "1")),
            ),
        Scenario::new(
            "maps that are not there now are empty to a listing and a bad \
             argument to a look-up",
        )
        .reference(
            "envoy context.cc, Context::getConstMap: request_trailers_ is null; \
             getHeaderMapPairs",
        )
        .script(Script::new().quietly(
            RequestHeaders,
            [
                get(Map::ResponseHeaders, ":status"),
                get_pairs(Map::ResponseHeaders),
                get_pairs(Map::RequestTrailers),
                get(Map::CallHeaders, ":status"),
                get_pairs(Map::CallHeaders),
                get_pairs(Map::CallTrailers),
                get_pairs(Map::GrpcInitialMetadata),
            ],
        ))
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "get response_headers :status -> bad argument",
                    "pairs response_headers -> ok []",
                    "pairs request_trailers -> ok []",
                    "get call_headers :status -> bad argument",
                    "pairs call_headers -> ok []",
                    "pairs call_trailers -> ok []",
                    "pairs grpc_initial_metadata -> ok []",
                ])
                .usual(),
        ),
        Scenario::new("request headers that went on are out of reach in the response")
            .reference("envoy context.cc, Context::decodeHeaders: request_headers_ = nullptr")
            .script(Script::new().quietly(
                ResponseHeaders,
                [
                    get(Map::RequestHeaders, ":path"),
                    get_pairs(Map::RequestHeaders),
                    replace(Map::RequestHeaders, "x-late", "1"),
                    property("request.path"),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "get request_headers :path -> bad argument",
                        "pairs request_headers -> ok []",
                        "replace request_headers x-late -> bad argument",
                        "property request.path -> not found",
                    ])
                    .usual(),
            ),
        Scenario::new("in the log callback both maps can be read, and not written")
            .reference(
                "envoy context.cc, Context::log: access_log_request_headers_; getMap \
                 has no such case",
            )
            .script(Script::new().quietly(
                Log,
                [
                    get(Map::RequestHeaders, "x-a"),
                    get(Map::RequestHeaders, "x-absent"),
                    get(Map::ResponseHeaders, ":status"),
                    get(Map::RequestTrailers, "x-absent"),
                    get_pairs(Map::ResponseTrailers),
                    replace(Map::RequestHeaders, "x-a", "2"),
                    replace(Map::ResponseHeaders, "x-a", "2"),
                    get(Map::RequestHeaders, "x-a"),
                ],
            ))
            .exchange(get_request("/").header("x-a", "1"))
            .expect(
                Observed::new()
                    .log([
                        "get request_headers x-a -> ok '1'",
                        "get request_headers x-absent -> not found",
                        "get response_headers :status -> ok '200'",
                        "get request_trailers x-absent -> not found",
                        "pairs response_trailers -> ok []",
                        "replace request_headers x-a -> bad argument",
                        "replace response_headers x-a -> bad argument",
                        "get request_headers x-a -> ok '1'",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("x-a", "1")),
            ),
        Scenario::new("a CONNECT has no path, and finds no route unless one is made for it")
            .reference("envoy http1/codec_impl.cc; config_impl.cc, ConnectRouteEntryImpl")
            .script(
                Script::new()
                    .on(
                        RequestHeaders,
                        [get_pairs(Map::RequestHeaders), get(Map::RequestHeaders, ":path")],
                    )
                    .watch([ResponseHeaders, Log]),
            )
            .exchange(request("CONNECT", "probe.test:80"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "pairs request_headers -> ok [:authority: probe.test:80, :method: \
                         CONNECT, :scheme: http, x-forwarded-proto: http]",
                        "get request_headers :path -> not found",
                        "response_headers 2, end of stream",
                        "log 2",
                    ])
                    .answer(answer(404))
                    .ending("404 route_not_found NR"),
            ),
        Scenario::new("what is no map is a bad argument")
            .reference("cpp-host exports.cc, get_header_map_pairs: WasmHeaderMapType::MAX")
            .script(Script::new().quietly(
                RequestHeaders,
                [get_pairs(Map::Unknown), get(Map::Unknown, "x-a"), add(Map::Unknown, "x-a", "1")],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "pairs unknown -> bad argument",
                        "get unknown x-a -> bad argument",
                        "add unknown x-a -> bad argument",
                    ])
                    .usual(),
            ),
    ]
}
