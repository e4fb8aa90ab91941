//! What is too much for a header map, or cannot be in one.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
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
