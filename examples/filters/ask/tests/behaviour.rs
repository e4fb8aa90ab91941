//! The filter in the simulated proxy: each test runs natively, and on the module.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that goes wrong panics"
)]

use serde_json::{Value, json};
use std::time::Duration;
use tollgate_example_ask::Ask;
use tollgate_testkit::{Answer, Exchange, Proxy, UpstreamRequest};

fn configuration() -> Value {
    json!({
        "cluster": "auth",
        "authority": "auth.test",
        "path": "/verify",
        "timeout": "0.5s",
        "retries": 1,
        "cache_for": "60s",
    })
}

/// Knows the user `good`.
fn judge(request: &UpstreamRequest) -> Answer {
    Answer::status(match request.header("authorization").as_deref() {
        Some("good") => 204,
        Some(_) => 403,
        None => 401,
    })
}

fn send(proxy: &Proxy, user: &str) -> Exchange {
    proxy.get("/").header("authorization", user).send()
}

fn asked(proxy: &Proxy) -> usize {
    proxy.requests("auth").len()
}

fn counted(proxy: &Proxy) -> [u64; 3] {
    ["allowed", "denied", "failed"].map(|stat| proxy.counter(&format!("tollgate.ask.{stat}")))
}

#[tollgate_testkit::test(Ask)]
fn the_service_decides_who_passes(proxy: &mut Proxy) {
    proxy.upstream("auth", judge).configure(configuration());
    let (good, bad, nobody) = (send(proxy, "good"), send(proxy, "bad"), proxy.get("/").send());
    assert_eq!((good.status(), bad.status(), nobody.status()), (200, 403, 401));
    assert_eq!((bad.details().as_str(), counted(proxy)), ("ask_denied", [1, 2, 0]));
    assert_eq!(proxy.requests("upstream").len(), 1);
}

#[tollgate_testkit::test(Ask)]
fn the_service_is_asked_by_a_call_of_its_own(proxy: &mut Proxy) {
    proxy.upstream("auth", judge).configure(configuration());
    let _ = proxy.post("/secret").header("authorization", "good").body("body").send();
    let question = &proxy.requests("auth")[0];
    assert_eq!(question.header(":method").as_deref(), Some("GET"));
    assert_eq!(question.header(":authority").as_deref(), Some("auth.test"));
    assert_eq!((question.path().as_str(), question.body.len()), ("/verify", 0));
    assert_eq!(question.header("authorization").as_deref(), Some("good"));
    assert!(question.is_callout);
}

#[tollgate_testkit::test(Ask)]
fn a_verdict_is_remembered_and_forgotten_in_time(proxy: &mut Proxy) {
    proxy.upstream("auth", judge).configure(configuration());
    for _ in 0..5 {
        assert_eq!((send(proxy, "good").status(), send(proxy, "bad").status()), (200, 403));
    }
    assert_eq!(asked(proxy), 2);
    proxy.advance(Duration::from_millis(59_999));
    assert_eq!((send(proxy, "good").status(), asked(proxy)), (200, 2));
    proxy.advance(Duration::from_millis(1));
    assert_eq!((send(proxy, "good").status(), asked(proxy)), (200, 3));
}

#[tollgate_testkit::test(Ask)]
fn without_a_time_nothing_is_remembered(proxy: &mut Proxy) {
    let mut configuration = configuration();
    configuration["cache_for"] = Value::Null;
    if let Some(fields) = configuration.as_object_mut() {
        fields.remove("cache_for");
    }
    proxy.upstream("auth", judge).configure(configuration);
    for count in 1..=3 {
        assert_eq!((send(proxy, "good").status(), asked(proxy)), (200, count));
    }
}

#[tollgate_testkit::test(Ask)]
fn each_worker_remembers_by_itself(proxy: &mut Proxy) {
    proxy.workers(3).upstream("auth", judge).configure(configuration());
    for _ in 0..9 {
        assert_eq!(send(proxy, "good").status(), 200);
    }
    assert_eq!(asked(proxy), 3);
}

#[tollgate_testkit::test(Ask)]
fn a_call_that_failed_is_made_again(proxy: &mut Proxy) {
    let mut count = 0;
    proxy.upstream("auth", move |_| {
        count += 1;
        Answer::status(if count == 1 { 503 } else { 200 })
    });
    proxy.configure(configuration());
    let exchange = send(proxy, "good");
    proxy.advance(Duration::from_millis(26));
    assert_eq!((exchange.status(), asked(proxy)), (200, 2));
}

#[tollgate_testkit::test(Ask)]
fn a_failure_is_not_remembered(proxy: &mut Proxy) {
    let mut count = 0;
    proxy.upstream("auth", move |_| {
        count += 1;
        Answer::status(if count <= 2 { 500 } else { 200 })
    });
    proxy.configure(configuration());
    let failed = send(proxy, "good");
    proxy.advance(Duration::from_millis(26));
    assert_eq!((failed.status(), failed.details().as_str()), (503, "ask_failed"));
    assert_eq!((send(proxy, "good").status(), counted(proxy)), (200, [1, 0, 1]));
}

