use super::*;
use proptest::prelude::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    HeaderMap::from_pairs(pairs.iter().copied())
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[test]
fn urls_are_split_into_authority_and_path() {
    for (text, authority, path) in [
        ("https://a.example", "a.example", "/"),
        ("HTTP://a.example:8080/keys?x=/", "a.example:8080", "/keys?x=/"),
        ("https://[::1]:8/?a", "[::1]:8", "/?a"),
        ("https://a.example?a", "a.example", "/?a"),
    ] {
        let url = url(text);
        assert_eq!((url.authority(), url.path()), (authority, path), "{text}");
    }
}

#[test]
fn what_is_no_plain_absolute_url_is_refused() {
    for text in [
        "",
        "/keys",
        "a.example/keys",
        "ftp://a/",
        "https://",
        "https:///x",
        "https://u@a/",
        "https://a/#f",
        "https://a/ b",
        "https://a\r\n/",
        "https://a/\u{e9}",
        "https://a\\@b/",
    ] {
        assert_eq!(Url::parse(text), None, "{text}");
    }
}

#[test]
fn only_200_has_keys_and_304_only_after_a_tag_was_sent() {
    let (uri, none) = (url("https://a/"), headers(&[]));
    let tag = Tag { uri: uri.to_string(), etag: b"x".to_vec() };
    let got = |asked, status| fetched(&uri, asked, status, &none, b"{}");
    assert!(matches!(got(None, 200), Ok(Fetched::Set { tag: None, .. })));
    assert_eq!(got(Some(&tag), 304), Ok(Fetched::Unchanged { max_age: None }));
    assert!(got(None, 304).is_err());
    for status in [100, 201, 204, 206, 301, 302, 307, 401, 404, 429, 500, 503] {
        assert!(got(Some(&tag), status).is_err(), "{status}");
    }
}

#[test]
fn a_tag_is_kept_with_the_url_unless_it_is_too_long() {
    let uri = url("https://a/keys");
    let tag_of = |etag: &str| match fetched(&uri, None, 200, &headers(&[("etag", etag)]), b"") {
        Ok(Fetched::Set { tag, .. }) => tag,
        other => panic!("{other:?}"),
    };
    let kept = tag_of("W/\"1\"").unwrap();
    assert_eq!((kept.uri.as_str(), kept.etag.as_slice()), ("https://a/keys", &b"W/\"1\""[..]));
    assert_eq!(tag_of(&"x".repeat(1025)), None);
}

proptest! {
    #[test]
    fn no_document_is_too_strange(body in prop::collection::vec(any::<u8>(), 0..200), text in ".*") {
        let document = url("https://a/.well-known/openid-configuration");
        prop_assert!(jwks_uri("https://a", &document, 200, &body).is_err());
        let _ = Url::parse(&text);
    }
}
