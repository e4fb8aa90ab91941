//! What this VM has defined.
//!
//! Envoy gives the same metric for the same name, but a new identifier each time, which it keeps
//! (`Context::defineMetric` in `source/extensions/common/wasm/context.cc`): some 50 bytes and 2 µs.

use super::MetricError;
use crate::abi::{self, MetricKind};
use std::cell::RefCell;

/// A metric, or that there is one of this name with tags.
struct Definition {
    name: String,
    kind: MetricKind,
    id: Option<u32>,
}

thread_local! {
    /// In the order of their names: a map would be a lot of code for what happens so rarely.
    static DEFINED: RefCell<Vec<Definition>> = const { RefCell::new(Vec::new()) };
}

/// The identifier of the metric called `name`, which without its tags is called `family`.
pub(super) fn define(kind: MetricKind, family: String, name: String) -> Result<u32, MetricError> {
    if let Some((is, _)) = look_up(&family).filter(|(is, _)| *is != kind) {
        return Err(MetricError::OtherKind { name: family, is, wanted: kind });
    }
    if let Some((_, Some(id))) = look_up(&name) {
        return Ok(id);
    }
    let id = abi::define_metric(kind, &name)?;
    if family != name {
        note(Definition { name: family, kind, id: None });
    }
    note(Definition { name, kind, id: Some(id) });
    Ok(id)
}

fn look_up(name: &str) -> Option<(MetricKind, Option<u32>)> {
    DEFINED.with_borrow(|defined| {
        let index = position(defined, name).ok()?;
        defined.get(index).map(|it| (it.kind, it.id))
    })
}

/// Keeps the identifier that a name has already.
fn note(definition: Definition) {
    DEFINED.with_borrow_mut(|defined| match position(defined, &definition.name) {
        Ok(index) => {
            if let Some(known) = defined.get_mut(index) {
                known.id = known.id.or(definition.id);
            }
        }
        Err(index) => defined.insert(index, definition),
    });
}

fn position(defined: &[Definition], name: &str) -> Result<usize, usize> {
    defined.binary_search_by(|it| it.name.as_str().cmp(name))
}

/// Forgets everything, so that the host is asked again: another one, or one that has failed.
pub(crate) fn forget() {
    DEFINED.take();
}
