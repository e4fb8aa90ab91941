//! What the upstream learns from a good token.

use crate::common::{
    claims, passes, present, present_at, provider, provider_with, start, stat, token,
    upstream_values, with,
};
use crate::keys::{EC, FOREIGN, base64url};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// A provider that makes `x-claim` of the claim `claim`.
fn one_claim() -> Value {
    provider_with(
        json!({ "claim_to_headers": [{ "header_name": "x-claim", "claim_name": "claim" }] }),
    )
}

/// What `x-claim` is for these values of the claim.
#[track_caller]
fn arrive_as(proxy: &Proxy, cases: &[(Value, &[&str])]) {
    for (value, expected) in cases {
        let exchange = present(proxy, &token(json!({ "claim": value })));
        passes(&exchange);
        assert_eq!(upstream_values(&exchange, "x-claim"), *expected, "{value}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_string_becomes_a_header_as_it_is_and_nothing_becomes_none(proxy: &mut Proxy) {
    start(proxy, one_claim());
    arrive_as(
        proxy,
        &[
            (json!("alice"), &["alice"]),
            (json!("a b; c=\"d\", e"), &["a b; c=\"d\", e"]),
            (json!("Zo\u{eb} \u{1f469}"), &["Zo\u{eb} \u{1f469}"]),
            (json!("a\tb"), &["a\tb"]),
            (json!("%0d%0a"), &["%0d%0a"]),
        ],
    );

    arrive_as(proxy, &[(json!(""), &[]), (json!(null), &[])]);
    let null = EC.sign_bytes(
        r#"{"alg":"ES256"}"#,
        with(claims(json!({})), json!({})).to_string().replace('{', "{\"claim\":null,"),
    );
    let exchange = present(proxy, &null);
    passes(&exchange);
    assert!(upstream_values(&exchange, "x-claim").is_empty());
}

#[tollgate_testkit::test(JwtAuth)]
fn numbers_and_booleans_become_text_and_whole_numbers_stay_whole(proxy: &mut Proxy) {
    start(proxy, one_claim());
    arrive_as(
        proxy,
        &[
            (json!(42), &["42"]),
            (json!(0), &["0"]),
            (json!(-5), &["-5"]),
            (json!(1000.0), &["1000"]),
            (json!(u64::MAX), &["18446744073709551615"]),
            (json!(i64::MIN), &["-9223372036854775808"]),
            // Not a number that a double can hold.
            (json!(9_007_199_254_740_993_u64), &["9007199254740993"]),
        ],
    );

    arrive_as(
        proxy,
        &[
            (json!(1.5), &["1.500000"]),
            (json!(-0.25), &["-0.250000"]),
            (json!(0.000_000_1), &["0.000000"]),
        ],
    );

    arrive_as(proxy, &[(json!(true), &["true"]), (json!(false), &["false"])]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_list_or_an_object_becomes_base64_of_its_json(proxy: &mut Proxy) {
    start(proxy, one_claim());
    arrive_as(
        proxy,
        &[
            (json!(["a", 1]), &["WyJhIiwxXQ=="]),
            (json!({ "a": 1 }), &["eyJhIjoxfQ=="]),
            (json!([]), &["W10="]),
        ],
    );
}

/// A reader would take the blanks away, and a control character could end the header.
#[tollgate_testkit::test(JwtAuth)]
fn a_claim_that_would_not_arrive_as_it_is_is_left_out_and_counted(proxy: &mut Proxy) {
    start(proxy, one_claim());
    let unwritable =
        ["a\u{1}b", "a\u{7f}b", "a\nb", "a\r\nx-admin: yes", "\0", "admin ", " admin", "\ta", " "];
    let cases: Vec<(Value, &[&str])> = unwritable.iter().map(|it| (json!(it), &[][..])).collect();
    arrive_as(proxy, &cases);
    assert_eq!(stat(proxy, "unwritable_claims"), unwritable.len() as u64);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_claim_inside_others_is_found_by_its_path(proxy: &mut Proxy) {
    start(proxy, one_claim());
    start(
        proxy,
        provider_with(json!({ "claim_to_headers": [
        { "header_name": "x-deep", "claim_name": "realm.access.role" },
        { "header_name": "x-shallow", "claim_name": "realm.name" },
        { "header_name": "x-list", "claim_name": "list.0" },
        { "header_name": "x-url", "claim_name": "https://ns/role" },
        { "header_name": "x-dots", "claim_path": [{ "key": "realm.name" }] },
        { "header_name": "x-inner", "claim_path": [{ "key": "realm" }, { "key": "a.b" }] },
    ] })),
    );
    let exchange = present(
        proxy,
        &token(json!({
            "realm": { "access": { "role": "admin" }, "name": 7, "a.b": "inner" },
            "realm.name": "with a dot",
            "list": ["not this one either"],
            "https://ns/role": "dots only",
        })),
    );
    assert_eq!(upstream_values(&exchange, "x-deep"), ["admin"]);
    assert_eq!(upstream_values(&exchange, "x-shallow"), ["7"]);
    assert!(upstream_values(&exchange, "x-list").is_empty());
    assert_eq!(upstream_values(&exchange, "x-url"), ["dots only"]);
    assert_eq!(upstream_values(&exchange, "x-dots"), ["with a dot"]);
    assert_eq!(upstream_values(&exchange, "x-inner"), ["inner"]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_claim_that_is_not_there_becomes_no_header(proxy: &mut Proxy) {
    start(proxy, one_claim());
    start(
        proxy,
        provider_with(json!({ "claim_to_headers": [
        { "header_name": "x-absent", "claim_name": "absent" },
        { "header_name": "x-below-a-string", "claim_name": "sub.x" },
        { "header_name": "x-case", "claim_name": "SUB" },
        { "header_name": "x-sub", "claim_name": "sub" },
    ] })),
    );
    let exchange = present(proxy, &token(json!({})));
    for name in ["x-absent", "x-below-a-string", "x-case"] {
        assert!(upstream_values(&exchange, name).is_empty(), "{name}");
    }
    assert_eq!(upstream_values(&exchange, "x-sub"), ["alice"]);
}

#[tollgate_testkit::test(JwtAuth)]
fn one_claim_may_become_two_headers_in_any_case(proxy: &mut Proxy) {
    start(proxy, one_claim());
    start(
        proxy,
        provider_with(json!({ "claim_to_headers": [
        { "header_name": "X-User", "claim_name": "sub" },
        { "header_name": "x-Subject", "claim_name": "sub" },
    ] })),
    );
    let exchange = present(proxy, &token(json!({})));
    assert_eq!(upstream_values(&exchange, "x-user"), ["alice"]);
    assert_eq!(upstream_values(&exchange, "x-subject"), ["alice"]);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_upstream_does_not_get_the_token_by_default(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let exchange = present(proxy, &token(json!({})));
    passes(&exchange);
    assert!(upstream_values(&exchange, "authorization").is_empty());
}

#[tollgate_testkit::test(JwtAuth)]
fn the_upstream_gets_the_token_if_it_shall_be_forwarded(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "forward": true })));
    let token = token(json!({}));
    let exchange = present(proxy, &token);
    assert_eq!(upstream_values(&exchange, "authorization"), [format!("Bearer {token}")]);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_payload_is_forwarded_as_it_came(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({ "forward_payload_header": "X-Jwt-Payload" })));
    // Blanks and the order of members stay.
    let payload = format!("{{ \"sub\" : \"z\",\n\"iss\":\"{}\",  \"a\":1}}", crate::common::ISSUER);
    let exchange = present(proxy, &EC.sign_bytes(r#"{"alg":"ES256"}"#, &payload));
    passes(&exchange);
    assert_eq!(upstream_values(&exchange, "x-jwt-payload"), [base64url(payload)]);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_forwarded_payload_is_padded_on_demand(proxy: &mut Proxy) {
    start(proxy, one_claim());
    start(
        proxy,
        provider_with(json!({
            "forward_payload_header": "x-payload",
            "pad_forward_payload_header": true,
        })),
    );
    let mut paddings = std::collections::BTreeSet::new();
    for subject in ["a", "ab", "abc"] {
        let claims = claims(json!({ "sub": subject }));
        let exchange = present(proxy, &EC.sign(&claims));
        let [value] = &upstream_values(&exchange, "x-payload")[..] else { panic!("one header") };
        assert_eq!(value.trim_end_matches('='), base64url(claims.to_string()));
        assert_eq!(value.len() % 4, 0);
        paddings.insert(value.len() - value.trim_end_matches('=').len());
    }
    assert_eq!(paddings.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

#[tollgate_testkit::test(JwtAuth)]
fn each_provider_has_an_output_of_its_own(proxy: &mut Proxy) {
    let output = |keys, header, claim| {
        let headers = json!([{ "header_name": header, "claim_name": claim }]);
        with(provider(keys), json!({ "claim_to_headers": headers }))
    };
    crate::common::configure(
        proxy,
        json!({
            "providers": { "a": output(&[EC], "x-a", "sub"), "b": output(&[FOREIGN], "x-b", "iss") },
            "rules": [
                { "match": { "prefix": "/a" }, "requires": { "provider_name": "a" } },
                { "match": { "prefix": "/b" }, "requires": { "provider_name": "b" } },
            ],
        }),
    );
    let a = present_at(proxy, "/a", &EC.sign(&claims(json!({}))));
    assert_eq!(upstream_values(&a, "x-a"), ["alice"]);
    assert!(upstream_values(&a, "x-b").is_empty());
    let b = present_at(proxy, "/b", &FOREIGN.sign(&claims(json!({}))));
    assert!(upstream_values(&b, "x-a").is_empty());
    assert_eq!(upstream_values(&b, "x-b"), [crate::common::ISSUER]);
}

#[tollgate_testkit::test(JwtAuth)]
fn everything_else_of_a_request_arrives_as_it_was_and_does_not_wait_for_the_body(
    proxy: &mut Proxy,
) {
    start(proxy, one_claim());
    let exchange = proxy
        .post("/a?b=c")
        .header("authorization", format!("Bearer {}", token(json!({}))))
        .header("cookie", "a=b")
        .header("x-other", "1")
        .header("x-other", "\u{e9}")
        .chunk("one ")
        .chunk("two")
        .trailers([("x-trailer", "t")])
        .send();
    let request = exchange.upstream_request();
    assert_eq!((request.path(), request.body), ("/a?b=c".to_owned(), b"one two".to_vec()));
    assert_eq!(upstream_values(&exchange, "x-other"), ["1", "\u{e9}"]);
    assert_eq!(upstream_values(&exchange, "cookie"), ["a=b"]);
    assert_eq!(request.trailers.get("x-trailer"), Some(&b"t"[..]));
    assert_eq!(exchange.status(), 200);

    // As filters do that listen to the headers of a request alone.
    let upload = proxy.post("/").header("authorization", format!("Bearer {}", token(json!({}))));
    let exchange = upload.begin();
    assert!(exchange.try_upstream_request().is_some());
    exchange.chunk("late");
    exchange.end();
    passes(&exchange);
}
