use super::*;
use crate::abi::MetricKind;
use crate::metrics::Metrics;
use crate::testing::TestHost;

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
    for bytes in [&b""[..], b"\x01", b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
        host.shared_data.borrow_mut().insert("cell".to_owned(), (bytes.to_vec(), 9));
        assert_eq!(cell().get(), Ok(None), "{bytes:?}");
    }
}

#[test]
fn places_are_taken_up_to_the_limit_and_given_back_on_drop() {
    let host = TestHost::install();
    let gauge = SharedGauge::new(Metrics::new("test").gauge("in_flight").unwrap());
    let first = gauge.reserve(2).unwrap().unwrap();
    let _second = gauge.reserve(2).unwrap().unwrap();
    assert!(gauge.reserve(2).unwrap().is_none());
    assert_eq!(host.metric_named("tollgate.test.in_flight"), 2);
    drop(first);
    assert!(gauge.reserve(2).unwrap().is_some());
    assert_eq!(gauge.value(), Ok(1));
}

#[test]
fn a_gauge_defined_twice_is_one() {
    TestHost::install();
    let define = || crate::abi::define_metric(MetricKind::Gauge, "same").unwrap();
    assert_eq!(define(), define());
}
