//! Header maps: reading them, and what becomes of what is written.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [reading(), writing(), limits()].concat()
}

fn reading() -> Vec<Scenario> {
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

fn writing() -> Vec<Scenario> {
    vec![
        Scenario::new("a replacement removes all values and puts the new one behind all headers")
            .reference("envoy context.cc, Context::replaceHeaderMapValue: HeaderMap::setCopy")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    replace(Map::RequestHeaders, "x-a", "new"),
                    replace(Map::RequestHeaders, "x-absent", "new"),
                    get_pairs(Map::RequestHeaders),
                ],
            ))
            .exchange(get_request("/").header("x-a", "1").header("x-b", "2").header("x-a", "3"))
            .expect(
                Observed::new()
                    .log([
                        "replace request_headers x-a -> ok",
                        "replace request_headers x-absent -> ok",
                        "pairs request_headers -> ok [:authority: probe.test, :path: /, \
                 :method: GET, :scheme: http, x-b: 2, x-forwarded-proto: http, x-a: \
                 new, x-absent: new]",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(
                        seen("GET", "/")
                            .header("x-b", "2")
                            .header("x-a", "new")
                            .header("x-absent", "new"),
                    ),
            ),
        Scenario::new("an added value is one more header line, behind the others")
            .reference("envoy context.cc, Context::addHeaderMapValue: HeaderMap::addCopy")
            .script(Script::new().quietly(
                RequestHeaders,
                [add(Map::RequestHeaders, "x-a", "2"), add(Map::RequestHeaders, "X-C", "3")],
            ))
            .exchange(get_request("/").header("x-a", "1").header("x-b", "2"))
            .expect(
                Observed::new()
                    .log(["add request_headers x-a -> ok", "add request_headers X-C -> ok"])
                    .answer(answer(200).body("ok"))
                    .seen(
                        seen("GET", "/")
                            .header("x-a", "1")
                            .header("x-b", "2")
                            .header("x-a", "2")
                            .header("x-c", "3"),
                    ),
            ),
        Scenario::new("a value that is added to an inline header is appended with a comma")
            .reference(
                "envoy http/header_map_impl.cc, HeaderMapImpl::addViaMove: \
                 appendToHeader for inline headers",
            )
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    add(Map::RequestHeaders, "user-agent", "two"),
                    add(Map::RequestHeaders, ":path", "/two"),
                    get(Map::RequestHeaders, "user-agent"),
                    get(Map::RequestHeaders, ":path"),
                    replace(Map::RequestHeaders, ":path", "/"),
                ],
            ))
            .look_at(["user-agent"])
            .exchange(get_request("/one").header("user-agent", "one"))
            .expect(
                Observed::new()
                    .log([
                        "add request_headers user-agent -> ok",
                        "add request_headers :path -> ok",
                        "get request_headers user-agent -> ok 'one,two'",
                        "get request_headers :path -> ok '/one,/two'",
                        "replace request_headers :path -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("user-agent", "one,two")),
            ),
        Scenario::new("a removal removes all values, and is no error when there is none")
            .reference("envoy context.cc, Context::removeHeaderMapValue: HeaderMap::remove")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    remove(Map::RequestHeaders, "x-a"),
                    remove(Map::RequestHeaders, "x-absent"),
                    get(Map::RequestHeaders, "x-a"),
                ],
            ))
            .exchange(get_request("/").header("x-a", "1").header("x-b", "2").header("x-a", "3"))
            .expect(
                Observed::new()
                    .log([
                        "remove request_headers x-a -> ok",
                        "remove request_headers x-absent -> ok",
                        "get request_headers x-a -> not found",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("x-b", "2")),
            ),
        Scenario::new(
            "pseudo headers can be replaced: the upstream gets another method, \
                 path and host",
        )
        .reference("envoy context.cc, Context::replaceHeaderMapValue")
        .script(Script::new().quietly(
            RequestHeaders,
            [
                replace(Map::RequestHeaders, ":method", "PUT"),
                replace(Map::RequestHeaders, ":path", "/new?q"),
                replace(Map::RequestHeaders, ":authority", "new.test"),
                get(Map::RequestHeaders, "host"),
                replace(Map::RequestHeaders, "host", "other.test"),
                get(Map::RequestHeaders, ":authority"),
            ],
        ))
        .look_at(["host"])
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "replace request_headers :method -> ok",
                    "replace request_headers :path -> ok",
                    "replace request_headers :authority -> ok",
                    "get request_headers host -> ok 'new.test'",
                    "replace request_headers host -> ok",
                    "get request_headers :authority -> ok 'other.test'",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("PUT", "/new?q").header("host", "other.test")),
        ),
        Scenario::new(
            "a request that loses its path is answered 404, and one that loses \
                 its host goes on",
        )
        .reference(
            "envoy config_impl.cc, RouteMatcher::route: no route without a path; \
                 the virtual host `*` needs no host",
        )
        .script(Script::new().quietly(
            RequestHeaders,
            [
                nth(1, [remove(Map::RequestHeaders, ":path")]),
                nth(2, [remove(Map::RequestHeaders, ":authority")]),
            ],
        ))
        .exchange(get_request("/"))
        .exchange(get_request("/"))
        .show_endings()
        .expect(
            Observed::new()
                .log([
                    "remove request_headers :path -> ok",
                    "remove request_headers :authority -> ok",
                ])
                .answer(answer(404))
                .answer(answer(200).body("ok"))
                .seen(seen("GET", "/"))
                .ending("404 route_not_found NR")
                .ending("200 via_upstream -"),
        ),
        Scenario::new("a request that loses x-forwarded-proto finds no route")
            .reference("envoy config_impl.cc, VirtualHostImpl::getRouteFromEntries: no scheme")
            .script(
                Script::new()
                    .quietly(RequestHeaders, [remove(Map::RequestHeaders, "x-forwarded-proto")]),
            )
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log(["remove request_headers x-forwarded-proto -> ok"])
                    .answer(answer(404))
                    .ending("404 route_not_found NR"),
            ),
        Scenario::new("response headers can be written until they go on")
            .reference("envoy context.cc, Context::encodeHeaders")
            .script(
                Script::new()
                    .quietly(
                        ResponseHeaders,
                        [
                            get(Map::ResponseHeaders, ":status"),
                            replace(Map::ResponseHeaders, ":status", "201"),
                            replace(Map::ResponseHeaders, "x-a", "new"),
                            add(Map::ResponseHeaders, "x-b", "3"),
                            remove(Map::ResponseHeaders, "x-c"),
                        ],
                    )
                    .quietly(ResponseBody, [replace(Map::ResponseHeaders, "x-late", "1")]),
            )
            .app([reply_of(200)
                .header("x-a", "1")
                .header("x-b", "2")
                .header("x-c", "3")
                .header("x-a", "4")
                .body("ok")])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "get response_headers :status -> ok '200'",
                        "replace response_headers :status -> ok",
                        "replace response_headers x-a -> ok",
                        "add response_headers x-b -> ok",
                        "remove response_headers x-c -> ok",
                        "replace response_headers x-late -> bad argument",
                        "replace response_headers x-late -> bad argument",
                    ])
                    .answer(
                        answer(201)
                            .header("x-b", "2")
                            .header("x-a", "new")
                            .header("x-b", "3")
                            .body("ok"),
                    )
                    .seen(seen("GET", "/")),
            ),
        Scenario::new("the whole map can be set: what is not in the pairs goes")
            .reference("envoy context.cc, Context::setHeaderMapPairs")
            .script(
                Script::new()
                    .quietly(
                        RequestHeaders,
                        [
                            set_pairs(
                                Map::RequestHeaders,
                                pairs(&[
                                    (":method", "GET"),
                                    (":path", "/set"),
                                    (":authority", "set.test"),
                                    (":scheme", "http"),
                                    ("x-forwarded-proto", "http"),
                                    ("x-b", "1"),
                                    ("x-a", "2"),
                                    ("X-B", "3"),
                                ]),
                            ),
                            get_pairs(Map::RequestHeaders),
                        ],
                    )
                    .quietly(
                        ResponseHeaders,
                        [set_pairs(
                            Map::ResponseHeaders,
                            pairs(&[(":status", "202"), ("x-set", "1")]),
                        )],
                    ),
            )
            .look_at(["host"])
            .exchange(get_request("/").header("x-old", "1"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "set pairs request_headers -> ok",
                        "pairs request_headers -> ok [:method: GET, :path: /set, :authority: \
                 set.test, :scheme: http, x-forwarded-proto: http, x-b: 1, x-a: 2, \
                 x-b: 3]",
                        "set pairs response_headers -> ok",
                    ])
                    .answer(answer(202).header("x-set", "1").body("ok"))
                    .seen(
                        seen("GET", "/set")
                            .header("host", "set.test")
                            .header("x-b", "1")
                            .header("x-a", "2")
                            .header("x-b", "3"),
                    )
                    .ending("202 via_upstream -"),
            ),
        Scenario::new("trailers that are there can be read and written, in both directions")
            .reference("envoy context.cc, Context::decodeTrailers, encodeTrailers")
            .script(
                Script::new()
                    .on(
                        RequestTrailers,
                        [
                            get(Map::RequestTrailers, "x-t"),
                            replace(Map::RequestTrailers, "x-t", "new"),
                            add(Map::RequestTrailers, "x-more", "1"),
                        ],
                    )
                    .on(
                        ResponseTrailers,
                        [
                            get_pairs(Map::ResponseTrailers),
                            replace(Map::ResponseTrailers, "x-r", "new"),
                            add(Map::ResponseTrailers, "x-more", "1"),
                        ],
                    ),
            )
            .app([reply_of(200).chunk("ok").end(&[("x-r", "old")])])
            .begin(post_request("/").body_later())
            .part(0, "abc")
            .end(0, &[("x-t", "old")])
            .expect(
                Observed::new()
                    .log([
                        "request_trailers 2, count 1",
                        "get request_trailers x-t -> ok 'old'",
                        "replace request_trailers x-t -> ok",
                        "add request_trailers x-more -> ok",
                        "response_trailers 2, count 1",
                        "pairs response_trailers -> ok [x-r: old]",
                        "replace response_trailers x-r -> ok",
                        "add response_trailers x-more -> ok",
                    ])
                    .answer(answer(200).body("ok").trailer("x-r", "new").trailer("x-more", "1"))
                    .seen(
                        seen("POST", "/").body("abc").trailer("x-t", "new").trailer("x-more", "1"),
                    ),
            ),
        Scenario::new(
            "a write to trailers in the last part of a body adds trailers to a \
                 message without",
        )
        .reference(
            "envoy context.cc, Context::getMap: addDecodedTrailers when \
                 end_of_stream_",
        )
        .script(
            Script::new()
                .on(
                    RequestBody,
                    [
                        get_pairs(Map::RequestTrailers),
                        add(Map::RequestTrailers, "x-t", "1"),
                        get_pairs(Map::RequestTrailers),
                    ],
                )
                .on(ResponseBody, [add(Map::ResponseTrailers, "x-r", "1")])
                .watch([RequestTrailers, ResponseTrailers]),
        )
        .app([reply_of(200).chunk("ok").end(&[])])
        .begin(post_request("/").body_later())
        .part(0, "abc")
        .logged("request_body 2, size 3")
        .end(0, &[])
        .expect(
            Observed::new()
                .log([
                    "request_body 2, size 3",
                    "pairs request_trailers -> ok []",
                    "add request_trailers x-t -> bad argument",
                    "pairs request_trailers -> ok []",
                    "request_body 2, size 0, end of stream",
                    "pairs request_trailers -> ok []",
                    "add request_trailers x-t -> ok",
                    "pairs request_trailers -> ok [x-t: 1]",
                    "response_body 2, size 2",
                    "add response_trailers x-r -> bad argument",
                    "response_body 2, size 0, end of stream",
                    "add response_trailers x-r -> ok",
                ])
                .answer(answer(200).body("ok").trailer("x-r", "1"))
                .seen(seen("POST", "/").body("abc").trailer("x-t", "1")),
        ),
        Scenario::new(
            "a changed header chooses another route by itself, which properties \
                 do not show yet",
        )
        .reference("envoy context.cc, Context::onHeadersModified: clearRouteCache")
        .script(Script::new().quietly(
            RequestHeaders,
            [
                property("xds.cluster_name"),
                replace(Map::RequestHeaders, "x-route", "side"),
                property("xds.cluster_name"),
            ],
        ))
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "property xds.cluster_name -> ok 'probe-000.app'",
                    "replace request_headers x-route -> ok",
                    "property xds.cluster_name -> ok 'probe-000.app'",
                ])
                .answer(answer(200).body("side"))
                .seen(seen("GET", "/").at("side").header("x-route", "side")),
        ),
        Scenario::new(
            "clear_route_cache chooses the route anew, and is no error without a \
                 change",
        )
        .reference("envoy foreign.cc, clear_route_cache")
        .script(Script::new().quietly(
            RequestHeaders,
            [foreign("clear_route_cache", ""), property("xds.route_name")],
        ))
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "foreign clear_route_cache -> ok ''",
                    "property xds.route_name -> ok 'to-app'",
                ])
                .usual(),
        ),
        Scenario::new(
            "headers of the connection are gone before the probe sees them, and \
                 it can add some",
        )
        .reference(
            "envoy conn_manager_utility.cc removes only the client's; the codec \
                 writes the rest",
        )
        .script(Script::new().quietly(
            RequestHeaders,
            [
                get(Map::RequestHeaders, "connection"),
                get(Map::RequestHeaders, "te"),
                get(Map::RequestHeaders, "keep-alive"),
                add(Map::RequestHeaders, "keep-alive", "timeout=5"),
            ],
        ))
        .look_at(["connection", "te", "keep-alive"])
        .exchange(
            get_request("/")
                .header("connection", "keep-alive, te, x-hop")
                .header("te", "trailers")
                .header("keep-alive", "timeout=1")
                .header("x-hop", "1"),
        )
        .expect(
            Observed::new()
                .log([
                    "get request_headers connection -> not found",
                    "get request_headers te -> ok 'trailers'",
                    "get request_headers keep-alive -> not found",
                    "add request_headers keep-alive -> ok",
                ])
                .answer(answer(200).body("ok"))
                .seen(seen("GET", "/").header("te", "trailers").header("keep-alive", "timeout=5")),
        ),
    ]
}

