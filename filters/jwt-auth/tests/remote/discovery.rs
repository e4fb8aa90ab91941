//! Keys whose URL the issuer tells.

use crate::common::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::{Answer, Proxy};

fn discovering(fields: Value) -> Value {
    let mut discovery = json!({
        "issuer_uri": "https://issuer.example/realm/",
        "cluster": "issuer",
        "jwks_cluster": "keys",
        "timeout": "2s",
    });
    discovery.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "discovery": discovery, "algorithms": ["ES256"] })
}

fn document(issuer: &str, jwks_uri: &str) -> Answer {
    let document = json!({ "issuer": issuer, "jwks_uri": jwks_uri, "scopes_supported": ["a"] });
    Answer::status(200).body(document.to_string())
}

/// The document of the issuer, which may change, and its keys.
fn serve(proxy: &mut Proxy) -> Rc<RefCell<Answer>> {
    let good = document("https://issuer.example/realm/", "https://keys.example:8443/jwks?a=b");
    let answer = Rc::new(RefCell::new(good));
    let told = answer.clone();
    proxy.upstream("issuer", move |_| told.borrow().clone());
    proxy.upstream("keys", |_| set(&[OLD]).header("etag", "x"));
    answer
}

fn realm_token() -> String {
    OLD.sign(&json!({ "iss": "https://issuer.example/realm/" }))
}

#[tollgate_testkit::test(JwtAuth)]
fn the_document_says_where_the_keys_are_and_who_issues(proxy: &mut Proxy) {
    serve(proxy);
    start(proxy, discovering(json!({})));
    assert_eq!(send(proxy, &realm_token()).status(), 200);
    assert_eq!(present(proxy, OLD).status(), 401);
    let asked = &proxy.requests("issuer")[0];
    assert_eq!(asked.path(), "/realm/.well-known/openid-configuration");
    assert_eq!(asked.header(":authority").as_deref(), Some("issuer.example"));
    let asked = &proxy.requests("keys")[0];
    assert_eq!(asked.path(), "/jwks?a=b");
    assert_eq!(asked.header(":authority").as_deref(), Some("keys.example:8443"));
    assert_eq!(stat(proxy, "jwks_fetch_success"), 1);
}

#[tollgate_testkit::test(JwtAuth)]
fn both_are_asked_again_and_a_set_that_moved_is_asked_for_anew(proxy: &mut Proxy) {
    let told = serve(proxy);
    start(proxy, discovering(json!({})));
    send(proxy, &realm_token());
    proxy.advance(seconds(601));
    send(proxy, &realm_token());
    told.replace(document("https://issuer.example/realm/", "https://keys.example/moved"));
    proxy.advance(seconds(601));
    assert_eq!(send(proxy, &realm_token()).status(), 200);
    let asked = proxy.requests("keys");
    let tags: Vec<_> = asked.iter().map(|request| request.header("if-none-match")).collect();
    assert_eq!(tags, [None, Some("x".to_owned()), None]);
    assert_eq!(proxy.requests("issuer").len(), 3);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_document_that_cannot_be_believed_is_a_failed_fetch(proxy: &mut Proxy) {
    let told = serve(proxy);
    start(proxy, discovering(json!({})));
    let issuer = "https://issuer.example/realm/";
    for (answer, said) in [
        (document("https://issuer.example/realm", "https://keys.example/"), "not of this issuer"),
        (document(issuer, "http://keys.example/"), "`jwks_uri` is not https"),
        (document(issuer, "/jwks"), "no `jwks_uri` that is an absolute URL"),
        (document(issuer, "file:///etc/keys"), "no `jwks_uri` that is an absolute URL"),
        (document(issuer, "https://a@keys.example/"), "no `jwks_uri` that is an absolute URL"),
        (Answer::status(200).body("[]"), "not of this issuer"),
        (Answer::status(200).body("{'"), "the document is no JSON"),
        (Answer::status(301).header("location", "/"), "status 301 (redirects are not followed)"),
        (Answer::reset(), "cannot be reached"),
    ] {
        told.replace(answer);
        proxy.advance(seconds(2));
        is_denied(&send(proxy, &realm_token()), 503, FETCH_FAILED);
        assert!(has_logged(proxy, said), "{said}");
    }
    assert_eq!(proxy.requests("keys").len(), 0);
}

#[tollgate_testkit::test(JwtAuth)]
fn both_calls_together_take_no_longer_than_a_fetch_may(proxy: &mut Proxy) {
    let told = serve(proxy);
    let slow = told.borrow().clone().after(millis(1500));
    told.replace(slow);
    proxy.upstream("keys", |_| set(&[OLD]).after(millis(1500)));
    start(proxy, discovering(json!({})));
    let exchange = send(proxy, &realm_token());
    proxy.advance(millis(1990));
    assert!(exchange.is_pending());
    proxy.advance(millis(20));
    is_denied(&exchange, 503, FETCH_FAILED);
}
