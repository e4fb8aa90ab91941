use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate::abi::native::{self, Host};
use tollgate::abi::{HostError, Result, Status, Versioned};
use tollgate::shared::{SharedCell, Update};
use tollgate::time::Instant;
use tollgate::token_bucket::TokenBucket;
use tollgate::window::{CountWindow, Outcome, TimeWindow};
use tollgate_circuit_breaker::state::{FORMAT, Policy, State};

/// Shared data as another version of a module, or anybody, may have left it: every value that filters keep
/// there is read or counts as absent, can be worked with, and can be replaced.
pub fn shared_cell(data: &[u8]) {
    let shared = Rc::new(Shared { bytes: data.to_vec().into(), ..Shared::default() });
    native::install(shared.clone());
    let now = Instant::from_nanoseconds(NOW);

    check("text", &SharedCell::<String>::new("text", 1), "new".to_owned());
    check("list", &SharedCell::<Vec<(u64, Option<bool>)>>::new("list", 1), vec![(1, None)]);
    let new = TokenBucket::new(1, 1, Duration::from_secs(1)).expect("a bucket");
    if let Some(mut bucket) = check("bucket", &SharedCell::new("bucket", 1), new) {
        let _ = (bucket.try_take(7, now), bucket.take_up_to(u64::MAX, now), bucket.available(now));
        let _ = bucket.with_limits(7, 7, Duration::from_secs(7), now);
    }
    let new = CountWindow::new(3).expect("a window");
    if let Some(mut window) = check("count", &SharedCell::new("count", 1), new) {
        window.record(Outcome::default());
        let _ = window.counts();
    }
    let new = TimeWindow::new(Duration::from_secs(3), 3).expect("a window");
    if let Some(mut window) = check("time", &SharedCell::new("time", 1), new) {
        window.record(Outcome::default(), now);
        let _ = window.counts(now);
    }
    if let Some(state) = check("state", &SharedCell::new("state", FORMAT), State::new(now)) {
        work_with(state, now);
    }
}

/// What a cell holds; afterwards it holds `new`.
fn check<T>(key: &str, cell: &SharedCell<T>, new: T) -> Option<T>
where
    T: Serialize + DeserializeOwned + Clone + Debug + PartialEq,
{
    let found = cell.get().expect("shared data can be read");
    let mut before = None;
    let update = cell.update(|value| {
        before = value;
        Ok::<_, ()>(new.clone())
    });
    assert_eq!(before, found);
    assert_eq!(update, Ok(Update::Stored(new.clone())), "{key}");
    assert_eq!(cell.get(), Ok(Some(new)), "{key}");
    found
}

fn work_with(state: State, now: Instant) {
    let second = Duration::from_secs(1);
    let policy = Policy {
        base: second,
        max: second,
        interval: second,
        max_probes: 1,
        success_threshold: 1,
        max_wait: second,
    };
    let _ = (state.kind(), state.open_until(), state.clone().trip(&policy, now));
    if let Ok((state, probe)) = state.probe(&policy, now) {
        let _ = state.clone().probe_failed(probe, &policy, now);
        let _ = state.clone().probe_released(probe);
        let _ = state.probe_succeeded(probe, &policy, now);
    }
}

const NOW: u64 = 1 << 40;

/// The number of what was there in the beginning.
const FIRST_CAS: u32 = 7;

/// Shared data that holds the same under every key, until that is written.
#[derive(Default)]
struct Shared {
    bytes: RefCell<Vec<u8>>,
    written: RefCell<BTreeMap<String, Versioned>>,
}

impl Host for Shared {
    fn monotonic_nanoseconds(&self) -> Result<u64> {
        Ok(NOW)
    }

    fn shared_data(&self, key: &str) -> Result<Option<Versioned>> {
        let written = self.written.borrow().get(key).cloned();
        Ok(written.or_else(|| Some((self.bytes.borrow().clone(), FIRST_CAS))))
    }

    fn set_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<()> {
        let mut written = self.written.borrow_mut();
        if cas != written.get(key).map_or(FIRST_CAS, |(_, cas)| *cas) {
            return Err(HostError::new("proxy_set_shared_data", Status::CasMismatch));
        }
        written.insert(key.to_owned(), (value.to_vec(), cas + 1));
        Ok(())
    }
}
