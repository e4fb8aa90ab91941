//! What all VMs of a process share: data and queues.

use crate::abi::{Result, Status};
use std::collections::{BTreeMap, VecDeque};

/// Shared data, with Envoy's compare-and-swap (proxy-wasm-cpp-host, `shared_data.cc`).
///
/// Every write of any key takes the next number of one counter. A key that is absent accepts any
/// number. Nothing can be deleted.
///
/// ```
/// use tollgate_testkit::abi::Status;
/// use tollgate_testkit::simulated::SharedData;
///
/// let mut data = SharedData::default();
/// data.set(b"key", b"one", 77).unwrap();
/// let (_, cas) = data.get(b"key").unwrap();
/// data.set(b"key", b"two", cas).unwrap();
/// assert_eq!(data.set(b"key", b"three", cas), Err(Status::CAS_MISMATCH));
/// data.set(b"key", b"three", 0).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct SharedData {
    values: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    last_cas: u32,
}

impl SharedData {
    /// A value and its number.
    ///
    /// # Errors
    ///
    /// `NotFound` for a key that is absent.
    pub fn get(&self, key: &[u8]) -> Result<(&[u8], u32)> {
        let value = self.values.get(key);
        value.map(|(value, cas)| (value.as_slice(), *cas)).ok_or(Status::NOT_FOUND)
    }

    /// Writes a value: if `cas` is the number of the present one, or 0, or if there is none.
    ///
    /// # Errors
    ///
    /// `CasMismatch` if not.
    pub fn set(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<()> {
        if let Some((_, current)) = self.values.get(key)
            && cas != 0
            && cas != *current
        {
            return Err(Status::CAS_MISMATCH);
        }
        self.last_cas = self.last_cas.checked_add(1).unwrap_or(1);
        self.values.insert(key.to_vec(), (value.to_vec(), self.last_cas));
        Ok(())
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.values.keys().map(Vec::as_slice)
    }
}

/// Shared queues, by name (proxy-wasm-cpp-host, `shared_queue.cc`).
#[derive(Clone, Debug, Default)]
pub struct SharedQueues {
    tokens: BTreeMap<Vec<u8>, u32>,
    queues: BTreeMap<u32, Queue>,
    /// Who is to be told that there is something, in order.
    ready: Vec<(QueueOwner, u32)>,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    items: VecDeque<Vec<u8>>,
    /// Whoever has opened it last.
    owner: QueueOwner,
}

/// Who has opened a queue: the VM and the plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueOwner {
    pub(crate) vm: usize,
    pub(crate) root: u32,
}

impl SharedQueues {
    /// Opens a queue, and makes it when it is not there.
    pub(super) fn register(&mut self, name: &[u8], owner: QueueOwner) -> u32 {
        let next = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX).saturating_add(1);
        let token = *self.tokens.entry(name.to_vec()).or_insert(next);
        self.queues.entry(token).or_default().owner = owner;
        token
    }

    /// Who is to be told that there is something, and in which queue; each is told once.
    pub(crate) fn take_ready(&mut self) -> Vec<(QueueOwner, u32)> {
        std::mem::take(&mut self.ready)
    }

    /// The token of a queue.
    ///
    /// # Errors
    ///
    /// `NotFound` for one that was not made.
    pub fn resolve(&self, name: &[u8]) -> Result<u32> {
        self.tokens.get(name).copied().ok_or(Status::NOT_FOUND)
    }

    /// Takes the oldest item.
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown queue, `Empty` for an empty one.
    pub fn dequeue(&mut self, token: u32) -> Result<Vec<u8>> {
        let queue = self.queues.get_mut(&token).ok_or(Status::NOT_FOUND)?;
        queue.items.pop_front().ok_or(Status::EMPTY)
    }

    /// Adds an item.
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown queue.
    pub fn enqueue(&mut self, token: u32, item: &[u8]) -> Result<()> {
        let queue = self.queues.get_mut(&token).ok_or(Status::NOT_FOUND)?;
        queue.items.push_back(item.to_vec());
        self.ready.push((queue.owner, token));
        Ok(())
    }
}
