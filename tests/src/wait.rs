//! Waiting for a condition, so that no test depends on how fast a machine is.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `condition` holds; `what` completes "waited in vain until ...".
///
/// # Errors
///
/// When it does not hold within `limit`.
///
/// ```no_run
/// # use std::time::Duration;
/// # use tollgate_e2e::{upstream::Upstream, wait};
/// # async fn test(upstream: &Upstream) -> anyhow::Result<()> {
/// wait::until("two requests wait", Duration::from_secs(5), async || upstream.in_flight() == 2).await
/// # }
/// ```
pub async fn until(
    what: &str,
    limit: Duration,
    mut condition: impl AsyncFnMut() -> bool,
) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !condition().await {
        if Instant::now() >= deadline {
            bail!("waited in vain for {limit:?} until {what}");
        }
        sleep(INTERVAL).await;
    }
    Ok(())
}
