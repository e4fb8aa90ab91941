//! Puts load on what the SDK shares between requests and workers, as the path of a request says:
//!
//! | path | what happens |
//! |---|---|
//! | `/sleep?N` | waits N ms; answers how late it woke, in µs |
//! | `/sleeps?N` | waits N times at once, 50 to 500 ms; answers how late they woke, in µs, in a list |
//! | `/hold?N` | takes a place of the shared gauge, and waits N ms with it |
//! | `/update?N` | counts N times up in the shared cell, and N times up and down in the shared gauge |
//! | `/cell` | answers the value of the cell |
//! | `/memory` | answers the size of the module's memory, in bytes |
//! | `/keys` | waits for a call that all who ask meanwhile wait for; answers what it brought |
//! | `/panic` | ends the VM |

use std::time::Duration;
use tollgate::callout::{CallError, HttpCall};
use tollgate::prelude::*;
use tollgate::shared::{SharedCell, SharedGauge, Update};
use tollgate::task::{self, SingleFlight};
use tollgate::time::{self, Instant};

/// Nothing to configure.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The filter.
#[derive(Debug)]
pub struct Stress {
    cell: SharedCell<u64>,
    held: SharedGauge,
    sleeping: Gauge,
    keys: SingleFlight<Result<String, CallError>>,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Stress {
    const NAME: &'static str = "stress";
    type Config = Config;

    fn configure(_config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self {
            cell: SharedCell::new("stress", 1),
            held: setup.shared_gauge("held")?,
            sleeping: setup.gauge("sleeping")?,
            keys: SingleFlight::new(),
        })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        let path = request.path()?.to_vec();
        let number = std::str::from_utf8(request.query()?).ok().and_then(|it| it.parse().ok());
        let number: u64 = number.unwrap_or_default();
        let answer = match &*path {
            b"/sleep" => self.sleep(number).await?.to_string(),
            b"/sleeps" => self.sleeps(number).await?,
            b"/hold" => self.hold(number).await?.to_string(),
            b"/update" => self.update(number)?.to_string(),
            b"/cell" => self.cell.get()?.unwrap_or_default().to_string(),
            b"/memory" => memory().to_string(),
            b"/keys" => self.fetch_keys().await,
            b"/panic" => fail(),
            _ => return Ok(Flow::Continue),
        };
        Ok(Flow::Reply(LocalReply::new(200).body(answer)))
    }
}

impl Stress {
    async fn sleep(&self, milliseconds: u64) -> Result<u128> {
        self.sleeping.add(1)?;
        let late = late(milliseconds).await;
        self.sleeping.add(-1)?;
        late
    }

    async fn sleeps(&self, count: u64) -> Result<String> {
        let spread = |number: u64| number.checked_rem(451).unwrap_or_default().saturating_add(50);
        let sleeps: Vec<_> = (0..count).map(|number| task::spawn(late(spread(number)))).collect();
        let mut answer = String::new();
        for sleep in sleeps {
            answer.push_str(&sleep.await?.to_string());
            answer.push(' ');
        }
        Ok(answer)
    }

    async fn hold(&self, milliseconds: u64) -> Result<bool> {
        let place = self.held.reserve(u64::MAX)?;
        time::sleep(Duration::from_millis(milliseconds)).await;
        Ok(place.is_some())
    }

    /// Says how often another worker came first so often that the cell gave up.
    fn update(&self, times: u64) -> Result<u64> {
        let mut given_up = 0u64;
        for _ in 0..times {
            let place = self.held.reserve(u64::MAX)?;
            while !self.count_up() {
                given_up = given_up.saturating_add(1);
            }
            drop(place);
        }
        Ok(given_up)
    }

    fn count_up(&self) -> bool {
        let one_more =
            |count: Option<u64>| Ok::<_, ()>(count.unwrap_or_default().saturating_add(1));
        matches!(self.cell.update(one_more), Ok(Update::Stored(_)))
    }

    async fn fetch_keys(&self) -> String {
        let fetch = || async {
            let answer = HttpCall::get("keys", "keys.local", "/keys").send().await?.success()?;
            Ok(String::from_utf8_lossy(answer.body()).into_owned())
        };
        let keys: Result<String, CallError> = self.keys.run(fetch).await;
        keys.unwrap_or_else(|error| error.to_string())
    }
}

/// How late a sleep ends, in µs.
async fn late(milliseconds: u64) -> Result<u128> {
    let duration = Duration::from_millis(milliseconds);
    let deadline = Instant::now()?.after(duration);
    time::sleep(duration).await;
    let now = Instant::now()?;
    // An early one shall be seen.
    Ok(if now < deadline { u128::MAX } else { now.since(deadline).as_micros() })
}

#[cfg(target_arch = "wasm32")]
fn memory() -> usize {
    const PAGE: usize = 65_536;
    core::arch::wasm32::memory_size(0).saturating_mul(PAGE)
}

#[cfg(not(target_arch = "wasm32"))]
fn memory() -> usize {
    0
}

#[allow(clippy::panic, reason = "that is what is tested")]
fn fail() -> String {
    panic!("as it was asked to")
}
