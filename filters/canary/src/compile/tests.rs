use serde_json::{Value, json};
use tollgate::config::from_slice;

use super::*;

/// The contract's example, as far as this version goes.
fn valid() -> Value {
    json!({
        "flag": "voting-app",
        "routing_header": "X-Tollgate-Variant",
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [
            {
                "name": "override-by-header",
                "match": {"headers": [{"name": "x-canary", "exact": "always"}]},
                "variant": "v2"
            },
            {
                "name": "feature-flag-cookie",
                "match": {"cookies": [{"name": "featureflag", "exact": "on"}]},
                "variant": "v2"
            },
            {
                "name": "ten-percent",
                "split": {
                    "by": [{"cookie": "uid"}, {"header": "x-user-id"}, {"random": true}],
                    "weights": {"v1": 90, "v2": 10}
                }
            }
        ],
        "response": {"variant_header": "x-served-variant", "reason_header": ""}
    })
}

fn compile(config: &Value) -> Result<Rollout, String> {
    from_slice::<Config>(config.to_string().as_bytes())
        .and_then(Rollout::try_from)
        .map_err(|error| error.to_string())
}

/// The error when `change` is made to the valid configuration.
fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut config = valid();
    change(&mut config);
    compile(&config).err().unwrap_or_else(|| panic!("accepted {config}"))
}

#[test]
fn the_contracts_example_is_accepted() {
    let rollout = compile(&valid()).unwrap();
    assert_eq!(&*rollout.routing_header, "x-tollgate-variant");
    assert_eq!(rollout.response.variant.as_deref(), Some("x-served-variant"));
    assert_eq!(rollout.response.reason, None);
    assert!(rollout.enabled);
}

#[test]
fn camel_case_is_accepted_as_well() {
    let config = json!({
        "flag": "f", "routingHeader": "x-v", "variants": ["a"], "defaultVariant": "a",
        "response": {"variantHeader": "x-a", "reasonHeader": "x-b"}
    });
    assert!(compile(&config).is_ok());
}

#[test]
fn weights_are_in_the_order_of_the_variants_not_of_the_weights() {
    let mut config = valid();
    config["variants"] = json!(["v1", "z", "a", "v2"]);
    config["rules"][2]["split"]["weights"] = json!({"v2": 3, "a": 2, "z": 1});
    let rules = compile(&config).unwrap().rules;
    let Outcome::Split(split) = &rules[2].outcome else { panic!("no split") };
    assert_eq!(split.weights, [0, 1, 2, 3]);
}

