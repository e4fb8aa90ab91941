//! What callbacks cost: instructions and host calls.

use std::collections::BTreeMap;
use std::ops::Deref;

/// What was spent.
///
/// Both figures are the same on every machine. Fuel depends on the compiler that made the module;
/// host calls do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Instructions, those of the allocator that the host calls included. To enter a function is one,
    /// copying and growing memory costs by its size, labels and `drop` are free.
    pub fuel: u64,
    /// How often each host function was called, by its full name (`proxy_get_property`,
    /// `clock_time_get`).
    pub host_calls: BTreeMap<&'static str, u64>,
}

impl Cost {
    /// The number of all host calls.
    #[must_use]
    pub fn host_call_count(&self) -> u64 {
        self.host_calls.values().sum()
    }

    /// Adds what was spent elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.fuel = self.fuel.saturating_add(other.fuel);
        for (name, count) in &other.host_calls {
            add_calls(&mut self.host_calls, name, *count);
        }
    }
}

/// What each callback cost, by its name (`proxy_on_request_headers`); `_initialize` is one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs(BTreeMap<&'static str, Cost>);

impl Costs {
    /// The sum over all callbacks.
    #[must_use]
    pub fn total(&self) -> Cost {
        let mut total = Cost::default();
        for cost in self.0.values() {
            total.add(cost);
        }
        total
    }

    pub(super) fn count_fuel(&mut self, callback: &'static str, fuel: u64) {
        let cost = self.0.entry(callback).or_default();
        cost.fuel = cost.fuel.saturating_add(fuel);
    }

    pub(super) fn count_host_call(&mut self, callback: &'static str, name: &'static str) {
        add_calls(&mut self.0.entry(callback).or_default().host_calls, name, 1);
    }
}

impl Deref for Costs {
    type Target = BTreeMap<&'static str, Cost>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

fn add_calls(counts: &mut BTreeMap<&'static str, u64>, name: &'static str, count: u64) {
    let sum = counts.entry(name).or_default();
    *sum = sum.saturating_add(count);
}
