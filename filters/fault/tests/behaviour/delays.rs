//! Requests that are held back.

use super::*;
use tollgate_fault::Fault;
use tollgate_testkit::{Answer, Route};

#[tollgate_testkit::test(Fault)]
fn a_delayed_request_reaches_the_upstream_when_its_time_is_over(proxy: &mut Proxy) {
    proxy.configure(delayed("0.3s"));
    let exchange = proxy.get("/").send();
    proxy.advance(milliseconds(299));
    assert!(exchange.try_upstream_request().is_none());
    proxy.advance(milliseconds(2));
    assert_eq!(exchange.status(), 200);
}

#[tollgate_testkit::test(Fault)]
fn a_delay_of_any_length_is_never_early_and_late_by_a_tick_at_most(proxy: &mut Proxy) {
    for (text, nanoseconds) in [
        ("1ns", 1),
        ("0.000999999s", 999_999),
        ("1ms", 1_000_000),
        ("0.001000001s", 1_000_001),
        ("1.5ms", 1_500_000),
        ("0.3s", 300_000_000),
        ("1s", 1_000_000_000),
        ("1m1s", 61_000_000_000),
        ("1h", 3_600_000_000_000),
    ] {
        proxy.configure(delayed(text));
        // Not at a whole millisecond of the clock.
        proxy.advance(Duration::from_nanos(123_457));
        let exchange = proxy.get("/").send();
        proxy.advance(Duration::from_nanos(nanoseconds - 1));
        assert!(exchange.try_upstream_request().is_none(), "{text}: early");
        proxy.advance(TICK);
        assert_eq!(exchange.status(), 200, "{text}");
    }
}

#[tollgate_testkit::test(Fault)]
fn each_request_is_held_back_from_its_own_beginning(proxy: &mut Proxy) {
    proxy.configure(delayed("0.1s"));
    let first = proxy.get("/").send();
    proxy.advance(milliseconds(60));
    let second = proxy.get("/").send();
    proxy.advance(milliseconds(41));
    assert_eq!((first.is_pending(), second.is_pending()), (false, true));
    proxy.advance(milliseconds(58));
    assert!(second.is_pending());
    proxy.advance(milliseconds(2));
    assert_eq!(second.status(), 200);
}

#[tollgate_testkit::test(Fault)]
fn delays_end_in_the_order_of_their_deadlines(proxy: &mut Proxy) {
    proxy.configure(by_header());
    for time in [90, 20, 70, 10, 50, 60, 30, 80, 40] {
        let _ = proxy.get(&format!("/{time}")).header(DELAY, time.to_string()).send();
    }
    let paths = |proxy: &Proxy| {
        proxy.requests("upstream").iter().map(|request| request.path()).collect::<Vec<_>>()
    };
    proxy.advance(milliseconds(45));
    assert_eq!(paths(proxy), ["/10", "/20", "/30", "/40"]);
    proxy.advance(milliseconds(100));
    assert_eq!(paths(proxy)[4..], ["/50", "/60", "/70", "/80", "/90"]);
}

#[tollgate_testkit::test(Fault)]
fn delays_with_the_same_deadline_end_in_the_order_in_which_they_began(proxy: &mut Proxy) {
    proxy.configure(delayed("0.02s"));
    for index in 0..50 {
        let _ = proxy.get(&format!("/{index}")).send();
    }
    proxy.advance(milliseconds(21));
    let paths = proxy.requests("upstream").into_iter().map(|request| request.path());
    assert!(paths.eq((0..50).map(|index| format!("/{index}"))));
}

#[tollgate_testkit::test(Fault)]
fn a_short_delay_that_begins_later_ends_before_a_long_one(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let long = delay_of(proxy, 60_000).send();
    proxy.advance(seconds(10));
    let short = delay_of(proxy, 5).send();
    proxy.advance(milliseconds(6));
    assert_eq!((short.status(), long.is_pending()), (200, true));
    proxy.advance(seconds(50));
    assert_eq!(long.status(), 200);
}