#[test]
fn a_configuration_that_cannot_be_meant_is_refused_by_path() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 34] = [
        (|c| c["flag"] = json!(""), "`flag`: found \"\", allowed: a name of visible"),
        (|c| c["flag"] = json!("a b"), "`flag`: found \"a b\", allowed: a name of visible"),
        (|c| c["variants"] = json!([]), "`variants`: found an empty list, "),
        (|c| c["variants"] = json!(["v1", ""]), "`variants[1]`: found \"\", "),
        (|c| c["variants"] = json!(["v1\r\nx: y"]), "`variants[0]`: found \"v1\\r\\nx: y\", "),
        (
            |c| c["variants"] = json!(["v1", "v2", "v1"]),
            "`variants[2]`: found \"v1\", as in `variants[0]`, allowed: each name once",
        ),
        (
            |c| c["default_variant"] = json!("v3"),
            "`default_variant`: found \"v3\", allowed: one of the variants: \"v1\", \"v2\"",
        ),
        (|c| c["routing_header"] = json!(""), "`routing_header`: found \"\", "),
        (|c| c["routing_header"] = json!(":path"), "`routing_header`: found \":path\", "),
        (|c| c["routing_header"] = json!("a b"), "`routing_header`: found \"a b\", "),
        (|c| c["routing_header"] = json!("Host"), "`routing_header`: found \"host\", "),
        (|c| c["routing_header"] = json!("cookie"), "`routing_header`: found \"cookie\", "),
        (
            |c| c["rules"][1]["name"] = json!("override-by-header"),
            "`rules[1].name`: found \"override-by-header\", as in `rules[0].name`, allowed: ",
        ),
        (|c| c["rules"][1]["name"] = json!(""), "`rules[1].name`: found \"\", "),
        (
            |c| drop(c["rules"][0].as_object_mut().unwrap().remove("variant")),
            "`rules[0]`: found neither, allowed: exactly one of `variant`, `split`",
        ),
        (
            |c| c["rules"][2]["variant"] = json!("v1"),
            "`rules[2]`: found both, allowed: exactly one of `variant`, `split`",
        ),
        (
            |c| c["rules"][0]["variant"] = json!("V2"),
            "`rules[0].variant`: found \"V2\", allowed: one of the variants",
        ),
        (
            |c| c["rules"][0]["match"] = json!({"headers": []}),
            "`rules[0].match`: found no condition, allowed: at least one of `headers`, `cookies`",
        ),
        (
            |c| c["rules"][0]["match"]["headers"][0] = json!({"name": "a", "regex": "("}),
            "`rules[0].match.headers[0].regex`: found \"(\" (",
        ),
        (
            |c| c["rules"][0]["match"]["any"] = json!([{"path": [{"prefix": ""}]}]),
            "`rules[0].match.any[0].path[0].prefix`: found \"\", ",
        ),
        (
            |c| {
                c["rules"][0]["match"] = json!({"not": {"any": [
                    {"headers": [{"name": "x-tollgate-variant", "present": true}]}
                ]}})
            },
            "`rules[0].match.not.any[0].headers[0].name`: found the routing header, allowed: any",
        ),
        (
            |c| c["rules"][2]["split"]["by"] = json!([{"source_ip": false}]),
            "`rules[2].split.by[0].source_ip`: found false, allowed: true",
        ),
        (
            |c| c["rules"][2]["split"]["by"] = json!([{"claim": "a..b"}]),
            "`rules[2].split.by[0].claim`: found \"a..b\", allowed: the path of a claim",
        ),
        (
            |c| c["rules"][0]["match"]["headers"][0]["name"] = json!("X-TOLLGATE-VARIANT"),
            "`rules[0].match.headers[0].name`: found the routing header, allowed: any other header",
        ),
        (
            |c| c["rules"][2]["split"]["by"] = json!([{"header": "x-tollgate-variant"}]),
            "`rules[2].split.by[0].header`: found the routing header, allowed: any other header",
        ),
        (
            |c| c["rules"][2]["split"]["by"] = json!([]),
            "`rules[2].split.by`: found an empty list, allowed: at least one of",
        ),
        (
            |c| c["rules"][2]["split"]["by"] = json!([{"random": false}]),
            "`rules[2].split.by[0].random`: found false, allowed: true",
        ),
        (
            |c| c["rules"][2]["split"]["by"] = json!([{"random": true}, {"cookie": "uid"}]),
            "`rules[2].split.by`: found something after `random`, which always decides, ",
        ),
        (
            |c| c["rules"][2]["split"]["weights"] = json!({"v1": 0, "v2": 0}),
            "`rules[2].split.weights`: found a sum of 0, allowed: a sum from 1 to 2147483647",
        ),
        (
            |c| c["rules"][2]["split"]["weights"] = json!({}),
            "`rules[2].split.weights`: found a sum of 0, ",
        ),
        (
            |c| {
                c["rules"][2]["split"]["weights"] =
                    json!({"v1": 4294967295u32, "v2": 4294967295u32})
            },
            "`rules[2].split.weights`: found a sum of 8589934590, ",
        ),
        (
            |c| c["rules"][2]["split"]["weights"] = json!({"v1": 90, "v3": 10}),
            "`rules[2].split.weights`: found a weight of \"v3\", allowed: one of the variants",
        ),
        (
            |c| c["response"]["variant_header"] = json!("set-cookie"),
            "`response.variant_header`: found \"set-cookie\", ",
        ),
        (
            |c| c["response"]["reason_header"] = json!("X-Served-Variant"),
            "`response.reason_header`: found the same name as `variant_header`, ",
        ),
    ];
    for (change, start) in cases {
        let message = refusal(change);
        assert!(message.starts_with(start), "expected {start}\n     got {message}");
        assert!(message.contains(", allowed: "), "{message}");
    }
}

