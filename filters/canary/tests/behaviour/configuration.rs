//! Configurations that are accepted, and those that are refused with the path of the mistake.

use crate::common::{
    self, DEFAULT, MATCHED, ROUTING, decision, one, rollout, rule, serve, split, with_cookie,
};
use serde_json::{Value, json};
use tollgate_canary::Canary;
use tollgate_testkit::Proxy;

/// The README's example.
fn valid() -> Value {
    let always = json!({ "headers": [{ "name": "x-canary", "exact": "always" }] });
    let flag = json!({ "cookies": [{ "name": "featureflag", "exact": "on" }] });
    rollout(json!([
        { "name": "override-by-header", "match": always, "variant": "v2" },
        { "name": "feature-flag-cookie", "match": flag, "variant": "v2" },
        { "name": "ten-percent", "split": {
            "by": [{ "cookie": "uid" }, { "header": "x-user-id" }, { "random": true }],
            "weights": { "v1": 90, "v2": 10 },
        } },
    ]))
}

type Change = fn(&mut Value);

/// What is said of the configuration with a mistake.
#[track_caller]
fn refusal(proxy: &mut Proxy, change: Change) -> String {
    let mut config = valid();
    change(&mut config);
    let Err(said) = proxy.try_configure(config.clone()) else { panic!("accepted {config}") };
    match said.strip_prefix("tollgate canary: configuration refused: ") {
        Some(error) => error.to_owned(),
        None => panic!("{said}"),
    }
}

/// Each mistake is refused in one line that begins so.
#[track_caller]
fn refused(proxy: &mut Proxy, mistakes: &[(Change, &str)]) {
    for (change, start) in mistakes {
        let error = refusal(proxy, *change);
        assert!(error.starts_with(start), "expected {start}\n     got {error}");
        assert!(error.contains(", allowed: ") && !error.contains('\n'), "{error}");
    }
    proxy.configure(valid());
}

#[tollgate_testkit::test(Canary)]
fn the_readmes_example_is_accepted(proxy: &mut Proxy) {
    serve(proxy);
    proxy.configure(valid());
    assert_eq!(decision(proxy.get("/").header("x-canary", "always")), MATCHED);
}

