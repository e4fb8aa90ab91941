//! What this VM has defined.
//!
//! Envoy gives the same metric for the same name, but a new identifier each time, which it keeps
//! (`Context::defineMetric` in `source/extensions/common/wasm/context.cc`): some 50 bytes and 2 µs.

use super::MetricError;
use crate::abi::{self, MetricKind};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A metric, or that there is one of this name with tags.
#[derive(Clone, Copy)]
struct Definition {
    kind: MetricKind,
    id: Option<u32>,
}

thread_local! {
    static DEFINED: RefCell<BTreeMap<String, Definition>> = const { RefCell::new(BTreeMap::new()) };
}

/// The identifier of the metric called `name`, which without its tags is called `family`.
pub(super) fn define(kind: MetricKind, family: String, name: String) -> Result<u32, MetricError> {
    let look_up = |name: &str| DEFINED.with_borrow(|defined| defined.get(name).copied());
    if let Some(Definition { kind: is, .. }) = look_up(&family).filter(|it| it.kind != kind) {
        return Err(MetricError::OtherKind { name: family, is, wanted: kind });
    }
    if let Some(id) = look_up(&name).and_then(|it| it.id) {
        return Ok(id);
    }
    let id = abi::define_metric(kind, &name)?;
    DEFINED.with_borrow_mut(|defined| {
        defined.entry(family).or_insert(Definition { kind, id: None });
        defined.insert(name, Definition { kind, id: Some(id) });
    });
    Ok(id)
}

/// Forgets everything: another host is asked from now on.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn forget() {
    DEFINED.take();
}
