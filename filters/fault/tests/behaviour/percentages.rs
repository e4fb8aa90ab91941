//! The share of requests that get a fault.

use super::*;
use std::collections::BTreeSet;
use tollgate_fault::Fault;

const SEEDS: [u64; 4] = [1, 2, 3, 4];

/// So many requests, from each seed.
const REQUESTS: u64 = 250;

/// Aborts this share of requests.
fn aborting(percentage: Value) -> Value {
    json!({ "abort": { "http_status": 503, "percentage": percentage } })
}

/// Which of the requests are aborted, from a seed.
fn aborts(proxy: &mut Proxy, seed: u64, configuration: Value) -> Vec<bool> {
    proxy.seed(seed).configure(configuration);
    (0..REQUESTS).map(|_| proxy.get("/").send().status() == 503).collect()
}

/// Whether so many hits are what to expect of a share: within five standard deviations, which is missed
/// once in two million times.
#[track_caller]
fn assert_share(hits: usize, of: u64, share: f64) {
    let (hits, of) = (hits as f64, of as f64);
    let deviation = (of * share * (1.0 - share)).sqrt();
    assert!((hits - of * share).abs() <= 5.0 * deviation, "{hits} of {of} for {share}");
}

fn assert_aborts(proxy: &mut Proxy, percentage: &Value, share: f64) {
    let mut hits = 0;
    for seed in SEEDS {
        let aborts = aborts(proxy, seed, aborting(percentage.clone()));
        hits += aborts.iter().filter(|is_aborted| **is_aborted).count();
    }
    assert_share(hits, REQUESTS * SEEDS.len() as u64, share);
}

#[tollgate_testkit::test(Fault)]
fn a_numerator_alone_is_per_cent(proxy: &mut Proxy) {
    assert_aborts(proxy, &json!({ "numerator": 30 }), 0.3);
}

#[tollgate_testkit::test(Fault)]
fn a_share_can_be_of_a_hundred(proxy: &mut Proxy) {
    assert_aborts(proxy, &json!({ "numerator": 5, "denominator": "HUNDRED" }), 0.05);
}

#[tollgate_testkit::test(Fault)]
fn a_share_can_be_of_ten_thousand(proxy: &mut Proxy) {
    assert_aborts(proxy, &json!({ "numerator": 250, "denominator": "TEN_THOUSAND" }), 0.025);
}

#[tollgate_testkit::test(Fault)]
fn a_share_can_be_of_a_million(proxy: &mut Proxy) {
    assert_aborts(proxy, &json!({ "numerator": 800_000, "denominator": "MILLION" }), 0.8);
}

#[tollgate_testkit::test(Fault)]
fn istios_value_is_per_cent(proxy: &mut Proxy) {
    assert_aborts(proxy, &json!({ "value": 12.5 }), 0.125);
}

#[tollgate_testkit::test(Fault)]
fn a_delay_hits_its_share(proxy: &mut Proxy) {
    let mut hits = 0;
    for seed in SEEDS {
        let percentage = json!({ "numerator": 20 });
        let delay = json!({ "fixed_delay": "1h", "percentage": percentage });
        proxy.seed(seed).configure(json!({ "delay": delay }));
        let before = arrived(proxy);
        for _ in 0..REQUESTS {
            let _ = proxy.get("/").send();
        }
        hits += REQUESTS as usize - (arrived(proxy) - before);
    }
    assert_share(hits, REQUESTS * 4, 0.2);
    assert_eq!(injected(proxy), [hits as u64, 0, 0]);
}

#[tollgate_testkit::test(Fault)]
fn nothing_of_anything_is_never_and_all_of_it_is_always(proxy: &mut Proxy) {
    for (denominator, all) in [("HUNDRED", 100), ("TEN_THOUSAND", 10_000), ("MILLION", 1_000_000)] {
        for (numerator, expected) in [(0, false), (all, true)] {
            let percentage = json!({ "numerator": numerator, "denominator": denominator });
            let aborts = aborts(proxy, 5, aborting(percentage));
            assert!(aborts.iter().all(|it| *it == expected), "{numerator} of {denominator}");
        }
    }
    for (value, expected) in [(0, false), (100, true)] {
        let aborts = aborts(proxy, 5, aborting(json!({ "value": value })));
        assert!(aborts.iter().all(|it| *it == expected), "{value} %");
    }
}

