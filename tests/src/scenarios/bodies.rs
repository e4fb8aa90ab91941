//! Bodies.

use crate::scenario::Scenario;

mod buffers;
mod ends;
mod kept;

pub(super) fn scenarios() -> Vec<Scenario> {
    [buffers::scenarios(), ends::scenarios(), kept::scenarios()].concat()
}
