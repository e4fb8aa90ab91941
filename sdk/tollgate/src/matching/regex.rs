//! Regular expressions that a request cannot make slow.

use regex_lite::RegexBuilder;

/// A regular expression that a whole value must match, as Envoy's `safe_regex` has it.
///
/// So `a` matches `a` and not `banana`; for the latter write `.*a.*`. The syntax is that of the
/// `regex-lite` crate (<https://docs.rs/regex-lite/latest/regex_lite/#syntax>), which has what RE2
/// has but classes of Unicode (`\p{Greek}`): `\d`, `\s`, `\w` and `\b` know ASCII only, and so does
/// `(?i)`. There are no look-around and no back-references, so the time is proportional to the length
/// of the value times the size of the expression. Both are bounded: the value by Envoy's limit on
/// headers, the expression by [`Regex::MAX_PATTERN`] and [`Regex::MAX_SIZE`].
///
/// A value that is not UTF-8 matches no expression.
///
/// ```
/// use tollgate::matching::Regex;
///
/// let regex = Regex::new("v[0-9]+", false).unwrap();
/// assert!(regex.matches(b"v12"));
/// assert!(!regex.matches(b"v12.1") && !regex.matches(b"v1\xff"));
/// ```
#[derive(Clone, Debug)]
pub struct Regex(regex_lite::Regex);

impl Regex {
    /// The longest pattern, in bytes.
    pub const MAX_PATTERN: usize = 1024;

    /// The most memory that an expression may take, in bytes. A character or class takes 20 to 50, as
    /// often as it is repeated: `[a-z]{100}` counts a hundred times.
    /// Outside of a module, where pointers are twice as long, it takes up to twice as much: a native
    /// test may refuse what Envoy takes, never the other way round.
    ///
    /// In a module an expression as people write them for headers takes about 0.2 µs for each byte of
    /// the value. The worst of this size, `.*a.{200}` and its kin, take up to 10 µs: half a second for a
    /// value of 60 KiB, Envoy's limit on all headers together.
    pub const MAX_SIZE: usize = 8 * 1024;

    /// What errors say is allowed.
    pub const ALLOWED: &'static str = "a regular expression of at most 1024 bytes and 8 KiB of \
        compiled size, which must match the whole value";

    /// Compiles a pattern; `ignore_case` is `(?i)` in front.
    ///
    /// # Errors
    ///
    /// What is wrong with the pattern, in words: its syntax, or that it is too large.
    pub fn new(pattern: &str, ignore_case: bool) -> Result<Self, String> {
        if pattern.len() > Self::MAX_PATTERN {
            return Err(format!("it has more than {} bytes", Self::MAX_PATTERN));
        }
        // By itself first, so that `a)|(b` is refused, and errors are about what was written.
        build(pattern, ignore_case)?;
        build(&format!("^(?:{pattern})$"), ignore_case).map(Self)
    }

    /// Whether the whole value matches.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        std::str::from_utf8(value).is_ok_and(|value| self.0.is_match(value))
    }
}

fn build(pattern: &str, ignore_case: bool) -> Result<regex_lite::Regex, String> {
    let mut builder = RegexBuilder::new(pattern);
    builder.case_insensitive(ignore_case).size_limit(Regex::MAX_SIZE);
    builder.build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::Regex;

    #[test]
    fn an_expression_that_a_native_test_takes_is_taken_in_a_module() {
        assert!(Regex::new("[a-z]{150}", false).is_ok());
        assert!(Regex::new("[a-z]{350}", false).is_err());
    }
}
