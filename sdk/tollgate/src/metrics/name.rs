//! What a metric's name is made of.

use crate::bucketing::murmur3_x86_32;
use std::fmt::Write as _;

/// How many characters of a value a name holds at most.
pub const MAX_SEGMENT: usize = 128;

/// The characters of a hash in a segment, the `_` before it included.
const HASH: usize = 9;

/// A value as one part of a metric's name, where a dot separates the parts, and `=` a tag from its
/// value: whatever is not an ASCII letter or digit, `-` or `_` becomes `_`. An empty value is `_`.
///
/// Of a value with more than [`MAX_SEGMENT`] characters the first 119 remain, with a hash of the whole
/// behind them, so that long names which only end differently stay apart.
///
/// ```
/// use tollgate::metrics::segment;
///
/// assert_eq!(segment("reviews.default:80"), "reviews_default_80");
/// assert_eq!(segment(""), "_");
/// assert_eq!(segment(&"x".repeat(1000)), format!("{}_7120440e", "x".repeat(119)));
/// ```
#[must_use]
pub fn segment(value: &str) -> String {
    let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut clean: String = value.chars().map(|c| if is_kept(c) { c } else { '_' }).collect();
    if clean.is_empty() {
        clean.push('_');
    }
    if clean.len() > MAX_SEGMENT {
        clean.truncate(MAX_SEGMENT.saturating_sub(HASH));
        let _ = write!(clean, "_{:08x}", murmur3_x86_32(value.as_bytes(), 0));
    }
    clean
}

/// Whether an author may call a filter, a tag or a stat so: what Prometheus shows as it is.
pub(super) fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(is_allowed)
}
