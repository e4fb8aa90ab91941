//! What is taken for a configuration, and what is refused: with the path of the field, what was found and
//! what is allowed.

use crate::common::{
    AUDIENCE, ISSUER, NOW, configure, is_denied, passes, present, protected_by, provider,
    provider_with, reasons, token, upstream_values, with,
};
use crate::keys::{EC, jwks};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// Each of these configurations is refused, and what is said contains this.
#[track_caller]
fn are_refused(proxy: &mut Proxy, cases: &[(Value, &str)]) {
    for (configuration, expected) in cases {
        let refusal = proxy.try_configure(configuration.clone()).unwrap_err();
        assert!(refusal.contains("tollgate jwt_auth: configuration refused: "), "{refusal}");
        assert!(refusal.contains(expected), "{configuration}: {refusal}");
        assert!(refusal.contains("found ") && refusal.contains("allowed: "), "{refusal}");
    }
}

/// A good configuration with one provider whose fields are changed.
fn provider_of(fields: Value) -> Value {
    protected_by(provider_with(fields))
}

/// A good configuration with one rule.
fn rule_of(rule: Value) -> Value {
    with(protected_by(provider(&[EC])), json!({ "rules": [rule] }))
}

fn fields_of(fields: Value) -> Value {
    with(protected_by(provider(&[EC])), fields)
}

