use super::{Counter, Keyed, MAX_SEGMENT, MetricError, MetricKind, Metrics, segment};
use crate::abi::native::{self, Host};
use crate::abi::{HostError, Result};
use crate::config::ConfigError;
use crate::testing::TestHost;
use proptest::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

/// As Envoy: the same name is the same metric, but each definition has an identifier of its own.
#[derive(Default)]
struct Definitions(RefCell<Vec<String>>);

impl Definitions {
    fn install() -> Rc<Self> {
        let host = Rc::new(Self::default());
        native::install(host.clone());
        host
    }
}

impl Host for Definitions {
    fn define_metric(&self, _kind: MetricKind, name: &str) -> Result<u32> {
        let mut names = self.0.borrow_mut();
        names.push(name.to_owned());
        Ok(names.len() as u32)
    }

    fn increment_metric(&self, _id: u32, _offset: i64) -> Result<()> {
        Ok(())
    }

    fn record_metric(&self, _id: u32, _value: u64) -> Result<()> {
        Ok(())
    }

    /// As what `stats_matcher` excludes.
    fn metric(&self, _id: u32) -> Result<u64> {
        Ok(0)
    }
}

fn greeter() -> Metrics {
    Metrics::new("greeter")
}

#[test]
fn a_name_is_made_of_filter_key_tags_and_stat() {
    let metrics = greeter();
    assert_eq!(metrics.name("greeted"), "tollgate.greeter.greeted");
    let tagged = metrics.tagged("variant", "v2").tagged("reason", "split");
    assert_eq!(tagged.name("greeted"), "tollgate.greeter.reason=split.variant=v2.greeted");
    let keyed = tagged.keyed(b"reviews.default");
    assert_eq!(
        keyed.name("greeted"),
        "tollgate.greeter.reviews_default.reason=split.variant=v2.greeted"
    );
    assert_eq!(
        keyed.keyed("other").tagged("reason", "").local_name("x"),
        "other.reason=_.variant=v2.x"
    );
}

#[test]
fn the_order_of_tags_makes_no_other_metric() {
    let host = Definitions::install();
    let one = greeter().tagged("a", "1").tagged("b", "2").keyed("k").counter("greeted");
    let other = greeter().keyed("k").tagged("b", "2").tagged("a", "1").counter("greeted");
    assert_eq!(one, other);
    assert_eq!(host.0.borrow().len(), 1);
}

#[test]
fn a_metric_defined_again_is_the_same_handle_without_another_host_call() {
    let host = Definitions::install();
    let metrics = greeter().tagged("variant", "v2");
    let first = metrics.counter("greeted").unwrap();
    assert_eq!(metrics.counter("greeted").unwrap(), first);
    assert_ne!(greeter().counter("greeted").unwrap(), first);
    assert_eq!(
        *host.0.borrow(),
        ["tollgate.greeter.variant=v2.greeted", "tollgate.greeter.greeted"]
    );
}

#[test]
fn another_host_is_asked_anew() {
    Definitions::install();
    greeter().counter("greeted").unwrap();
    let host = Definitions::install();
    greeter().gauge("greeted").unwrap();
    assert_eq!(host.0.borrow().len(), 1);
}

#[test]
fn a_stat_has_one_kind_whatever_its_tags() {
    let host = Definitions::install();
    greeter().tagged("variant", "v1").counter("greeted").unwrap();
    let error = greeter().tagged("variant", "v2").gauge("greeted").unwrap_err();
    assert_eq!(
        error.to_string(),
        "tollgate.greeter.greeted is a counter, and cannot be a gauge as well"
    );
    assert!(greeter().histogram("greeted").is_err());
    assert!(Metrics::new("other").gauge("greeted").is_ok());
    assert_eq!(host.0.borrow().len(), 2);
    assert_eq!(
        ConfigError::from(error.clone()).to_string(),
        "`(metrics)`: found tollgate.greeter.greeted as a gauge, \
         allowed: a counter, which it is already"
    );
    let error = HostError::from(error).to_string();
    assert_eq!(error, "a metric that has another kind already: bad argument");
}

#[test]
fn what_prometheus_cannot_show_as_it_is_is_not_a_name() {
    Definitions::install();
    for stat in ["", "a.b", "a=b", "a-b", "a b", "5xx", "_a", "grüße"] {
        assert!(matches!(greeter().counter(stat), Err(MetricError::Name { .. })), "{stat:?}");
        let tagged = greeter().tagged(stat, "v");
        assert!(matches!(tagged.gauge("greeted"), Err(MetricError::Name { .. })), "{stat:?}");
    }
    for tag in ["key", "le", "quantile"] {
        assert!(greeter().tagged(tag, "v").counter("greeted").is_err(), "{tag}");
        assert!(greeter().counter(tag).is_ok(), "{tag}");
    }
    assert_eq!(
        ConfigError::from(Metrics::new("my-filter").counter("x").unwrap_err()).to_string(),
        "`(metrics)`: found \"my-filter\", allowed: ASCII letters, digits and `_`, a letter first"
    );
}