#[tollgate_testkit::test(Ask)]
fn nobody_passes_while_the_service_answers_strangely(proxy: &mut Proxy) {
    for answer in [
        Answer::status(302),
        Answer::status(404),
        Answer::status(429),
        Answer::status(500),
        Answer::reset(),
        Answer::status(200).body("half").break_off(),
    ] {
        let shown = format!("{answer:?}");
        proxy.upstream("auth", move |_| answer.clone()).configure(configuration());
        let exchange = send(proxy, "good");
        proxy.advance(Duration::from_millis(26));
        assert_eq!(exchange.status(), 503, "{shown}");
    }
    assert_eq!((proxy.requests("upstream").len(), counted(proxy)), (0, [0, 0, 6]));
}

#[tollgate_testkit::test(Ask)]
fn nobody_waits_longer_than_the_timeout_of_each_try(proxy: &mut Proxy) {
    proxy.upstream("auth", |_| Answer::never()).configure(configuration());
    let exchange = send(proxy, "good");
    proxy.advance(Duration::from_millis(999));
    assert!(exchange.is_pending());
    // Two tries, and a pause of at most 25 ms between.
    proxy.advance(Duration::from_millis(29));
    assert_eq!((exchange.status(), asked(proxy), proxy.pending_calls()), (503, 2, 0));
}

#[tollgate_testkit::test(Ask)]
fn nobody_passes_where_there_is_no_service(proxy: &mut Proxy) {
    proxy.configure(configuration());
    let exchange = send(proxy, "good");
    proxy.advance(Duration::from_millis(26));
    assert_eq!((exchange.status(), counted(proxy)), (503, [0, 0, 1]));
}

#[tollgate_testkit::test(Ask)]
fn a_hundred_requests_of_one_user_make_one_call(proxy: &mut Proxy) {
    proxy.upstream("auth", |request| judge(request).when_told()).configure(configuration());
    let good: Vec<_> = (0..100).map(|_| send(proxy, "good")).collect();
    let bad = send(proxy, "bad");
    assert!(good.iter().chain([&bad]).all(Exchange::is_pending));
    assert_eq!(asked(proxy), 2, "one for each user");
    proxy.tell("auth");
    // The host lets so many go on over a few ticks.
    proxy.advance(Duration::from_millis(10));
    assert!(good.iter().all(|exchange| exchange.status() == 200));
    assert_eq!((bad.status(), counted(proxy)), (403, [100, 1, 0]));
}

#[tollgate_testkit::test(Ask)]
fn a_call_outlives_the_request_that_began_it(proxy: &mut Proxy) {
    proxy.upstream("auth", |request| judge(request).when_told()).configure(configuration());
    let (first, second) = (send(proxy, "good"), send(proxy, "good"));
    first.leave();
    assert_eq!((asked(proxy), proxy.pending_calls()), (1, 1));
    proxy.tell("auth");
    assert_eq!(second.status(), 200);
    assert_eq!((send(proxy, "good").status(), asked(proxy)), (200, 1));
}

#[tollgate_testkit::test(Ask)]
fn credentials_that_are_too_long_are_refused_and_not_asked_about(proxy: &mut Proxy) {
    proxy.upstream("auth", |_| Answer::status(200)).configure(configuration());
    assert_eq!(send(proxy, &"x".repeat(8192)).status(), 200);
    assert_eq!((send(proxy, &"x".repeat(8193)).status(), asked(proxy)), (400, 1));
    assert_eq!(counted(proxy), [1, 1, 0]);
}

#[tollgate_testkit::test(Ask)]
fn more_users_than_are_remembered_are_still_judged_rightly(proxy: &mut Proxy) {
    proxy.upstream("auth", |request| {
        let user = request.header("authorization").unwrap_or_default();
        Answer::status(if user.ends_with('7') { 200 } else { 403 })
    });
    proxy.configure(configuration());
    for index in 0..1500 {
        let expected = if index % 10 == 7 { 200 } else { 403 };
        assert_eq!(send(proxy, &format!("user {index}")).status(), expected);
    }
}

#[tollgate_testkit::test(Ask)]
fn a_wrong_configuration_is_refused_by_field(proxy: &mut Proxy) {
    for (field, value, words) in [
        ("timeout", json!("0s"), "`timeout`: found \"0s\""),
        ("timeout", json!(5), "`timeout`: found 5"),
        ("retries", json!(-1), "`retries`: found -1"),
        ("cache_for", json!("soon"), "`cache_for`: found \"soon\""),
        ("cluster", json!(1), "`cluster`: found 1"),
        ("retry", json!(1), "`retry`: found an unknown field"),
    ] {
        let mut configuration = configuration();
        configuration[field] = value;
        let refusal = proxy.try_configure(configuration).err().unwrap_or_default();
        assert!(refusal.contains(words), "{words}: {refusal}");
    }
}
