//! CORS preflights.

use crate::common::{
    configure, is_denied, passes, present, protected_by, provider, reasons, start, stat, token,
    with,
};
use crate::keys::EC;
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Proxy, Request};

fn preflight(proxy: &Proxy) -> Request {
    proxy
        .request("OPTIONS", "/private")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET")
}

fn bypassing(proxy: &mut Proxy) {
    let fields = json!({ "bypass_cors_preflight": true });
    configure(proxy, with(protected_by(provider(&[EC])), fields));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_preflight_needs_a_token_by_default(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    is_denied(&preflight(proxy).send(), reasons::MISSING);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_preflight_passes_where_it_is_bypassed_and_is_counted(proxy: &mut Proxy) {
    bypassing(proxy);
    passes(&preflight(proxy).send());
    assert_eq!((stat(proxy, "cors_preflight_bypassed"), stat(proxy, "allowed")), (1, 1));
}

#[tollgate_testkit::test(JwtAuth)]
fn a_preflight_passes_whatever_it_has_for_a_token(proxy: &mut Proxy) {
    bypassing(proxy);
    let exchange = preflight(proxy).header("authorization", "Bearer nonsense").send();
    passes(&exchange);
    assert_eq!(crate::common::upstream_values(&exchange, "authorization"), ["Bearer nonsense"]);
}

#[tollgate_testkit::test(JwtAuth)]
fn what_is_no_preflight_is_not_bypassed(proxy: &mut Proxy) {
    bypassing(proxy);
    let (origin, method) =
        (("origin", "https://app.example"), ("access-control-request-method", "GET"));
    for (verb, headers) in [
        ("GET", &[origin, method][..]),
        ("POST", &[origin, method]),
        ("options", &[origin, method]),
        ("OPTIONS", &[]),
        ("OPTIONS", &[origin]),
        ("OPTIONS", &[method]),
        ("OPTIONS", &[("origin", ""), method]),
        ("OPTIONS", &[origin, ("access-control-request-method", "")]),
    ] {
        let request = proxy.request(verb, "/private");
        let request = headers.iter().fold(request, |request, (n, v)| request.header(n, v));
        is_denied(&request.send(), reasons::MISSING);
    }
    assert_eq!(stat(proxy, "cors_preflight_bypassed"), 0);

    passes(&preflight(proxy).send());
    is_denied(
        &proxy.get("/private").header("origin", "https://app.example").send(),
        reasons::MISSING,
    );
    passes(&present(proxy, &token(json!({}))));
}
