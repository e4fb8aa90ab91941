//! What the filter as a whole is told: CORS preflights, stripped failures, named requirements, filter
//! state, the route cache, what is left for others.

use serde_json::{Value, json};
use tollgate_e2e::envoy::{Route, native_filter};
use tollgate_e2e::oracle::Pair;

use crate::comparison::{Case, Theme, case};
use crate::differences::*;
use crate::fixtures::{by_path, claims, expired, provider, reasons, token, with};
use crate::keys::{jwks, sign, sign_with, signature_of, with_signature};

/// One provider that every request needs, and some fields more.
fn protected(fields: Value) -> Value {
    let rule = json!({ "match": { "prefix": "/" }, "requires": { "provider_name": "main" } });
    with(json!({ "providers": { "main": provider(json!({})) }, "rules": [rule] }), fields)
}

fn preflight(name: &str) -> Case {
    case(name, "/").method("OPTIONS")
}

pub(crate) fn preflights() -> Theme {
    let cases = vec![
        preflight("a preflight")
            .header("origin", "https://app.example")
            .header("access-control-request-method", "GET")
            .same(200),
        preflight("a preflight with forged headers")
            .header("origin", "https://app.example")
            .header("access-control-request-method", "GET")
            .header("x-sub", "forged")
            .same(200)
            .says("upstream x-sub", ""),
        preflight("a preflight with a bad token")
            .header("origin", "https://app.example")
            .header("access-control-request-method", "GET")
            .bearer("x")
            .same(200),
        preflight("no origin")
            .header("access-control-request-method", "GET")
            .denied(reasons::MISSING),
        preflight("no method").header("origin", "https://app.example").denied(reasons::MISSING),
        preflight("an empty origin")
            .header("origin", "")
            .header("access-control-request-method", "GET")
            .denied(reasons::MISSING),
        preflight("an empty method")
            .header("origin", "x")
            .header("access-control-request-method", "")
            .denied(reasons::MISSING),
        case("another method", "/")
            .header("origin", "https://app.example")
            .header("access-control-request-method", "GET")
            .denied(reasons::MISSING),
    ];
    Theme {
        pair: Pair::new("preflights", protected(json!({ "bypass_cors_preflight": true }))),
        cases,
    }
}

pub(crate) fn no_preflights() -> Theme {
    let cases = vec![
        preflight("a preflight")
            .header("origin", "https://app.example")
            .header("access-control-request-method", "GET")
            .denied(reasons::MISSING),
    ];
    Theme { pair: Pair::new("no-preflights", protected(json!({}))), cases }
}

pub(crate) fn stripped() -> Theme {
    let nothing =
        |case: Case, status| case.same(status).says("body", "").says("answer www-authenticate", "");
    let audiences = json!({ "main": provider(json!({ "audiences": ["api"] })) });
    let cases = vec![
        nothing(case("no token", "/"), 401)
            .says("details", "jwt_authn_access_denied{Jwt_is_missing}"),
        nothing(case("a bad token", "/").bearer(expired()), 401),
        nothing(case("another audience", "/").bearer(token(json!({ "aud": "x" }))), 403),
        case("a good token", "/").bearer(token(json!({}))).same(200).says("body", "ok"),
    ];
    let configuration =
        protected(json!({ "strip_failure_response": true, "providers": audiences }));
    Theme { pair: Pair::new("stripped", configuration), cases }
}

/// What the client that is denied reads of its own request.
pub(crate) fn realms() -> Theme {
    let long = format!("/{}", "a".repeat(300));
    let realm = |path: &str| format!("http://service.example{path}");
    let cases = vec![
        case("a path", "/a/b")
            .denied(reasons::MISSING)
            .says("realm", realm("/a/b"))
            .says("answer www-authenticate", "Bearer realm=@"),
        case("a bad token", "/a")
            .bearer("x")
            .denied(reasons::FORM)
            .says("realm", realm("/a"))
            .says("answer www-authenticate", "Bearer realm=@, error=\"invalid_token\""),
        case("a long path", &long).denied(reasons::MISSING).says("realm", realm(&long[..256])),
        case("a path before a rewrite", "/new").header("x-envoy-original-path", "/old").same(401),
        case("https", "/a").header("x-forwarded-proto", "https").same(401),
        case("a query", "/a?b=c").denied_with_query(),
        case("a long path with a query", format!("{}?x", &long[..250])).denied_with_query(),
        case("a quote in the path", "/a\"b").differs(&QUOTE_IN_REALM),
    ];
    Theme { pair: Pair::new("realms", protected(json!({}))), cases }
}

