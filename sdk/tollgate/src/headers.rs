//! Header maps as the host gives them: ordered pairs of bytes, in one buffer.

use crate::abi::{HostError, Status};
use std::fmt;

/// An immutable, ordered list of headers.
///
/// The pairs stay in the one buffer the host wrote; nothing is copied and nothing has to be UTF-8.
/// Names are lower case, pseudo-headers (`:method`, `:path`, …) are in it, and a header that was
/// sent on several lines is there several times.
///
/// ```
/// use tollgate::headers::HeaderMap;
///
/// let headers = HeaderMap::from_pairs([("cookie", "a=1"), ("cookie", "b=2"), ("x-id", "7")]);
/// assert_eq!(headers.get("cookie"), Some(&b"a=1"[..]));
/// assert_eq!(headers.get_all("cookie").count(), 2);
/// assert_eq!(headers.get("X-Id"), None); // names are looked up as they are
///
/// let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, [&b"cookie"[..], b"cookie", b"x-id"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    buffer: Vec<u8>,
    count: u32,
}

/// The buffer does not hold what it says it holds.
///
/// ```
/// use tollgate::headers::{HeaderMap, MalformedHeaders};
///
/// let one_pair_that_is_not_there = vec![1, 0, 0, 0];
/// assert_eq!(HeaderMap::from_buffer(one_pair_that_is_not_there), Err(MalformedHeaders));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedHeaders;

impl fmt::Display for MalformedHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host's header buffer is truncated or inconsistent")
    }
}

impl std::error::Error for MalformedHeaders {}

impl HeaderMap {
    /// Takes over a buffer in the ABI's form: the number of pairs, the length of each name and
    /// value, then every name and value closed by a zero byte; all numbers 32 bits little-endian.
    /// An empty buffer is an empty map.
    ///
    /// ```
    /// use tollgate::headers::HeaderMap;
    ///
    /// let buffer = b"\x01\0\0\0\x03\0\0\0\x01\0\0\0age\x007\0";
    /// let headers = HeaderMap::from_buffer(buffer.to_vec()).unwrap();
    /// assert_eq!(headers.get("age"), Some(&b"7"[..]));
    /// assert_eq!(headers.as_buffer(), buffer);
    /// ```
    ///
    /// # Errors
    ///
    /// When a length points outside the buffer.
    pub fn from_buffer(buffer: Vec<u8>) -> Result<Self, MalformedHeaders> {
        if buffer.is_empty() {
            return Ok(Self::default());
        }
        let count = read_u32(&buffer, 0).ok_or(MalformedHeaders)?;
        let map = Self { buffer, count };
        if map.is_whole() { Ok(map) } else { Err(MalformedHeaders) }
    }

    /// Whether every length lies inside the buffer. The zero that closes the last value may be missing.
    fn is_whole(&self) -> bool {
        let table = (self.count as usize).saturating_mul(8);
        let Some(lengths) = self.buffer.get(4..).and_then(|rest| rest.get(..table)) else {
            return false;
        };
        // 64 bits hold the sum of as many lengths of 32 bits as fit in a buffer.
        let add = |sum: u64, length: &[u8; 4]| {
            sum.wrapping_add(1).wrapping_add(u64::from(u32::from_le_bytes(*length)))
        };
        let bytes = lengths.as_chunks().0.iter().fold(4, add).wrapping_add(table as u64);
        bytes <= (self.buffer.len() as u64).wrapping_add(1)
    }

