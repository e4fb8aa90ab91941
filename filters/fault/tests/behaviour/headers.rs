//! Faults that a request asks for.

use super::*;
use std::iter;
use tollgate_fault::Fault;

/// A request with these headers.
fn with<'a, V: AsRef<[u8]> + 'a>(
    proxy: &Proxy,
    headers: impl IntoIterator<Item = (&'a str, V)>,
) -> Exchange {
    let request = proxy.get("/");
    headers.into_iter().fold(request, |it, (name, value)| it.header(name, value)).send()
}

#[tollgate_testkit::test(Fault)]
fn a_request_is_delayed_as_long_as_it_asks_for(proxy: &mut Proxy) {
    proxy.configure(by_header());
    for time in [1, 2, 20, 100, 1000, 86_400] {
        let exchange = delay_of(proxy, time).send();
        proxy.advance(milliseconds(time) - Duration::from_nanos(1));
        assert!(exchange.try_upstream_request().is_none(), "{time} ms");
        proxy.advance(TICK);
        assert_eq!(exchange.status(), 200, "{time} ms");
    }
}

#[tollgate_testkit::test(Fault)]
fn a_request_that_asks_for_nothing_passes_at_once(proxy: &mut Proxy) {
    proxy.configure(by_header());
    assert_eq!(proxy.get("/").send().status(), 200);
    assert_eq!((injected(proxy), active(proxy), arrived(proxy)), ([0; 3], 0, 1));
}

#[tollgate_testkit::test(Fault)]
fn a_request_can_ask_for_a_delay_and_an_abort(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let exchange = with(proxy, [(DELAY, "100"), (ABORT, "500")]);
    proxy.advance(milliseconds(99));
    assert!(exchange.is_pending());
    proxy.advance(milliseconds(2));
    assert_eq!((exchange.status(), injected(proxy)), (500, [1, 1, 0]));
}

#[tollgate_testkit::test(Fault)]
fn a_request_can_ask_for_a_grpc_status(proxy: &mut Proxy) {
    proxy.configure(by_header());
    for status in 0..=16u32 {
        let request = proxy.post("/").grpc("ping").header(ABORT_GRPC, status.to_string());
        let response = request.send().response();
        assert_eq!(response.header("grpc-status"), Some(status.to_string()));
    }
    assert_eq!(injected(proxy), [0, 17, 0]);
}

#[tollgate_testkit::test(Fault)]
fn an_http_status_wins_over_a_grpc_status(proxy: &mut Proxy) {
    proxy.configure(by_header());
    for headers in [[(ABORT, "418"), (ABORT_GRPC, "5")], [(ABORT_GRPC, "5"), (ABORT, "418")]] {
        assert_eq!(with(proxy, headers).status(), 418);
    }
}

#[tollgate_testkit::test(Fault)]
fn a_wrong_http_status_leaves_the_grpc_status(proxy: &mut Proxy) {
    proxy.configure(by_header());
    for wrong in ["", "199", "600", "x", "-503", "5e2"] {
        let response = with(proxy, [(ABORT, wrong), (ABORT_GRPC, "5")]).response();
        // 200, as a plain caller of a gRPC abort gets it.
        assert_eq!((response.status, response.text().as_str()), (200, "fault filter abort"));
    }
    assert_eq!(arrived(proxy), 0);
}

const NO_NUMBERS: [&[u8]; 14] = [
    b"",
    b"x",
    b"-1",
    b"+",
    b"++5",
    b"5 5",
    b"5ms",
    b"0x10",
    b"1e3",
    b"1.5",
    b"5,5",
    b"\xff\xfe",
    b"\xd9\xa3",
    b"18446744073709551616",
];

#[tollgate_testkit::test(Fault)]
fn a_delay_that_is_no_number_is_ignored(proxy: &mut Proxy) {
    proxy.configure(by_header());
    for value in NO_NUMBERS.into_iter().chain([&b"0"[..], b"000"]) {
        assert_eq!(with(proxy, [(DELAY, value)]).status(), 200, "{value:?}");
    }
    assert_eq!((injected(proxy), arrived(proxy)), ([0; 3], 16));
}

#[tollgate_testkit::test(Fault)]
fn a_status_that_is_none_is_ignored(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let statuses = [&b"0"[..], b"99", b"199", b"600", b"1000", b"65736"];
    for value in NO_NUMBERS.into_iter().chain(statuses) {
        assert_eq!(with(proxy, [(ABORT, value)]).status(), 200, "{value:?}");
    }
    for value in NO_NUMBERS.into_iter().chain([&b"17"[..], b"999", b"4294967310"]) {
        assert_eq!(with(proxy, [(ABORT_GRPC, value)]).status(), 200, "{value:?}");
    }
    assert_eq!((injected(proxy), arrived(proxy)), ([0; 3], 20 + 17));
}

#[tollgate_testkit::test(Fault)]
fn a_wrong_delay_leaves_the_abort_and_the_other_way_round(proxy: &mut Proxy) {
    proxy.configure(by_header());
    assert_eq!(with(proxy, [(DELAY, "soon"), (ABORT, "418")]).status(), 418);
    let exchange = with(proxy, [(DELAY, "10"), (ABORT, "none")]);
    proxy.advance(milliseconds(11));
    assert_eq!((exchange.status(), injected(proxy)), (200, [1, 1, 0]));
}

/// As in Envoy's own filter.
#[tollgate_testkit::test(Fault)]
fn a_plus_and_leading_zeros_do_not_matter(proxy: &mut Proxy) {
    proxy.configure(by_header());
    for (status, delay) in [("000418", "0010"), ("+418", "+10"), ("+0418", "+010")] {
        assert_eq!(with(proxy, [(ABORT, status)]).status(), 418);
        let exchange = with(proxy, [(DELAY, delay)]);
        proxy.advance(milliseconds(9));
        assert!(exchange.is_pending());
        proxy.advance(milliseconds(2));
        assert_eq!(exchange.status(), 200);
        let spared = with(proxy, [(ABORT, status), (ABORT_PERCENTAGE, "+0")]);
        assert_eq!(spared.status(), 200);
    }
}

#[tollgate_testkit::test(Fault)]
fn of_several_values_the_first_counts_even_if_it_is_wrong(proxy: &mut Proxy) {
    proxy.configure(by_header());
    assert_eq!(with(proxy, [(ABORT, "503"), (ABORT, "418")]).status(), 503);
    assert_eq!(with(proxy, [(ABORT, "none"), (ABORT, "418")]).status(), 200);
    let exchange = with(proxy, [(DELAY, "10"), (DELAY, "1000")]);
    proxy.advance(milliseconds(11));
    assert_eq!(exchange.status(), 200);
}

#[tollgate_testkit::test(Fault)]
fn names_of_headers_have_no_case(proxy: &mut Proxy) {
    proxy.configure(by_header());
    assert_eq!(with(proxy, [("X-Envoy-Fault-Abort-Request", "418")]).status(), 418);
    assert_eq!(with(proxy, [("X-ENVOY-FAULT-ABORT-REQUEST", "404")]).status(), 404);
}

#[tollgate_testkit::test(Fault)]
fn a_percentage_by_header_of_zero_spares_the_request(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let spared = [(DELAY, "100"), (DELAY_PERCENTAGE, "0"), (ABORT, "503"), (ABORT_PERCENTAGE, "0")];
    let spared_of_grpc = [(ABORT_GRPC, "5"), (ABORT_PERCENTAGE, "0")];
    for _ in 0..100 {
        assert_eq!(with(proxy, spared).status(), 200);
        assert_eq!(with(proxy, spared_of_grpc).status(), 200);
    }
    assert_eq!((injected(proxy), arrived(proxy)), ([0; 3], 200));
}

#[tollgate_testkit::test(Fault)]
fn each_fault_has_a_percentage_header_of_its_own(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let delayed = with(proxy, [(DELAY, "100"), (DELAY_PERCENTAGE, "0"), (ABORT, "503")]);
    assert_eq!((delayed.status(), injected(proxy)), (503, [0, 1, 0]));
    let aborted = with(proxy, [(DELAY, "100"), (ABORT, "503"), (ABORT_PERCENTAGE, "0")]);
    proxy.advance(milliseconds(101));
    assert_eq!((aborted.status(), injected(proxy)), (200, [1, 1, 0]));
}

#[tollgate_testkit::test(Fault)]
fn a_percentage_by_header_never_raises_the_configured_one(proxy: &mut Proxy) {
    let none = json!({ "numerator": 0 });
    proxy.configure(json!({
        "delay": { "header_delay": {}, "percentage": none },
        "abort": { "header_abort": {}, "percentage": none },
    }));
    for _ in 0..100 {
        for percentage in ["100", "4294967295"] {
            let asked = [
                (DELAY, "100"),
                (DELAY_PERCENTAGE, percentage),
                (ABORT, "503"),
                (ABORT_PERCENTAGE, percentage),
            ];
            assert_eq!(with(proxy, asked).status(), 200);
        }
    }
    assert_eq!(injected(proxy), [0; 3]);
}

#[tollgate_testkit::test(Fault)]
fn a_percentage_by_header_that_is_no_number_is_ignored(proxy: &mut Proxy) {
    proxy.configure(by_header());
    for value in NO_NUMBERS.into_iter().chain([&b"4294967296"[..]]) {
        let exchange = with(proxy, [(ABORT, &b"418"[..]), (ABORT_PERCENTAGE, value)]);
        assert_eq!(exchange.status(), 418, "{value:?}");
    }
}

#[tollgate_testkit::test(Fault)]
fn headers_do_not_change_a_fault_that_is_fixed(proxy: &mut Proxy) {
    proxy.configure(json!({
        "delay": { "fixed_delay": "0.1s", "percentage": always() },
        "abort": { "http_status": 503, "percentage": always() },
    }));
    let exchange = with(
        proxy,
        [(DELAY, "1"), (DELAY_PERCENTAGE, "0"), (ABORT, "418"), (ABORT_PERCENTAGE, "0")],
    );
    proxy.advance(milliseconds(99));
    assert!(exchange.is_pending());
    proxy.advance(milliseconds(2));
    assert_eq!((exchange.status(), injected(proxy)), (503, [1, 1, 0]));
}

#[tollgate_testkit::test(Fault)]
fn nobody_gets_by_header_what_is_not_configured(proxy: &mut Proxy) {
    let asked = [(DELAY, "100"), (ABORT, "503"), (ABORT_GRPC, "5")];
    proxy.configure(json!({}));
    assert_eq!((with(proxy, asked).status(), injected(proxy)), (200, [0; 3]));

    proxy.configure(json!({ "delay": { "header_delay": {}, "percentage": always() } }));
    let exchange = with(proxy, asked);
    proxy.advance(milliseconds(101));
    assert_eq!((exchange.status(), injected(proxy)), (200, [1, 0, 0]));

    proxy.configure(json!({ "abort": { "header_abort": {}, "percentage": always() } }));
    assert_eq!((with(proxy, asked).status(), injected(proxy)), (503, [1, 1, 0]));
}

#[tollgate_testkit::test(Fault)]
fn the_upstream_sees_what_the_request_asked_for(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let exchange = with(proxy, [(DELAY, "1"), (ABORT, "no"), (DELAY_PERCENTAGE, "100")]);
    proxy.advance(milliseconds(2));
    let request = exchange.upstream_request();
    for (name, value) in [(DELAY, "1"), (ABORT, "no"), (DELAY_PERCENTAGE, "100")] {
        assert_eq!(request.header(name).as_deref(), Some(value));
    }
}

/// A value of any bytes that a header can have: now and then a number.
fn any_value(rng: &mut fastrand::Rng) -> Vec<u8> {
    let length = rng.usize(0..25);
    match rng.u8(0..3) {
        0 => rng.u64(..).to_string().into_bytes(),
        1 => iter::repeat_with(|| rng.u8(b'0'..=b'9')).take(length).collect(),
        _ => iter::repeat_with(|| rng.u8(0x20..=0xff)).take(length).collect(),
    }
}

#[tollgate_testkit::test(Fault)]
fn whatever_a_request_asks_for_the_filter_survives(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let mut rng = fastrand::Rng::with_seed(11);
    let names = [DELAY, DELAY_PERCENTAGE, ABORT, ABORT_GRPC, ABORT_PERCENTAGE];
    for _ in 0..300 {
        let headers: Vec<_> = (0..rng.usize(0..8))
            .map(|_| (names[rng.usize(..names.len())], any_value(&mut rng)))
            .collect();
        let exchange = with(proxy, headers.clone());
        if exchange.is_pending() {
            exchange.leave();
        } else {
            assert!((200..600).contains(&exchange.status()), "{headers:?}");
        }
    }
    assert_eq!((active(proxy), proxy.traps().len(), proxy.log().len()), (0, 0, 0));
    assert_eq!(proxy.get("/").send().status(), 200);
}
