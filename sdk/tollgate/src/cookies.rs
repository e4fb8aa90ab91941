//! Request cookies (RFC 6265, section 4.2), read in place.
//!
//! All `cookie` lines are one list: HTTP/2 and HTTP/3 clients may send each cookie on a line of its
//! own. Reading is as lenient as browsers are creative, and bounded: see [`MAX_PAIRS`] and
//! [`MAX_BYTES`].
//!
//! ```
//! use tollgate::cookies::{self, Cookies};
//! use tollgate::headers::HeaderMap;
//!
//! let headers = HeaderMap::from_pairs([("cookie", "theme=dark; uid=\"42\""), ("cookie", "b=1")]);
//! assert_eq!(cookies::get(&headers, b"uid"), Some(&b"42"[..]));
//! assert_eq!(Cookies::new(&headers).iter().count(), 3);
//! ```

use std::cell::Cell;

use crate::headers::{self, HeaderMap};

/// The most pairs that are read of one request; Chrome and Firefox keep 180 cookies a site.
pub const MAX_PAIRS: u32 = 180;

/// The most bytes that are read of one request's `cookie` lines. A pair that ends further on is
/// not read.
pub const MAX_BYTES: usize = 16 * 1024;

/// The value of the first cookie of that name.
///
/// To look for several, or to learn whether a limit was hit, keep a [`Cookies`].
///
/// ```
/// use tollgate::cookies;
/// use tollgate::prelude::*;
///
/// fn is_tester(request: &Request<'_>) -> Result<bool> {
///     Ok(cookies::get(request.headers()?, b"tester") == Some(b"yes"))
/// }
/// ```
#[must_use]
pub fn get<'a>(headers: &'a HeaderMap, name: &[u8]) -> Option<&'a [u8]> {
    Cookies::new(headers).get(name)
}

/// The cookies of one request.
///
/// Names and values are bytes, which need not be UTF-8; names are case-sensitive. Blanks and tabs
/// around both are trimmed, double quotes around a value are removed, a value may hold `=`. A pair
/// without `=` is skipped.
///
/// ```
/// use tollgate::cookies::Cookies;
/// use tollgate::headers::HeaderMap;
///
/// let headers = HeaderMap::from_pairs([("cookie", "uid=42; session; token=a=b; uid=43")]);
/// let cookies = Cookies::new(&headers);
/// assert_eq!(cookies.get(b"uid"), Some(&b"42"[..]));
/// assert_eq!(cookies.get(b"token"), Some(&b"a=b"[..]));
/// assert_eq!(cookies.get(b"session"), None);
///
/// let names: Vec<_> = cookies.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, [&b"uid"[..], b"token", b"uid"]);
/// assert!(!cookies.truncated());
/// ```
#[derive(Clone, Debug)]
pub struct Cookies<'a> {
    headers: &'a HeaderMap,
    truncated: Cell<bool>,
}

impl<'a> Cookies<'a> {
    /// The cookies in `headers`; nothing is read yet.
    #[must_use]
    pub fn new(headers: &'a HeaderMap) -> Self {
        Self { headers, truncated: Cell::new(false) }
    }

    /// The value of the first cookie of that name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All pairs of name and value in order, those of a repeated name too.
    #[must_use]
    pub fn iter(&self) -> Iter<'a, '_> {
        Iter {
            lines: self.headers.iter(),
            rest: None,
            pairs_left: MAX_PAIRS,
            bytes_left: MAX_BYTES,
            stopped: false,
            truncated: &self.truncated,
        }
    }

    /// Whether a [`get`](Self::get) or [`iter`](Self::iter) so far stopped at [`MAX_PAIRS`] or
    /// [`MAX_BYTES`] with cookies unread.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated.get()
    }
}

impl<'a, 'b> IntoIterator for &'b Cookies<'a> {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Iter<'a, 'b>;

    fn into_iter(self) -> Iter<'a, 'b> {
        self.iter()
    }
}

/// The pairs of [`Cookies`], in order: [`Cookies::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a, 'b> {
    lines: headers::Iter<'a>,
    rest: Option<&'a [u8]>,
    pairs_left: u32,
    bytes_left: usize,
    stopped: bool,
    truncated: &'b Cell<bool>,
}

