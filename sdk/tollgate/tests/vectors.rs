//! Conformance with what others publish: Unleash's client specification
//! (<https://github.com/Unleash/client-specification>) and flagd's test bed.
//!
//! The vectors are not part of this repository. They are looked for where `TOLLGATE_VECTORS` says,
//! else in `../shared/vectors` beside the checkout; a test that finds none says so and passes. The
//! figures that matter most stand in the unit tests as well.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "vectors that are not as expected are to fail the test"
)]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tollgate::bucketing::{self, unleash};
use tollgate::config::from_slice;
use tollgate::headers::HeaderMap;
use tollgate::matching::{KnownFacts, Match};

fn folder() -> PathBuf {
    match std::env::var_os("TOLLGATE_VECTORS") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
    }
}

/// The vectors in a file, unless there is none.
fn vectors(file: &str) -> Option<Value> {
    let path = folder().join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            println!("skipped: {}: {error}", path.display());
            None
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn flagds_hashes_and_assignments_are_ours() {
    let Some(vectors) = vectors("flagd-fractional.json") else { return };
    for case in list(&vectors["murmur3_x86_32_seed_0"]) {
        let hash = u32::from_str_radix(text(&case["hash"]).trim_start_matches("0x"), 16).unwrap();
        assert_eq!(bucketing::murmur3_x86_32(text(&case["text"]).as_bytes(), 0), hash, "{case}");
    }
    let mut cases = 0;
    for assignment in list(&vectors["assignments"]) {
        let weights = assignment["weights"].as_object().unwrap();
        let names: Vec<_> = weights.keys().collect();
        let weights: Vec<_> = weights.values().map(|w| w.as_u64().unwrap() as u32).collect();
        for (user, expected) in assignment["cases"].as_object().unwrap() {
            let flag = text(&assignment["flag"]);
            let index = bucketing::fractional(flag.as_bytes(), user.as_bytes(), &weights).unwrap();
            assert_eq!(names[index], text(expected), "{flag} {user}");
            cases += 1;
        }
    }
    assert!(cases >= 7, "{cases}");
}

/// The feature that a test of Unleash's is about.
fn feature<'a>(vectors: &'a Value, test: &Value) -> Option<&'a Value> {
    let features = list(&vectors["state"]["features"]);
    features.iter().find(|feature| feature["name"] == test["toggleName"])
}

/// A field of Unleash's context.
fn field<'a>(context: &'a Value, name: &str) -> &'a Value {
    match &context[name] {
        Value::Null => &context["properties"][name],
        value => value,
    }
}

/// Whom a stickiness tells apart; `default` is the user, else the session.
fn user<'a>(context: &'a Value, stickiness: &str) -> Option<&'a str> {
    match stickiness {
        "default" | "" => context["userId"].as_str().or_else(|| context["sessionId"].as_str()),
        name => field(context, name).as_str(),
    }
}

#[test]
fn unleashs_gradual_rollouts_are_ours() {
    let mut cases = 0;
    for file in ["10-flexible-rollout-strategy", "12-custom-stickiness"] {
        let Some(vectors) = vectors(&format!("unleash/{file}.json")) else { return };
        for test in list(&vectors["tests"]) {
            let parameters = &feature(&vectors, test).unwrap()["strategies"][0]["parameters"];
            let percent: u32 = text(&parameters["rollout"]).parse().unwrap();
            // Who is not known is drawn at random there, for nothing or for all of them.
            let place = user(&test["context"], text(&parameters["stickiness"])).map(|user| {
                unleash::normalized(text(&parameters["groupId"]).as_bytes(), user.as_bytes())
            });
            let enabled = place.map_or(percent == 100, |place| place <= percent);
            assert_eq!(json!(enabled), test["expectedResult"], "{}", test["description"]);
            cases += 1;
        }
    }
    assert!(cases >= 15, "{cases}");
}

#[test]
fn unleashs_variants_are_ours() {
    let mut cases = 0;
    for file in ["08-variants", "12-custom-stickiness", "16-strategy-variants"] {
        let Some(vectors) = vectors(&format!("unleash/{file}.json")) else { return };
        for test in list(&vectors["variantTests"]) {
            let Some(feature) = feature(&vectors, test) else { continue };
            let strategy = &feature["strategies"][0];
            // A strategy's variants come before those of the feature.
            let (variants, group) = match list(&strategy["variants"]) {
                [] => (list(&feature["variants"]), text(&feature["name"])),
                variants => (variants, text(&strategy["parameters"]["groupId"])),
            };
            let stickiness = match text(&variants.first().unwrap_or(&Value::Null)["stickiness"]) {
                "" => text(&strategy["parameters"]["stickiness"]),
                stickiness => stickiness,
            };
            let overridden = variants.iter().any(|v| {
                let ids = list(&v["overrides"][0]["values"]);
                ids.contains(&test["context"]["userId"])
            });
            let Some(user) = user(&test["context"], stickiness) else { continue };
            if overridden || test["expectedResult"]["enabled"] == false {
                continue;
            }
            let weights: Vec<_> =
                variants.iter().map(|v| v["weight"].as_u64().unwrap() as u32).collect();
            let index = unleash::variant(group.as_bytes(), user.as_bytes(), &weights).unwrap();
            let expected = &test["expectedResult"]["name"];
            assert_eq!(&variants[index]["name"], expected, "{}", test["description"]);
            cases += 1;
        }
    }
    assert!(cases >= 18, "{cases}");
}