/// Whatever begins when and takes how long: each delay ends in its millisecond.
#[tollgate_testkit::test(Fault)]
fn any_mixture_of_delays_ends_in_time(proxy: &mut Proxy) {
    for seed in 0..8 {
        let mut rng = fastrand::Rng::with_seed(seed);
        proxy.configure(by_header());
        let mut now = Duration::ZERO;
        let mut waiting = Vec::new();
        while now < seconds(2) {
            if rng.u8(..) < 100 {
                let delay = rng.u64(1..400);
                waiting.push((now + milliseconds(delay), delay_of(proxy, delay).send()));
            }
            let step = Duration::from_micros(rng.u64(1..20_000));
            proxy.advance(step);
            now += step;
            waiting.retain(|(deadline, exchange)| {
                let has_arrived = exchange.try_upstream_request().is_some();
                assert!(!has_arrived || now >= *deadline, "seed {seed}: early at {now:?}");
                assert!(has_arrived || now < *deadline + TICK, "seed {seed}: late at {now:?}");
                !has_arrived
            });
        }
        proxy.advance(seconds(1));
        assert!(waiting.iter().all(|(_, exchange)| exchange.status() == 200), "seed {seed}");
        assert_eq!(active(proxy), 0, "seed {seed}");
    }
}

#[tollgate_testkit::test(Fault)]
fn a_thousand_delays_at_once_all_end_in_order_on_one_tick(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let mut rng = fastrand::Rng::with_seed(7);
    let mut waiting = Vec::new();
    for _ in 0..1000 {
        let delay = rng.u64(1..=500);
        let _ = proxy.get(&format!("/{delay:03}")).header(DELAY, delay.to_string()).send();
        waiting.push(format!("/{delay:03}"));
    }
    assert_eq!(active(proxy), 1000);
    assert_eq!(proxy.tick_periods(1).len(), 1);
    proxy.advance(milliseconds(501));
    let arrived = proxy.requests("upstream").into_iter().map(|request| request.path());
    waiting.sort();
    assert!(arrived.eq(waiting));
    assert_eq!((active(proxy), injected(proxy)), (0, [1000, 0, 0]));
}

/// So many that the host could not continue them all in one callback.
#[tollgate_testkit::test(Fault)]
fn a_thousand_delays_with_the_same_deadline_end_in_order_within_milliseconds(proxy: &mut Proxy) {
    proxy.configure(delayed("0.1s"));
    for index in 0..1000 {
        let _ = proxy.get(&format!("/{index}")).send();
    }
    proxy.advance(milliseconds(99));
    assert_eq!(arrived(proxy), 0);
    proxy.advance(milliseconds(26));
    let paths = proxy.requests("upstream").into_iter().map(|request| request.path());
    assert!(paths.eq((0..1000).map(|index| format!("/{index}"))));
    assert_eq!(active(proxy), 0);
}

#[tollgate_testkit::test(Fault)]
fn the_tick_is_off_when_nobody_waits(proxy: &mut Proxy) {
    proxy.configure(by_header());
    assert_eq!(proxy.get("/").send().status(), 200);
    assert!(proxy.tick_periods(1).is_empty());
    let delayed = delay_of(proxy, 30).send();
    assert_eq!(proxy.tick_periods(1), [milliseconds(30)]);
    proxy.advance(milliseconds(31));
    assert_eq!(delayed.status(), 200);
    // The count over all workers is looked after for a second more.
    proxy.advance(seconds(2));
    assert!(proxy.tick_periods(1).is_empty());
}

#[tollgate_testkit::test(Fault)]
fn a_delay_begins_when_the_headers_are_there_and_does_not_wait_for_the_body(proxy: &mut Proxy) {
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.post("/").begin();
    proxy.advance(milliseconds(101));
    assert!(exchange.try_upstream_request().is_some_and(|request| !request.is_complete));
    exchange.chunk("late");
    exchange.end();
    assert_eq!((exchange.status(), &*exchange.upstream_request().body), (200, &b"late"[..]));
}

