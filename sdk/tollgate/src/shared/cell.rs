use crate::abi::{self, HostError, Result, Status};
use crate::time::Instant;
use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;
use std::time::Duration;

/// What [`SharedCell::update`] did.
///
/// ```
/// use tollgate::shared::{SharedCell, Update};
///
/// /// Takes one of a thousand tickets; none are left when it is `None`.
/// fn ticket(sold: &SharedCell<u32>) -> tollgate::Result<Option<u32>> {
///     let update = sold.update(|sold| match sold.unwrap_or_default() {
///         1000.. => Err("sold out"),
///         sold => Ok(sold + 1),
///     })?;
///     Ok(match update {
///         Update::Stored(number) => Some(number),
///         Update::Kept(_reason) => None,
///     })
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update<T, K> {
    /// The closure wanted this value, and it is stored.
    Stored(T),
    /// The closure wanted no change, for this reason.
    Kept(K),
}

/// A value in the host's shared data, by key.
///
/// It lives as long as any VM with the same `vm_id` does, so it survives a new configuration and
/// the restart of a VM. The bytes begin with a version: a value that another version wrote counts as
/// absent. The host cannot delete a key, so a value that shall go away carries the moment when it does.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tollgate::shared::{SharedCell, Update};
///
/// #[derive(Serialize, Deserialize)]
/// struct Visits(u64);
///
/// fn count_visit(visits: &SharedCell<Visits>) -> tollgate::Result<u64> {
///     let update = visits.update(|visits| {
///         let before = visits.map_or(0, |visits| visits.0);
///         Ok::<_, ()>(Visits(before + 1))
///     })?;
///     Ok(match update {
///         Update::Stored(Visits(count)) => count,
///         Update::Kept(()) => 0,
///     })
/// }
/// ```
#[derive(Debug)]
pub struct SharedCell<T> {
    key: String,
    version: u8,
    ttl: Option<Duration>,
    value: PhantomData<fn() -> T>,
}

/// The host accepts any number for a key that is absent (proxy-wasm-cpp-host, `shared_data.cc`), so
/// "create it, unless somebody else did" passes a number that no present value has.
const CAS_OF_ABSENT: u32 = u32::MAX;

/// How often a compare-and-swap is tried. Each failure means that another worker succeeded.
const ATTEMPTS: u32 = 64;

impl<T: Serialize + DeserializeOwned> SharedCell<T> {
    /// The cell called `key`, with values of the form `version`: a new number for each change of `T`, so
    /// that a module does not read what another version of it has left.
    #[must_use]
    pub fn new(key: impl Into<String>, version: u8) -> Self {
        Self { key: key.into(), version, ttl: None, value: PhantomData }
    }

    /// Values that count as absent so long after they were written, for whoever reads them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::shared::SharedCell;
    ///
    /// fn keys() -> SharedCell<Vec<u8>> {
    ///     SharedCell::new("keys", 1).expiring_after(Duration::from_secs(3600))
    /// }
    /// ```
    #[must_use]
    pub fn expiring_after(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The value, if there is one.
    ///
    /// # Errors
    ///
    /// When the host cannot read shared data.
    pub fn get(&self) -> Result<Option<T>> {
        Ok(self.read()?.0)
    }

    /// Replaces the value by what `change` makes of it. `change` may run several times, when workers
    /// collide, and must not have effects; `Err` keeps the value as it is.
    ///
    /// # Errors
    ///
    /// When the host cannot read or write shared data, or every attempt collided.
    pub fn update<K>(
        &self,
        mut change: impl FnMut(Option<T>) -> Result<T, K>,
    ) -> Result<Update<T, K>> {
        for _ in 0..ATTEMPTS {
            let (current, cas) = self.read()?;
            let next = match change(current) {
                Ok(next) => next,
                Err(reason) => return Ok(Update::Kept(reason)),
            };
            match abi::set_shared_data(&self.key, &self.encode(&next)?, cas) {
                Ok(()) => return Ok(Update::Stored(next)),
                Err(error) if error.status() == Status::CasMismatch => {}
                Err(error) => return Err(error),
            }
        }
        Err(HostError::new("proxy_set_shared_data", Status::CasMismatch))
    }

    fn read(&self) -> Result<(Option<T>, u32)> {
        Ok(match abi::shared_data(&self.key)? {
            Some((bytes, cas)) => (self.decode(&bytes), cas),
            None => (None, CAS_OF_ABSENT),
        })
    }

    fn decode(&self, bytes: &[u8]) -> Option<T> {
        let (version, bytes) = bytes.split_first()?;
        if *version != self.version {
            return None;
        }
        let (expiry, bytes) = postcard::take_from_bytes::<Option<Instant>>(bytes).ok()?;
        if let Some(expiry) = expiry
            && Instant::now().ok()? >= expiry
        {
            return None;
        }
        postcard::from_bytes(bytes).ok()
    }

    fn encode(&self, value: &T) -> Result<Vec<u8>> {
        let expiry = match self.ttl {
            Some(ttl) => Some(Instant::now()?.after(ttl)),
            None => None,
        };
        postcard::to_extend(&expiry, vec![self.version])
            .and_then(|bytes| postcard::to_extend(value, bytes))
            .map_err(|_| HostError::new("proxy_set_shared_data", Status::SerializationFailure))
    }
}