#[tollgate_testkit::test(JwtAuth)]
fn every_field_is_taken_in_both_spellings(proxy: &mut Proxy) {
    let camel = json!({
        "providers": { "main": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "localJwks": { "inlineString": jwks(&[EC.jwk()]) },
            "forward": true,
            "clockSkewSeconds": 5,
            "requireExpiration": true,
            "claimToHeaders": [{ "headerName": "x-sub", "claimName": "sub" }],
            "forwardPayloadHeader": "x-payload",
            "padForwardPayloadHeader": true,
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "providerName": "main" } }],
        "bypassCorsPreflight": true,
        "stripFailureResponse": true,
    });
    let snake = json!({
        "providers": { "main": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": jwks(&[EC.jwk()]) },
            "forward": true,
            "clock_skew_seconds": 5,
            "require_expiration": true,
            "claim_to_headers": [{ "header_name": "x-sub", "claim_name": "sub" }],
            "forward_payload_header": "x-payload",
            "pad_forward_payload_header": true,
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "main" } }],
        "bypass_cors_preflight": true,
        "strip_failure_response": true,
    });
    for configuration in [camel, snake] {
        configure(proxy, configuration);
        let exchange = present(proxy, &token(json!({ "exp": NOW - 5 })));
        passes(&exchange);
        assert_eq!(upstream_values(&exchange, "x-sub"), ["alice"]);
        assert_eq!(upstream_values(&exchange, "authorization").len(), 1);
        assert_eq!(upstream_values(&exchange, "x-payload")[0].len() % 4, 0);
        for denied in [json!({ "exp": NOW - 6 }), json!({ "exp": null }), json!({ "aud": "x" })] {
            assert_eq!(present(proxy, &token(denied)).response().text(), "");
        }
        let preflight = proxy.request("OPTIONS", "/").header("origin", "x");
        passes(&preflight.header("access-control-request-method", "GET").send());
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_field_in_both_spellings_at_once_is_refused(proxy: &mut Proxy) {
    are_refused(
        proxy,
        &[
            (
                fields_of(json!({ "bypass_cors_preflight": true, "bypassCorsPreflight": true })),
                "bypass_cors_preflight",
            ),
            (
                provider_of(json!({ "clockSkewSeconds": 1, "clock_skew_seconds": 1 })),
                "providers.main.clock_skew_seconds",
            ),
        ],
    );
}

/// A `Struct` makes every number a double.
#[tollgate_testkit::test(JwtAuth)]
fn a_whole_number_may_be_written_as_a_double(proxy: &mut Proxy) {
    configure(proxy, provider_of(json!({ "clock_skew_seconds": 5.0 })));
    passes(&present(proxy, &token(json!({ "exp": NOW - 5 }))));
    is_denied(&present(proxy, &token(json!({ "exp": NOW - 6 }))), reasons::EXPIRED);
}

#[tollgate_testkit::test(JwtAuth)]
fn without_providers_a_configuration_is_refused(proxy: &mut Proxy) {
    are_refused(
        proxy,
        &[
            (json!({}), "`providers`: found nothing"),
            (json!({ "providers": {} }), "`providers`: found no provider, allowed: at least one"),
            (json!({ "providers": [] }), "`providers`: found a list, allowed: an object"),
            (json!({ "providers": { "main": {} } }), "`providers.main`: found none of them"),
            (json!([]), "found a list"),
            (json!(null), "found "),
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn what_is_no_json_is_refused(proxy: &mut Proxy) {
    for text in ["{", "nonsense", "{} {}", "{\"providers\": {}, \"providers\": {}}", "\u{0}"] {
        let refusal = proxy.try_configure_bytes([("plugin", text.into())]).unwrap_err();
        assert!(
            refusal.contains("tollgate jwt_auth: configuration refused: "),
            "{text}: {refusal}"
        );
    }
    assert!(proxy.try_configure_bytes([("plugin", Vec::new())]).is_err());
    assert!(proxy.try_configure_bytes([("plugin", b"{\"providers\":\xff}".to_vec())]).is_err());
}

#[tollgate_testkit::test(JwtAuth)]
fn a_misspelt_field_is_refused_and_the_right_one_suggested(proxy: &mut Proxy) {
    are_refused(
        proxy,
        &[
            (fields_of(json!({ "provider": {} })), "`provider`: found an unknown field"),
            (fields_of(json!({ "rule": [] })), "did you mean `rules`?"),
            (
                provider_of(json!({ "isuer": "x" })),
                "`providers.main.isuer`: found an unknown field",
            ),
            (provider_of(json!({ "audience": ["x"] })), "did you mean `audiences`?"),
            (
                provider_of(json!({ "claim_to_headers": [{ "header": "x", "claim_name": "y" }] })),
                "`providers.main.claim_to_headers[0].header`: found an unknown field",
            ),
            (rule_of(json!({ "match": { "prefx": "/" } })), "`rules[0].match.prefx`"),
            (rule_of(json!({ "match": { "prefix": "/" }, "require": {} })), "`rules[0].require`"),
        ],
    );
}

/// What Envoy's own filter has and this one has not (yet) must not be passed over in silence.
#[tollgate_testkit::test(JwtAuth)]
fn what_only_envoys_own_filter_has_is_refused_by_name(proxy: &mut Proxy) {
    let expected = "`providers.main.remote_jwks.retry_policy.retry_on`: found an unknown field";
    let remote = json!({ "retry_policy": { "retry_on": "5xx" } });
    are_refused(proxy, &[(provider_of(json!({ "remote_jwks": remote })), expected)]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_value_of_another_type_is_refused(proxy: &mut Proxy) {
    are_refused(
        proxy,
        &[
            (
                provider_of(json!({ "issuer": 7 })),
                "`providers.main.issuer`: found 7, allowed: a string",
            ),
            (
                provider_of(json!({ "audiences": "x" })),
                "`providers.main.audiences`: found a string, allowed: a list",
            ),
            (
                provider_of(json!({ "audiences": ["x", 7] })),
                "`providers.main.audiences[1]`: found 7",
            ),
            (
                provider_of(json!({ "forward": "yes" })),
                "`providers.main.forward`: found \"yes\", allowed: true or false",
            ),
            (
                provider_of(json!({ "require_expiration": 1 })),
                "`providers.main.require_expiration`: found 1",
            ),
            (
                provider_of(json!({ "clock_skew_seconds": -1 })),
                "`providers.main.clock_skew_seconds`: found -1",
            ),
            (
                provider_of(json!({ "clock_skew_seconds": 1.5 })),
                "`providers.main.clock_skew_seconds`: found 1.5",
            ),
            (
                provider_of(json!({ "clock_skew_seconds": 4_294_967_296_u64 })),
                "`providers.main.clock_skew_seconds`: found 4294967296",
            ),
            (fields_of(json!({ "rules": {} })), "`rules`: found an object, allowed: a list"),
            (
                fields_of(json!({ "strip_failure_response": "true" })),
                "`strip_failure_response`: found \"true\"",
            ),
            (
                fields_of(json!({ "bypass_cors_preflight": {} })),
                "`bypass_cors_preflight`: found an object",
            ),
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn a_rule_for_a_provider_that_is_not_there_is_refused(proxy: &mut Proxy) {
    let rule = |name| json!({ "match": { "prefix": "/" }, "requires": { "provider_name": name } });
    are_refused(
        proxy,
        &[
            (
                rule_of(rule("mian")),
                "`rules[0].requires.provider_name`: found \"mian\", allowed: \"main\"",
            ),
            (rule_of(rule("")), "`rules[0].requires.provider_name`: found \"\", allowed: \"main\""),
            (rule_of(rule("Main")), "`rules[0].requires.provider_name`"),
            (
                rule_of(json!({ "match": { "prefix": "/" }, "requires": {} })),
                "`rules[0].requires`: found none of them, allowed: exactly one of `provider_name`, ",
            ),
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn a_rule_matches_by_exactly_one_of_prefix_and_path(proxy: &mut Proxy) {
    are_refused(
        proxy,
        &[
            (rule_of(json!({})), "`rules[0].match`: found nothing"),
            (
                rule_of(json!({ "match": {} })),
                "`rules[0].match`: found none of them, allowed: exactly one of `prefix`, `path`, ",
            ),
            (
                rule_of(json!({ "match": { "prefix": "/", "path": "/" } })),
                "`rules[0].match`: found ",
            ),
        ],
    );
}

/// A rule that protects nothing is a trap.
#[tollgate_testkit::test(JwtAuth)]
fn a_match_that_no_request_could_have_is_refused(proxy: &mut Proxy) {
    let prefix = |it| rule_of(json!({ "match": { "prefix": it } }));
    let path = |it| rule_of(json!({ "match": { "path": it } }));
    are_refused(
        proxy,
        &[
            (
                prefix("api"),
                "`rules[0].match.prefix`: found \"api\", allowed: a path that begins with `/`",
            ),
            (prefix("/api?x"), "`rules[0].match.prefix`: found \"/api?x\""),
            (prefix("/api#x"), "`rules[0].match.prefix`: found \"/api#x\""),
            (path("api"), "`rules[0].match.path`: found \"api\""),
            (path("/api?x"), "`rules[0].match.path`: found \"/api?x\""),
            (path(""), "`rules[0].match.path`: found \"\""),
            (path("https://example.com/"), "`rules[0].match.path`"),
        ],
    );
}

fn headers(names: &[&str]) -> Value {
    let entries: Vec<_> =
        names.iter().map(|name| json!({ "header_name": name, "claim_name": "sub" })).collect();
    provider_of(json!({ "claim_to_headers": entries }))
}

#[tollgate_testkit::test(JwtAuth)]
fn what_is_no_name_of_a_header_is_refused(proxy: &mut Proxy) {
    for name in ["", ":path", ":authority", "a b", "a:", "a\r\n", "\u{e9}"] {
        let path = "`providers.main.claim_to_headers[1].header_name`: found ";
        are_refused(proxy, &[(headers(&["x-ok", name]), path)]);
    }
    for name in [":path", "a b"] {
        let path = "`providers.main.forward_payload_header`: found ";
        are_refused(proxy, &[(provider_of(json!({ "forward_payload_header": name })), path)]);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_header_that_http_or_the_filter_needs_is_no_output(proxy: &mut Proxy) {
    for name in
        ["authorization", "Host", "content-length", "transfer-encoding", "connection", "upgrade"]
    {
        let path = "`providers.main.claim_to_headers[0].header_name`: found ";
        are_refused(proxy, &[(headers(&[name]), path)]);
        let path = "`providers.main.forward_payload_header`: found ";
        are_refused(proxy, &[(provider_of(json!({ "forward_payload_header": name })), path)]);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_header_is_made_once_by_a_provider(proxy: &mut Proxy) {
    let once = "allowed: each header once in a provider";
    let both = json!({
        "claim_to_headers": [{ "header_name": "x-a", "claim_name": "sub" }],
        "forward_payload_header": "X-A",
    });
    are_refused(proxy, &[(headers(&["x-a", "X-A"]), once), (provider_of(both), once)]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_claim_has_a_name(proxy: &mut Proxy) {
    let claim = |entry| provider_of(json!({ "claim_to_headers": [entry] }));
    let path = "`providers.main.claim_to_headers[0].claim_name`: found ";
    are_refused(
        proxy,
        &[
            (claim(json!({ "header_name": "x-a", "claim_name": "" })), path),
            (
                claim(json!({ "header_name": "x-a" })),
                "`providers.main.claim_to_headers[0]`: found none of them, allowed: exactly one of `claim_name`, ",
            ),
            (
                claim(json!({ "claim_name": "sub" })),
                "`providers.main.claim_to_headers[0].header_name`: found nothing",
            ),
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn keys_come_from_exactly_one_place(proxy: &mut Proxy) {
    proxy.variable("JWKS", &jwks(&[EC.jwk()]));
    let keys = |keys| provider_of(json!({ "local_jwks": keys }));
    let set = jwks(&[EC.jwk()]);
    are_refused(
        proxy,
        &[
            (
                keys(json!({})),
                "`providers.main.local_jwks`: found neither, allowed: exactly one of",
            ),
            (
                keys(json!({ "inline_string": "" })),
                "`providers.main.local_jwks`: found an empty secret",
            ),
            (
                keys(json!({ "inline_string": set, "environment_variable": "JWKS" })),
                "`providers.main.local_jwks`: found both",
            ),
            (
                keys(json!({ "keys": [EC.jwk()] })),
                "`providers.main.local_jwks.keys`: found an unknown field",
            ),
            (
                keys(json!({ "inline_string": { "keys": [EC.jwk()] } })),
                "`providers.main.local_jwks.inline_string`: found an object, allowed: a string",
            ),
            (keys(json!(set)), "`providers.main.local_jwks`: found "),
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn a_file_of_keys_is_refused_with_what_to_use_in_its_place(proxy: &mut Proxy) {
    let file = provider_of(json!({ "local_jwks": { "filename": "/etc/jwks.json" } }));
    are_refused(
        proxy,
        &[(
            file,
            "`providers.main.local_jwks.filename`: found a file name, allowed: `inline_string` or \
         `environment_variable`, since a WebAssembly module cannot read files",
        )],
    );
}

/// One that is not asked for, too: it would be found out only when it is.
#[tollgate_testkit::test(JwtAuth)]
fn every_provider_is_checked(proxy: &mut Proxy) {
    let providers =
        json!({ "main": provider(&[EC]), "unused": { "local_jwks": { "inline_string": "{}" } } });
    let path = "`providers.unused.local_jwks.inline_string`: found Jwks does not have [keys] field";
    are_refused(proxy, &[(fields_of(json!({ "providers": providers })), path)]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_name_that_would_break_a_path_is_quoted(proxy: &mut Proxy) {
    let providers = json!({ "a.b \"c\"": { "issuer": 5 } });
    let path = r#"`providers["a.b \"c\""].issuer`: found 5"#;
    are_refused(proxy, &[(json!({ "providers": providers }), path)]);
}