#[test]
fn a_wrong_type_is_refused_by_path() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 8] = [
        (|c| *c = json!([]), "(root): found a list, allowed: an object"),
        (|c| *c = json!({}), "`flag`: found nothing, "),
        (|c| c["enabled"] = json!("no"), "`enabled`: found \"no\", allowed: true or false"),
        (
            |c| c["rules"][1]["match"]["cookies"][0]["exact"] = json!(true),
            "`rules[1].match.cookies[0].exact`: found true, allowed: a string (put it in quotes)",
        ),
        (
            |c| c["rules"][1]["match"]["cookies"][0] = json!({"name": "featureflag"}),
            "`rules[1].match.cookies[0]`: found none of them, allowed: exactly one of `exact`",
        ),
        (
            |c| c["rules"][2]["split"]["weights"]["v2"] = json!(-1),
            "`rules[2].split.weights.v2`: found -1, allowed: a whole number from 0 to 4294967295",
        ),
        (
            |c| c["rules"][2]["split"]["weights"]["v2"] = json!(0.5),
            "`rules[2].split.weights.v2`: found 0.5, allowed: a whole number",
        ),
        (
            |c| c["rules"][2]["split"]["by"] = json!(["random"]),
            "`rules[2].split.by[0]`: found `random` alone, allowed: {random: ...}",
        ),
    ];
    for (change, start) in cases {
        let message = refusal(change);
        assert!(message.starts_with(start), "expected {start}\n     got {message}");
    }
}

#[test]
fn what_this_version_does_not_have_is_refused_by_name() {
    for field in ["scope", "sticky", "rollback", "flags"] {
        let message = refusal(|c| c[field] = json!({}));
        assert!(message.starts_with(&format!("`{field}`: found an unknown field, ")), "{message}");
    }
    let message = refusal(|c| c["rules"][2]["split"]["by"] = json!([{"query": "uid"}]));
    let allowed = "`cookie`, `header`, `claim`, `source_ip`, `random`";
    assert_eq!(
        message,
        format!("`rules[2].split.by[0].query`: found an unknown field, allowed: {allowed}")
    );
    let message = refusal(|c| c["rules"][2]["split"]["schedule"] = json!({}));
    assert!(message.starts_with("`rules[2].split.schedule`: found an unknown field"), "{message}");
    let message = refusal(|c| c["bucketing"] = json!("random"));
    assert_eq!(message, "`bucketing`: found \"random\", allowed: `fractional`, `unleash`");
    let message = refusal(|c| c["response"]["vary"] = json!(true));
    assert!(message.starts_with("`response.vary`: found an unknown field"), "{message}");
}

#[test]
fn numbers_of_a_protobuf_struct_are_weights_too() {
    let text = valid().to_string().replace("90", "90.0").replace("10}", "1e1}");
    let rollout = from_slice::<Config>(text.as_bytes()).and_then(Rollout::try_from).unwrap();
    let Outcome::Split(split) = &rollout.rules[2].outcome else { panic!("no split") };
    assert_eq!(split.weights, [90, 10]);
}

#[test]
fn variants_that_would_share_their_counters_are_refused() {
    let error = refusal(|config| config["variants"] = json!(["v1.0", "v1_0", "v1", "v2"]));
    assert!(error.starts_with("`variants[1]`: "), "{error}");
}
