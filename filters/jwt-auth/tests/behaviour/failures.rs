//! When the VM fails, or a configuration: nothing passes that has not shown its token.

use crate::common::{
    configure, is_denied, passes, present, protected_by, provider, reasons, start, token,
};
use crate::keys::EC;
use serde_json::json;
use std::time::Duration;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{FailurePolicy, Proxy};

#[tollgate_testkit::test(JwtAuth)]
fn after_its_vm_has_failed_a_worker_answers_nothing_but_503(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    passes(&present(proxy, &token(json!({}))));
    proxy.crash_worker(1);
    let before = proxy.requests("upstream").len();
    for exchange in
        [present(proxy, &token(json!({}))), proxy.get("/").send(), proxy.get("/open").send()]
    {
        assert_eq!(exchange.status(), 503);
    }
    assert_eq!(proxy.requests("upstream").len(), before);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_vm_that_has_failed_leaves_other_workers_alone(proxy: &mut Proxy) {
    proxy.workers(2);
    configure(proxy, protected_by(provider(&[EC])));
    proxy.crash_worker(1);
    let bearer = format!("Bearer {}", token(json!({})));
    let on = |worker| proxy.get("/").on_worker(worker);
    assert_eq!(on(1).header("authorization", &bearer).send().status(), 503);
    passes(&on(2).header("authorization", &bearer).send());
    is_denied(&on(2).send(), reasons::MISSING);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_vm_that_is_made_anew_wants_tokens_as_before(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Reload);
    start(proxy, provider(&[EC]));
    for _ in 0..2 {
        proxy.advance(Duration::from_secs(2));
        proxy.crash_worker(1);
        is_denied(&proxy.get("/").send(), reasons::MISSING);
        passes(&present(proxy, &token(json!({}))));
    }
}

/// Until it is made anew, nothing passes.
#[tollgate_testkit::test(JwtAuth)]
fn between_two_failures_in_a_row_nothing_passes(proxy: &mut Proxy) {
    proxy.failure_policy(FailurePolicy::Reload);
    start(proxy, provider(&[EC]));
    proxy.crash_worker(1);
    passes(&present(proxy, &token(json!({}))));
    proxy.crash_worker(1);
    for exchange in
        [proxy.get("/").send(), proxy.get("/open").send(), present(proxy, &token(json!({})))]
    {
        assert_eq!(exchange.status(), 503);
    }
    proxy.advance(Duration::from_secs(1));
    passes(&present(proxy, &token(json!({}))));
    is_denied(&proxy.get("/").send(), reasons::MISSING);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_request_on_its_way_when_the_vm_fails_does_not_begin_again(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let upload = proxy.post("/").begin();
    is_denied(&upload, reasons::MISSING);
    proxy.crash_worker(1);
    upload.chunk("late");
    upload.end();
    assert!(proxy.requests("upstream").is_empty());
}

#[tollgate_testkit::test(JwtAuth)]
fn a_vm_that_lacks_the_variable_of_its_keys_is_refused(proxy: &mut Proxy) {
    let keys = json!({ "local_jwks": { "environment_variable": "JWKS" } });
    let refusal = proxy.try_configure(protected_by(keys)).unwrap_err();
    let expected = "`providers.main.local_jwks.environment_variable`: found `JWKS`, which the VM \
        does not have";
    assert!(refusal.contains(expected), "{refusal}");
}

#[tollgate_testkit::test(JwtAuth)]
fn many_requests_leave_nothing_behind(proxy: &mut Proxy) {
    start(proxy, provider(&[EC]));
    let (good, bad) = (token(json!({})), token(json!({ "exp": 1 })));
    for _ in 0..50 {
        passes(&present(proxy, &good));
        is_denied(&present(proxy, &bad), reasons::EXPIRED);
    }
    assert!(proxy.traps().is_empty());
    assert!(proxy.tick_periods(1).is_empty());
    assert_eq!(proxy.shared_data().keys().count(), 0);
}
