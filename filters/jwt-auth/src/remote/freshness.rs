//! How long an answer may be used, by what its headers say (RFC 9111, 5.2.2 and 4.2.3).

use std::time::Duration;
use tollgate::headers::HeaderMap;

/// How long an answer may still be used; nothing if it does not say. What must not be stored, or must be
/// asked for each time, may be used for no time.
#[must_use]
pub fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut seconds = None;
    for directive in headers.get_all("cache-control").flat_map(|line| line.split(|it| *it == b','))
    {
        let mut parts = directive.splitn(2, |byte| *byte == b'=');
        let (name, value) = (trim(parts.next()), trim(parts.next()));
        let said = if is(name, b"no-store") || is(name, b"no-cache") {
            Some(0)
        } else if is(name, b"max-age") {
            number(value)
        } else {
            None
        };
        // The strictest of several counts.
        seconds = match (seconds, said) {
            (Some(a), Some(b)) => Some(u64::min(a, b)),
            (a, b) => a.or(b),
        };
    }
    // What a cache on the way has kept has used up some of its time.
    let age = headers.get("age").and_then(|age| number(age.trim_ascii())).unwrap_or_default();
    seconds.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)))
}

fn is(name: &[u8], other: &[u8]) -> bool {
    name.eq_ignore_ascii_case(other)
}

fn trim(part: Option<&[u8]>) -> &[u8] {
    part.unwrap_or_default().trim_ascii()
}

/// A number of seconds, in quotes or not; as many as fit, if there are more.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    let digits =
        std::str::from_utf8(text).ok().filter(|it| it.bytes().all(|b| b.is_ascii_digit()))?;
    match digits {
        "" => None,
        digits => Some(digits.parse().unwrap_or(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(headers: &[(&str, &str)]) -> Option<u64> {
        max_age(&HeaderMap::from_pairs(headers.iter().copied())).map(|age| age.as_secs())
    }

    fn cached(line: &str) -> Option<u64> {
        seconds(&[("cache-control", line)])
    }

    #[test]
    fn an_answer_that_says_nothing_has_no_age() {
        assert_eq!(seconds(&[]), None);
        for line in ["", "public", "max-age", "max-age=", "max-age=x", "max-age=-1", "smax-age=5"] {
            assert_eq!(cached(line), None, "{line}");
        }
    }

    #[test]
    fn max_age_counts_however_it_is_written() {
        for line in ["max-age=60", "public, Max-Age=60", " max-age = \"60\" ,x", "a=b=c,max-age=60"]
        {
            assert_eq!(cached(line), Some(60), "{line}");
        }
        assert_eq!(cached("max-age=99999999999999999999999"), Some(u64::MAX));
    }

    #[test]
    fn the_strictest_of_several_counts() {
        assert_eq!(
            seconds(&[("cache-control", "max-age=9"), ("cache-control", "max-age=5")]),
            Some(5)
        );
        for line in ["max-age=9, no-store", "no-cache", "no-cache=\"x\", max-age=9"] {
            assert_eq!(cached(line), Some(0), "{line}");
        }
    }

    #[test]
    fn time_in_a_cache_on_the_way_is_used_up() {
        assert_eq!(seconds(&[("cache-control", "max-age=100"), ("age", "30")]), Some(70));
        assert_eq!(seconds(&[("cache-control", "max-age=100"), ("age", "300")]), Some(0));
        assert_eq!(seconds(&[("age", "300")]), None);
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = max_age(&HeaderMap::from_pairs([("cache-control", line)]));
        }
    }
}
