use super::*;
use proptest::prelude::*;

fn pairs(query: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    Query::new(query).iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect()
}

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

#[test]
fn the_path_ends_before_query_and_fragment() {
    for (target, expected) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a?b", "/a"),
        ("/a#b", "/a"),
        ("/a#b?c", "/a"),
        ("/a?b#c", "/a"),
        ("?b", ""),
        ("", ""),
        ("*", "*"),
        ("/a%3Fb;c=1?d", "/a%3Fb;c=1"),
    ] {
        assert_eq!(path(target.as_bytes()), expected.as_bytes(), "{target}");
    }
}

#[test]
fn the_query_is_what_is_between_question_mark_and_fragment() {
    for (target, expected) in [
        ("/a", None),
        ("/a?", Some("")),
        ("/a?b=c", Some("b=c")),
        ("/a?b?c", Some("b?c")),
        ("/a?b#c?d", Some("b")),
        ("/a#b?c", None),
    ] {
        assert_eq!(query(target.as_bytes()), expected.map(str::as_bytes), "{target}");
    }
}

#[test]
fn the_host_is_the_authority_without_its_port() {
    for (authority, expected) in [
        ("vote.example", "vote.example"),
        ("vote.example:80", "vote.example"),
        ("vote.example:", "vote.example"),
        ("10.0.0.1:8080", "10.0.0.1"),
        ("[::1]", "[::1]"),
        ("[::1]:8080", "[::1]"),
        ("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1]"),
        ("", ""),
        (":80", ""),
    ] {
        assert_eq!(host(authority.as_bytes()), expected.as_bytes(), "{authority}");
    }
}

#[test]
fn what_is_no_host_with_a_port_stays_as_it_is() {
    for authority in
        ["::1", "2001:db8::1:443", "a:b", "a:80:90", "[::1", "[::1:80", "[::1]x:80", "a:8o"]
    {
        assert_eq!(host(authority.as_bytes()), authority.as_bytes(), "{authority}");
    }
}

#[test]
fn parameters_keep_their_order_and_repetitions() {
    assert_eq!(pairs(b"b=2&a=1&b=3"), [pair("b", "2"), pair("a", "1"), pair("b", "3")]);
    assert_eq!(Query::new(b"b=2&a=1&b=3").get_all(b"b").count(), 2);
}

#[test]
fn a_parameter_without_equals_sign_has_an_empty_value() {
    assert_eq!(pairs(b"a&b=&=c&="), [pair("a", ""), pair("b", ""), pair("", "c"), pair("", "")]);
    assert_eq!(pairs(b"&&"), []);
    assert_eq!(pairs(b""), []);
}

#[test]
fn a_value_may_hold_equals_signs_and_semicolons() {
    assert_eq!(pairs(b"token=a==&x=1;y=2"), [pair("token", "a=="), pair("x", "1;y=2")]);
}

#[test]
fn names_and_values_are_decoded_after_they_are_split() {
    assert_eq!(pairs(b"%66lag=o%6e&a%26b=c%3Dd+e"), [pair("flag", "on"), pair("a&b", "c=d e")]);
    assert_eq!(Query::new(b"%66lag=on").get(b"flag").as_deref(), Some(&b"on"[..]));
    assert_eq!(Query::new(b"a+b=1").get(b"a b").as_deref(), Some(&b"1"[..]));
}

#[test]
fn broken_percent_signs_are_themselves() {
    for text in ["%", "%a", "%zz", "%%", "%2", "a%", "%g1", "%1g"] {
        assert_eq!(*percent_decode(text.as_bytes()), *text.as_bytes(), "{text}");
    }
    assert_eq!(*percent_decode(b"%%41"), *b"%A");
    assert_eq!(*percent_decode(b"%2541"), *b"%41", "only once");
}

#[test]
fn decoded_bytes_need_not_be_utf8() {
    assert_eq!(pairs(b"a=%ff%00"), [(b"a".to_vec(), vec![0xff, 0])]);
}

#[test]
fn what_has_nothing_to_decode_is_borrowed() {
    assert!(matches!(percent_decode(b"plain"), Cow::Borrowed(_)));
    assert!(matches!(Query::new(b"a=b").get(b"a"), Some(Cow::Borrowed(_))));
}

fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_read(target: Vec<u8>) {
        let (path, host) = (path(&target), host(&target));
        prop_assert!(target.starts_with(path) && target.starts_with(host));
        let longest = query(&target).map_or(0, <[u8]>::len);
        for (name, value) in Query::of(&target).iter() {
            prop_assert!(name.len() + value.len() <= longest);
        }
    }

    #[test]
    fn path_and_query_are_the_whole_target(path_part in "[/a-z]{0,9}", query_part in "[a-z?&=]{0,9}") {
        let target = format!("{path_part}?{query_part}");
        prop_assert_eq!(path(target.as_bytes()), path_part.as_bytes());
        prop_assert_eq!(query(target.as_bytes()), Some(query_part.as_bytes()));
    }

    #[test]
    fn encoded_parameters_are_read_back(
        parameters in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..5), any::<Vec<u8>>()), 0..9),
    ) {
        let text: Vec<_> =
            parameters.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
        prop_assert_eq!(pairs(text.join("&").as_bytes()), parameters);
    }

    #[test]
    fn decoding_what_was_encoded_gives_it_back(bytes: Vec<u8>) {
        prop_assert_eq!(percent_decode(encode(&bytes).as_bytes()).into_owned(), bytes);
    }

    #[test]
    fn a_port_never_changes_the_host(name in "[a-z0-9.-]{1,20}|\\[[0-9a-f:]{2,20}\\]", port: u16) {
        let with_port = format!("{name}:{port}");
        prop_assert_eq!(host(with_port.as_bytes()), name.as_bytes());
        prop_assert_eq!(host(name.as_bytes()), name.as_bytes());
    }
}
