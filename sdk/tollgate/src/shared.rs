//! State that all workers of an Envoy process share.
//!
//! A worker runs a filter in a VM of its own, so a plain field is per worker. Two things cross:
//!
//! - [`SharedGauge`], an Envoy gauge: an atomic number at about 0.1 µs, visible in `/stats`;
//! - [`SharedCell`], a value in the host's shared data, replaced by compare-and-swap: about 1 µs and
//!   a process-wide lock, so for what changes rarely.

use crate::abi::{self, HostError, Result, Status};
use crate::metrics::Gauge;
use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;

/// A count over all workers that is taken and given back.
#[derive(Clone, Copy, Debug)]
pub struct SharedGauge(Gauge);

impl SharedGauge {
    /// Counts by `gauge`.
    #[must_use]
    pub const fn new(gauge: Gauge) -> Self {
        Self(gauge)
    }

    /// The count now.
    ///
    /// # Errors
    ///
    /// When the host does not know the metric any more.
    pub fn value(self) -> Result<u64> {
        self.0.value()
    }

    /// Takes one place out of `limit`, or `None` when all are taken. The place is given back when
    /// the reservation is dropped.
    ///
    /// Reserves first and looks afterwards, so that never more than `limit` hold a reservation. Two
    /// workers that ask at once for the last place may both be refused.
    ///
    /// # Errors
    ///
    /// When the host does not know the metric any more; then nothing is taken.
    pub fn reserve(self, limit: u64) -> Result<Option<Reservation>> {
        self.0.add(1)?;
        let reservation = Reservation(self.0);
        // On an error the drop of the reservation gives the place back.
        let taken = self.0.value()?;
        Ok((taken <= limit).then_some(reservation))
    }
}

/// A place in a [`SharedGauge`], given back when dropped.
#[derive(Debug)]
#[must_use = "dropping a reservation gives the place back"]
pub struct Reservation(Gauge);

impl Drop for Reservation {
    fn drop(&mut self) {
        let _ = self.0.add(-1);
    }
}

/// What [`SharedCell::update`] did.
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
/// absent.
#[derive(Debug)]
pub struct SharedCell<T> {
    key: String,
    version: u8,
    value: PhantomData<fn() -> T>,
}

/// The host accepts any number for a key that is absent (proxy-wasm-cpp-host, `shared_data.cc`), so
/// "create it, unless somebody else did" passes a number that no present value has.
const CAS_OF_ABSENT: u32 = u32::MAX;

/// How often a compare-and-swap is tried. Each failure means that another worker succeeded.
const ATTEMPTS: u32 = 64;

impl<T: Serialize + DeserializeOwned> SharedCell<T> {
    /// The cell called `key`, with values of the form `version`.
    #[must_use]
    pub fn new(key: impl Into<String>, version: u8) -> Self {
        Self { key: key.into(), version, value: PhantomData }
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
        (*version == self.version).then(|| postcard::from_bytes(bytes).ok())?
    }

    fn encode(&self, value: &T) -> Result<Vec<u8>> {
        postcard::to_extend(value, vec![self.version])
            .map_err(|_| HostError::new("proxy_set_shared_data", Status::SerializationFailure))
    }
}

#[cfg(test)]
mod tests;