#[test]
fn gauges_that_envoy_does_not_keep_are_refused() {
    TestHost::install();
    assert_eq!(greeter().require_gauges(), Ok(()));
    Definitions::install();
    let error = greeter().shared_gauge("held").unwrap_err();
    assert_eq!(
        ConfigError::from(error).to_string(),
        "`(metrics)`: found `stats_matcher` in Envoy's bootstrap excludes \
         wasmcustom.0.tollgate_leases.greeter.check, allowed: one that includes all of `wasmcustom.`"
    );
}

#[test]
fn long_values_stay_apart_when_they_end_differently() {
    let value = "x".repeat(MAX_SEGMENT);
    assert_eq!(segment(&value), value);
    let [one, other] = ["a", "b"].map(|end| segment(&format!("{value}{end}")));
    assert_ne!(one, other);
    assert_eq!((one.len(), other.len()), (MAX_SEGMENT, MAX_SEGMENT));
    assert_eq!(segment(&"é".repeat(MAX_SEGMENT)), "_".repeat(MAX_SEGMENT));
}

proptest! {
    #[test]
    fn whatever_a_value_is_a_name_can_be_taken_apart_again(value in any::<Vec<u8>>(), key in ".*") {
        let name = greeter().keyed(&key).tagged("flag", &value).name("seen");
        let parts: Vec<_> = name.split('.').collect();
        let [_, _, key, tag, stat] = parts.as_slice() else { panic!("{name}") };
        let value = tag.strip_prefix("flag=").unwrap();
        prop_assert_eq!(*stat, "seen");
        for segment in [key, value] {
            let is_clean = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            prop_assert!(!segment.is_empty() && segment.len() <= MAX_SEGMENT, "{}", name);
            prop_assert!(segment.chars().all(is_clean), "{}", name);
        }
    }
}

fn keyed(max_keys: usize) -> Keyed<String> {
    Keyed::new(greeter(), max_keys).unwrap()
}

/// The name under which the value of a key would count.
fn name(_: &[u8], metrics: &Metrics) -> Result<String> {
    Ok(metrics.name("seen"))
}

#[test]
fn each_key_has_a_value_of_its_own_which_is_made_once() {
    TestHost::install();
    let values = keyed(2);
    let first = values.get_or_make(b"a.b", name).unwrap();
    assert_eq!(*first, "tollgate.greeter.a_b.seen");
    let again = values.get_or_make(b"a.b", |_, _| Err(())).unwrap();
    assert!(Rc::ptr_eq(&first, &again));
}

#[test]
fn further_keys_share_one_value_and_are_counted() {
    let host = TestHost::install();
    let values = keyed(2);
    let make = |key: &str| values.get_or_make(key.as_bytes(), name).unwrap();
    let [_, b, c, d, e] = ["a", "b", "c", "d", "e"].map(make);
    assert_eq!(*b, "tollgate.greeter.b.seen");
    assert_eq!(*c, "tollgate.greeter._overflow.seen");
    assert!(Rc::ptr_eq(&c, &d) && Rc::ptr_eq(&c, &e));
    assert!(Rc::ptr_eq(&b, &make("b")));
    assert_eq!(host.metric_named("tollgate.greeter.keys_overflowed"), 3);
    assert_eq!(format!("{values:?}"), "Keyed(3 keys)");
}

#[test]
fn a_key_whose_value_cannot_be_made_is_tried_again() {
    TestHost::install();
    let values = keyed(1);
    assert_eq!(values.get_or_make(b"a", |_, _| Err("no")).unwrap_err(), "no");
    assert_eq!(*values.get_or_make(b"a", name).unwrap(), "tollgate.greeter.a.seen");
}

#[test]
fn a_value_may_use_the_others_while_it_is_made() {
    TestHost::install();
    let values = Keyed::<Counter>::new(greeter(), 2).unwrap();
    let count = |_: &[u8], metrics: &Metrics| metrics.counter("seen");
    let outer = values.get_or_make(b"a", |key, metrics| {
        values.get_or_make(b"b", count)?.increment();
        count(key, metrics)
    });
    assert!(outer.is_ok());
}
