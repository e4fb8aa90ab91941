//! Writing header maps: what the upstream and the client get then.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
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
