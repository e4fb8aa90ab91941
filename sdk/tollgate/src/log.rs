//! Lines in Envoy's log. Nothing is formatted below the host's level.
//!
//! ```
//! # struct Breaker { name: &'static str, failures: u32 }
//! # let breaker = Breaker { name: "reviews", failures: 5 };
//! tollgate::debug!("{}: one more failure", breaker.name);
//! tollgate::info!("{} opens after {} failures", breaker.name, breaker.failures);
//! tollgate::warn!("{}: the limit is 0, so nothing passes", breaker.name);
//! tollgate::error!("{}: its state cannot be read", breaker.name);
//! ```
//!
//! They are at the level of Envoy's logger `wasm` (`--component-log-level wasm:debug`, or
//! `/logging?wasm=debug` of the admin interface), and Envoy puts the name of the plugin before them.
//! No token, cookie or secret belongs in a line, at any level.

use crate::abi;
use std::fmt;

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// Every step.
    Trace = 0,
    /// For who looks for a fault.
    Debug = 1,
    /// What an operator wants to know: a breaker opened.
    Info = 2,
    /// Something is wrong, and was handled.
    Warn = 3,
    /// Something is wrong, and has an effect.
    Error = 4,
}

/// Writes a line if the host's level lets it through; for a level that is not known before, and else
/// [`crate::info!`] and its siblings.
///
/// ```
/// use tollgate::log::{self, Level};
///
/// let quiet = true;
/// let level = if quiet { Level::Debug } else { Level::Info };
/// log::write(level, format_args!("the list has {} entries", 7));
/// ```
pub fn write(level: Level, line: fmt::Arguments<'_>) {
    // A host that does not tell its level gets every line from `Info` up.
    if level as u32 >= abi::log_level().unwrap_or(Level::Info as u32) {
        // There is nobody to tell that a line could not be written.
        let _ = abi::log(level as u32, &line.to_string());
    }
}

/// Logs a line at trace level; takes what `format!` takes.
#[macro_export]
macro_rules! trace {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Trace, format_args!($($argument)*)) };
}

/// Logs a line at debug level; takes what `format!` takes.
///
/// ```
/// tollgate::debug!("{} of {} keys are used", 3, 4);
/// ```
#[macro_export]
macro_rules! debug {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Debug, format_args!($($argument)*)) };
}

/// Logs a line at info level; takes what `format!` takes.
///
/// ```
/// tollgate::info!("{} of {} keys are used", 3, 4);
/// ```
#[macro_export]
macro_rules! info {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Info, format_args!($($argument)*)) };
}

/// Logs a line at warn level; takes what `format!` takes.
///
/// ```
/// tollgate::warn!("{} of {} keys are used", 3, 4);
/// ```
#[macro_export]
macro_rules! warn {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Warn, format_args!($($argument)*)) };
}

/// Logs a line at error level; takes what `format!` takes.
///
/// ```
/// tollgate::error!("{} of {} keys are used", 3, 4);
/// ```
#[macro_export]
macro_rules! error {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Error, format_args!($($argument)*)) };
}
