//! Keys that come and go.

use crate::common::*;
use crate::keys::Key;
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Answer, Proxy};

#[tollgate_testkit::test(JwtAuth)]
fn a_token_of_a_key_that_is_new_is_good_at_once(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    present(proxy, OLD);
    proxy.advance(seconds(31));
    issuer.answers(set(&[OLD, NEW]).after(millis(50)));
    let waiting: Vec<_> = (0..10).map(|_| present(proxy, NEW)).collect();
    // Whoever has a key that is known does not wait for it.
    assert_eq!(present(proxy, OLD).status(), 200);
    proxy.advance(millis(60));
    assert!(waiting.iter().all(|exchange| exchange.status() == 200));
    assert_eq!(fetches(proxy), 2);
    assert_eq!(stat(proxy, "jwks_refetch_unknown_kid"), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn unknown_keys_cause_one_fetch_an_interval_counted_from_any_fetch(proxy: &mut Proxy) {
    Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({ "unknown_kid_refetch": { "min_interval": "10s" } })));
    present(proxy, OLD);
    for second in 1..=40 {
        proxy.advance(seconds(1));
        for number in 2..6 {
            is_denied(&present(proxy, Key::Es256(number)), 401, NO_KEY);
        }
        assert_eq!(fetches(proxy), 1 + second / 10, "{second}");
    }
    assert_eq!(stat(proxy, "jwks_refetch_unknown_kid"), 4);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_fetch_that_fails_counts_for_the_interval_too(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    present(proxy, OLD);
    issuer.answers(Answer::reset());
    proxy.advance(seconds(30));
    is_denied(&present(proxy, NEW), 401, NO_KEY);
    issuer.has(&[NEW]);
    proxy.advance(seconds(29));
    is_denied(&present(proxy, NEW), 401, NO_KEY);
    assert_eq!(fetches(proxy), 2);
    proxy.advance(seconds(1));
    assert_eq!(present(proxy, NEW).status(), 200);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_of_a_key_that_is_gone_is_not_believed_from_memory(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    assert_eq!(present(proxy, OLD).status(), 200);
    issuer.has(&[NEW]);
    proxy.advance(seconds(301));
    is_denied(&present(proxy, OLD), 401, NO_KEY);
    assert_eq!(present(proxy, NEW).status(), 200);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_set_that_only_grows_leaves_the_memory_of_tokens_alone(proxy: &mut Proxy) {
    let issuer = Issuer::with(proxy, &[OLD]);
    start(proxy, provider(json!({})));
    present(proxy, OLD);
    issuer.has(&[NEW, OLD]);
    proxy.advance(seconds(301));
    assert_eq!(present(proxy, OLD).status(), 200);
    assert_eq!((stat(proxy, "jwt_cache_hit"), stat(proxy, "jwt_cache_miss")), (1, 1));
    issuer.has(&[NEW]);
    proxy.advance(seconds(301));
    assert_eq!(present(proxy, NEW).status(), 200);
    assert_eq!((stat(proxy, "jwt_cache_hit"), stat(proxy, "jwt_cache_miss")), (1, 2));
}

#[tollgate_testkit::test(JwtAuth)]
fn two_providers_of_one_url_share_its_keys(proxy: &mut Proxy) {
    Issuer::with(proxy, &[OLD]);
    proxy.verify_signatures();
    let other = provider(json!({ "issuer": "https://other.example", "claim_to_headers": [] }));
    let any =
        json!({ "requirements": [{ "provider_name": "main" }, { "provider_name": "other" }] });
    proxy.configure(json!({
        "providers": { "main": provider(json!({})), "other": other },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "requires_any": any } }],
    }));
    assert_eq!(present(proxy, OLD).status(), 200);
    let token = OLD.sign(&json!({ "iss": "https://other.example" }));
    assert_eq!(send(proxy, &token).status(), 200);
    assert_eq!(fetches(proxy), 1);
}