    /// Builds a map from pairs, in order; for tests and for synthetic requests.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let (mut lengths, mut bytes, mut count) = (Vec::new(), Vec::new(), 0u32);
        for (name, value) in pairs {
            count = count.saturating_add(1);
            for part in [name.as_ref(), value.as_ref()] {
                lengths.extend_from_slice(&length(part).to_le_bytes());
                bytes.extend_from_slice(part);
                bytes.push(0);
            }
        }
        let mut buffer = count.to_le_bytes().to_vec();
        buffer.append(&mut lengths);
        buffer.append(&mut bytes);
        Self { buffer, count }
    }

    /// The map, if no part of it would end a header's line, or the header: see [`is_one_line`].
    pub(crate) fn checked(self, call: &'static str) -> Result<Self, HostError> {
        match self.iter().all(|(name, value)| is_one_line(name) && is_one_line(value)) {
            true => Ok(self),
            false => Err(HostError::new(call, Status::BadArgument)),
        }
    }

    /// The map in the form that [`HeaderMap::from_buffer`] takes.
    #[must_use]
    pub fn as_buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first value of a header; `name` in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// All values of a header, in order; `name` in lower case.
    pub fn get_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let mut pairs = self.iter();
        std::iter::from_fn(move || pairs.next_value(name.as_bytes()))
    }

    /// All pairs, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        let table = (self.count as usize).saturating_mul(8);
        let behind_count = self.buffer.get(4..).unwrap_or_default();
        let (lengths, bytes) = behind_count.split_at_checked(table).unwrap_or_default();
        Iter { lengths: lengths.as_chunks().0.iter(), bytes, start: 0 }
    }
}

impl<'a> IntoIterator for &'a HeaderMap {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Shows names only: values may be secrets.
impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name))).finish()
    }
}

/// The pairs of a [`HeaderMap`], in order: [`HeaderMap::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    /// The lengths of the names and values that are left.
    lengths: std::slice::Iter<'a, [u8; 8]>,
    /// All names and values, each closed by a zero.
    bytes: &'a [u8],
    /// Where the first that is left begins.
    start: usize,
}

impl<'a> Iter<'a> {
    /// The value of the next pair with this name. Looks at no byte of a name of another length.
    fn next_value(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        loop {
            let pair = self.next_place()?;
            if pair.value.wrapping_sub(pair.name) == name.len().wrapping_add(1)
                && self.bytes.get(pair.name..)?.starts_with(name)
            {
                return self.bytes.get(pair.value..pair.end);
            }
        }
    }

    /// The map was found to be whole, so no sum is more than its size.
    #[inline]
    fn next_place(&mut self) -> Option<Place> {
        let [a, b, c, d, value_length @ ..] = *self.lengths.next()?;
        let name = self.start;
        let value = name.wrapping_add(u32::from_le_bytes([a, b, c, d]) as usize).wrapping_add(1);
        let end = value.wrapping_add(u32::from_le_bytes(value_length) as usize);
        self.start = end.wrapping_add(1);
        Some(Place { name, value, end })
    }
}

/// Where a pair is: its name and its value begin there, and its value ends.
struct Place {
    name: usize,
    value: usize,
    end: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Place { name, value, end } = self.next_place()?;
        Some((self.bytes.get(name..value.wrapping_sub(1))?, self.bytes.get(value..end)?))
    }
}

