// There are no threads on wasm32.
#[cfg(not(target_arch = "wasm32"))]
mod threads;

use super::*;
use crate::abi::{MetricKind, Status};
use crate::executor::{self, Scope};
use crate::metrics::Metrics;
use crate::testing::TestHost;
use std::cell::Cell;
use std::time::Duration;

fn cell() -> SharedCell<u64> {
    SharedCell::new("cell", 1)
}

fn add_one(cell: &SharedCell<u64>) -> Update<u64, ()> {
    cell.update(|value| Ok::<_, ()>(value.unwrap_or(0) + 1)).unwrap()
}

#[test]
fn a_cell_is_absent_until_it_is_written() {
    TestHost::install();
    assert_eq!(cell().get(), Ok(None));
    assert_eq!(add_one(&cell()), Update::Stored(1));
    assert_eq!(cell().get(), Ok(Some(1)));
}

#[test]
fn an_update_may_keep_the_value_and_say_why() {
    let host = TestHost::install();
    add_one(&cell());
    let writes = host.last_cas.get();
    assert_eq!(cell().update(|_| Err::<u64, _>("no")), Ok(Update::Kept("no")));
    assert_eq!(host.last_cas.get(), writes);
}

#[test]
fn an_update_that_collides_is_made_again_on_the_new_value() {
    TestHost::install();
    add_one(&cell());
    let mut collided = false;
    let update = cell().update(|value| {
        if !std::mem::replace(&mut collided, true) {
            add_one(&cell());
        }
        Ok::<_, ()>(value.unwrap_or(0) + 10)
    });
    assert_eq!(update, Ok(Update::Stored(12)));
}

/// The host accepts any compare-and-swap number for an absent key.
#[test]
fn two_that_create_the_same_cell_do_not_overwrite_each_other() {
    TestHost::install();
    let mut collided = false;
    let update = cell().update(|value| {
        if !std::mem::replace(&mut collided, true) {
            add_one(&cell());
        }
        Ok::<_, ()>(value.unwrap_or(0) + 10)
    });
    assert_eq!(update, Ok(Update::Stored(11)));
}

#[test]
fn an_update_that_always_collides_ends_in_an_error() {
    TestHost::install();
    let update = cell().update(|value| {
        add_one(&cell());
        Ok::<_, ()>(value.unwrap_or(0))
    });
    assert_eq!(update.unwrap_err().status(), Status::CasMismatch);
}

#[test]
fn a_value_of_another_version_counts_as_absent_and_can_be_replaced() {
    TestHost::install();
    add_one(&SharedCell::new("cell", 2));
    assert_eq!(cell().get(), Ok(None));
    assert_eq!(add_one(&cell()), Update::Stored(1));
}

#[test]
fn bytes_that_are_no_value_count_as_absent() {
    let host = TestHost::install();
    for bytes in [
        &b""[..],
        b"\x01",
        b"\x01\x00",
        b"\x01\x02\x00",
        b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        host.shared_data.borrow_mut().insert("cell".to_owned(), (bytes.to_vec(), 9));
        assert_eq!(cell().get(), Ok(None), "{bytes:?}");
    }
}

#[test]
fn a_value_that_expires_counts_as_absent_from_that_moment_on() {
    let host = TestHost::install();
    let cell = SharedCell::<u64>::new("cell", 1).expiring_after(Duration::from_secs(10));
    add_one(&cell);
    host.advance(Duration::from_nanos(9_999_999_999));
    assert_eq!(cell.get(), Ok(Some(1)));
    host.advance(Duration::from_nanos(1));
    assert_eq!(cell.get(), Ok(None));
    assert_eq!(add_one(&cell), Update::Stored(1));
}

#[test]
fn a_worker_has_one_value_of_a_name_and_a_type() {
    let one = WorkerCell::get_or_init("a", || Cell::new(1));
    one.set(5);
    assert_eq!(WorkerCell::get_or_init("a", || Cell::new(1)).get(), 5);
    assert_eq!(WorkerCell::get_or_init("b", || Cell::new(1)).get(), 1);
    assert_eq!(*WorkerCell::get_or_init("a", || 7u8), 7);
}

/// A VM that shares the host with others: it has a root of its own.
struct TestVm {
    root: u32,
    gauge: SharedGauge,
}

impl TestVm {
    fn start(root: u32) -> Self {
        let scope = Scope { root, context: root };
        let gauge = executor::within(scope, || {
            SharedGauge::new(Metrics::new("test"), "in_flight").unwrap()
        });
        executor::settle(root);
        Self { root, gauge }
    }

    fn take(&self, count: usize) -> Vec<Reservation> {
        let scope = Scope { root: self.root, context: self.root };
        let taken = (0..count)
            .map(|_| executor::within(scope, || self.gauge.reserve(1_000)).unwrap().unwrap());
        let taken = taken.collect();
        executor::settle(self.root);
        taken
    }

    /// A panic: nothing is dropped, and no background task runs any more.
    fn fail(self, reservations: Vec<Reservation>) {
        reservations.into_iter().for_each(std::mem::forget);
        executor::remove_root(self.root);
        std::mem::forget(self);
    }
}

/// Lets seconds pass, with a tick of each of these VMs every 100 ms.
fn pass(host: &TestHost, seconds: u64, vms: &[&TestVm]) {
    for _ in 0..seconds * 10 {
        host.advance(Duration::from_millis(100));
        vms.iter().for_each(|vm| executor::tick(vm.root));
    }
}

fn in_flight(host: &TestHost) -> u64 {
    host.metric_named("tollgate.test.in_flight")
}