#[tollgate_testkit::test(Fault)]
fn a_body_that_comes_during_a_delay_reaches_the_upstream_whole_and_in_order(proxy: &mut Proxy) {
    for is_http2 in [false, true] {
        proxy.configure(delayed("0.1s"));
        let request = proxy.post("/");
        let request = if is_http2 { request.http2() } else { request };
        let exchange = request.begin();
        exchange.chunk("one ");
        proxy.advance(milliseconds(50));
        exchange.chunk("two ");
        assert!(exchange.try_upstream_request().is_none());
        proxy.advance(milliseconds(51));
        exchange.chunk("three");
        exchange.end();
        assert_eq!(
            (exchange.status(), &*exchange.upstream_request().body),
            (200, &b"one two three"[..])
        );
    }
}

#[tollgate_testkit::test(Fault)]
fn trailers_that_come_during_a_delay_follow_the_body(proxy: &mut Proxy) {
    proxy.configure(delayed("0.1s"));
    let request = proxy.post("/").http2().chunk("body").trailers([("checksum", "7")]);
    let exchange = request.send();
    assert!(exchange.try_upstream_request().is_none());
    proxy.advance(milliseconds(101));
    let request = exchange.upstream_request();
    assert_eq!((exchange.status(), &*request.body), (200, &b"body"[..]));
    assert_eq!(request.trailers.get("checksum"), Some(&b"7"[..]));
}

/// A delay slows the client down, and does not count against the most that a filter may hold.
#[tollgate_testkit::test(Fault)]
fn a_large_body_survives_a_delay(proxy: &mut Proxy) {
    proxy.buffer_limit(1000).configure(delayed("0.1s"));
    let body = vec![b'x'; 5000];
    let exchange = proxy.post("/").body(&body).send();
    proxy.advance(milliseconds(101));
    assert_eq!((exchange.status(), exchange.upstream_request().body == body), (200, true));
}

#[tollgate_testkit::test(Fault)]
fn the_upstream_gets_what_it_gets_without_the_filter(proxy: &mut Proxy) {
    let mut seen = Vec::new();
    for configuration in [json!({}), delayed("0.1s")] {
        proxy.configure(configuration);
        let request = proxy.post("/a?b=c").header("Cookie", "a=1").header("x-bytes", b"\xff\xfe");
        let exchange = request.header("x-twice", "1").header("x-twice", "2").body("body").send();
        proxy.advance(milliseconds(101));
        assert_eq!(exchange.status(), 200);
        seen.push(exchange.upstream_request());
    }
    assert_eq!(seen[0], seen[1]);
}

#[tollgate_testkit::test(Fault)]
fn the_response_to_a_delayed_request_comes_as_it_is_and_at_once(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| {
        let answer = Answer::status(418).header("x-version", "v2").body("a ").body("teapot");
        answer.trailers([("checksum", "7")])
    });
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.get("/").http2().send();
    proxy.advance(milliseconds(101));
    let response = exchange.response();
    assert_eq!((response.status, response.text().as_str()), (418, "a teapot"));
    assert_eq!(response.header("x-version").as_deref(), Some("v2"));
    assert_eq!(response.trailers.get("checksum"), Some(&b"7"[..]));
    assert_eq!(response.details, "via_upstream");
}

/// Envoy's router begins to count when it has the request.
#[tollgate_testkit::test(Fault)]
fn the_timeout_of_a_route_begins_after_the_delay(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::status(200).after(seconds(9)));
    proxy.route(Route::to("upstream").timeout(Some(seconds(10))));
    proxy.configure(delayed("20s"));
    let exchange = proxy.get("/").send();
    proxy.advance(seconds(20) + TICK);
    assert!(exchange.is_pending() && exchange.try_upstream_request().is_some());
    proxy.advance(seconds(9));
    assert_eq!(exchange.status(), 200);
}

#[tollgate_testkit::test(Fault)]
fn requests_of_grpc_and_http2_are_held_back_as_others_are(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::grpc("pong")).speaks_http2("upstream");
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.post("/service/Method").grpc("ping").send();
    proxy.advance(milliseconds(99));
    assert!(exchange.try_upstream_request().is_none());
    proxy.advance(milliseconds(2));
    assert_eq!(exchange.status(), 200);
    assert_eq!(exchange.upstream_request().body, b"\0\0\0\0\x04ping");
    assert_eq!(exchange.response().trailers.get("grpc-status"), Some(&b"0"[..]));
}

