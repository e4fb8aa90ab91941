//! Ending early and in order when Ctrl-C, or whoever runs us, asks for it.

use std::future::Future;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

/// What a shell reports for a program that Ctrl-C ended.
pub(crate) const STATUS: u8 = 130;

/// The outcome of `work`, or nothing when Ctrl-C, or whoever runs us, ends it before.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Result<Option<T>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        outcome = work => Ok(Some(outcome)),
        interrupt = tokio::signal::ctrl_c() => {
            interrupt.context("cannot listen to Ctrl-C")?;
            Ok(None)
        }
        _ = terminate.recv() => Ok(None),
        _ = hang_up.recv() => Ok(None),
    }
}
