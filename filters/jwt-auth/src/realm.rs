//! The realm of `www-authenticate`: the address of the request, safe inside a quoted string.

use std::fmt::Write;
use tollgate::headers::HeaderMap;
use tollgate::uri;

/// The longest part of the path that a realm repeats, in bytes; as Envoy
/// (`source/extensions/filters/http/jwt_authn/filter.cc`).
const MAX_PATH: usize = 256;

/// Scheme, host and path of a request as the client sent it, without the query, which may hold a
/// token.
///
/// What a URI cannot contain (blanks, controls, quotes, backslashes, anything outside ASCII) is
/// percent-encoded (RFC 3986, 2.1), so the result neither ends the quoted string around it nor
/// breaks the header.
///
/// ```
/// use tollgate::headers::HeaderMap;
/// use tollgate_jwt_auth::realm::realm;
///
/// let headers = HeaderMap::from_pairs([
///     (":scheme", "https"),
///     (":authority", "example.com"),
///     (":path", "/a\"b?access_token=x"),
/// ]);
/// assert_eq!(realm(&headers), "https://example.com/a%22b");
/// ```
#[must_use]
pub fn realm(headers: &HeaderMap) -> String {
    let Some(path) = target(headers) else { return String::new() };
    let path = uri::path(path);
    let path = path.get(..MAX_PATH).unwrap_or(path);
    let mut realm = String::new();
    push_encoded(&mut realm, headers.get(":scheme").unwrap_or_default());
    realm.push_str("://");
    push_encoded(&mut realm, headers.get(":authority").unwrap_or_default());
    push_encoded(&mut realm, path);
    realm
}

/// The request target as the client sent it, before routes have rewritten it.
pub(crate) fn target(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("x-envoy-original-path").or_else(|| headers.get(":path"))
}

fn push_encoded(realm: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=b' ' | 0x7f.. => {
                // Writing to a string cannot fail.
                let _ = write!(realm, "%{byte:02X}");
            }
            byte => realm.push(char::from(byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn realm_of(host: &[u8], path: &[u8]) -> String {
        realm(&HeaderMap::from_pairs([
            (&b":scheme"[..], &b"http"[..]),
            (b":authority", host),
            (b":path", path),
        ]))
    }

    #[test]
    fn the_query_and_the_fragment_are_not_repeated() {
        assert_eq!(realm_of(b"h", b"/a/b?access_token=x"), "http://h/a/b");
        assert_eq!(realm_of(b"h", b"/a/b#x"), "http://h/a/b");
    }

    #[test]
    fn a_quote_does_not_end_the_quoted_string() {
        assert_eq!(realm_of(b"h\"\\", b"/\", x=\"y"), "http://h%22%5C/%22,%20x=%22y");
    }

    #[test]
    fn bytes_outside_ascii_and_controls_are_encoded() {
        assert_eq!(realm_of(b"h", b"/\xc3\xa9\r\n\0\x7f"), "http://h/%C3%A9%0D%0A%00%7F");
    }

    #[test]
    fn the_path_is_cut_at_256_bytes() {
        let path = format!("/{}", "a".repeat(300));
        assert_eq!(realm_of(b"h", path.as_bytes()), format!("http://h/{}", "a".repeat(255)));
    }

    #[test]
    fn the_path_before_a_rewrite_is_the_one_the_client_knows() {
        let headers = HeaderMap::from_pairs([
            (":scheme", "http"),
            (":authority", "h"),
            (":path", "/rewritten"),
            ("x-envoy-original-path", "/original?q"),
        ]);
        assert_eq!(realm(&headers), "http://h/original");
    }

    #[test]
    fn without_a_path_the_realm_is_empty() {
        assert_eq!(realm(&HeaderMap::from_pairs([(":authority", "h:443")])), "");
    }

    proptest! {
        #[test]
        fn a_realm_is_always_safe_in_a_quoted_string(host: Vec<u8>, path: Vec<u8>) {
            let realm = realm_of(&host, &path);
            prop_assert!(realm.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'));
        }
    }
}