pub(crate) fn named() -> Theme {
    let rule =
        |path: &str, name: &str| json!({ "match": { "path": path }, "requirement_name": name });
    let configuration = json!({
        "providers": { "main": provider(json!({})) },
        "requirement_map": {
            "strict": { "provider_name": "main" },
            "lenient": { "requires_any": { "requirements": [
                { "provider_name": "main" }, { "allow_missing": {} },
            ] } },
        },
        "rules": [rule("/strict", "strict"), rule("/lenient", "lenient"), rule("/again", "strict")],
    });
    let mut cases = Vec::new();
    for (path, without) in [("/strict", 401), ("/lenient", 200), ("/again", 401), ("/other", 200)] {
        cases.push(case(format!("{path} without a token"), path).same(without));
        cases.push(case(format!("{path} with a token"), path).bearer(token(json!({}))).same(200));
    }
    cases.push(
        case("/lenient with a bad token", "/lenient").bearer(expired()).denied(reasons::EXPIRED),
    );
    Theme { pair: Pair::new("named", configuration), cases }
}

pub(crate) fn filter_state() -> Theme {
    let set = native_filter(
        "envoy.filters.http.set_filter_state",
        "envoy.extensions.filters.http.set_filter_state.v3.Config",
        json!({ "on_request_headers": [{
            "object_key": "tenant",
            "factory_key": "envoy.string",
            "format_string": { "text_format_source": { "inline_string": "%REQ(x-tenant)%" }, "omit_empty_values": true },
            "skip_if_empty": true,
        }] }),
    );
    let configuration = json!({
        "providers": { "main": provider(json!({})) },
        "rules": [{ "match": { "path": "/open" } }],
        "filter_state_rules": { "name": "tenant", "requires": {
            "strict": { "provider_name": "main" },
            "lenient": { "requires_any": { "requirements": [
                { "provider_name": "main" }, { "allow_missing": {} },
            ] } },
        } },
    });
    let tenant =
        |name: &str, path: &str| case(format!("{path} of {name}"), path).header("x-tenant", name);
    let cases = vec![
        tenant("strict", "/").denied(reasons::MISSING),
        tenant("strict", "/").bearer(token(json!({}))).same(200).says("upstream x-sub", "alice"),
        tenant("strict", "/").bearer(expired()).denied(reasons::EXPIRED),
        tenant("lenient", "/").same(200),
        tenant("lenient", "/").bearer(expired()).denied(reasons::EXPIRED),
        tenant("other", "/").same(200),
        tenant("Strict", "/").same(200),
        tenant("strict", "/open").same(200),
        case("no tenant", "/").same(200),
    ];
    Theme { pair: Pair::new("filter-state", configuration).before(set), cases }
}

/// The route is chosen again where a claim has become a header.
pub(crate) fn routes() -> Theme {
    let providers = [
        ("again", provider(json!({ "clear_route_cache": true }))),
        ("once", provider(json!({ "clear_route_cache": false }))),
        (
            "nothing",
            provider(
                json!({ "clear_route_cache": true, "claim_to_headers": null, "forward": true }),
            ),
        ),
    ];
    let blue = Route::prefix("/").header("x-sub", "blue").direct_response(200, "blue");
    let sub = |name: &str| token(json!({ "sub": name }));
    let cases = vec![
        case("a claim that leads elsewhere", "/again")
            .bearer(sub("blue"))
            .same(200)
            .says("body", "blue"),
        case("a claim that leads nowhere", "/again")
            .bearer(sub("green"))
            .same(200)
            .says("body", "ok"),
        case("a route that is not chosen again", "/once").bearer(sub("blue")).differs(&ROUTE),
        case("nothing to choose by", "/nothing").bearer(sub("blue")).same(200).says("body", "ok"),
        case("a forged header", "/again")
            .header("x-sub", "blue")
            .bearer(sub("green"))
            .same(200)
            .says("body", "ok"),
    ];
    Theme { pair: Pair::new("routes", by_path(providers)).route(blue), cases }
}