fn read_u32(buffer: &[u8], at: usize) -> Option<u32> {
    let bytes = buffer.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn length(part: &[u8]) -> u32 {
    u32::try_from(part.len()).unwrap_or(u32::MAX)
}

/// Whether a name or value may stand in a header (RFC 9110, 5.5). Envoy does not look.
///
/// Not inlined: it would be there for each kind of value that a filter sets.
#[inline(never)]
pub(crate) fn is_one_line(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    let is_good = |byte: &u8| !matches!(byte, b'\r' | b'\n' | b'\0');
    rest.iter().all(is_good) && words.iter().all(|word| is_text(*word) || word.iter().all(is_good))
}

/// Whether none of eight bytes is `\r` or less: what is said of most of them at once. A byte behind one
/// that is may be taken for one, too.
fn is_text(word: [u8; 8]) -> bool {
    const TOP_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(word);
    let borrowed = word.wrapping_sub(u64::from_le_bytes([b'\r' + 1; 8])) & !word;
    borrowed & TOP_BITS == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_value_of_a_repeated_header_is_there_in_order() {
        let map = HeaderMap::from_pairs([("a", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(map.get_all("a").collect::<Vec<_>>(), [b"1", b"3"]);
        assert_eq!(map.get("c"), None);
    }

    #[test]
    fn values_may_be_any_bytes_and_empty() {
        let map = HeaderMap::from_pairs([("a", &b"\xff\0\n"[..]), ("b", b"")]);
        let again = HeaderMap::from_buffer(map.as_buffer().to_vec()).unwrap();
        assert_eq!(again.get("a"), Some(&b"\xff\0\n"[..]));
        assert_eq!(again.get("b"), Some(&b""[..]));
    }

    #[test]
    fn no_bytes_are_no_headers() {
        assert!(HeaderMap::from_buffer(Vec::new()).unwrap().is_empty());
    }

    /// A pair and eight bytes of table for it, where the numbers in front are changed.
    fn with_numbers(numbers: &[u32]) -> Result<HeaderMap, MalformedHeaders> {
        let mut buffer = HeaderMap::from_pairs([("a", "1")]).as_buffer().to_vec();
        let bytes: Vec<_> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        buffer[..bytes.len()].copy_from_slice(&bytes);
        HeaderMap::from_buffer(buffer)
    }

    #[test]
    fn a_count_of_more_pairs_than_memory_can_hold_is_refused() {
        // Of the first two, 32 bits would leave a table of 0 and of 8 bytes.
        for count in [1 << 29, (1 << 29) + 1, u32::MAX] {
            assert!(with_numbers(&[count]).is_err(), "{count}");
        }
    }

    #[test]
    fn lengths_of_more_bytes_than_memory_can_hold_are_refused() {
        // With their closing zeros they are 2^32 + 4: 32 bits would leave the 4 that are there.
        assert!(with_numbers(&[1, u32::MAX, 3]).is_err());
    }

    #[test]
    fn debug_output_does_not_show_values() {
        let map = HeaderMap::from_pairs([("authorization", "Bearer abc")]);
        assert_eq!(format!("{map:?}"), r#"["authorization"]"#);
    }

    proptest! {
        #[test]
        fn a_line_break_is_found_wherever_it_stands(
            text in "[ -~é\t\u{1}]{0,40}", end in proptest::option::of("[\r\n\0]"), rest in "[ -~]{0,20}",
        ) {
            let line = [&*text, end.as_deref().unwrap_or_default(), &rest].concat();
            prop_assert_eq!(is_one_line(line.as_bytes()), end.is_none());
        }

        #[test]
        fn values_are_those_of_the_pairs_with_the_name(
            pairs in proptest::collection::vec(("[ab]{0,3}", "[ab]{0,3}"), 0..12), name in "[ab]{0,3}",
        ) {
            let map = HeaderMap::from_pairs(pairs.clone());
            let expected: Vec<_> =
                pairs.iter().filter(|(it, _)| *it == name).map(|(_, value)| value.as_bytes()).collect();
            prop_assert_eq!(map.get_all(&name).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn pairs_survive_the_buffer(pairs: Vec<(Vec<u8>, Vec<u8>)>) {
            let map = HeaderMap::from_pairs(pairs.clone());
            let again = HeaderMap::from_buffer(map.as_buffer().to_vec()).unwrap();
            let read: Vec<_> = again.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
            prop_assert_eq!(read, pairs);
        }

        #[test]
        fn a_truncated_buffer_is_refused(pairs: Vec<(Vec<u8>, Vec<u8>)>, cut in 2usize..50) {
            let mut buffer = HeaderMap::from_pairs(pairs).as_buffer().to_vec();
            // The last byte is a closing zero, which carries nothing.
            buffer.truncate(buffer.len().saturating_sub(cut));
            prop_assume!(!buffer.is_empty());
            prop_assert!(HeaderMap::from_buffer(buffer).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(buffer: Vec<u8>) {
            let _ = HeaderMap::from_buffer(buffer).map(|map| map.iter().count());
        }
    }
}
