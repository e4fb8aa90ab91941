//! Lines in Envoy's log. Nothing is formatted below the host's level.
//!
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

/// Writes a line if the host's level lets it through; see [`crate::info!`] and its siblings.
pub fn write(level: Level, line: fmt::Arguments<'_>) {
    // A host that does not tell its level gets every line from `Info` up.
    if level as u32 >= abi::log_level().unwrap_or(Level::Info as u32) {
        // There is nobody to tell that a line could not be written.
        let _ = abi::log(level as u32, &line.to_string());
    }
}

/// Logs a line at debug level; takes what `format!` takes.
#[macro_export]
macro_rules! debug {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Debug, format_args!($($argument)*)) };
}

/// Logs a line at info level; takes what `format!` takes.
#[macro_export]
macro_rules! info {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Info, format_args!($($argument)*)) };
}

/// Logs a line at warn level; takes what `format!` takes.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Warn, format_args!($($argument)*)) };
}

/// Logs a line at error level; takes what `format!` takes.
#[macro_export]
macro_rules! error {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Error, format_args!($($argument)*)) };
}
