//! Which requests a rule is about.

use crate::common::{configure, get, provider};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// The statuses of requests without a token, where only requests that match need one.
fn statuses(proxy: &mut Proxy, matcher: Value, paths: &[&str]) -> Vec<u16> {
    configure(
        proxy,
        json!({
            "providers": { "main": provider(json!({})) },
            "rules": [{ "match": matcher, "requires": { "provider_name": "main" } }],
        }),
    );
    paths.iter().map(|path| get(proxy, path, &[("x-kind", "b")]).status()).collect()
}

#[tollgate_testkit::test(JwtAuth)]
fn case_can_be_ignored(proxy: &mut Proxy) {
    let matcher = json!({ "prefix": "/Admin", "case_sensitive": false });
    assert_eq!(statuses(proxy, matcher, &["/ADMIN/x", "/other"]), [401, 200]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_regular_expression_matches_whole_paths(proxy: &mut Proxy) {
    let matcher = json!({ "safe_regex": { "regex": "/v[0-9]+/.*" } });
    assert_eq!(statuses(proxy, matcher, &["/v12/x?y", "/x/v1/", "/v/?v1/"]), [401, 200, 200]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_separated_prefix_ends_at_a_slash(proxy: &mut Proxy) {
    let matcher = json!({ "path_separated_prefix": "/api" });
    assert_eq!(statuses(proxy, matcher, &["/api", "/api/x", "/apis"]), [401, 401, 200]);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_template_matches_its_paths(proxy: &mut Proxy) {
    let matcher = json!({ "path_match_policy": {
        "name": "envoy.path.match.uri_template.uri_template_matcher",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
            "path_template": "/users/{id}/**",
        },
    } });
    assert_eq!(statuses(proxy, matcher, &["/users/7/x", "/users/7", "/x"]), [401, 200, 200]);
}

#[tollgate_testkit::test(JwtAuth)]
fn headers_and_parameters_narrow_a_rule(proxy: &mut Proxy) {
    let matcher = json!({
        "prefix": "/",
        "headers": [{ "name": ":method", "exact_match": "GET" }, { "name": "X-Kind" }],
        "query_parameters": [{ "name": "q", "string_match": { "prefix": "a" } }],
    });
    assert_eq!(statuses(proxy, matcher, &["/?q=ab", "/?q=b", "/"]), [401, 200, 200]);
}
