//! The filter in the simulated proxy: each test runs natively, and on the module.

#![allow(clippy::unwrap_used, reason = "a test that goes wrong panics")]

use serde_json::json;
use tollgate_example_redact::Redact;
use tollgate_testkit::{Answer, Exchange, Proxy};

const CARD: &str = "card 4111 1111 1111 1111.";
const HIDDEN: &str = "card **** **** **** 1111.";

/// A proxy before an upstream that always answers this, which reads up to 100 bytes.
fn start(proxy: &mut Proxy, unreadable: &str, answer: Answer) {
    proxy.upstream("upstream", move |_| answer.clone());
    proxy.configure(json!({ "limit": 100, "unreadable": unreadable }));
}

/// With its length said, as most upstreams do.
fn whole(body: &str) -> Answer {
    Answer::status(200).header("content-length", body.len().to_string()).body(body)
}

/// As if it were.
fn compressed(body: &str) -> Answer {
    Answer::status(200).header("content-encoding", "gzip").body(body)
}

fn text(exchange: &Exchange) -> String {
    exchange.try_response().map(|response| response.text()).unwrap_or_default()
}

fn counted(proxy: &Proxy) -> [u64; 3] {
    ["hidden", "unreadable", "failures"]
        .map(|stat| proxy.counter(&format!("tollgate.redact.{stat}")))
}

#[tollgate_testkit::test(Redact)]
fn card_numbers_are_hidden_and_counted(proxy: &mut Proxy) {
    start(proxy, "block", whole(&format!("{CARD} {CARD}")));
    let response = proxy.get("/").send().response();
    assert_eq!((response.status, response.text()), (200, format!("{HIDDEN} {HIDDEN}")));
    assert_eq!(counted(proxy), [2, 0, 0]);
}

#[tollgate_testkit::test(Redact)]
fn http1_and_http2_clients_get_the_same(proxy: &mut Proxy) {
    start(proxy, "block", whole(CARD));
    let (one, two) = (proxy.get("/").send(), proxy.get("/").http2().send());
    assert_eq!((text(&one), text(&two)), (HIDDEN.into(), HIDDEN.into()));
}

#[tollgate_testkit::test(Redact)]
fn a_number_over_several_chunks_is_hidden(proxy: &mut Proxy) {
    let answer =
        Answer::status(200).body("card 4").told().body("111 1111 11").told().body("11 1111.");
    start(proxy, "block", answer);
    let exchange = proxy.get("/").send();
    assert_eq!(text(&exchange), "", "nothing leaves before it is read");
    proxy.tell("upstream");
    assert_eq!(text(&exchange), "");
    proxy.tell("upstream");
    assert_eq!(exchange.response().text(), HIDDEN);
}

#[tollgate_testkit::test(Redact)]
fn trailers_follow_the_body_that_was_read(proxy: &mut Proxy) {
    start(proxy, "block", Answer::status(200).body(CARD).trailers([("checksum", "7")]));
    let response = proxy.get("/").http2().send().response();
    assert_eq!(response.text(), HIDDEN);
    assert_eq!(response.trailers.get("checksum"), Some(&b"7"[..]));
}

#[tollgate_testkit::test(Redact)]
fn bodies_without_a_card_number_stay_to_the_byte(proxy: &mut Proxy) {
    for body in ["nothing here", "4111 1111 1111 1112", "2026-11-24 12:00", "\u{2603}"] {
        start(proxy, "block", whole(body));
        assert_eq!(proxy.get("/").send().response().text(), body);
    }
    assert_eq!(counted(proxy), [0; 3]);
}

#[tollgate_testkit::test(Redact)]
fn responses_without_a_body_pass(proxy: &mut Proxy) {
    start(proxy, "block", Answer::status(204));
    assert_eq!(proxy.get("/").send().status(), 204);
    start(proxy, "block", Answer::status(200).header("content-length", "4000000"));
    assert_eq!(proxy.request("HEAD", "/").send().status(), 200);
    assert_eq!(counted(proxy), [0; 3]);
}

