//! One module a command.

pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod demo;
pub(crate) mod fuzz;
pub(crate) mod matrix;
pub(crate) mod new;
pub(crate) mod prune;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod soak;
pub(crate) mod test;
