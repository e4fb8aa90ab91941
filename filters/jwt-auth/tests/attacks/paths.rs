//! Paths that an upstream takes for another one than the rules do.

use crate::common::{configure, is_denied_in, protected_by, provider, reasons, with};
use crate::keys::EC;
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// What some upstream takes for `/admin`.
const TRICKS: [&str; 22] = [
    "//admin",
    "/./admin",
    "/x/../admin",
    "/%61dmin",
    "/admi%6E",
    "/%2fadmin",
    "/x%2f..%2fadmin",
    "/%2e/admin",
    "/x/%2e%2e/admin",
    "/;/admin",
    "/;x=y/admin",
    "/.;/admin",
    "/ADMIN",
    "/Admin",
    "\\admin",
    "/\\admin",
    "/%5cadmin",
    "/admin%00",
    "/%252e/admin",
    "/%25%36%31dmin",
    "/public?/admin",
    "/public?x=/../admin",
];

/// Whatever Envoy makes of it, there is no path that a rule for all of them leaves out. The other way
/// round it depends on Envoy's `normalize_path` and on the upstream, so the README advises against it.
#[tollgate_testkit::test(JwtAuth)]
fn a_rule_for_everything_covers_every_spelling(proxy: &mut Proxy) {
    let open = |path: &str| json!({ "match": { "path": path } });
    configure(
        proxy,
        with(
            protected_by(provider(&[EC])),
            json!({ "rules": [
        open("/public"),
        open("/health"),
        { "match": { "prefix": "/" }, "requires": { "provider_name": "main" } },
    ] }),
        ),
    );
    let (queries, paths): (Vec<_>, Vec<_>) =
        TRICKS.into_iter().partition(|path| path.starts_with("/public?"));
    // A backslash in front is no path that Envoy takes.
    for path in paths.into_iter().filter(|path| path.starts_with('/')) {
        is_denied_in(&proxy.get(path).send(), reasons::MISSING, path);
    }
    for path in
        ["/public/", "/public/../admin", "/public;/admin", "/publi%63", "/PUBLIC", "//public"]
    {
        is_denied_in(&proxy.get(path).send(), reasons::MISSING, path);
    }
    // A query is no path.
    for path in queries {
        assert_eq!(proxy.get(path).send().status(), 200, "{path}");
    }
}

/// The filter compares what it gets: it neither decodes nor resolves. That is Envoy's part.
#[tollgate_testkit::test(JwtAuth)]
fn a_rule_for_one_path_compares_what_envoy_hands_on(proxy: &mut Proxy) {
    let rule = json!({ "match": { "prefix": "/admin" }, "requires": { "provider_name": "main" } });
    configure(proxy, with(protected_by(provider(&[EC])), json!({ "rules": [rule] })));
    for path in [
        "/admin",
        "/admin/",
        "/admin;x",
        "/admin%2f",
        "/admin%00",
        "/adminx",
        "/admin?x",
        "/admin/../x",
    ] {
        is_denied_in(&proxy.get(path).send(), reasons::MISSING, path);
    }
    for path in TRICKS.into_iter().filter(|path| path.starts_with('/') && *path != "/admin%00") {
        assert_eq!(proxy.get(path).send().status(), 200, "{path}");
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_header_or_a_query_leads_past_no_rule(proxy: &mut Proxy) {
    configure(proxy, protected_by(provider(&[EC])));
    for name in [
        "x-original-url",
        "x-rewrite-url",
        "x-envoy-original-path",
        "x-http-method-override",
        "x-forwarded-uri",
    ] {
        is_denied_in(&proxy.get("/private").header(name, "/open").send(), reasons::MISSING, name);
    }
    for path in
        ["/private?/open", "/private#/open", "/private?x=/open", "/open/", "/open;x", "/open%3f"]
    {
        is_denied_in(&proxy.get(path).send(), reasons::MISSING, path);
    }
    for method in ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "get", "X"] {
        assert_eq!(proxy.request(method, "/private").send().status(), 401, "{method}");
    }
}
