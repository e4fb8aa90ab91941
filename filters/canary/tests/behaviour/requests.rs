//! Decisions by the parts of a request: headers, path, query, method and host, and how they are combined.

use crate::common::{self, DEFAULT, MATCHED, decision, holds, only, rule, start};
use serde_json::{Value, json};
use tollgate_canary::Canary;
use tollgate_testkit::Proxy;

/// Serves v2 to who asks for it in a header.
fn always(proxy: &mut Proxy) {
    only(proxy, json!({ "headers": [{ "name": "X-Canary", "exact": "always" }] }));
}

#[tollgate_testkit::test(Canary)]
fn a_header_decides(proxy: &mut Proxy) {
    always(proxy);
    assert_eq!(decision(proxy.get("/").header("x-canary", "always")), MATCHED);
    assert_eq!(decision(proxy.get("/").header("x-canary", "never")), DEFAULT);
    assert_eq!(decision(proxy.get("/").header("x-canaries", "always")), DEFAULT);
    assert_eq!(decision(proxy.get("/")), DEFAULT);
}

#[tollgate_testkit::test(Canary)]
fn the_case_of_a_headers_name_is_nothing(proxy: &mut Proxy) {
    always(proxy);
    for name in ["x-canary", "X-CANARY", "X-Canary"] {
        assert!(holds(proxy.get("/").header(name, "always")), "{name}");
        assert!(holds(proxy.get("/").http2().header(name, "always")), "{name}");
    }
}

#[tollgate_testkit::test(Canary)]
fn each_line_of_a_header_is_tried(proxy: &mut Proxy) {
    always(proxy);
    let lines = |lines: &[&str]| {
        lines.iter().fold(proxy.get("/"), |request, line| request.header("x-canary", line))
    };
    assert!(holds(lines(&["other", "always"])));
    assert!(holds(lines(&["always", "other", "other"])));
    assert!(!holds(lines(&["other", "alwaysx"])));
    // One line is one value.
    assert!(!holds(lines(&["other, always"])));
    assert!(!holds(lines(&["always,always"])));
}

#[tollgate_testkit::test(Canary)]
fn an_inverted_test_holds_when_no_line_passes(proxy: &mut Proxy) {
    only(proxy, json!({ "headers": [{ "name": "x-canary", "exact": "never", "invert": true }] }));
    let line = |line| proxy.get("/").header("x-canary", line);
    assert!(holds(line("a")));
    assert!(holds(line("a").header("x-canary", "b")));
    assert!(!holds(line("a").header("x-canary", "never")));
    assert!(!holds(line("never").header("x-canary", "a")));
    assert!(!holds(proxy.get("/")));
}

#[tollgate_testkit::test(Canary)]
fn pseudo_headers_are_headers_too(proxy: &mut Proxy) {
    for (name, value) in [(":path", "/a?b=c"), (":method", "PUT"), (":authority", "vote.example")] {
        only(proxy, json!({ "headers": [{ "name": name, "exact": value }] }));
        let right = || proxy.request("PUT", "/a?b=c").host("vote.example");
        assert!(holds(right()), "{name}");
        assert!(holds(right().http2()), "{name}");
        assert!(!holds(proxy.get("/")), "{name}");
    }
}

