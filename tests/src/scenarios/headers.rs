//! Header maps.

use crate::scenario::Scenario;

mod limits;
mod reading;
mod writing;

pub(super) fn scenarios() -> Vec<Scenario> {
    [reading::scenarios(), writing::scenarios(), limits::scenarios()].concat()
}
