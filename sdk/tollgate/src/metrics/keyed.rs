use super::{Counter, MetricError, Metrics};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// The key of what all further keys share.
const OVERFLOW: &[u8] = b"_overflow";

/// The longest key that gets a value of its own, in bytes: a client may send longer ones, and each would
/// cost memory in this VM and in Envoy.
const MAX_KEY: usize = 1024;

/// A value for each key, with metrics of its own: made when its key first turns up, and bounded, since
/// neither Envoy nor a module ever gives back what a metric takes.
///
/// Each worker has at most so many keys of its own as it was made for; all further ones, and those longer
/// than 1,024 bytes, share one more
/// value, with the key `_overflow`, and the counter `keys_overflowed` counts how often that happens.
///
/// ```
/// use tollgate::metrics::{Keyed, Metrics};
/// use tollgate::prelude::*;
///
/// #[derive(Deserialize)]
/// pub struct Config {}
///
/// /// Counts requests by cluster.
/// pub struct Census {
///     clusters: Keyed<Counter>,
/// }
///
/// #[tollgate::filter]
/// impl HttpFilter for Census {
///     type Config = Config;
///
///     fn configure(_: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
///         Ok(Self { clusters: Keyed::new(setup.metrics(), 256)? })
///     }
///
///     async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
///         if let Some(cluster) = request.properties().xds().cluster_name()? {
///             let requests = |_: &[u8], metrics: &Metrics| metrics.counter("requests");
///             self.clusters.get_or_make(&cluster, requests)?.increment();
///         }
///         Ok(Flow::Continue)
///     }
/// }
/// ```
pub struct Keyed<T> {
    metrics: Metrics,
    max_keys: usize,
    values: RefCell<BTreeMap<Vec<u8>, Rc<T>>>,
    overflowed: Counter,
}

impl<T> Keyed<T> {
    /// No value yet, and at most `max_keys` besides that for all further keys.
    ///
    /// # Errors
    ///
    /// When `keys_overflowed` cannot be defined.
    pub fn new(metrics: Metrics, max_keys: usize) -> Result<Self, MetricError> {
        let overflowed = metrics.counter("keys_overflowed")?;
        Ok(Self { metrics, max_keys, values: RefCell::default(), overflowed })
    }

    /// The value of a key; at first what `make` makes of the key, or of `_overflow`, and of its
    /// [metrics](Metrics::keyed).
    ///
    /// Two keys that are one as [`segment`](super::segment)s have a value each, and share the metrics.
    ///
    /// # Errors
    ///
    /// That of `make`; the key then has no value, and the next call makes it.
    pub fn get_or_make<E>(
        &self,
        key: &[u8],
        make: impl FnOnce(&[u8], &Metrics) -> Result<T, E>,
    ) -> Result<Rc<T>, E> {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let is_new = key.len() <= MAX_KEY && self.values.borrow().len() < self.max_keys;
        if !is_new {
            self.overflowed.increment();
            if let Some(value) = self.get(OVERFLOW) {
                return Ok(value);
            }
        }
        let key = if is_new { key } else { OVERFLOW };
        let value = Rc::new(make(key, &self.metrics.keyed(key))?);
        self.values.borrow_mut().insert(key.to_vec(), Rc::clone(&value));
        Ok(value)
    }

    fn get(&self, key: &[u8]) -> Option<Rc<T>> {
        self.values.borrow().get(key).map(Rc::clone)
    }
}

impl<T> fmt::Debug for Keyed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyed({} keys)", self.values.borrow().len())
    }
}