#[tollgate_testkit::test(Canary)]
fn the_header_host_is_the_authority(proxy: &mut Proxy) {
    for name in ["host", "Host", ":authority"] {
        only(proxy, json!({ "headers": [{ "name": name, "exact": "vote.example:8080" }] }));
        assert!(holds(proxy.get("/").host("vote.example:8080")), "{name}");
        assert!(!holds(proxy.get("/").host("vote.example")), "{name}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_path_is_matched_without_its_query(proxy: &mut Proxy) {
    only(proxy, json!({ "path": [{ "exact": "/vote" }] }));
    assert!(holds(proxy.get("/vote")));
    assert!(holds(proxy.get("/vote?x=/other")));
    assert!(holds(proxy.get("/vote?")));
    for path in ["/", "/vote/", "/votes", "/Vote", "/a/vote", "/?/vote", "/a?/vote"] {
        assert!(!holds(proxy.get(path)), "{path}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_path_is_matched_as_it_stands_and_nothing_is_decoded(proxy: &mut Proxy) {
    only(proxy, json!({ "path": [{ "prefix": "/a b" }] }));
    assert!(!holds(proxy.get("/a%20b")));
    only(proxy, json!({ "path": [{ "prefix": "/admin/" }] }));
    for path in ["/%61dmin/", "//admin/", "/x/../admin/", "/admin%2f", "/./admin/"] {
        assert!(!holds(proxy.get(path)), "{path}");
    }
    assert!(holds(proxy.get("/admin/../x")));
}

#[tollgate_testkit::test(Canary)]
fn a_path_may_have_to_pass_several_tests(proxy: &mut Proxy) {
    only(proxy, json!({ "path": [{ "prefix": "/vote/" }, { "regex": ".*/[0-9]+" }] }));
    assert!(holds(proxy.get("/vote/7")));
    assert!(!holds(proxy.get("/vote/x")));
    assert!(!holds(proxy.get("/result/7")));
}

#[tollgate_testkit::test(Canary)]
fn a_parameter_of_the_query_decides(proxy: &mut Proxy) {
    only(proxy, json!({ "query": [{ "name": "beta", "exact": "1" }] }));
    for path in ["/?beta=1", "/vote?a=b&beta=1&c=d", "/?&&beta=1&", "/?a?b=c&beta=1"] {
        assert!(holds(proxy.get(path)), "{path}");
    }
    for path in [
        "/",
        "/?",
        "/?beta",
        "/?beta=",
        "/?beta=2",
        "/?Beta=1",
        "/?xbeta=1",
        "/beta=1",
        "/?a=beta=1",
    ] {
        assert!(!holds(proxy.get(path)), "{path}");
    }
}

#[tollgate_testkit::test(Canary)]
fn names_and_values_of_a_query_are_decoded(proxy: &mut Proxy) {
    only(proxy, json!({ "query": [{ "name": "a b", "exact": "é&=" }] }));
    for path in ["/?a+b=%C3%A9%26%3D", "/?a%20b=%c3%a9%26=", "/?%61+%62=%C3%A9%26="] {
        assert!(holds(proxy.get(path)), "{path}");
    }
    for path in ["/?a+b=%C3%A9&=", "/?a+b=%25C3%25A9%26%3D", "/?a+b=%E9%26="] {
        assert!(!holds(proxy.get(path)), "{path}");
    }
}

#[tollgate_testkit::test(Canary)]
fn every_one_of_a_repeated_parameter_is_tried(proxy: &mut Proxy) {
    only(proxy, json!({ "query": [{ "name": "beta", "exact": "1" }] }));
    assert!(holds(proxy.get("/?beta=0&beta=1")));
    only(proxy, json!({ "query": [{ "name": "beta", "exact": "1", "invert": true }] }));
    assert!(holds(proxy.get("/?beta=0&beta=2")));
    assert!(!holds(proxy.get("/?beta=0&beta=1")));
}

#[tollgate_testkit::test(Canary)]
fn a_parameter_without_a_value_is_present_and_empty(proxy: &mut Proxy) {
    only(proxy, json!({ "query": [{ "name": "beta", "present": true }] }));
    assert!(holds(proxy.get("/?beta")));
    assert!(holds(proxy.get("/?beta=")));
    assert!(!holds(proxy.get("/?alpha")));
    only(proxy, json!({ "query": [{ "name": "beta", "exact": "" }] }));
    assert!(holds(proxy.get("/?beta")));
}

#[tollgate_testkit::test(Canary)]
fn a_malformed_query_decides_nothing(proxy: &mut Proxy) {
    only(proxy, json!({ "query": [{ "name": "beta", "exact": "1" }] }));
    for path in ["/?%", "/?%=%", "/?beta=%", "/?beta=%zz1", "/?=1", "/?=&=&", "/?%ff=%ff"] {
        assert!(!holds(proxy.get(path)), "{path}");
    }
    assert!(!holds(proxy.get(&("/?".to_owned() + &"&".repeat(50_000)))));
    assert!(holds(proxy.get(&("/?".to_owned() + &"a=b&".repeat(10_000) + "beta=1"))));
}

#[tollgate_testkit::test(Canary)]
fn a_method_is_matched_in_its_case(proxy: &mut Proxy) {
    only(proxy, json!({ "method": [{ "any_of": ["GET", "HEAD"] }] }));
    assert!(holds(proxy.get("/")));
    for method in ["POST", "get", "GETS", "OPTIONS"] {
        assert!(!holds(proxy.request(method, "/")), "{method}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_host_is_matched_without_its_port_and_its_case(proxy: &mut Proxy) {
    only(proxy, json!({ "host": [{ "exact": "Vote.Example" }] }));
    for host in ["vote.example", "VOTE.example:8080", "vote.example:"] {
        assert!(holds(proxy.get("/").host(host)), "{host}");
        assert!(holds(proxy.get("/").host(host).http2()), "{host}");
    }
    for host in ["vote.example.org", "example", "vote.example:x", "xvote.example", ""] {
        assert!(!holds(proxy.get("/").host(host)), "{host}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_host_may_be_any_below_a_domain(proxy: &mut Proxy) {
    only(proxy, json!({ "host": [{ "suffix": ".EXAMPLE" }] }));
    assert!(holds(proxy.get("/").host("vote.example:80")));
    assert!(!holds(proxy.get("/").host("example")));
    only(proxy, json!({ "host": [{ "regex": "v[0-9].example" }] }));
    assert!(holds(proxy.get("/").host("V2.Example")));
}

#[tollgate_testkit::test(Canary)]
fn an_ipv6_host_stands_in_brackets(proxy: &mut Proxy) {
    only(proxy, json!({ "host": [{ "exact": "[2001:db8::1]" }] }));
    assert!(holds(proxy.get("/").host("[2001:DB8::1]:8080")));
    assert!(holds(proxy.get("/").host("[2001:db8::1]")));
    assert!(!holds(proxy.get("/").host("2001:db8::1")));
}

#[tollgate_testkit::test(Canary)]
fn all_entries_of_a_match_must_hold(proxy: &mut Proxy) {
    let condition = json!({
        "host": [{ "suffix": ".example" }],
        "path": [{ "regex": "/vote/[0-9]+" }],
        "method": [{ "any_of": ["GET", "HEAD"] }],
        "query": [{ "name": "beta", "exact": "a b" }],
        "headers": [{ "name": "x-app-version", "semver": ">=1.2.0, <2" }],
        "cookies": [{ "name": "prefs", "pointer": "/level", "range": { "start": 3, "end": 5 } }],
        "source_ip": ["192.0.2.0/24"],
        "any": [
            { "headers": [{ "name": "x-team", "exact": "a" }] },
            { "headers": [{ "name": "x-team", "exact": "b" }] },
        ],
        "not": { "headers": [{ "name": "x-canary", "exact": "never" }] },
    });
    only(proxy, condition);
    let ask = |method: &str, path: &str, changed: (&str, &str)| {
        let right = [
            ("host", "vote.EXAMPLE:8080"),
            ("x-app-version", "1.10.0"),
            ("cookie", "a=b; prefs=%7B%22level%22%3A4%7D"),
            ("x-team", "b"),
            ("x-canary", "sometimes"),
        ];
        let headers =
            right.map(|(name, value)| (name, if name == changed.0 { changed.1 } else { value }));
        let request = proxy.request(method, path);
        holds(headers.into_iter().fold(request, |request, (name, value)| match name {
            "host" => request.host(value),
            name => request.header(name, value),
        }))
    };
    let path = "/vote/7?x=1&beta=%61+b";
    assert!(ask("GET", path, ("", "")));
    assert!(!ask("POST", path, ("", "")));
    for path in ["/vote/7", "/vote/7?beta=b", "/vote/x?beta=a+b", "/7?beta=a+b"] {
        assert!(!ask("GET", path, ("", "")), "{path}");
    }
    for wrong in [
        ("host", "vote.example.org"),
        ("x-app-version", "2.0.0-beta"),
        ("cookie", "prefs=%7B%22level%22%3A5%7D"),
        ("x-team", "c"),
        ("x-canary", "never"),
    ] {
        assert!(!ask("GET", path, wrong), "{wrong:?}");
    }
}

#[tollgate_testkit::test(Canary)]
fn two_tests_of_one_header_must_both_hold(proxy: &mut Proxy) {
    let header = |test: &str, text: &str| json!({ "name": "x-a", test: text });
    only(proxy, json!({ "headers": [header("prefix", "a"), header("suffix", "z")] }));
    assert!(holds(proxy.get("/").header("x-a", "a-z")));
    assert!(!holds(proxy.get("/").header("x-a", "a-y")));
    // Perhaps by a line each.
    assert!(holds(proxy.get("/").header("x-a", "a-y").header("x-a", "b-z")));
}

#[tollgate_testkit::test(Canary)]
fn of_any_one_is_enough(proxy: &mut Proxy) {
    let any = json!([
        { "path": [{ "exact": "/a" }] },
        { "method": [{ "exact": "PUT" }], "host": [{ "exact": "b.example" }] },
    ]);
    only(proxy, json!({ "any": any }));
    assert!(holds(proxy.get("/a")));
    assert!(holds(proxy.request("PUT", "/").host("b.example")));
    assert!(holds(proxy.request("PUT", "/a").host("b.example")));
    assert!(!holds(proxy.request("PUT", "/")));
    assert!(!holds(proxy.get("/").host("b.example")));
}

#[tollgate_testkit::test(Canary)]
fn not_is_the_opposite_and_includes_what_is_missing(proxy: &mut Proxy) {
    only(proxy, json!({ "not": { "headers": [{ "name": "x-canary", "exact": "never" }] } }));
    assert!(holds(proxy.get("/")));
    assert!(holds(proxy.get("/").header("x-canary", "a")));
    assert!(!holds(proxy.get("/").header("x-canary", "never")));
    assert!(!holds(proxy.get("/").header("x-canary", "a").header("x-canary", "never")));
}

#[tollgate_testkit::test(Canary)]
fn not_of_several_conditions_holds_when_one_of_them_fails(proxy: &mut Proxy) {
    let both = json!({ "method": [{ "exact": "PUT" }], "path": [{ "exact": "/a" }] });
    only(proxy, json!({ "not": both }));
    assert!(holds(proxy.get("/a")));
    assert!(holds(proxy.request("PUT", "/")));
    assert!(!holds(proxy.request("PUT", "/a")));
}

#[tollgate_testkit::test(Canary)]
fn any_and_not_may_be_nested(proxy: &mut Proxy) {
    let path = |path: &str| json!({ "path": [{ "exact": path }] });
    let condition = json!({ "not": { "any": [
        path("/a"),
        { "not": { "any": [path("/a"), path("/b"), { "not": { "not": path("/c") } }] } },
    ] } });
    only(proxy, condition);
    for (path, expected) in [("/a", false), ("/b", true), ("/c", true), ("/d", false)] {
        assert_eq!(holds(proxy.get(path)), expected, "{path}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_body_changes_nothing_and_passes_untouched(proxy: &mut Proxy) {
    start(proxy, rule(json!({ "method": [{ "exact": "POST" }] })));
    let exchange = proxy.post("/").body("vote=a").send();
    assert_eq!(common::decision_on(&exchange), MATCHED);
    assert_eq!(exchange.upstream_request().body, b"vote=a");

    let exchange = proxy.post("/").http2().begin();
    assert!(exchange.try_upstream_request().is_some(), "it waits for the body");
    exchange.chunk("vote");
    exchange.end_with_trailers([("x-checksum", "1")]);
    assert_eq!(common::decision_on(&exchange), MATCHED);
    let seen = exchange.upstream_request();
    assert_eq!((seen.body, seen.trailers.get("x-checksum")), (b"vote".to_vec(), Some(&b"1"[..])));
}

#[tollgate_testkit::test(Canary)]
fn any_bytes_in_any_header_are_survived(proxy: &mut Proxy) {
    let values: [&[u8]; 8] = [
        b"",
        b"\xff\xfe\x80",
        b"featureflag=\xff\xfe; \xff=on",
        b"\xc3\xa9\xf0\x9f\x92\xa9",
        b"a\tb",
        b"%00%0d%0a",
        &[b'a'; 60_000],
        &[0xff; 60_000],
    ];
    start(proxy, every_kind_of_rule());
    for name in ["cookie", "x-canary", "x-user-id", "authorization", "x-unknown", "accept"] {
        for value in values {
            let decision = decision(proxy.get("/").header(name, value));
            assert!(["v1 DEFAULT", "v1 SPLIT", "v2 SPLIT"].contains(&&*decision), "{decision}");
        }
    }
    assert_eq!(decision(proxy.get("/").header("x-canary", "always")), MATCHED);
    assert_eq!(common::failures(proxy), 0);
}

fn every_kind_of_rule() -> Value {
    let rule =
        |name: &str, condition: Value| json!({ "name": name, "match": condition, "variant": "v2" });
    json!([
        rule("exact", json!({ "headers": [{ "name": "x-canary", "exact": "always" }] })),
        rule("regex", json!({ "headers": [{ "name": "x-canary", "regex": "v[0-9]+" }] })),
        rule("semver", json!({ "headers": [{ "name": "x-canary", "semver": "=1" }] })),
        rule("range", json!({ "headers": [{ "name": "x-canary", "lte": -1 }] })),
        rule("cookie", json!({ "cookies": [{ "name": "featureflag", "exact": "on" }] })),
        rule("json", json!({ "cookies": [{ "name": "uid", "pointer": "/a", "exact": "b" }] })),
        rule("query", json!({ "query": [{ "name": "beta", "exact": "1" }] })),
        rule("peer", json!({ "peer": [{ "present": true }] })),
        { "name": "split", "split": {
            "by": [{ "cookie": "uid" }, { "header": "x-user-id" }],
            "weights": { "v1": 90, "v2": 10 },
        } },
    ])
}

#[tollgate_testkit::test(Canary)]
fn a_thousand_header_lines_are_survived(proxy: &mut Proxy) {
    start(proxy, every_kind_of_rule());
    let many = |name: &str| {
        (0..1000).fold(proxy.get("/"), |request, line| request.header(name, format!("a{line}=b")))
    };
    assert_eq!(decision(many("cookie")), DEFAULT);
    assert_eq!(decision(many("x-canary")), DEFAULT);
    assert_eq!(decision(many("x-canary").header("x-canary", "always")), MATCHED);
}
