//! Two versions of a service behind the canary, and what it decided about a request.

use serde_json::{Value, json};
use tollgate_testkit::{Answer, Exchange, HeaderMap, Proxy, Request, Route};

pub(crate) const FLAG: &str = "voting-app";
pub(crate) const ROUTING: &str = "x-tollgate-variant";
pub(crate) const VARIANT: &str = "x-served-variant";
pub(crate) const REASON: &str = "x-served-reason";

/// What is decided about a request that a rule gives v2.
pub(crate) const MATCHED: &str = "v2 TARGETING_MATCH";
/// What is decided about a request that no rule is about.
pub(crate) const DEFAULT: &str = "v1 DEFAULT";

/// A configuration with these rules.
pub(crate) fn rollout(rules: Value) -> Value {
    json!({
        "flag": FLAG,
        "routing_header": ROUTING,
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": rules,
        "response": { "variant_header": VARIANT, "reason_header": REASON },
    })
}

/// The same with another value of one field.
pub(crate) fn rollout_with(rules: Value, field: &str, value: Value) -> Value {
    let mut rollout = rollout(rules);
    rollout[field] = value;
    rollout
}

/// One rule, which gives v2 to the requests that fulfil a condition.
pub(crate) fn rule(condition: Value) -> Value {
    json!([{ "name": "rule", "match": condition, "variant": "v2" }])
}

/// One rule, which splits all requests.
pub(crate) fn split(by: Value, v1: u32, v2: u32) -> Value {
    json!([{ "name": "split", "split": { "by": by, "weights": { "v1": v1, "v2": v2 } } }])
}

/// Puts both versions behind the proxy. They pretend to know what was decided.
pub(crate) fn serve(proxy: &mut Proxy) {
    for version in ["v1", "v2"] {
        let forged = || Answer::status(200).header(VARIANT, "forged").header(REASON, "forged");
        proxy.upstream(version, move |_| forged().body(version));
    }
    proxy.route(Route::to("v2").header(ROUTING, "v2")).route(Route::to("v1"));
}

/// Serves both versions by these rules.
#[track_caller]
pub(crate) fn start(proxy: &mut Proxy, rules: Value) {
    serve(proxy);
    proxy.configure(rollout(rules));
}

/// Serves v2 to the requests that fulfil a condition.
#[track_caller]
pub(crate) fn only(proxy: &mut Proxy, condition: Value) {
    start(proxy, rule(condition));
}

/// The one value that a header has.
#[track_caller]
pub(crate) fn one(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<_> = headers.get_all(name).map(String::from_utf8_lossy).collect();
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values.concat()
}

/// The variant that a request got, and why. Its upstream and its client were told the same, once, and the
/// upstream is that variant's.
#[track_caller]
pub(crate) fn decision_on(exchange: &Exchange) -> String {
    let (seen, told) = (exchange.upstream_request(), exchange.response());
    let variant = one(&seen.headers, ROUTING);
    assert_eq!(one(&told.headers, VARIANT), variant);
    assert_eq!(seen.cluster, if variant == "v2" { "v2" } else { "v1" });
    assert_eq!((told.status, told.text()), (200, seen.cluster));
    format!("{variant} {}", one(&told.headers, REASON))
}

/// Sends a request; as [`decision_on`].
#[track_caller]
pub(crate) fn decision(request: Request) -> String {
    decision_on(&request.send())
}

/// Whether the one rule is about a request.
#[track_caller]
pub(crate) fn holds(request: Request) -> bool {
    let decision = decision(request);
    assert!([MATCHED, DEFAULT].contains(&decision.as_str()), "{decision}");
    decision == MATCHED
}

/// A `GET` with a cookie header line.
pub(crate) fn with_cookie(proxy: &Proxy, line: impl AsRef<[u8]>) -> Request {
    proxy.get("/").header("cookie", line)
}

/// How often something was decided.
pub(crate) fn decisions(proxy: &Proxy, variant: &str, reason: &str) -> u64 {
    let of = format!("tollgate.canary.flag={FLAG}.reason={reason}.variant={variant}");
    proxy.counter(&format!("{of}.decisions"))
}

/// How often the filter itself failed.
pub(crate) fn failures(proxy: &Proxy) -> u64 {
    proxy.counter("tollgate.canary.failures")
}
