//! Which requests need a token, and of whom.

use crate::common::{
    claims, configure, has_logged, is_denied, is_denied_in, passes, present_at, protected_by,
    provider, reasons, start, token, upstream_values, with,
};
use crate::keys::{EC, FOREIGN};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

fn with_rules(rules: Value) -> Value {
    with(protected_by(provider(&[EC])), json!({ "rules": rules }))
}

fn requires_main() -> Value {
    json!({ "provider_name": "main" })
}

/// Which of these paths need a token, without one.
#[track_caller]
fn need_a_token(proxy: &Proxy, protected: &[&str], open: &[&str]) {
    for path in protected {
        is_denied_in(&proxy.get(path).send(), reasons::MISSING, path);
    }
    for path in open {
        assert_eq!(proxy.get(path).send().status(), 200, "{path}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_prefix_covers_every_path_that_begins_so(proxy: &mut Proxy) {
    let rule = json!({ "match": { "prefix": "/private" }, "requires": requires_main() });
    configure(proxy, with_rules(json!([rule])));
    need_a_token(
        proxy,
        &["/private", "/private/", "/privateer", "/private/a/b", "/private%2F"],
        &["/", "/privat", "/public/private", "//private", "/%70rivate"],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn a_path_covers_itself_alone(proxy: &mut Proxy) {
    let rule = json!({ "match": { "path": "/private" }, "requires": requires_main() });
    configure(proxy, with_rules(json!([rule])));
    need_a_token(proxy, &["/private"], &["/private/", "/privat", "/privatee", "/private/a", "/"]);
}

#[tollgate_testkit::test(JwtAuth)]
fn an_empty_prefix_covers_everything(proxy: &mut Proxy) {
    let rule = json!({ "match": { "prefix": "" }, "requires": requires_main() });
    configure(proxy, with_rules(json!([rule])));
    need_a_token(proxy, &["/", "/a", "/a?b", "*", ""], &[]);
}

#[tollgate_testkit::test(JwtAuth)]
fn query_and_fragment_do_not_take_part(proxy: &mut Proxy) {
    let rules = json!([
        { "match": { "path": "/open" } },
        { "match": { "prefix": "/health" } },
        { "match": { "prefix": "/" }, "requires": requires_main() },
    ]);
    configure(proxy, with_rules(rules));
    need_a_token(
        proxy,
        &["/admin?/health", "/admin#/health", "/?x=/open", "/ope?n", "/open%3Fx"],
        &["/open?x=1", "/open#y", "/open?x#y", "/health?", "/healthy?x=/admin"],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn the_case_of_a_path_counts(proxy: &mut Proxy) {
    let rules = json!([
        { "match": { "prefix": "/private" }, "requires": requires_main() },
        { "match": { "path": "/Exact" }, "requires": requires_main() },
    ]);
    configure(proxy, with_rules(rules));
    need_a_token(proxy, &["/private", "/Exact"], &["/Private", "/PRIVATE", "/exact"]);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_first_rule_that_matches_decides(proxy: &mut Proxy) {
    let rules = json!([
        { "match": { "prefix": "/api/public" } },
        { "match": { "prefix": "/api" }, "requires": requires_main() },
        { "match": { "prefix": "/api/late" } },
        { "match": { "prefix": "/api/public" }, "requires": requires_main() },
    ]);
    configure(proxy, with_rules(rules));
    need_a_token(proxy, &["/api", "/api/late"], &["/api/public", "/api/public/x"]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_request_that_no_rule_matches_passes(proxy: &mut Proxy) {
    let rule = json!({ "match": { "path": "/private" }, "requires": requires_main() });
    configure(proxy, with_rules(json!([rule])));
    passes(&proxy.get("/other").send());
    passes(&present_at(proxy, "/other", "no.token.at-all"));
}

#[tollgate_testkit::test(JwtAuth)]
fn without_rules_every_request_passes_and_the_log_says_so(proxy: &mut Proxy) {
    configure(proxy, with(protected_by(provider(&[EC])), json!({ "rules": null })));
    passes(&proxy.get("/").send());
    passes(&present_at(proxy, "/", "no.token.at-all"));
    assert!(has_logged(proxy, "there are no rules, so every request passes"));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_rule_that_requires_nothing_takes_no_look_at_the_token(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    for value in ["Bearer nonsense", "Bearer", "Basic YTpi"] {
        let exchange = proxy.get("/open").header("authorization", value).send();
        passes(&exchange);
        assert_eq!(upstream_values(&exchange, "authorization"), [value]);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn every_method_host_and_protocol_is_covered(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"];
    for method in methods {
        let exchange = proxy.request(method, "/private").send();
        assert_eq!(exchange.status(), 401, "{method}");
        assert!(exchange.try_upstream_request().is_none(), "{method}");
    }

    let token = token(json!({}));
    for host in ["example.com", "other.example:8080", "[::1]"] {
        is_denied(&proxy.get("/").host(host).send(), reasons::MISSING);
        is_denied(&proxy.get("/").host(host).http2().send(), reasons::MISSING);
        let request = proxy.get("/").host(host).http2();
        passes(&request.header("authorization", format!("Bearer {token}")).send());
    }

    is_denied(&proxy.request("CONNECT", "").send(), reasons::MISSING);
}

#[tollgate_testkit::test(JwtAuth)]
fn bytes_outside_ascii_in_a_path_are_compared_as_they_are(proxy: &mut Proxy) {
    let rule = json!({ "match": { "path": "/caf\u{e9}" }, "requires": requires_main() });
    configure(proxy, with_rules(json!([rule])));
    need_a_token(proxy, &["/caf\u{e9}"], &["/cafe", "/caf%C3%A9", "/caf\u{c9}"]);
}

fn two_providers() -> Value {
    json!({
        "providers": {
            "staff": with(provider(&[EC]), json!({ "issuer": "https://staff.example" })),
            "guests": with(provider(&[FOREIGN]), json!({ "issuer": "https://guests.example" })),
        },
        "rules": [
            { "match": { "prefix": "/staff" }, "requires": { "provider_name": "staff" } },
            { "match": { "prefix": "/guests" }, "requires": { "provider_name": "guests" } },
        ],
    })
}

#[tollgate_testkit::test(JwtAuth)]
fn each_rule_wants_a_token_of_its_own_provider_and_no_issuer_signs_for_another(proxy: &mut Proxy) {
    configure(proxy, two_providers());
    let staff = EC.sign(&claims(json!({ "iss": "https://staff.example" })));
    let guest = FOREIGN.sign(&claims(json!({ "iss": "https://guests.example" })));
    passes(&present_at(proxy, "/staff", &staff));
    passes(&present_at(proxy, "/guests", &guest));
    is_denied(&present_at(proxy, "/staff", &guest), reasons::ISSUER);
    is_denied(&present_at(proxy, "/guests", &staff), reasons::ISSUER);

    // It has the other issuer's name, but not its key.
    let forged = claims(json!({ "iss": "https://staff.example" }));
    is_denied(&present_at(proxy, "/staff", &FOREIGN.sign(&forged)), reasons::NO_KEY);
    let header = json!({ "alg": "ES256", "kid": EC.kid() });
    let forged = FOREIGN.sign_with(&header, &forged);
    is_denied(&present_at(proxy, "/staff", &forged), reasons::WRONG);
}

#[tollgate_testkit::test(JwtAuth)]
fn several_rules_may_require_one_provider(proxy: &mut Proxy) {
    let rules = json!([
        { "match": { "prefix": "/a" }, "requires": requires_main() },
        { "match": { "path": "/b" }, "requires": requires_main() },
    ]);
    configure(proxy, with_rules(rules));
    for path in ["/a", "/a/x", "/b"] {
        is_denied(&proxy.get(path).send(), reasons::MISSING);
        passes(&present_at(proxy, path, &token(json!({}))));
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn two_listeners_have_rules_of_their_own(proxy: &mut Proxy) {
    proxy.verify_signatures();
    let open = with_rules(json!([{ "match": { "prefix": "/" } }]));
    let listeners = [("closed", protected_by(provider(&[EC]))), ("open", open)];
    proxy.try_configure_listeners(listeners).unwrap();
    is_denied(&proxy.get("/").at_listener(0).send(), reasons::MISSING);
    passes(&proxy.get("/").at_listener(1).send());
}

/// A second value must not lead a request past a rule.
#[tollgate_testkit::test(JwtAuth)]
fn a_rule_for_a_header_looks_at_each_of_its_values(proxy: &mut Proxy) {
    let headers = json!([{ "name": "x-kind", "string_match": { "exact": "admin" } }]);
    let rule =
        json!({ "match": { "prefix": "/", "headers": headers }, "requires": requires_main() });
    configure(proxy, with_rules(json!([rule])));
    for others in [&[][..], &["x"], &["x", ""]] {
        let kinds = others.iter().chain([&"admin"]).chain(others);
        let request = kinds.fold(proxy.get("/"), |request, kind| request.header("x-kind", kind));
        is_denied(&request.send(), reasons::MISSING);
    }
    passes(&proxy.get("/").header("x-kind", "x,admin").send());
}