#[tollgate_testkit::test(Redact)]
fn an_upstream_is_asked_for_what_can_be_read(proxy: &mut Proxy) {
    start(proxy, "block", whole(CARD));
    let request = proxy.get("/").header("accept-encoding", "gzip, br").header("accept", "*/*");
    let request = request.send().upstream_request();
    assert_eq!(request.header("accept-encoding"), None);
    assert_eq!(request.header("accept").as_deref(), Some("*/*"));
}

#[tollgate_testkit::test(Redact)]
fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not(proxy: &mut Proxy) {
    for (length, status) in [(100, 200), (101, 502)] {
        start(proxy, "block", whole(&format!("{CARD:length$}")));
        assert_eq!(proxy.get("/").send().status(), status, "{length}");
    }
    assert_eq!(counted(proxy), [1, 1, 0]);
}

#[tollgate_testkit::test(Redact)]
fn what_cannot_be_read_passes_untouched_where_it_may(proxy: &mut Proxy) {
    let long = format!("{CARD}{}", "x".repeat(100));
    start(proxy, "pass", whole(&long));
    assert_eq!(proxy.get("/").send().response().text(), long);
    start(proxy, "pass", compressed(CARD));
    assert_eq!(proxy.get("/").send().response().text(), CARD);
    start(proxy, "pass", Answer::status(200).body(CARD).body(&long).body("more"));
    assert_eq!(proxy.get("/").send().response().text(), format!("{CARD}{long}more"));
    assert_eq!(counted(proxy), [0, 3, 0]);
}

#[tollgate_testkit::test(Redact)]
fn what_cannot_be_read_is_blocked_where_it_must(proxy: &mut Proxy) {
    start(proxy, "block", whole(&format!("{CARD}{}", "x".repeat(100))));
    let response = proxy.get("/").send().response();
    assert_eq!((response.status, response.text().as_str()), (502, ""));
    assert_eq!(response.details, "redact_unreadable");
    start(proxy, "block", compressed(CARD));
    let response = proxy.get("/").send().response();
    assert_eq!((response.status, response.text().as_str()), (502, ""));
    assert_eq!(counted(proxy), [0, 2, 0]);
}

#[tollgate_testkit::test(Redact)]
fn a_body_that_turns_out_too_long_is_never_seen(proxy: &mut Proxy) {
    start(proxy, "block", Answer::status(200).body(CARD).told().body("x".repeat(100)).body("more"));
    let exchange = proxy.get("/").send();
    proxy.tell("upstream");
    assert!(!exchange.is_pending());
    assert!(!text(&exchange).contains("4111"), "{:?}", exchange.try_response());
    assert!(exchange.is_reset() || exchange.status() == 502);
    let [hidden, unreadable, _] = counted(proxy);
    assert_eq!((hidden, unreadable), (0, 1));
}

#[tollgate_testkit::test(Redact)]
fn a_response_that_breaks_off_is_not_passed_as_a_whole_one(proxy: &mut Proxy) {
    start(proxy, "block", Answer::status(200).body("card 4111 1111").break_off());
    let exchange = proxy.get("/").send();
    assert!(exchange.is_reset());
    assert!(!text(&exchange).contains("4111"));
}

#[tollgate_testkit::test(Redact)]
fn a_wrong_configuration_is_refused_by_field(proxy: &mut Proxy) {
    for (configuration, words) in [
        (json!({ "limit": -1, "unreadable": "pass" }), "`limit`: found -1"),
        (json!({ "limit": 100, "unreadable": "drop" }), "`unreadable`: found \"drop\""),
        (json!({ "limit": 100 }), "`unreadable`"),
    ] {
        let refusal = proxy.try_configure(configuration).unwrap_err();
        assert!(refusal.contains(words), "{words}: {refusal}");
    }
}