#[test]
fn places_are_taken_up_to_the_limit_and_given_back_on_drop() {
    let host = TestHost::install();
    let gauge = SharedGauge::new(Metrics::new("test"), "in_flight").unwrap();
    let first = gauge.reserve(2).unwrap().unwrap();
    let _second = gauge.reserve(2).unwrap().unwrap();
    assert!(gauge.reserve(2).unwrap().is_none());
    assert_eq!(in_flight(&host), 2);
    drop(first);
    assert!(gauge.reserve(2).unwrap().is_some());
    assert_eq!(gauge.value(), Ok(1));
}

#[test]
fn what_a_failed_vm_held_is_given_back_by_another_within_seven_seconds() {
    let host = TestHost::install();
    let (failing, living) = (TestVm::start(1), TestVm::start(2));
    let lost = failing.take(100);
    let kept = living.take(3);
    failing.fail(lost);
    pass(&host, 4, &[&living]);
    assert_eq!(in_flight(&host), 103);
    pass(&host, 3, &[&living]);
    assert_eq!(in_flight(&host), 3);
    drop(kept);
    assert_eq!(in_flight(&host), 0);
}

#[test]
fn a_vm_started_in_the_place_of_a_failed_one_gives_its_places_back() {
    let host = TestHost::install();
    let failing = TestVm::start(1);
    let lost = failing.take(100);
    failing.fail(lost);
    let next = TestVm::start(2);
    pass(&host, 7, &[&next]);
    assert_eq!(in_flight(&host), 0);
}

#[test]
fn a_request_that_is_refused_looks_for_failed_vms_itself() {
    let host = TestHost::install();
    let failing = TestVm::start(1);
    let lost = failing.take(100);
    let other = TestVm::start(2);
    executor::remove_root(other.root);
    failing.fail(lost);
    host.advance(Duration::from_secs(5));
    assert!(other.gauge.reserve(100).unwrap().is_some());
    assert_eq!(in_flight(&host), 0);
}

#[test]
fn a_vm_that_was_only_slow_counts_its_places_anew() {
    let host = TestHost::install();
    let (slow, other) = (TestVm::start(1), TestVm::start(2));
    let mut held = slow.take(10);
    let _one = other.take(1);
    pass(&host, 7, &[&other]);
    assert_eq!(in_flight(&host), 1);
    held.truncate(4);
    pass(&host, 2, &[&slow, &other]);
    assert_eq!(in_flight(&host), 5);
    held.extend(slow.take(2));
    assert_eq!(in_flight(&host), 7);
    drop(held);
    assert_eq!(in_flight(&host), 1);
}

#[test]
fn a_vm_that_was_slow_and_is_then_configured_anew_takes_its_places_back_once() {
    let host = TestHost::install();
    let (slow, other) = (TestVm::start(1), TestVm::start(2));
    let held = slow.take(2);
    let _one = other.take(1);
    pass(&host, 7, &[&other]);
    assert_eq!(in_flight(&host), 1);
    drop(held);
    executor::remove_root(slow.root);
    drop(slow);
    assert_eq!(in_flight(&host), 1);
}

#[test]
fn a_count_that_is_wrong_for_whatever_reason_is_right_again_at_the_next_beat() {
    let host = TestHost::install();
    let vm = TestVm::start(1);
    let held = vm.take(3);
    for (name, value) in &mut *host.metrics.borrow_mut() {
        if name.contains("in_flight") {
            *value = 3u64.wrapping_sub(127);
        }
    }
    assert!(vm.gauge.reserve(10).unwrap().is_some());
    pass(&host, 1, &[&vm]);
    assert_eq!(in_flight(&host), 3);
    drop(held);
    assert_eq!(in_flight(&host), 0);
}

#[test]
fn a_confirmation_that_fails_once_is_made_again_so_that_held_places_stay_counted() {
    let host = TestHost::install();
    let (holding, other) = (TestVm::start(1), TestVm::start(2));
    let (held, _one) = (holding.take(3), other.take(1));
    host.refuse_shared_data.set(true);
    pass(&host, 2, &[&holding]);
    host.refuse_shared_data.set(false);
    pass(&host, 20, &[&holding, &other]);
    assert_eq!(in_flight(&host), 4);
    drop(held);
    assert_eq!(in_flight(&host), 1);
}

#[test]
fn vms_that_are_alive_are_left_alone_and_the_tick_goes_off_when_nobody_holds_a_place() {
    let host = TestHost::install();
    let vms = [TestVm::start(1), TestVm::start(2)];
    let held: Vec<_> = vms.iter().map(|vm| vm.take(5)).collect();
    pass(&host, 60, &[&vms[0], &vms[1]]);
    assert_eq!(in_flight(&host), 10);
    drop(held);
    pass(&host, 2, &[&vms[0], &vms[1]]);
    assert_eq!((in_flight(&host), host.tick_period.get()), (0, 0));
}

#[test]
fn a_gauge_defined_twice_is_one() {
    TestHost::install();
    let define = || crate::abi::define_metric(MetricKind::Gauge, "same").unwrap();
    assert_eq!(define(), define());
}

/// A gauge may be shared by several configurations, of which one goes.
#[test]
fn places_are_confirmed_on_when_the_plugin_that_began_it_is_gone() {
    let host = TestHost::install();
    let within = |root, run: &dyn Fn() -> Option<Reservation>| {
        executor::within(Scope { root, context: root }, run)
    };
    let gauge = SharedGauge::new(Metrics::new("test"), "inside").unwrap();
    let _first = within(1, &|| gauge.reserve(9).unwrap()).unwrap();
    executor::settle(1);
    executor::remove_root(1);
    let _second = within(2, &|| gauge.reserve(9).unwrap()).unwrap();
    executor::settle(2);
    let before = host.last_cas.get();
    host.advance(Duration::from_secs(1));
    executor::tick(2);
    assert!(host.last_cas.get() > before);
}