/// What is left for others: Envoy's in dynamic metadata, ours in the filter state.
pub(crate) fn left() -> Theme {
    let configuration = by_path([
        ("payload", provider(json!({ "payload_in_metadata": "payload" }))),
        ("header", provider(json!({ "header_in_metadata": "header" }))),
        (
            "all",
            provider(json!({
                "payload_in_metadata": "payload", "header_in_metadata": "header",
                "failed_status_in_metadata": "failure",
            })),
        ),
        (
            "words",
            provider(json!({
                "payload_in_metadata": "payload",
                "normalize_payload_in_metadata": { "space_delimited_claims": ["scope", "groups"] },
            })),
        ),
        (
            "failure",
            provider(json!({
                "failed_status_in_metadata": "failure", "audiences": ["api"],
                "local_jwks": jwks::set(&[
                    with(jwks::p256(), json!({ "alg": "ES256" })),
                    with(jwks::ed25519(), json!({ "alg": "EdDSA" })),
                ]),
            })),
        ),
    ]);
    let mut pair = Pair::new("left", configuration);
    for name in ["payload", "header", "failure"] {
        pair = pair.log_field(
            &format!("left {name}"),
            &format!("%FILTER_STATE(wasm.{name}:PLAIN)%"),
            &format!("%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:{name})%"),
        );
    }
    let at =
        |path: &str, changes: Value| case(format!("{path} {changes}"), path).bearer(token(changes));
    let headed = sign_with(
        "ES256",
        &json!({ "alg": "ES256", "kid": "a", "typ": "JWT", "x": [1, null, { "y": "z" }] }),
        &claims(json!({})),
    );
    let wrong = with_signature(&token(json!({})), [1; 64]);
    let short = sign("EdDSA", &claims(json!({})));
    let short = with_signature(&short, &signature_of(&short)[..63]);
    let cases = vec![
        at("/payload", json!({})).same(200),
        at("/payload", json!({ "n": [1, -2.5, null, true, { "a": "\u{e9}" }] })).same(200),
        at("/payload", json!({ "exp": null })).same(200),
        case("/header", "/header").bearer(&headed).same(200),
        case("/all", "/all").bearer(&headed).same(200),
        at("/words", json!({ "scope": "read write", "groups": "a" })).same(200),
        at("/words", json!({ "scope": " read  write ", "groups": "" })).same(200),
        at("/words", json!({ "scope": " ", "groups": "a  b" })).same(200),
        at("/words", json!({ "scope": ["read", "write x"], "groups": 7 })).same(200),
        case("/failure without a token", "/failure").denied(reasons::MISSING),
        case("/failure with an expired token", "/failure")
            .bearer(expired())
            .denied(reasons::EXPIRED),
        case("/failure with no token", "/failure").bearer("x").denied(reasons::FORM),
        at("/failure", json!({ "aud": "x" })).denied(reasons::AUDIENCE),
        at("/failure", json!({ "iss": "x" })).denied(reasons::ISSUER),
        at("/failure", json!({ "jti": 7 })).same(401),
        at("/failure", json!({})).same(200),
        case("/failure with a signature that is wrong", "/failure")
            .bearer(wrong)
            .denied(reasons::WRONG),
        case("/failure with a key that is not there", "/failure")
            .bearer(sign("RS256", &claims(json!({}))))
            .denied(reasons::NO_KEY),
        case("/failure with a short signature", "/failure")
            .bearer(short)
            .denied("Jwt ED25519 signature is wrong length"),
        case("/all without a token", "/all").denied(reasons::MISSING),
    ];
    Theme { pair, cases }
}
