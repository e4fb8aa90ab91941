//! Workers that run at the same time.

use super::cell;
use crate::abi::native::{self, Host};
use crate::abi::{HostError, MetricKind, Result, Status, Versioned};
use crate::metrics::Metrics;
use crate::shared::SharedGauge;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Host state behind a lock, so that threads can be VMs.
#[derive(Clone, Default)]
struct ThreadHost(Arc<Mutex<ThreadState>>);

#[derive(Default)]
struct ThreadState {
    data: HashMap<String, (Vec<u8>, u32)>,
    last_cas: u32,
    metrics: Vec<(String, u64)>,
    seed: u64,
}

impl Host for ThreadHost {
    fn monotonic_nanoseconds(&self) -> Result<u64> {
        Ok(1)
    }

    fn random_seed(&self) -> Result<u64> {
        let mut state = self.0.lock().unwrap();
        state.seed += 1;
        Ok(state.seed)
    }

    fn set_effective_context(&self, _context: u32) -> Result<()> {
        Ok(())
    }

    fn set_tick_period(&self, _milliseconds: u32) -> Result<()> {
        Ok(())
    }

    fn shared_data(&self, key: &str) -> Result<Option<Versioned>> {
        Ok(self.0.lock().unwrap().data.get(key).cloned())
    }

    fn set_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.data.get(key).is_some_and(|(_, current)| cas != 0 && cas != *current) {
            return Err(HostError::new("proxy_set_shared_data", Status::CasMismatch));
        }
        state.last_cas += 1;
        let number = state.last_cas;
        state.data.insert(key.to_owned(), (value.to_vec(), number));
        Ok(())
    }

    fn define_metric(&self, _kind: MetricKind, name: &str) -> Result<u32> {
        let metrics = &mut self.0.lock().unwrap().metrics;
        let known = metrics.iter().position(|(known, _)| known == name);
        Ok(known.unwrap_or_else(|| {
            metrics.push((name.to_owned(), 0));
            metrics.len() - 1
        }) as u32)
    }

    fn metric(&self, id: u32) -> Result<u64> {
        Ok(self.0.lock().unwrap().metrics[id as usize].1)
    }

    fn record_metric(&self, id: u32, value: u64) -> Result<()> {
        self.0.lock().unwrap().metrics[id as usize].1 = value;
        Ok(())
    }

    fn increment_metric(&self, id: u32, offset: i64) -> Result<()> {
        let metric = &mut self.0.lock().unwrap().metrics[id as usize].1;
        *metric = metric.wrapping_add_signed(offset);
        Ok(())
    }
}

/// Runs the same in four workers at once, on one host.
fn in_four_workers(work: impl Fn() + Clone + Send + 'static) -> ThreadHost {
    let host = ThreadHost::default();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (host, work) = (host.clone(), work.clone());
            std::thread::spawn(move || {
                native::install(Rc::new(host));
                work();
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    host
}

#[test]
fn updates_of_a_cell_by_four_workers_are_all_there() {
    let host = in_four_workers(|| {
        for _ in 0..5_000 {
            // So many workers collide so often that one may give up; then it tries again.
            while cell().update(|value| Ok::<_, ()>(value.unwrap_or(0) + 1)).is_err() {}
        }
    });
    native::install(Rc::new(host));
    assert_eq!(cell().get(), Ok(Some(20_000)));
}

#[test]
fn places_taken_by_four_workers_never_pass_the_limit_and_all_come_back() {
    let host = in_four_workers(|| {
        let gauge = SharedGauge::new(Metrics::new("test"), "in_flight").unwrap();
        for _ in 0..5_000 {
            let held: Vec<_> = (0..3).map_while(|_| gauge.reserve(7).unwrap()).collect();
            // Who was refused has it counted for a moment.
            assert!(gauge.value().unwrap() <= 7 + 4);
            drop(held);
        }
    });
    let metrics = &host.0.lock().unwrap().metrics;
    let left = |(name, value): &(String, u64)| *value == 0 || name.ends_with(".check");
    assert!(metrics.iter().all(left), "{metrics:?}");
}
