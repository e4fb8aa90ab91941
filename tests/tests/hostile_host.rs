//! A host that fails, lies, and calls what it must not: no module ever traps, and afterwards a request
//! on a new stream is served.
//!
//! | module | what the host does |
//! |---|---|
//! | `failures` | answers every host call with every status |
//! | `falsified` | gives truncated maps, absurd counts and lengths, values of wrong size |
//! | `misuse` | calls back for streams, plugins and callouts that are not there, or out of order |
//! | `random` | all of it, in random order |

mod common_case;
#[path = "hostile_host/failures.rs"]
mod failures;
#[path = "hostile_host/falsified.rs"]
mod falsified;
#[path = "hostile_host/misuse.rs"]
mod misuse;
#[path = "hostile_host/random.rs"]
mod random;
#[path = "hostile_host/still_traps.rs"]
mod still_traps;
#[path = "hostile_host/victim.rs"]
mod victim;
