//! The filter in the simulated proxy: each test runs natively, and on the module.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that goes wrong panics"
)]

use prost::Message;
use serde_json::json;
use std::time::Duration;
use tollgate_example_check::{Check, CheckRequest, CheckResponse};
use tollgate_testkit::{Answer, Proxy, UpstreamRequest};

fn configure(proxy: &mut Proxy) {
    proxy.configure(json!({ "cluster": "checker", "timeout": "0.5s" }));
}

/// What the service was asked: its message is behind five bytes of gRPC's frame.
fn question(request: &UpstreamRequest) -> CheckRequest {
    CheckRequest::decode(&request.body[5..]).unwrap()
}

fn answer(allowed: bool, user: &str, reason: &str) -> Answer {
    let response = CheckResponse { allowed, user: user.into(), reason: reason.into() };
    Answer::grpc(response.encode_to_vec())
}

fn counted(proxy: &Proxy) -> [u64; 3] {
    ["allowed", "denied", "failed"].map(|stat| proxy.counter(&format!("tollgate.check.{stat}")))
}

#[tollgate_testkit::test(Check)]
fn the_service_decides_who_passes_and_as_whom(proxy: &mut Proxy) {
    proxy.upstream("checker", |request| match &*question(request).authorization {
        b"good" => answer(true, "alice", ""),
        _ => answer(false, "", "not you"),
    });
    configure(proxy);
    let good = proxy.get("/").header("authorization", "good").send();
    assert_eq!(good.status(), 200);
    assert_eq!(good.upstream_request().header_values("x-user"), ["alice"]);
    let bad = proxy.get("/").header("authorization", "bad").send().response();
    assert_eq!((bad.status, bad.text().as_str()), (403, "not you"));
    assert_eq!((bad.details.as_str(), counted(proxy)), ("check_denied", [1, 1, 0]));
    assert_eq!(proxy.requests("upstream").len(), 1);
}

#[tollgate_testkit::test(Check)]
fn the_service_is_asked_in_grpc_about_the_request(proxy: &mut Proxy) {
    proxy.upstream("checker", |_| answer(true, "", ""));
    configure(proxy);
    let _ = proxy.post("/a?b=c").header("authorization", b"b\xe4d").body("body").send();
    let asked = &proxy.requests("checker")[0];
    assert_eq!(asked.path(), "/tollgate.example.v1.Checker/Check");
    assert_eq!(asked.header("content-type").as_deref(), Some("application/grpc"));
    let (method, path) = ("POST".to_owned(), b"/a?b=c".to_vec());
    let expected = CheckRequest { method, path, authorization: b"b\xe4d".to_vec() };
    assert_eq!(question(asked), expected);
}

#[tollgate_testkit::test(Check)]
fn nobody_can_say_who_he_is(proxy: &mut Proxy) {
    proxy.upstream("checker", |request| {
        let is_named = question(request).path == b"/named";
        answer(true, if is_named { "alice" } else { "" }, "")
    });
    configure(proxy);
    let as_admin = |path| {
        let request = proxy.get(path).header("x-user", "admin").header("X-User", "root");
        request.send().upstream_request().header_values("x-user")
    };
    assert_eq!(as_admin("/named"), ["alice"]);
    assert!(as_admin("/anonymous").is_empty());
}

#[tollgate_testkit::test(Check)]
fn nobody_passes_while_the_service_fails_or_says_nothing_that_makes_sense(proxy: &mut Proxy) {
    let answers = [
        Answer::grpc_status(14, "busy"),
        Answer::grpc_status(16, "who are you?"),
        Answer::grpc_status(0, ""),
        Answer::status(500),
        Answer::status(200).body("no gRPC"),
        Answer::grpc(b"\xff\xff\xff"),
        Answer::reset(),
    ];
    for (index, answer) in answers.into_iter().enumerate() {
        let shown = format!("{answer:?}");
        proxy.upstream("checker", move |_| answer.clone());
        configure(proxy);
        let exchange = proxy.get("/").send();
        assert_eq!(
            (exchange.status(), exchange.details().as_str()),
            (503, "check_failed"),
            "{shown}"
        );
        assert_eq!(counted(proxy), [0, 0, index as u64 + 1]);
    }
    assert_eq!(proxy.requests("upstream").len(), 0);
}

/// It denies, as every field of the message has its default.
#[tollgate_testkit::test(Check)]
fn an_empty_answer_is_a_no(proxy: &mut Proxy) {
    proxy.upstream("checker", |_| Answer::grpc(""));
    configure(proxy);
    assert_eq!((proxy.get("/").send().status(), counted(proxy)), (403, [0, 1, 0]));
}

#[tollgate_testkit::test(Check)]
fn nobody_waits_longer_than_the_timeout(proxy: &mut Proxy) {
    proxy.upstream("checker", |_| Answer::never());
    configure(proxy);
    let exchange = proxy.get("/").send();
    proxy.advance(Duration::from_millis(499));
    assert!(exchange.is_pending());
    proxy.advance(Duration::from_millis(2));
    assert_eq!((exchange.status(), proxy.pending_calls()), (503, 0));
}

#[tollgate_testkit::test(Check)]
fn nobody_passes_where_there_is_no_service(proxy: &mut Proxy) {
    configure(proxy);
    assert_eq!((proxy.get("/").send().status(), counted(proxy)), (503, [0, 0, 1]));
}

#[tollgate_testkit::test(Check)]
fn a_client_that_leaves_while_it_is_judged_does_not_reach_the_upstream(proxy: &mut Proxy) {
    proxy.upstream("checker", |_| answer(true, "alice", "").when_told());
    configure(proxy);
    let (left, stayed) = (proxy.get("/").send(), proxy.get("/").send());
    left.leave();
    proxy.tell("checker");
    assert_eq!((stayed.status(), proxy.requests("upstream").len()), (200, 1));
}

#[tollgate_testkit::test(Check)]
fn a_grpc_client_is_refused_in_grpc(proxy: &mut Proxy) {
    proxy.upstream("checker", |_| answer(false, "", "no"));
    configure(proxy);
    let refused = proxy.post("/").grpc("ping").send().response();
    assert_eq!((refused.status, refused.header("grpc-status").as_deref()), (200, Some("7")));
    assert_eq!(refused.header("grpc-message").as_deref(), Some("no"));
}

#[tollgate_testkit::test(Check)]
fn a_wrong_configuration_is_refused_by_field(proxy: &mut Proxy) {
    for (configuration, words) in [
        (json!({ "cluster": "checker" }), "`timeout`"),
        (json!({ "cluster": "checker", "timeout": "0s" }), "`timeout`: found \"0s\""),
        (json!({ "timeout": "1s" }), "`cluster`"),
    ] {
        let refusal = proxy.try_configure(configuration).unwrap_err();
        assert!(refusal.contains(words), "{words}: {refusal}");
    }
}