#[tollgate_testkit::test(Fault)]
fn a_request_without_a_fault_overtakes_those_that_are_delayed(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let held: Vec<_> = (0..20).map(|_| hold(proxy)).collect();
    assert_eq!(proxy.get("/").send().status(), 200);
    assert!(held.iter().all(|exchange| exchange.is_pending()));
}

#[tollgate_testkit::test(Fault)]
fn every_method_and_path_is_delayed(proxy: &mut Proxy) {
    proxy.configure(delayed("0.1s"));
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"];
    let sent = methods.map(|method| proxy.request(method, "/%ff?\u{e4}").send());
    assert_eq!((active(proxy), arrived(proxy)), (8, 0));
    proxy.advance(milliseconds(101));
    assert!(sent.iter().all(|exchange| exchange.status() == 200));
}

#[tollgate_testkit::test(Fault)]
fn a_request_without_a_route_is_delayed_before_it_gets_404(proxy: &mut Proxy) {
    proxy.route(Route::to("upstream").prefix("/known"));
    proxy.configure(delayed("0.1s"));
    let exchange = proxy.get("/unknown").send();
    proxy.advance(milliseconds(99));
    assert!(exchange.is_pending());
    proxy.advance(milliseconds(2));
    assert_eq!((exchange.status(), active(proxy)), (404, 0));
}

/// Nothing overflows, and nothing wraps around.
#[tollgate_testkit::test(Fault)]
fn the_longest_delays_simply_do_not_end(proxy: &mut Proxy) {
    for configuration in [delayed("315576000000s"), by_header()] {
        proxy.configure(configuration);
        let exchange = delay_of(proxy, u64::MAX).send();
        proxy.advance(seconds(600));
        assert!(exchange.is_pending());
        assert_eq!(active(proxy), 1);
        exchange.leave();
        assert_eq!(active(proxy), 0);
    }
}

#[tollgate_testkit::test(Fault)]
fn a_proxy_that_has_run_for_years_delays_as_on_its_first_day(proxy: &mut Proxy) {
    proxy.configure(delayed("0.3s"));
    for _ in 0..5 {
        proxy.advance(seconds(400 * 24 * 3600));
        let exchange = proxy.get("/").send();
        proxy.advance(milliseconds(299));
        assert!(exchange.is_pending());
        proxy.advance(milliseconds(2));
        assert_eq!(exchange.status(), 200);
    }
}

#[tollgate_testkit::test(Fault)]
fn workers_delay_independently_of_each_other(proxy: &mut Proxy) {
    proxy.workers(3).configure(by_header());
    let long = delay_of(proxy, 500).on_worker(1).send();
    let short = delay_of(proxy, 20).on_worker(2).send();
    assert!(proxy.tick_periods(3).is_empty(), "the third has nothing to do");
    proxy.advance(milliseconds(21));
    assert_eq!((short.status(), long.is_pending()), (200, true));
    assert_eq!(proxy.get("/").on_worker(1).send().status(), 200);
    proxy.advance(milliseconds(480));
    assert_eq!(long.status(), 200);
}

#[tollgate_testkit::test(Fault)]
fn a_delay_comes_before_an_abort(proxy: &mut Proxy) {
    proxy.configure(json!({
        "delay": { "fixed_delay": "0.1s", "percentage": always() },
        "abort": { "http_status": 503, "percentage": always() },
    }));
    let exchange = proxy.get("/").send();
    proxy.advance(milliseconds(99));
    assert!(exchange.is_pending());
    assert_eq!((active(proxy), injected(proxy)), (1, [1, 0, 0]));
    proxy.advance(milliseconds(2));
    assert_eq!((exchange.status(), exchange.details().as_str()), (503, "fault_filter_abort"));
    assert_eq!((active(proxy), injected(proxy), arrived(proxy)), (0, [1, 1, 0], 0));
}
