//! Header maps: ordered pairs of bytes, as Envoy holds them and as the ABI writes them.

use std::fmt;

/// At most so many bytes of pairs does Envoy take from a module (proxy-wasm-cpp-host, `limits.h`).
const MAX_BYTES: usize = 1 << 20;
/// At most so many pairs does it take.
const MAX_PAIRS: usize = 1024;

/// Headers that Envoy keeps once: a further value is added behind a comma (`INLINE_*_HEADERS` in
/// `envoy/http/header_map.h`, and what extensions of stock Envoy register).
const INLINE: [&str; 38] = [
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    ":status",
    "connection",
    "content-length",
    "content-type",
    "date",
    "grpc-message",
    "grpc-status",
    "grpc-timeout",
    "keep-alive",
    "location",
    "proxy-connection",
    "proxy-status",
    "server",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-client-trace-id",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-original-path",
    "x-envoy-upstream-service-time",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
    "x-envoy-internal",
    "x-envoy-attempt-count",
];

/// An ordered list of headers. Names are in lower case, values are any bytes, and a header may be
/// there several times. As in Envoy `host` is `:authority`, and some headers are there once at most, with
/// their values joined by commas.
///
/// ```
/// use tollgate_testkit::HeaderMap;
///
/// let mut headers = HeaderMap::from([(":path", "/"), ("cookie", "a=1"), ("Cookie", "b=2")]);
/// assert_eq!(headers.get("cookie"), Some(&b"a=1"[..]));
/// headers.replace("cookie", "c=3");
/// assert_eq!(headers.len(), 2);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl HeaderMap {
    /// A map without headers.
    #[must_use]
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// All values of a header, in order.
    pub fn get_all(&self, name: impl AsRef<[u8]>) -> impl Iterator<Item = &[u8]> {
        let name = lower_case(name.as_ref());
        self.iter().filter(move |(it, _)| *it == name).map(|(_, value)| value)
    }

    /// Adds a value, and keeps those that the header has.
    pub fn add(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (lower_case(name.as_ref()), value.as_ref());
        if INLINE.iter().any(|inline| inline.as_bytes() == name)
            && let Some((_, values)) = self.pairs.iter_mut().find(|(it, _)| *it == name)
        {
            values.push(b',');
            values.extend_from_slice(value);
            return;
        }
        self.pairs.push((name, value.to_vec()));
    }

    /// Sets a value, in the place of every one that the header has.
    pub fn replace(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.remove(name.as_ref());
        self.add(name, value);
    }

    /// Sets the value of a header that is there once at most, where it is, else behind the others
    /// (Envoy's `HeaderMapImpl::updateOrAddInline`).
    pub(crate) fn set_inline(&mut self, name: &str, value: impl AsRef<[u8]>) {
        match self.pairs.iter_mut().find(|(it, _)| it == name.as_bytes()) {
            Some((_, present)) => *present = value.as_ref().to_vec(),
            None => self.add(name, value),
        }
    }

    /// The headers as HTTP/1.1 carries them: without blanks around values.
    pub(crate) fn trim(&mut self) {
        for (_, value) in &mut self.pairs {
            *value = value.trim_ascii().to_vec();
        }
    }

    /// Removes every value of a header.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) {
        let name = lower_case(name.as_ref());
        self.pairs.retain(|(it, _)| *it != name);
    }

    /// All pairs, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// How many bytes the names and the values have.
    #[must_use]
    pub fn byte_size(&self) -> usize {
        self.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum()
    }

    /// The map as the ABI writes it: the number of pairs, the length of every name and value, and
    /// then each of them closed by a zero byte; numbers have 32 bits, little-endian. No pairs are no
    /// bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let parts = || self.iter().flat_map(|(name, value)| [name, value]);
        let mut bytes = number(self.len()).to_vec();
        bytes.extend(parts().flat_map(|part| number(part.len())));
        bytes.extend(parts().flat_map(|part| part.iter().copied().chain([0])));
        bytes
    }

    /// Reads what [`HeaderMap::to_bytes`] writes. Whatever is malformed, or larger than 1 MiB or
    /// 1024 pairs, is an empty map, as for Envoy (proxy-wasm-cpp-host, `pairs_util.cc`).
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        if bytes.len() > MAX_BYTES {
            return Self::default();
        }
        parse(bytes).unwrap_or_default()
    }
}

fn parse(bytes: &[u8]) -> Option<HeaderMap> {
    let (count, rest) = split_number(bytes)?;
    if count > MAX_PAIRS {
        return None;
    }
    let (mut lengths, mut rest) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut part = || {
        let (length, after) = split_number(lengths)?;
        let (part, after_part) = rest.split_at_checked(length)?;
        let (zero, after_part) = after_part.split_first()?;
        (lengths, rest) = (after, after_part);
        (*zero == 0).then_some(part)
    };
    let mut headers = HeaderMap::new();
    for _ in 0..count {
        headers.add(part()?, part()?);
    }
    rest.is_empty().then_some(headers)
}

fn split_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number) as usize, rest))
}

fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}

fn lower_case(name: &[u8]) -> Vec<u8> {
    let name = name.to_ascii_lowercase();
    if name == b"host" { b":authority".to_vec() } else { name }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::new();
        headers.extend(pairs);
        headers
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Extend<(N, V)> for HeaderMap {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.add(name, value);
        }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>, const COUNT: usize> From<[(N, V); COUNT]> for HeaderMap {
    fn from(pairs: [(N, V); COUNT]) -> Self {
        pairs.into_iter().collect()
    }
}

/// Shows bytes as text, lossily.
impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        f.debug_list().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_are_those_of_the_abi() {
        let headers = HeaderMap::from([("a", "bc"), ("d", "")]);
        let expected = b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0a\0bc\0d\0\0";
        assert_eq!(headers.to_bytes(), expected);
    }

    #[test]
    fn a_map_that_is_cut_anywhere_is_empty() {
        let bytes = HeaderMap::from([("a", "bc"), ("d", "")]).to_bytes();
        for end in 0..bytes.len() {
            assert!(HeaderMap::from_bytes(&bytes[..end]).is_empty(), "{end}");
        }
    }

    #[test]
    fn bytes_after_the_last_pair_make_it_empty() {
        let bytes = [HeaderMap::from([("a", "b")]).to_bytes(), vec![0]].concat();
        assert!(HeaderMap::from_bytes(&bytes).is_empty());
    }

    #[test]
    fn more_than_1024_pairs_are_not_taken() {
        let headers = |count| std::iter::repeat_n(("a", "b"), count).collect::<HeaderMap>();
        assert_eq!(HeaderMap::from_bytes(&headers(1024).to_bytes()).len(), 1024);
        assert!(HeaderMap::from_bytes(&headers(1025).to_bytes()).is_empty());
    }

    #[test]
    fn more_than_a_mebibyte_is_not_taken() {
        let headers = HeaderMap::from([("a", "b".repeat(1 << 20))]);
        assert!(HeaderMap::from_bytes(&headers.to_bytes()).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(pairs in vec(("[a-z:-]{0,9}", vec(any::<u8>(), 0..9)), 0..9)) {
            let headers = pairs.into_iter().collect::<HeaderMap>();
            prop_assert_eq!(HeaderMap::from_bytes(&headers.to_bytes()), headers);
        }

        #[test]
        fn any_bytes_can_be_read(bytes in vec(any::<u8>(), 0..64)) {
            let _ = HeaderMap::from_bytes(&bytes);
        }
    }
}