/// One of Unleash's constraints as a match on a claim, if there is one for it and it is valid.
fn condition(constraint: &Value) -> Option<Value> {
    let operator = text(&constraint["operator"]);
    let value = &constraint["value"];
    let number = || text(value).parse::<f64>().ok();
    let claim = |test: Value| {
        let mut entry = test;
        entry["claim"] = json!([constraint["contextName"]]);
        if constraint["caseInsensitive"] == true {
            entry["ignore_case"] = json!(true);
        }
        json!({ "claims": [entry] })
    };
    let any = |test: &str| {
        let matches = list(&constraint["values"]).iter().map(|text| claim(json!({ test: text })));
        json!({ "any": matches.collect::<Vec<_>>() })
    };
    let semver = |operator: &str| claim(json!({"semver": format!("{operator}{}", text(value))}));
    let condition = match operator {
        "STR_STARTS_WITH" => any("prefix"),
        "STR_ENDS_WITH" => any("suffix"),
        "STR_CONTAINS" => any("contains"),
        "IN" => claim(json!({"any_of": constraint["values"]})),
        "NOT_IN" => json!({"not": claim(json!({"any_of": constraint["values"]}))}),
        "NUM_GT" => without(claim(json!({"gte": number()?})), claim(json!({"lte": number()?}))),
        "NUM_GTE" => claim(json!({"gte": number()?})),
        "NUM_LT" => without(claim(json!({"lte": number()?})), claim(json!({"gte": number()?}))),
        "NUM_LTE" => claim(json!({"lte": number()?})),
        "SEMVER_EQ" => semver("="),
        "SEMVER_GT" => semver(">"),
        "SEMVER_GTE" => semver(">="),
        "SEMVER_LT" => semver("<"),
        "SEMVER_LTE" => semver("<="),
        // Theirs may match anywhere.
        "REGEX" => claim(json!({"regex": format!("(?s:.*)(?:{})(?s:.*)", text(value))})),
        _ => return None,
    };
    Some(match constraint["inverted"] == true {
        true => json!({ "not": condition }),
        false => condition,
    })
}

/// The one without the other.
fn without(mut inside: Value, outside: Value) -> Value {
    inside["not"] = outside;
    inside
}

/// Checks a file's constraints, and says how many.
fn constraints_agree(file: &str) -> usize {
    let Some(vectors) = vectors(&format!("unleash/{file}.json")) else { return usize::MAX };
    let mut cases = 0;
    for test in list(&vectors["tests"]) {
        let Some(feature) = feature(&vectors, test) else { continue };
        let constraints = list(&feature["strategies"][0]["constraints"]);
        let Some(conditions) = constraints.iter().map(condition).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let mut claims = test["context"]["properties"].as_object().cloned().unwrap_or_default();
        for (name, value) in test["context"].as_object().unwrap() {
            claims.insert(name.clone(), value.clone());
        }
        let holds = conditions.iter().all(|condition| {
            let condition = from_slice::<Match>(condition.to_string().as_bytes());
            // What Unleash ignores, we refuse: then it does not match either.
            let Ok(matcher) = condition.and_then(|condition| condition.compile()) else {
                return false;
            };
            let headers = HeaderMap::default();
            matcher.matches(&KnownFacts::new(&headers).with_claims(&claims)).unwrap()
        });
        assert_eq!(json!(holds), test["expectedResult"], "{}", test["description"]);
        cases += 1;
    }
    cases
}

#[test]
fn unleashs_constraints_on_text_and_numbers_are_ours() {
    let cases = constraints_agree("13-constraint-operators");
    assert!(cases >= 30, "{cases}");
}

#[test]
fn unleashs_constraints_on_versions_are_ours() {
    let cases = constraints_agree("14-constraint-semver-operators");
    assert!(cases >= 20, "{cases}");
}

#[test]
fn unleashs_regular_expressions_are_ours() {
    let cases = constraints_agree("21-regex-constraint-operators");
    assert!(cases >= 30, "{cases}");
}

#[test]
fn unleashs_address_blocks_are_ours() {
    let Some(vectors) = vectors("unleash/22-cidr-constraint-operators.json") else { return };
    let mut cases = 0;
    for test in list(&vectors["tests"]) {
        let constraints = list(&feature(&vectors, test).unwrap()["strategies"][0]["constraints"]);
        let blocks = constraints.iter().flat_map(|constraint| list(&constraint["values"]));
        // Unleash ignores what is no block; we refuse it.
        let blocks: Vec<_> = blocks.filter_map(|b| tollgate::cidr::Cidr::parse(text(b))).collect();
        let address = test["context"]["remoteAddress"].as_str().map(|a| a.parse().unwrap());
        let holds = address.is_some_and(|a| blocks.iter().any(|block| block.contains(a)));
        assert_eq!(json!(holds), test["expectedResult"], "{}", test["description"]);
        cases += 1;
    }
    assert!(cases >= 12, "{cases}");
}

#[test]
fn cookies_of_real_sites_are_read_whole() {
    use tollgate::cookies::Cookies;
    let Some(vectors) = vectors("cookies/top-cookie.json") else { return };
    for (site, line) in vectors.as_object().unwrap() {
        let headers = HeaderMap::from_pairs([("cookie", text(line))]);
        let cookies = Cookies::new(&headers);
        let pieces = text(line).split(';').filter(|piece| piece.contains('='));
        assert_eq!(cookies.iter().count(), pieces.count(), "{site}");
        assert!(!cookies.truncated(), "{site}");
    }
}
