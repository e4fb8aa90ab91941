//! Where the token of a request is: in `authorization`, after `Bearer `.

use crate::status::Failure;
use tollgate::headers::HeaderMap;

/// The header that holds the token.
pub const HEADER: &str = "authorization";

/// What stands before the token.
const PREFIX: &[u8] = b"Bearer ";

/// The token of a request; `None` if there is none.
///
/// As in Envoy (`source/extensions/filters/http/jwt_authn/extractor.cc`): the prefix is searched
/// anywhere in the value, with regard to case, and the token runs from the first character of
/// base64url, or dot, behind it to the end.
///
/// Unlike Envoy, more than one `authorization` is refused, whether it comes on lines of its own or
/// joined by a comma, which is how Envoy hands repeated ones on: which of them the upstream would
/// believe is anybody's guess.
///
/// ```
/// use tollgate::headers::HeaderMap;
/// use tollgate_jwt_auth::extract::bearer_token;
///
/// let headers = HeaderMap::from_pairs([("authorization", "Bearer a.b.c")]);
/// assert_eq!(bearer_token(&headers), Ok(Some(&b"a.b.c"[..])));
/// ```
///
/// # Errors
///
/// [`Failure::BadFormat`] for more than one `authorization`.
pub fn bearer_token(headers: &HeaderMap) -> Result<Option<&[u8]>, Failure> {
    let mut values = headers.get_all(HEADER);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Failure::BadFormat);
    }
    let Some(at) = value.windows(PREFIX.len()).position(|window| window == PREFIX) else {
        return Ok(None);
    };
    if value.contains(&b',') {
        return Err(Failure::BadFormat);
    }
    let rest = value.get(at.saturating_add(PREFIX.len())..).unwrap_or_default();
    let start = rest.iter().position(|byte| is_token_character(*byte));
    Ok(Some(start.and_then(|start| rest.get(start..)).unwrap_or(value)))
}

fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token_in(values: &[&[u8]]) -> Result<Option<Vec<u8>>, Failure> {
        let headers = HeaderMap::from_pairs(values.iter().map(|value| (HEADER, value)));
        bearer_token(&headers).map(|token| token.map(<[u8]>::to_vec))
    }

    fn found(value: &str) -> Option<String> {
        token_in(&[value.as_bytes()]).unwrap().map(|token| String::from_utf8(token).unwrap())
    }

    #[test]
    fn the_token_follows_the_prefix_to_the_end() {
        assert_eq!(found("Bearer a.b.c").unwrap(), "a.b.c");
        assert_eq!(found("Bearer   a.b.c").unwrap(), "a.b.c");
        assert_eq!(found("Bearer !$a.b.c x").unwrap(), "a.b.c x");
    }

    #[test]
    fn the_prefix_may_stand_anywhere_in_the_value() {
        assert_eq!(found("xBearer a.b.c").unwrap(), "a.b.c");
        assert_eq!(found("Bearer Bearer a.b.c").unwrap(), "Bearer a.b.c");
    }

    #[test]
    fn without_the_prefix_the_token_is_missing() {
        for value in ["", "Bearer", "bearer a.b.c", "BEARER a.b.c", "Basic abc", "Digest a=b, c=d"]
        {
            assert_eq!(found(value), None, "{value}");
        }
        assert_eq!(token_in(&[]), Ok(None));
    }

    #[test]
    fn a_prefix_with_nothing_like_a_token_gives_the_whole_value() {
        assert_eq!(found("Bearer !!!").unwrap(), "Bearer !!!");
        assert_eq!(found("Bearer ").unwrap(), "Bearer ");
    }

    #[test]
    fn more_than_one_authorization_is_refused() {
        for values in [
            &[&b"Bearer a.b.c"[..], b"Bearer a.b.c"][..],
            &[b"Basic abc", b"Bearer a.b.c"],
            &[b"", b"Bearer a.b.c"],
            &[b"Bearer a.b.c,Bearer a.b.c"],
            &[b"Basic abc,Bearer a.b.c"],
            &[b"Bearer a.b.c, Basic abc"],
        ] {
            assert_eq!(token_in(values), Err(Failure::BadFormat), "{values:?}");
        }
    }

    #[test]
    fn bytes_outside_utf_8_are_taken_as_they_are() {
        assert_eq!(token_in(&[b"\xffBearer \xfea.b.c\xfd"]), Ok(Some(b"a.b.c\xfd".to_vec())));
    }

    proptest! {
        #[test]
        fn any_values_give_an_answer(values: Vec<Vec<u8>>) {
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            let _ = token_in(&values);
        }
    }
}