impl<'a> Iterator for Iter<'a, '_> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.stopped {
            let piece = self.piece()?;
            let Some((name, value)) = split(piece, b'=') else { continue };
            let Some(pairs_left) = self.pairs_left.checked_sub(1) else { return self.stop() };
            self.pairs_left = pairs_left;
            return Some((trim(name), unquote(trim(value))));
        }
        None
    }
}

impl<'a> Iter<'a, '_> {
    /// What is left up to the next `;` or the end of the line.
    fn piece(&mut self) -> Option<&'a [u8]> {
        let line = match self.rest.take() {
            Some(rest) => rest,
            None => self.lines.find(|(name, _)| *name == b"cookie")?.1,
        };
        let (piece, rest) = split(line, b';').map_or((line, None), |(p, rest)| (p, Some(rest)));
        // The separator costs a byte too.
        let cost = piece.len().saturating_add(usize::from(rest.is_some()));
        if piece.len() > self.bytes_left {
            return self.stop();
        }
        self.bytes_left = self.bytes_left.saturating_sub(cost);
        self.rest = rest;
        Some(piece)
    }

    fn stop<T>(&mut self) -> Option<T> {
        self.stopped = true;
        self.truncated.set(true);
        None
    }
}

/// What is before and after the first `separator`.
fn split(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == separator)?;
    let (before, from) = bytes.split_at_checked(at)?;
    Some((before, from.split_first()?.1))
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines<V: AsRef<[u8]>>(lines: impl IntoIterator<Item = V>) -> HeaderMap {
        HeaderMap::from_pairs(lines.into_iter().map(|line| ("cookie", line)))
    }

    fn value(line: &str, name: &str) -> Option<String> {
        let headers = lines([line]);
        get(&headers, name.as_bytes()).map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn cookies_are_found_by_name_with_its_case() {
        assert_eq!(value("a=1; b=2", "b").as_deref(), Some("2"));
        assert_eq!(value("a=1; b=2", "B"), None);
        assert_eq!(value("ab=1", "b"), None);
    }

    #[test]
    fn the_first_of_several_wins_over_all_lines() {
        let headers = HeaderMap::from_pairs([
            ("cookie", "x=0"),
            ("set-cookie", "a=no"),
            ("cookie", "a=1; a=2"),
            ("cookie", "a=3"),
        ]);
        assert_eq!(get(&headers, b"a"), Some(&b"1"[..]));
        assert_eq!(Cookies::new(&headers).iter().filter(|(name, _)| name == b"a").count(), 3);
    }

    #[test]
    fn http2_crumbs_are_read() {
        let headers = lines(["a=1", "b=2", "c=3"]);
        assert_eq!(get(&headers, b"c"), Some(&b"3"[..]));
    }

    #[test]
    fn blanks_and_tabs_are_trimmed() {
        assert_eq!(value(" \ta \t= \t1 2\t ;b=3", "a").as_deref(), Some("1 2"));
        assert_eq!(value("a=1;b=3", "b").as_deref(), Some("3"));
        assert_eq!(value("a=\u{a0}1", "a").as_deref(), Some("\u{a0}1"));
    }

    #[test]
    fn surrounding_double_quotes_are_removed_once() {
        assert_eq!(value(r#"a="1""#, "a").as_deref(), Some("1"));
        assert_eq!(value(r#"a= " 1 " "#, "a").as_deref(), Some(" 1 "));
        assert_eq!(value(r#"a=""1"""#, "a").as_deref(), Some("\"1\""));
        assert_eq!(value(r#"a="1"#, "a").as_deref(), Some("\"1"));
        assert_eq!(value(r#"a=""#, "a").as_deref(), Some("\""));
        assert_eq!(value(r#"a="""#, "a").as_deref(), Some(""));
    }

    #[test]
    fn a_semicolon_ends_a_value_even_in_quotes() {
        assert_eq!(value(r#"a="1;b=2""#, "a").as_deref(), Some("\"1"));
        assert_eq!(value(r#"a="1;b=2""#, "b").as_deref(), Some("2\""));
    }

    #[test]
    fn a_value_may_hold_equals_signs_and_be_empty() {
        assert_eq!(value("a==b=c=", "a").as_deref(), Some("=b=c="));
        assert_eq!(value("a=;b=1", "a").as_deref(), Some(""));
    }

    #[test]
    fn a_cookie_without_an_equals_sign_is_skipped() {
        assert_eq!(value("featureflag; ; ;;a=1;", "a").as_deref(), Some("1"));
        assert_eq!(value("featureflag; a=1", "featureflag"), None);
        assert_eq!(value("", "a"), None);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_a_value_like_any_other() {
        let headers = lines([b"a=\xff\xfe; \xf0=2".as_slice()]);
        assert_eq!(get(&headers, b"a"), Some(&b"\xff\xfe"[..]));
        assert_eq!(get(&headers, b"\xf0"), Some(&b"2"[..]));
    }

    #[test]
    fn pair_180_is_read_and_pair_181_is_not() {
        let line = (1..=181).map(|n| format!("c{n}={n}")).collect::<Vec<_>>().join("; ");
        let headers = lines([line]);
        let cookies = Cookies::new(&headers);
        assert_eq!(cookies.get(b"c180"), Some(&b"180"[..]));
        assert!(!cookies.truncated());
        assert_eq!(cookies.get(b"c181"), None);
        assert!(cookies.truncated());
    }

    #[test]
    fn exactly_180_pairs_are_not_too_many() {
        let headers = lines((1..=180).map(|n| format!("c{n}={n}")));
        let cookies = Cookies::new(&headers);
        assert_eq!(cookies.iter().count(), 180);
        assert_eq!(cookies.get(b"absent"), None);
        assert!(!cookies.truncated());
    }

    #[test]
    fn pairs_without_an_equals_sign_do_not_use_up_the_180() {
        let headers = lines(["x; ".repeat(500) + "a=1"]);
        assert_eq!(get(&headers, b"a"), Some(&b"1"[..]));
    }

    #[test]
    fn a_pair_that_ends_past_16_kib_is_not_read() {
        // `a=` and the value are the 16 KiB; a `;` after them is one byte more, with nothing in it.
        let exact = format!("a={}", "v".repeat(MAX_BYTES - 2));
        for (line, found) in [(exact.clone(), true), (exact.clone() + "v", false)] {
            let headers = lines([line]);
            let cookies = Cookies::new(&headers);
            assert_eq!(cookies.get(b"a").is_some(), found);
            assert_eq!(cookies.truncated(), !found);
        }
        let headers = lines([exact, "b=1".to_owned()]);
        let cookies = Cookies::new(&headers);
        assert_eq!(cookies.get(b"b"), None);
        assert!(cookies.truncated());
    }

    #[test]
    fn an_iterator_that_stopped_at_a_limit_stays_stopped() {
        let headers = lines([vec![b'a'; 20_000], b"b=1".to_vec()]);
        let cookies = Cookies::new(&headers);
        let mut iter = cookies.iter();
        assert_eq!((iter.next(), iter.next(), iter.next()), (None, None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_the_limits(values: Vec<Vec<u8>>) {
            let headers = lines(values);
            let cookies = Cookies::new(&headers);
            prop_assert!(cookies.iter().count() <= MAX_PAIRS as usize);
            for (name, value) in &cookies {
                prop_assert!(!name.contains(&b'=') && !name.contains(&b';'));
                prop_assert!(!value.contains(&b';'));
            }
        }

        #[test]
        fn pairs_are_read_however_they_are_spread_over_lines(
            pairs in prop::collection::vec(("[a-z]{1,8}", "[!#-:<-~]{0,12}"), 0..40),
            breaks: u64,
        ) {
            let mut text = String::new();
            for (n, (name, value)) in pairs.iter().enumerate() {
                let separator = if breaks >> n & 1 == 1 { "\n" } else { "; " };
                text += &format!("{}{name}={value}", if n == 0 { "" } else { separator });
            }
            let headers = lines(text.split('\n'));
            let cookies = Cookies::new(&headers);
            let read: Vec<_> = cookies.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
            let written: Vec<_> =
                pairs.into_iter().map(|(n, v)| (n.into_bytes(), v.into_bytes())).collect();
            prop_assert_eq!(read, written);
        }
    }
}