/// As in Envoy.
#[tollgate_testkit::test(Fault)]
fn without_a_percentage_nothing_happens(proxy: &mut Proxy) {
    for percentage in [json!({}), json!({ "denominator": "MILLION" })] {
        assert!(!aborts(proxy, 1, aborting(percentage)).contains(&true));
    }
    proxy.configure(json!({
        "delay": { "fixed_delay": "1s" },
        "abort": { "http_status": 503 },
    }));
    for _ in 0..REQUESTS {
        assert_eq!(proxy.get("/").send().status(), 200);
    }
    assert_eq!(injected(proxy), [0; 3]);
}

#[tollgate_testkit::test(Fault)]
fn delay_and_abort_have_dice_of_their_own(proxy: &mut Proxy) {
    let half = json!({ "numerator": 50 });
    let mut seen = [0; 4];
    for seed in SEEDS {
        proxy.seed(seed).configure(json!({
            "delay": { "fixed_delay": "0.01s", "percentage": half },
            "abort": { "http_status": 503, "percentage": half },
        }));
        let exchanges: Vec<_> = (0..REQUESTS).map(|_| proxy.get("/").send()).collect();
        let delayed: Vec<_> = exchanges.iter().map(Exchange::is_pending).collect();
        proxy.advance(milliseconds(30));
        for (exchange, is_delayed) in exchanges.iter().zip(delayed) {
            let is_aborted = exchange.status() == 503;
            seen[2 * usize::from(is_delayed) + usize::from(is_aborted)] += 1;
        }
    }
    for hits in seen {
        assert_share(hits, REQUESTS * 4, 0.25);
    }
}

#[tollgate_testkit::test(Fault)]
fn the_same_seed_gives_the_same_faults_and_another_seed_others(proxy: &mut Proxy) {
    let half = || aborting(json!({ "numerator": 50 }));
    let first = aborts(proxy, 1, half());
    assert_eq!(aborts(proxy, 1, half()), first);
    let all: BTreeSet<_> = SEEDS.into_iter().map(|seed| aborts(proxy, seed, half())).collect();
    assert_eq!(all.len(), SEEDS.len());
}

#[tollgate_testkit::test(Fault)]
fn workers_throw_different_dice(proxy: &mut Proxy) {
    proxy.workers(4).configure(aborting(json!({ "numerator": 50 })));
    let of_worker = |worker| {
        let status = |_| proxy.get("/").on_worker(worker).send().status();
        (0..100).map(status).collect::<Vec<_>>()
    };
    let all: BTreeSet<_> = (1..=4).map(of_worker).collect();
    assert_eq!(all.len(), 4);
}

#[tollgate_testkit::test(Fault)]
fn a_header_lowers_the_share(proxy: &mut Proxy) {
    let mut hits = [0; 2];
    for seed in SEEDS {
        proxy.seed(seed).configure(by_header());
        for _ in 0..REQUESTS {
            let request = abort_with(proxy, 503).header(ABORT_PERCENTAGE, "25");
            hits[0] += usize::from(request.send().status() == 503);
            let request = delay_of(proxy, 1000).header(DELAY_PERCENTAGE, "10");
            hits[1] += usize::from(request.send().is_pending());
        }
    }
    assert_share(hits[0], REQUESTS * 4, 0.25);
    assert_share(hits[1], REQUESTS * 4, 0.1);
}

/// A header gives the numerator; the denominator stays the configured one.
#[tollgate_testkit::test(Fault)]
fn a_header_counts_in_the_configured_denominator(proxy: &mut Proxy) {
    let mut hits = 0;
    for seed in SEEDS {
        let percentage = json!({ "numerator": 900_000, "denominator": "MILLION" });
        let abort = json!({ "header_abort": {}, "percentage": percentage });
        proxy.seed(seed).configure(json!({ "abort": abort }));
        for _ in 0..REQUESTS {
            let request = abort_with(proxy, 503).header(ABORT_PERCENTAGE, "500000");
            hits += usize::from(request.send().status() == 503);
        }
    }
    assert_share(hits, REQUESTS * 4, 0.5);
}