#[tollgate_testkit::test(Canary)]
fn a_field_that_is_required_is_missed_by_name(proxy: &mut Proxy) {
    fn without(config: &mut Value, field: &str) {
        if let Value::Object(fields) = config {
            fields.remove(field);
        }
    }
    refused(
        proxy,
        &[
            (
                |c| *c = json!({}),
                "`flag`: found nothing, allowed: a value, since the field is required",
            ),
            (|c| without(c, "flag"), "`flag`: found nothing, "),
            (|c| without(c, "routing_header"), "`routing_header`: found nothing, "),
            (|c| without(c, "variants"), "`variants`: found nothing, "),
            (|c| without(c, "default_variant"), "`default_variant`: found nothing, "),
            (|c| without(&mut c["rules"][1], "name"), "`rules[1].name`: found nothing, "),
            (
                |c| without(&mut c["rules"][2]["split"], "by"),
                "`rules[2].split.by`: found nothing, ",
            ),
            (
                |c| without(&mut c["rules"][2]["split"], "weights"),
                "`rules[2].split.weights`: found nothing, ",
            ),
            (
                |c| without(&mut c["rules"][0]["match"]["headers"][0], "name"),
                "`rules[0].match.headers[0].name`: found nothing, ",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_field_that_is_misspelt_is_refused_with_what_was_meant(proxy: &mut Proxy) {
    let mistakes: [(Change, &str, &str); 9] = [
        (|c| c["flags"] = json!([]), "`flags`", "flag"),
        (|c| c["rule"] = json!([]), "`rule`", "rules"),
        (|c| c["enable"] = json!(true), "`enable`", "enabled"),
        (|c| c["DefaultVariant"] = json!("v1"), "`DefaultVariant`", "defaultVariant"),
        (|c| c["rules"][0]["varient"] = json!("v1"), "`rules[0].varient`", "variant"),
        (|c| c["rules"][0]["match"]["cookie"] = json!([]), "`rules[0].match.cookie`", "cookies"),
        (
            |c| c["rules"][0]["match"]["headers"][0] = json!({ "name": "a", "exakt": "b" }),
            "`rules[0].match.headers[0].exakt`",
            "exact",
        ),
        (|c| c["rules"][2]["split"]["weight"] = json!({}), "`rules[2].split.weight`", "weights"),
        (
            |c| c["response"]["variantheader"] = json!(""),
            "`response.variantheader`",
            "variant_header",
        ),
    ];
    for (change, path, meant) in mistakes {
        let error = refusal(proxy, change);
        assert!(
            error.starts_with(&format!("{path}: found an unknown field, allowed: ")),
            "{error}"
        );
        assert!(error.ends_with(&format!("; did you mean `{meant}`?")), "{error}");
    }
}

#[tollgate_testkit::test(Canary)]
fn an_unknown_field_is_refused_at_every_level(proxy: &mut Proxy) {
    refused(
        proxy,
        &[
            (
                |c| c["zzz"] = json!(1),
                "`zzz`: found an unknown field, allowed: `flag`, `routing_header`",
            ),
            (|c| c["rules"][0]["zzz"] = json!(1), "`rules[0].zzz`: found an unknown field, "),
            (
                |c| c["rules"][0]["match"]["zzz"] = json!(1),
                "`rules[0].match.zzz`: found an unknown ",
            ),
            (
                |c| c["rules"][0]["match"]["headers"][0]["zzz"] = json!(1),
                "`rules[0].match.headers[0].zzz`: found an unknown field, ",
            ),
            (
                |c| c["rules"][1]["match"]["cookies"][0]["principal"] = json!("subject"),
                "`rules[1].match.cookies[0].principal`: found an unknown field, ",
            ),
            (
                |c| c["rules"][2]["split"]["zzz"] = json!(1),
                "`rules[2].split.zzz`: found an unknown ",
            ),
            (
                |c| c["rules"][2]["split"]["by"][0] = json!({ "query": "uid" }),
                "`rules[2].split.by[0].query`: found an unknown field, \
             allowed: `cookie`, `header`, `claim`, `source_ip`, `random`",
            ),
            (|c| c["response"]["zzz"] = json!(1), "`response.zzz`: found an unknown field, "),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn what_this_version_does_not_have_is_refused_and_not_ignored(proxy: &mut Proxy) {
    refused(
        proxy,
        &[
            (|c| c["scope"] = json!({}), "`scope`: found an unknown field, "),
            (|c| c["sticky"] = json!({}), "`sticky`: found an unknown field, "),
            (|c| c["rollback"] = json!({}), "`rollback`: found an unknown field, "),
            (|c| c["flags"] = json!([]), "`flags`: found an unknown field, "),
            (|c| c["exclusive_group"] = json!("g"), "`exclusive_group`: found an unknown field, "),
            (
                |c| c["rules"][2]["split"]["schedule"] = json!({}),
                "`rules[2].split.schedule`: found an unknown field, ",
            ),
            (|c| c["response"]["vary"] = json!(true), "`response.vary`: found an unknown field, "),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_value_of_the_wrong_type_is_refused(proxy: &mut Proxy) {
    refused(
        proxy,
        &[
            (|c| *c = json!([]), "(root): found a list, allowed: an object"),
            (|c| *c = json!("voting-app"), "(root): found "),
            (|c| *c = Value::Null, "(root): found "),
            (|c| c["flag"] = json!(1), "`flag`: found 1, allowed: a string"),
            (|c| c["enabled"] = json!("no"), "`enabled`: found \"no\", allowed: true or false"),
            (|c| c["enabled"] = json!(1), "`enabled`: found 1, allowed: true or false"),
            (|c| c["variants"] = json!("v1"), "`variants`: found "),
            (|c| c["variants"][0] = json!(1), "`variants[0]`: found 1, allowed: a string"),
            (|c| c["rules"] = json!({}), "`rules`: found an object, allowed: a list"),
            (|c| c["rules"][0] = json!("all"), "`rules[0]`: found "),
            (
                |c| c["rules"][1]["match"]["cookies"][0]["exact"] = json!(true),
                "`rules[1].match.cookies[0].exact`: found true, allowed: a string (put it in quotes)",
            ),
            (
                |c| c["rules"][0]["match"]["headers"] = json!({}),
                "`rules[0].match.headers`: found an ",
            ),
            (
                |c| c["rules"][2]["split"]["weights"] = json!([90, 10]),
                "`rules[2].split.weights`: found ",
            ),
            (
                |c| c["rules"][2]["split"]["by"][2] = json!("random"),
                "`rules[2].split.by[2]`: found `random` alone, allowed: {random: ...}",
            ),
            (
                |c| c["bucketing"] = json!("random"),
                "`bucketing`: found \"random\", allowed: `fractional`, `unleash`",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_flag_that_cannot_be_a_name_is_refused(proxy: &mut Proxy) {
    refused(
        proxy,
        &[
            (|c| c["flag"] = json!(""), "`flag`: found \"\", allowed: a name of visible ASCII"),
            (|c| c["flag"] = json!("a b"), "`flag`: found \"a b\", "),
            (|c| c["flag"] = json!("zoë"), "`flag`: found \"zoë\", "),
            (|c| c["flag"] = json!("a\nb"), "`flag`: found \"a\\nb\", "),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn variants_that_cannot_be_told_apart_are_refused(proxy: &mut Proxy) {
    refused(
        proxy,
        &[
            (
                |c| c["variants"] = json!([]),
                "`variants`: found an empty list, allowed: at least one",
            ),
            (|c| c["variants"] = json!(["v1", ""]), "`variants[1]`: found \"\", "),
            (|c| c["variants"] = json!(["v1", "v 2"]), "`variants[1]`: found \"v 2\", "),
            (|c| c["variants"] = json!(["v1\r\nx: y"]), "`variants[0]`: found \"v1\\r\\nx: y\", "),
            (
                |c| c["variants"] = json!(["v1", "v2", "v1"]),
                "`variants[2]`: found \"v1\", as in `variants[0]`, allowed: each name once",
            ),
            // Their counters would have the same name.
            (|c| c["variants"] = json!(["v1.0", "v1_0", "v1", "v2"]), "`variants[1]`: found "),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_variant_that_there_is_not_is_refused_wherever_it_stands(proxy: &mut Proxy) {
    refused(
        proxy,
        &[
            (
                |c| c["default_variant"] = json!("v3"),
                "`default_variant`: found \"v3\", allowed: one of the variants: \"v1\", \"v2\"",
            ),
            (|c| c["default_variant"] = json!(""), "`default_variant`: found \"\", "),
            (|c| c["rules"][0]["variant"] = json!("V2"), "`rules[0].variant`: found \"V2\", "),
            (
                |c| c["rules"][2]["split"]["weights"] = json!({ "v1": 90, "v3": 10 }),
                "`rules[2].split.weights`: found a weight of \"v3\", allowed: one of the variants",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_routing_header_that_means_something_else_is_refused(proxy: &mut Proxy) {
    refused(
        proxy,
        &[
            (|c| c["routing_header"] = json!(""), "`routing_header`: found \"\", "),
            (|c| c["routing_header"] = json!(":path"), "`routing_header`: found \":path\", "),
            (|c| c["routing_header"] = json!("a b"), "`routing_header`: found \"a b\", "),
            (|c| c["routing_header"] = json!("x\r\ny"), "`routing_header`: found \"x\\r\\ny\", "),
            (|c| c["routing_header"] = json!("Host"), "`routing_header`: found \"host\", "),
            (|c| c["routing_header"] = json!("cookie"), "`routing_header`: found \"cookie\", "),
            (
                |c| c["routing_header"] = json!("Connection"),
                "`routing_header`: found \"connection\", ",
            ),
            (|c| c["routing_header"] = json!("te"), "`routing_header`: found \"te\", "),
            (
                |c| c["routing_header"] = json!("transfer-encoding"),
                "`routing_header`: found \"transfer-encoding\", allowed: a header of your own",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_rule_that_decides_nothing_or_twice_is_refused(proxy: &mut Proxy) {
    refused(
        proxy,
        &[
            (
                |c| c["rules"][0] = json!({ "name": "a" }),
                "`rules[0]`: found neither, allowed: exactly one of `variant`, `split`",
            ),
            (
                |c| c["rules"][2]["variant"] = json!("v1"),
                "`rules[2]`: found both, allowed: exactly one of `variant`, `split`",
            ),
            (|c| c["rules"][1]["name"] = json!(""), "`rules[1].name`: found \"\", "),
            (|c| c["rules"][1]["name"] = json!("a b"), "`rules[1].name`: found \"a b\", "),
            (
                |c| c["rules"][1]["name"] = json!("override-by-header"),
                "`rules[1].name`: found \"override-by-header\", as in `rules[0].name`, ",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_match_without_a_condition_is_refused(proxy: &mut Proxy) {
    refused(
        proxy,
        &[
            (
                |c| c["rules"][0]["match"] = json!({}),
                "`rules[0].match`: found no condition, allowed: at least one of `headers`, `cookies`",
            ),
            (|c| c["rules"][0]["match"] = json!({ "headers": [] }), "`rules[0].match`: found no "),
            (|c| c["rules"][0]["match"] = json!({ "not": {} }), "`rules[0].match.not`: found no "),
            (
                |c| {
                    c["rules"][0]["match"] = json!({ "any": [{ "path": [{ "exact": "/" }] }, {} ] })
                },
                "`rules[0].match.any[1]`: found no condition, ",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_test_that_cannot_be_meant_is_refused(proxy: &mut Proxy) {
    fn entry(config: &mut Value, test: Value) {
        config["rules"][0]["match"] = json!({ "path": [test] });
    }
    refused(
        proxy,
        &[
            (
                |c| entry(c, json!({})),
                "`rules[0].match.path[0]`: found none of them, allowed: exactly one",
            ),
            (
                |c| entry(c, json!({ "exact": "a", "prefix": "b" })),
                "`rules[0].match.path[0]`: found `exact` and `prefix`, allowed: exactly one of",
            ),
            (
                |c| entry(c, json!({ "prefix": "" })),
                "`rules[0].match.path[0].prefix`: found \"\", ",
            ),
            (
                |c| entry(c, json!({ "suffix": "" })),
                "`rules[0].match.path[0].suffix`: found \"\", ",
            ),
            (
                |c| entry(c, json!({ "contains": "" })),
                "`rules[0].match.path[0].contains`: found \"\", ",
            ),
            (
                |c| entry(c, json!({ "any_of": [] })),
                "`rules[0].match.path[0].any_of`: found an empty ",
            ),
            (
                |c| entry(c, json!({ "regex": "(" })),
                "`rules[0].match.path[0].regex`: found \"(\" (",
            ),
            (|c| entry(c, json!({ "regex": "a)|(b" })), "`rules[0].match.path[0].regex`: found "),
            (
                |c| entry(c, json!({ "regex": "a".repeat(1025) })),
                "`rules[0].match.path[0].regex`: found a string of 1025 characters (it has more than",
            ),
            (
                |c| entry(c, json!({ "regex": "(a{90}){90}" })),
                "`rules[0].match.path[0].regex`: found ",
            ),
            (|c| entry(c, json!({ "regex": "(?=a)b" })), "`rules[0].match.path[0].regex`: found "),
            (
                |c| entry(c, json!({ "range": { "start": 5, "end": 5 } })),
                "`rules[0].match.path[0].range`: found 5 to 5, allowed: `start` below `end`",
            ),
            (
                |c| entry(c, json!({ "range": { "start": 5 } })),
                "`rules[0].match.path[0].range.end`: ",
            ),
            (|c| entry(c, json!({ "gte": "5" })), "`rules[0].match.path[0].gte`: found \"5\", "),
            (
                |c| entry(c, json!({ "semver": "1" })),
                "`rules[0].match.path[0].semver`: found \"1\", ",
            ),
            (|c| entry(c, json!({ "semver": ">=x" })), "`rules[0].match.path[0].semver`: found "),
            (
                |c| entry(c, json!({ "gte": 1, "ignore_case": true })),
                "`rules[0].match.path[0].ignore_case`: found true with `gte`, ",
            ),
            (
                |c| entry(c, json!({ "present": true, "invert": true })),
                "`rules[0].match.path[0].invert`: found true with `present`, ",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_name_or_place_that_a_request_cannot_have_is_refused(proxy: &mut Proxy) {
    fn condition(config: &mut Value, condition: Value) {
        config["rules"][0]["match"] = condition;
    }
    refused(
        proxy,
        &[
            (
                |c| condition(c, json!({ "headers": [{ "name": "", "exact": "a" }] })),
                "`rules[0].match.headers[0].name`: found \"\", allowed: the name of a header",
            ),
            (
                |c| condition(c, json!({ "headers": [{ "name": "a b", "exact": "a" }] })),
                "`rules[0].match.headers[0].name`: found \"a b\", ",
            ),
            (
                |c| condition(c, json!({ "cookies": [{ "name": "a=b", "exact": "a" }] })),
                "`rules[0].match.cookies[0].name`: found \"a=b\", allowed: the name of a cookie",
            ),
            (
                |c| {
                    condition(
                        c,
                        json!({ "cookies": [{ "name": "a", "pointer": "b", "exact": "c" }] }),
                    )
                },
                "`rules[0].match.cookies[0].pointer`: found \"b\", allowed: a JSON pointer",
            ),
            (
                |c| condition(c, json!({ "query": [{ "name": "", "exact": "a" }] })),
                "`rules[0].match.query[0].name`: found \"\", allowed: the name of a parameter",
            ),
            (
                |c| condition(c, json!({ "source_ip": ["10.0.0.0/33"] })),
                "`rules[0].match.source_ip[0]`: found \"10.0.0.0/33\"",
            ),
            (
                |c| condition(c, json!({ "source_ip": ["10.0.0.1/8"] })),
                "`rules[0].match.source_ip[0]`: found \"10.0.0.1/8\"",
            ),
            (
                |c| condition(c, json!({ "source_ip": ["localhost"] })),
                "`rules[0].match.source_ip[0]`: found \"localhost\"",
            ),
            (
                |c| condition(c, json!({ "claims": [{ "claim": "a..b", "exact": "c" }] })),
                "`rules[0].match.claims[0].claim`: found \"a..b\", allowed: the path of a claim",
            ),
            (
                |c| condition(c, json!({ "claims": [{ "claim": [], "exact": "c" }] })),
                "`rules[0].match.claims[0].claim`: found no name, ",
            ),
            (
                |c| condition(c, json!({ "peer": [{ "principal": "uri", "exact": "c" }] })),
                "`rules[0].match.peer[0].principal`: found \"uri\", allowed: `uri_san`, `dns_san`, `subject`",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn the_routing_header_cannot_decide(proxy: &mut Proxy) {
    fn condition(config: &mut Value, condition: Value) {
        config["rules"][0]["match"] = condition;
    }
    let allowed = ": found the routing header, allowed: any other header";
    let mistakes: [(Change, &str); 4] = [
        (
            |c| {
                condition(
                    c,
                    json!({ "headers": [{ "name": "X-TOLLGATE-VARIANT", "exact": "v2" }] }),
                )
            },
            "`rules[0].match.headers[0].name`",
        ),
        (
            |c| {
                condition(
                    c,
                    json!({ "any": [{ "headers": [{ "name": ROUTING, "exact": "v2" }] }] }),
                )
            },
            "`rules[0].match.any[0].headers[0].name`",
        ),
        (
            |c| condition(c, json!({ "not": { "headers": [{ "name": ROUTING, "exact": "v2" }] } })),
            "`rules[0].match.not.headers[0].name`",
        ),
        (
            |c| c["rules"][2]["split"]["by"] = json!([{ "cookie": "uid" }, { "header": ROUTING }]),
            "`rules[2].split.by[1].header`",
        ),
    ];
    for (change, path) in mistakes {
        assert_eq!(refusal(proxy, change), format!("{path}{allowed}"));
    }
}

#[tollgate_testkit::test(Canary)]
fn a_split_that_cannot_be_meant_is_refused(proxy: &mut Proxy) {
    fn by(config: &mut Value, by: Value) {
        config["rules"][2]["split"]["by"] = by;
    }
    refused(
        proxy,
        &[
            (
                |c| by(c, json!([])),
                "`rules[2].split.by`: found an empty list, allowed: at least one of",
            ),
            (
                |c| by(c, json!([{ "random": false }])),
                "`rules[2].split.by[0].random`: found false, allowed: true",
            ),
            (
                |c| by(c, json!([{ "source_ip": false }])),
                "`rules[2].split.by[0].source_ip`: found false, allowed: true",
            ),
            (
                |c| by(c, json!([{ "random": true }, { "cookie": "uid" }])),
                "`rules[2].split.by`: found something after `random`, which always decides, ",
            ),
            (
                |c| by(c, json!([{ "cookie": "a;b" }])),
                "`rules[2].split.by[0].cookie`: found \"a;b\", ",
            ),
            (
                |c| by(c, json!([{ "header": "a:b" }])),
                "`rules[2].split.by[0].header`: found \"a:b\", ",
            ),
            (|c| by(c, json!([{ "claim": "" }])), "`rules[2].split.by[0].claim`: found \"\", "),
            (
                |c| by(c, json!([{ "cookie": "a", "header": "b" }])),
                "`rules[2].split.by[0]`: found ",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn weights_that_do_not_add_up_are_refused(proxy: &mut Proxy) {
    fn weights(config: &mut Value, weights: Value) {
        config["rules"][2]["split"]["weights"] = weights;
    }
    refused(
        proxy,
        &[
            (
                |c| weights(c, json!({})),
                "`rules[2].split.weights`: found a sum of 0, allowed: a sum from 1 to",
            ),
            (
                |c| weights(c, json!({ "v1": 0, "v2": 0 })),
                "`rules[2].split.weights`: found a sum of 0, ",
            ),
            (
                |c| weights(c, json!({ "v1": 2_147_483_647, "v2": 1 })),
                "`rules[2].split.weights`: found a sum of 2147483648, ",
            ),
            (
                |c| weights(c, json!({ "v1": u32::MAX, "v2": u32::MAX })),
                "`rules[2].split.weights`: found a sum of 8589934590, ",
            ),
            (|c| weights(c, json!({ "v1": -1 })), "`rules[2].split.weights.v1`: found -1, "),
            (|c| weights(c, json!({ "v1": 0.5 })), "`rules[2].split.weights.v1`: found 0.5, "),
            (|c| weights(c, json!({ "v1": "90" })), "`rules[2].split.weights.v1`: found \"90\", "),
            (
                |c| weights(c, json!({ "v1": 4_294_967_296_u64 })),
                "`rules[2].split.weights.v1`: found ",
            ),
        ],
    );
}

#[tollgate_testkit::test(Canary)]
fn a_response_header_that_means_something_else_is_refused(proxy: &mut Proxy) {
    fn response(config: &mut Value, field: &str, name: &str) {
        config["response"][field] = json!(name);
    }
    refused(
        proxy,
        &[
            (
                |c| response(c, "variant_header", "Set-Cookie"),
                "`response.variant_header`: found \"set-cookie\", allowed: a header of your own",
            ),
            (
                |c| response(c, "variant_header", "a b"),
                "`response.variant_header`: found \"a b\", ",
            ),
            (
                |c| response(c, "reason_header", ":status"),
                "`response.reason_header`: found \":status\", ",
            ),
            (
                |c| response(c, "reason_header", "content-length"),
                "`response.reason_header`: found \"content-length\", ",
            ),
            (
                |c| response(c, "reason_header", "X-Served-Variant"),
                "`response.reason_header`: found the same name as `variant_header`, ",
            ),
        ],
    );
}

/// What is said of a configuration of these bytes.
#[track_caller]
fn refusal_of(proxy: &mut Proxy, bytes: &[u8]) -> String {
    let refusal = proxy.try_configure_bytes([("plugin", bytes.to_vec())]);
    let Err(said) = refusal else { panic!("accepted {}", bytes.escape_ascii()) };
    said
}

#[tollgate_testkit::test(Canary)]
fn what_is_no_json_is_refused(proxy: &mut Proxy) {
    let valid = valid().to_string();
    let half = &valid.as_bytes()[..valid.len() / 2];
    let twice = [valid.as_bytes(), valid.as_bytes()].concat();
    let comment = [b"// a comment\n", valid.as_bytes()].concat();
    for bytes in
        [b"{", half, &twice, &comment, b"flag: voting-app", b"\xff\xfe", b"{\"flag\":\"\xff\"}"]
    {
        let said = refusal_of(proxy, bytes);
        assert!(said.contains("configuration refused: "), "{said}");
        assert!(said.contains("JSON"), "{said}");
    }
}

#[tollgate_testkit::test(Canary)]
fn an_empty_configuration_is_refused(proxy: &mut Proxy) {
    for bytes in [&b""[..], b"{}", b" "] {
        assert!(refusal_of(proxy, bytes).contains("configuration refused: "));
    }
}

#[tollgate_testkit::test(Canary)]
fn a_field_that_is_there_twice_is_refused(proxy: &mut Proxy) {
    let twice = valid().to_string().replacen('{', r#"{"flag":"other","#, 1);
    let said = refusal_of(proxy, twice.as_bytes());
    assert!(said.contains("`flag`: found the field twice, allowed: each field once"), "{said}");

    let both = valid().to_string().replacen('{', r#"{"defaultVariant":"v2","#, 1);
    let said = refusal_of(proxy, both.as_bytes());
    assert!(said.contains("efault") && said.contains("twice"), "{said}");
}

#[tollgate_testkit::test(Canary)]
fn a_long_string_in_the_wrong_place_is_not_repeated_in_the_log(proxy: &mut Proxy) {
    let error = refusal(proxy, |c| c["default_variant"] = json!("secret".repeat(50)));
    assert!(error.contains("a string of 300 characters") && !error.contains("secret"), "{error}");
}

#[tollgate_testkit::test(Canary)]
fn names_of_several_words_are_accepted_in_both_spellings(proxy: &mut Proxy) {
    serve(proxy);
    let offices = json!({ "sourceIp": ["192.0.2.0/24"], "headers": [
        { "name": "x-office", "anyOf": ["Berlin"], "ignoreCase": true },
    ] });
    proxy.configure(json!({
        "flag": "voting-app",
        "routingHeader": ROUTING,
        "variants": ["v1", "v2"],
        "defaultVariant": "v1",
        "rules": [
            { "name": "offices", "match": offices, "variant": "v2" },
            { "name": "split", "match": { "path": [{ "exact": "/split" }] }, "split": {
                "by": [{ "sourceIp": true }], "weights": { "v2": 1 },
            } },
        ],
        "response": { "variantHeader": common::VARIANT, "reasonHeader": common::REASON },
    }));
    assert_eq!(decision(proxy.get("/").header("x-office", "BERLIN")), MATCHED);
    assert_eq!(decision(proxy.get("/split")), "v2 SPLIT");
    assert_eq!(decision(proxy.get("/")), DEFAULT);
}

#[tollgate_testkit::test(Canary)]
fn the_numbers_of_a_protobuf_struct_are_accepted(proxy: &mut Proxy) {
    serve(proxy);
    let range =
        json!({ "headers": [{ "name": "x-level", "range": { "start": 3.0, "end": 5.0 } }] });
    let mut rules = rule(range);
    rules[0]["name"] = json!("levels");
    let ten = &split(json!([{ "random": true }]), 0, 1)[0];
    let text = rollout(json!([rules[0], ten])).to_string();
    let text = text.replace("\"v2\":1}", "\"v2\":1e1}").replace("\"v1\":0,", "\"v1\":0.0,");
    assert!(text.contains("0.0") && text.contains("1e1"), "{text}");
    assert_eq!(proxy.try_configure_bytes([("plugin", text.into_bytes())]), Ok(()));
    assert_eq!(decision(proxy.get("/").header("x-level", "4")), MATCHED);
    assert_eq!(decision(proxy.get("/").header("x-level", "5")), "v2 SPLIT");
}

#[tollgate_testkit::test(Canary)]
fn blanks_around_the_json_are_no_mistake(proxy: &mut Proxy) {
    serve(proxy);
    let text = format!("\n\t {}\r\n", valid());
    assert_eq!(proxy.try_configure_bytes([("plugin", text.into_bytes())]), Ok(()));
    assert_eq!(decision(with_cookie(proxy, "featureflag=on")), MATCHED);
}

#[tollgate_testkit::test(Canary)]
fn a_new_configuration_takes_the_place_of_the_old_one(proxy: &mut Proxy) {
    serve(proxy);
    proxy.configure(valid());
    assert_eq!(decision(with_cookie(proxy, "featureflag=on")), MATCHED);
    proxy.configure(rollout(rule(json!({ "cookies": [{ "name": "other", "exact": "on" }] }))));
    assert_eq!(decision(with_cookie(proxy, "featureflag=on")), DEFAULT);
    assert_eq!(decision(with_cookie(proxy, "other=on")), MATCHED);
}

#[tollgate_testkit::test(Canary)]
fn a_variant_that_is_new_gets_its_requests_and_counters(proxy: &mut Proxy) {
    serve(proxy);
    proxy.configure(valid());
    let mut config = rollout(json!([{ "name": "all", "variant": "v3" }]));
    config["variants"] = json!(["v1", "v2", "v3"]);
    proxy.configure(config);
    let exchange = proxy.get("/").send();
    assert_eq!(one(&exchange.upstream_request().headers, ROUTING), "v3");
    assert_eq!(common::decisions(proxy, "v3", "targeting_match"), 1);
}

#[tollgate_testkit::test(Canary)]
fn the_kill_switch_works_while_everything_else_stays(proxy: &mut Proxy) {
    serve(proxy);
    for enabled in [true, false, true] {
        let mut config = valid();
        config["enabled"] = json!(enabled);
        proxy.configure(config);
        let expected = if enabled { MATCHED } else { "v1 DISABLED" };
        assert_eq!(decision(with_cookie(proxy, "featureflag=on")), expected);
    }
}

#[tollgate_testkit::test(Canary)]
fn after_a_refusal_a_right_configuration_is_accepted(proxy: &mut Proxy) {
    serve(proxy);
    for _ in 0..2 {
        assert!(!refusal(proxy, |c| c["default_variant"] = json!("v3")).is_empty());
        proxy.configure(valid());
        assert_eq!(decision(with_cookie(proxy, "featureflag=on")), MATCHED);
    }
}
