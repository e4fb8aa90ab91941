//! The parts of a request's `:path` and `:authority`: path, query and host, read in place as bytes.
//!
//! ```
//! use tollgate::uri::{self, Query};
//!
//! let target = b"/search?q=caf%C3%A9+noir&page=2";
//! assert_eq!(uri::path(target), b"/search");
//!
//! let query = Query::of(target);
//! assert_eq!(query.get(b"q").as_deref(), Some("café noir".as_bytes()));
//! assert_eq!(uri::host(b"[::1]:8080"), b"[::1]");
//! ```

use std::borrow::Cow;

/// The path of a request target, as it stands: everything before the first `?` or `#`.
///
/// Nothing is decoded, and no dot segments are resolved: Envoy does that, or not, before a filter
/// sees the request (`normalize_path`).
///
/// ```
/// use tollgate::uri::path;
///
/// assert_eq!(path(b"/a%2fb?c=/d"), b"/a%2fb");
/// assert_eq!(path(b"*"), b"*");
/// ```
#[must_use]
pub fn path(target: &[u8]) -> &[u8] {
    until(target, |byte| matches!(byte, b'?' | b'#'))
}

/// The query of a request target, as it stands: everything between the first `?` and a `#`.
///
/// Nothing when there is no `?`. [`Query`] reads its parameters.
///
/// ```
/// use tollgate::uri::query;
///
/// assert_eq!(query(b"/a?b=c?d#e"), Some(&b"b=c?d"[..]));
/// assert_eq!(query(b"/a?"), Some(&b""[..]));
/// assert_eq!(query(b"/a#b?c"), None);
/// ```
#[must_use]
pub fn query(target: &[u8]) -> Option<&[u8]> {
    let rest = target.get(path(target).len()..)?;
    Some(until(rest.strip_prefix(b"?")?, |byte| byte == b'#'))
}

/// The host of an authority, without the port.
///
/// An IPv6 address keeps its brackets (RFC 3986, section 3.2.2). What is not a host with an
/// optional port of digits is given back as it stands.
///
/// ```
/// use tollgate::uri::host;
///
/// assert_eq!(host(b"vote.example:8080"), b"vote.example");
/// assert_eq!(host(b"[2001:db8::1]:443"), b"[2001:db8::1]");
/// assert_eq!(host(b"2001:db8::1"), b"2001:db8::1");
/// ```
#[must_use]
pub fn host(authority: &[u8]) -> &[u8] {
    let Some(colon) = authority.iter().rposition(|byte| *byte == b':') else { return authority };
    let Some((host, port)) = authority.split_at_checked(colon) else { return authority };
    let literal = matches!(host, [b'[', .., b']']);
    let name = !host.contains(&b':') && !host.starts_with(b"[");
    let digits = port.iter().skip(1).all(u8::is_ascii_digit);
    if (literal || name) && digits { host } else { authority }
}

/// The parameters of a query, in order, repeated ones too.
///
/// Read as browsers write forms (`application/x-www-form-urlencoded`, URL Standard, section 5.1):
/// separated by `&`; of `name=value` the first `=` counts; `+` is a blank; `%41` is `A`, in names and
/// in values, and a `%` without two hexadecimal digits is itself. A parameter without `=` has an
/// empty value, and an empty piece is no parameter. Decoded bytes need not be UTF-8.
///
/// ```
/// use tollgate::uri::Query;
///
/// let query = Query::new(b"a=1&b&a=%32&=x");
/// assert_eq!(query.get(b"a").as_deref(), Some(&b"1"[..]));
/// assert_eq!(query.get_all(b"a").collect::<Vec<_>>(), [&b"1"[..], b"2"]);
/// assert_eq!(query.get(b"b").as_deref(), Some(&b""[..]));
/// assert_eq!(query.iter().count(), 4);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<'a>(&'a [u8]);

impl<'a> Query<'a> {
    /// The parameters in a query, which is given without its `?`.
    #[must_use]
    pub const fn new(query: &'a [u8]) -> Self {
        Self(query)
    }

    /// The parameters in the query of a request target; none when it has no query.
    #[must_use]
    pub fn of(target: &'a [u8]) -> Self {
        Self(query(target).unwrap_or_default())
    }

    /// Every name and value, decoded.
    pub fn iter(self) -> impl Iterator<Item = (Cow<'a, [u8]>, Cow<'a, [u8]>)> {
        self.pieces().map(|(name, value)| (form_decode(name), form_decode(value)))
    }

    /// The first value of a name, decoded.
    #[must_use]
    pub fn get(self, name: &[u8]) -> Option<Cow<'a, [u8]>> {
        self.get_all(name).next()
    }

    /// Every value of a name, decoded.
    pub fn get_all(self, name: &[u8]) -> impl Iterator<Item = Cow<'a, [u8]>> {
        self.pieces()
            .filter(move |(n, _)| *form_decode(n) == *name)
            .map(|(_, value)| form_decode(value))
    }

    /// Every name and value as they stand.
    fn pieces(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()).map(|piece| {
            let name = until(piece, |byte| byte == b'=');
            let value = piece.get(name.len()..).and_then(|rest| rest.strip_prefix(b"="));
            (name, value.unwrap_or_default())
        })
    }
}

/// Resolves percent-encoding (RFC 3986, section 2.1). A `%` without two hexadecimal digits is
/// itself, and so is a `+`.
///
/// ```
/// use tollgate::uri::percent_decode;
///
/// assert_eq!(*percent_decode(b"%7B%22beta%22%3a1%7d"), *br#"{"beta":1}"#);
/// assert_eq!(*percent_decode(b"100%+%zz"), *b"100%+%zz");
/// ```
#[must_use]
pub fn percent_decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    decode(bytes, b'+')
}

fn form_decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    decode(bytes, b' ')
}

/// `plus` is what a `+` stands for.
fn decode(bytes: &[u8], plus: u8) -> Cow<'_, [u8]> {
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        rest = after;
        decoded.push(match (byte, after) {
            (b'+', _) => plus,
            (b'%', [high, low, after @ ..]) => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => {
                    rest = after;
                    high << 4 | low
                }
                None => b'%',
            },
            _ => *byte,
        });
    }
    Cow::Owned(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// What stands before the first byte that is an end.
fn until(bytes: &[u8], end: impl Fn(u8) -> bool) -> &[u8] {
    let length = bytes.iter().position(|byte| end(*byte));
    length.and_then(|length| bytes.get(..length)).unwrap_or(bytes)
}

#[cfg(test)]
mod tests;
