//! Paths into a JSON value, as error messages show them: `keys[1].kid`, `requires["a.b"]`.

use std::fmt::Write as _;

/// The most characters of a text that an error repeats.
pub(crate) const LONGEST: usize = 64;

/// The segment for a member: its name, quoted when it is not a plain word, cut when it is long.
pub(crate) fn member(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.len() <= LONGEST && name.chars().all(plain) {
        return name.to_owned();
    }
    let start: String = name.chars().take(LONGEST).collect();
    let cut = if start.len() < name.len() { "…" } else { "" };
    let quoted = format!("{start:?}");
    format!("[{}{cut}\"]", quoted.strip_suffix('"').unwrap_or(&quoted))
}

/// The segment for an element of a list, from 0.
pub(crate) fn index(index: usize) -> String {
    format!("[{index}]")
}

/// Puts `outer` before `inner`.
pub(crate) fn join(outer: &str, inner: &str) -> String {
    let mut path = outer.to_owned();
    let dot = !outer.is_empty() && !inner.is_empty() && !inner.starts_with('[');
    // Writing to a string cannot fail.
    let _ = write!(path, "{}{inner}", if dot { "." } else { "" });
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_joined_by_dots_except_before_brackets() {
        assert_eq!(join("a", "b"), "a.b");
        assert_eq!(join("a", "[0]"), "a[0]");
        assert_eq!(join("[0]", "b"), "[0].b");
        assert_eq!(join("", "b"), "b");
        assert_eq!(join("a", ""), "a");
    }

    #[test]
    fn a_name_that_is_no_plain_word_is_quoted_and_stays_on_one_line() {
        assert_eq!(member("x-user_id"), "x-user_id");
        assert_eq!(member(""), r#"[""]"#);
        assert_eq!(member("a.b\n\""), r#"["a.b\n\""]"#);
    }
}
