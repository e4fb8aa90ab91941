//! What operators see.

use super::*;
use tollgate_fault::Fault;
use tollgate_testkit::abi::MetricKind;

/// The metrics that are documented, without those that VMs keep for each other.
fn documented(proxy: &Proxy) -> Vec<(MetricKind, String)> {
    let metrics = proxy.metrics();
    let names = metrics.names().map(|(kind, name)| (kind, name.to_owned()));
    names.filter(|(_, name)| !name.contains("lease")).collect()
}

#[tollgate_testkit::test(Fault)]
fn every_metric_is_there_before_the_first_request(proxy: &mut Proxy) {
    proxy.configure(json!({}));
    let mut found = documented(proxy);
    found.sort_by(|one, other| one.1.cmp(&other.1));
    let metric = |kind, name: &str| (kind, format!("tollgate.fault.{name}"));
    assert_eq!(
        found,
        [
            metric(MetricKind::Counter, "aborts_injected"),
            metric(MetricKind::Counter, "delays_injected"),
            metric(MetricKind::Counter, "failures"),
            metric(MetricKind::Counter, "faults_overflow"),
            metric(MetricKind::Gauge, "plugin=plugin.active_faults"),
        ]
    );
    assert_eq!((injected(proxy), active(proxy)), ([0; 3], 0));
}

#[tollgate_testkit::test(Fault)]
fn a_delay_is_counted_when_it_begins_and_active_while_it_lasts(proxy: &mut Proxy) {
    proxy.configure(delayed("0.1s"));
    let _ = proxy.get("/").send();
    assert_eq!((injected(proxy), active(proxy)), ([1, 0, 0], 1));
    proxy.advance(milliseconds(101));
    assert_eq!((injected(proxy), active(proxy)), ([1, 0, 0], 0));
}

#[tollgate_testkit::test(Fault)]
fn faults_of_all_workers_add_up(proxy: &mut Proxy) {
    proxy.workers(3).configure(by_header());
    let held: Vec<_> = (0..9).map(|_| hold(proxy)).collect();
    (0..6).for_each(|_| drop(abort_with(proxy, 503).send()));
    assert_eq!((injected(proxy), active(proxy)), ([9, 6, 0], 9));
    held.iter().for_each(Exchange::leave);
    assert_eq!((injected(proxy), active(proxy)), ([9, 6, 0], 0));
}

#[tollgate_testkit::test(Fault)]
fn counts_go_on_under_a_new_configuration(proxy: &mut Proxy) {
    for count in 1..=3 {
        proxy.configure(aborted(503));
        let _ = proxy.get("/").send();
        assert_eq!(injected(proxy), [0, count, 0]);
    }
}

#[tollgate_testkit::test(Fault)]
fn the_gauge_has_the_name_of_its_plugin_without_odd_characters(proxy: &mut Proxy) {
    for (plugin, segment) in
        [("fault", "fault"), ("a-B_9", "a-B_9"), ("my fault.v2/x", "my_fault_v2_x")]
    {
        proxy.try_configure_listeners([(plugin, by_header())]).unwrap();
        let held = hold(proxy);
        let gauge = format!("tollgate.fault.plugin={segment}.active_faults");
        assert_eq!(proxy.gauge(&gauge), 1, "{plugin}");
        held.leave();
        assert_eq!(proxy.gauge(&gauge), 0, "{plugin}");
    }
}

#[tollgate_testkit::test(Fault)]
fn plugins_share_the_counters(proxy: &mut Proxy) {
    let plugins = [("one", aborted(503)), ("two", aborted(418))];
    proxy.try_configure_listeners(plugins).unwrap();
    assert_eq!(proxy.get("/").at_listener(0).send().status(), 503);
    assert_eq!(proxy.get("/").at_listener(1).send().status(), 418);
    assert_eq!(injected(proxy), [0, 2, 0]);
}

#[tollgate_testkit::test(Fault)]
fn nothing_is_logged_of_requests(proxy: &mut Proxy) {
    proxy.log_level(tollgate_testkit::abi::LogLevel::Trace);
    proxy.configure(at_most(1, by_header()));
    let before = proxy.log().len();
    let held = hold(proxy);
    let _ = (hold(proxy), abort_with(proxy, 503).send(), proxy.get("/").send());
    held.leave();
    let _ = abort_with(proxy, 503).send();
    assert_eq!(proxy.log().len(), before, "{:?}", proxy.log());
}

#[tollgate_testkit::test(Fault)]
fn the_death_of_a_vm_that_held_places_is_logged(proxy: &mut Proxy) {
    proxy.workers(2).configure(at_most(9, by_header()));
    let _lost = [(); 3].map(|()| delay_of(proxy, 3_600_000).on_worker(1).send());
    let _kept = delay_of(proxy, 3_600_000).on_worker(2).send();
    proxy.crash_worker(1);
    proxy.advance(MISSED);
    let log = proxy.log_of(2);
    let said: Vec<_> = log.iter().map(|line| line.message.as_str()).collect();
    assert!(
        said.iter().any(|line| line.contains("its 3 of") && line.contains("active_faults")),
        "{said:?}"
    );
}

/// Natively nothing is counted.
#[tollgate_testkit::test(Fault)]
fn a_request_without_a_fault_asks_the_host_for_nothing(proxy: &mut Proxy) {
    proxy.configure(json!({ "delay": { "fixed_delay": "1s", "percentage": { "numerator": 0 } } }));
    let Some(before) = proxy.costs(1).map(|costs| costs.total().host_calls.clone()) else { return };
    assert_eq!(proxy.get("/").send().status(), 200);
    let after = proxy.costs(1).map(|costs| costs.total().host_calls.clone());
    assert_eq!(after, Some(before));
}
