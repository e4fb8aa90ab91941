//! Answers that are good for a while.

use std::collections::HashMap;
use std::time::Duration;
use tollgate::time::Instant;

/// Values by key, each for the same time, and never more than a number of them.
#[derive(Debug)]
pub(crate) struct Cache<V> {
    entries: HashMap<Vec<u8>, Entry<V>>,
    lifetime: Duration,
    capacity: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    expiry: Instant,
}

impl<V: Copy> Cache<V> {
    pub(crate) fn new(lifetime: Duration, capacity: usize) -> Self {
        Self { entries: HashMap::new(), lifetime, capacity }
    }

    pub(crate) fn get(&self, key: &[u8], now: Instant) -> Option<V> {
        self.entries.get(key).filter(|entry| now < entry.expiry).map(|entry| entry.value)
    }

    /// Remembers a value. When there is no room, those that have expired go, or else all.
    pub(crate) fn insert(&mut self, key: Vec<u8>, value: V, now: Instant) {
        if self.lifetime.is_zero() {
            return;
        }
        if self.entries.len() >= self.capacity {
            self.entries.retain(|_, entry| now < entry.expiry);
        }
        if self.entries.len() >= self.capacity {
            self.entries.clear();
        }
        self.entries.insert(key, Entry { value, expiry: now.after(self.lifetime) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::default().after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_value_is_there_until_its_time_is_over() {
        let mut cache = Cache::new(Duration::from_secs(10), 2);
        cache.insert(b"a".to_vec(), 1, at(5));
        assert_eq!(cache.get(b"a", at(14)), Some(1));
        assert_eq!(cache.get(b"a", at(15)), None);
        assert_eq!(cache.get(b"b", at(5)), None);
    }

    #[test]
    fn without_a_lifetime_nothing_is_remembered() {
        let mut cache = Cache::new(Duration::ZERO, 2);
        cache.insert(b"a".to_vec(), 1, at(5));
        assert!(cache.entries.is_empty());
    }

    #[test]
    fn it_never_grows_past_its_capacity_and_keeps_what_is_still_good_if_it_can() {
        let mut cache = Cache::new(Duration::from_secs(10), 2);
        cache.insert(b"old".to_vec(), 1, at(0));
        cache.insert(b"new".to_vec(), 2, at(9));
        cache.insert(b"next".to_vec(), 3, at(12));
        assert_eq!(cache.get(b"new", at(12)), Some(2));
        cache.insert(b"last".to_vec(), 4, at(13));
        assert_eq!(cache.entries.len(), 1);
        assert_eq!(cache.get(b"last", at(13)), Some(4));
    }
}