fn limits() -> Vec<Scenario> {
    let many = |count: usize| {
        let mut all = vec![
            (":method".to_owned(), "GET".to_owned()),
            (":path".to_owned(), "/".to_owned()),
            (":authority".to_owned(), "probe.test".to_owned()),
            (":scheme".to_owned(), "http".to_owned()),
        ];
        all.extend((4..count).map(|index| (format!("y-{index}"), "1".to_owned())));
        pairs(&all)
    };
    // Four bytes of count, eight of sizes, the name and the two zeros behind name and value.
    let large = |total: usize| pairs(&[("x-large", "a".repeat(total - 4 - 8 - 7 - 2))]);
    vec![
        Scenario::new("1024 pairs can be set")
            .reference(
                "cpp-host pairs_util.cc, PairsUtil::toPairs: \
                 PROXY_WASM_HOST_PAIRS_MAX_COUNT",
            )
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    set_pairs(Map::RequestHeaders, many(1024)),
                    get(Map::RequestHeaders, "y-1023"),
                    // The upstream would refuse so many.
                    reply(200, "", ""),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "set pairs request_headers -> ok",
                        "get request_headers y-1023 -> ok '1'",
                        "reply 200 -> ok",
                    ])
                    .answer(answer(200)),
            ),
        Scenario::new("1025 pairs are taken for none: the map is empty then")
            .reference(
                "cpp-host pairs_util.cc, PairsUtil::toPairs returns {}; \
                 setHeaderMapPairs removes all",
            )
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    set_pairs(Map::RequestHeaders, many(1025)),
                    get_pairs(Map::RequestHeaders),
                    reply(200, "", ""),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "set pairs request_headers -> ok",
                        "pairs request_headers -> ok []",
                        "reply 200 -> ok",
                    ])
                    .answer(answer(200)),
            ),
        Scenario::new("pairs of one mebibyte can be set, and of a byte more are taken for none")
            .reference(
                "cpp-host pairs_util.cc, PairsUtil::toPairs: \
                 PROXY_WASM_HOST_PAIRS_MAX_BYTES",
            )
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    set_pairs(Map::RequestHeaders, large(1024 * 1024)),
                    get_pairs(Map::RequestHeaders),
                    set_pairs(Map::RequestHeaders, large(1024 * 1024 + 1)),
                    get_pairs(Map::RequestHeaders),
                    reply(200, "", ""),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "set pairs request_headers -> ok",
                        "pairs request_headers -> ok [x-large: #1048555]",
                        "set pairs request_headers -> ok",
                        "pairs request_headers -> ok []",
                        "reply 200 -> ok",
                    ])
                    .answer(answer(200)),
            ),
        Scenario::new("pairs that are cut off, or have more behind them, are taken for none")
            .reference("cpp-host pairs_util.cc, PairsUtil::toPairs: don't overread; pos != end")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    set_pairs(Map::RequestHeaders, &pairs(&[("x-a", "1")])[..17]),
                    get_pairs(Map::RequestHeaders),
                    set_pairs(Map::RequestHeaders, pairs(&[("x-a", "1")])),
                    get_pairs(Map::RequestHeaders),
                    set_pairs(Map::RequestHeaders, [&pairs(&[("x-a", "1")])[..], b"\0"].concat()),
                    get_pairs(Map::RequestHeaders),
                    set_pairs(Map::RequestHeaders, ""),
                    reply(200, "", ""),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "set pairs request_headers -> ok",
                        "pairs request_headers -> ok []",
                        "set pairs request_headers -> ok",
                        "pairs request_headers -> ok [x-a: 1]",
                        "set pairs request_headers -> ok",
                        "pairs request_headers -> ok []",
                        "set pairs request_headers -> ok",
                        "reply 200 -> ok",
                    ])
                    .answer(answer(200)),
            ),
        Scenario::new(
            "a name that is no token can be written, and the request fails on its \
                 way to the upstream",
        )
        .reference(
            "envoy context.cc, Context::replaceHeaderMapValue does not check; \
                 http1/codec_impl.cc does",
        )
        .script(Script::new().quietly(
            RequestHeaders,
            [
                replace(Map::RequestHeaders, "x-a b@c", "1"),
                replace(Map::RequestHeaders, "x-u", b"\xc3\xa9"),
            ],
        ))
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log(["replace request_headers x-a b@c -> ok", "replace request_headers x-u -> ok"])
                .answer(answer(503).body("invalid header name: x-a b@c")),
        ),
        Scenario::new(
            "a line break in a request header fails the request on its way to the \
                 upstream",
        )
        .reference(
            "envoy http1/codec_impl.cc, encodeHeaders; router.cc: \
                 filter_removed_required_request_headers",
        )
        .script(
            Script::new().quietly(RequestHeaders, [replace(Map::RequestHeaders, "x-a", "a\nb")]),
        )
        .exchange(get_request("/"))
        .show_endings()
        .expect(
            Observed::new()
                .log(["replace request_headers x-a -> ok"])
                .answer(answer(503).body("invalid header value for: x-a"))
                .ending(
                    "503 \
                 filter_removed_required_request_headers{invalid_header_value_for:_x-a} \
                 DPE",
                ),
        ),
        Scenario::new("a line break in a response header breaks the client's connection")
            .reference("envoy http1/codec_impl.cc, encodeHeaders of the response")
            .script(
                Script::new()
                    .quietly(ResponseHeaders, [replace(Map::ResponseHeaders, "x-a", "a\nb")]),
            )
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log(["replace response_headers x-a -> ok"])
                    .answer(no_answer())
                    .seen(seen("GET", "/"))
                    .ending("200 via_upstream -"),
            ),
        Scenario::new("a response that loses its status becomes a 502")
            .reference(
                "envoy http/filter_manager.cc, encodeHeaders: \
                 checkRequiredResponseHeaders",
            )
            .script(
                Script::new()
                    .on(ResponseHeaders, [first([remove(Map::ResponseHeaders, ":status")])]),
            )
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log(["response_headers 2", "remove response_headers :status -> ok"])
                    .answer(answer(502).body("missing required header: :status"))
                    .seen(seen("GET", "/"))
                    .ending(
                        "502 \
                 filter_removed_required_response_headers{missing_required_header:_:status} \
                 -",
                    ),
            ),
        Scenario::new("a request that loses its method becomes a 503")
            .reference("envoy router.cc, decodeHeaders: checkRequiredRequestHeaders")
            .script(
                Script::new()
                    .on(RequestHeaders, [remove(Map::RequestHeaders, ":method")])
                    .watch([ResponseHeaders]),
            )
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "remove request_headers :method -> ok",
                        "response_headers 2",
                    ])
                    .answer(answer(503).body("missing required header: :method"))
                    .ending(
                        "503 \
                 filter_removed_required_request_headers{missing_required_header:_:method} \
                 DPE",
                    ),
            ),
    ]
}
