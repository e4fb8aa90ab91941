//! A chain whose members let every request pass; the benchmark configures four of them.

use tollgate::chain::Chain;
use tollgate_bench_noop::Noop;

/// The filters that the chain may have.
pub type Noops = Chain<(Noop,)>;

#[cfg(target_arch = "wasm32")]
tollgate::export!(Noops);
