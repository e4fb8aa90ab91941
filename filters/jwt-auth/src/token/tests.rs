use super::*;
use base64::engine::general_purpose::URL_SAFE;
use proptest::prelude::*;

const HEADER: &str = r#"{"alg":"RS256"}"#;

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn compact(header: &str, payload: &str) -> String {
    format!("{}.{}.{}", encode(header), encode(payload), encode("signature"))
}

fn failure_of(token: impl AsRef<[u8]>) -> Option<Failure> {
    Token::parse(token.as_ref()).err()
}

fn failure_of_header(header: &str) -> Option<Failure> {
    failure_of(compact(header, "{}"))
}

fn failure_of_payload(payload: &str) -> Option<Failure> {
    failure_of(compact(HEADER, payload))
}

#[test]
fn a_token_is_read_into_its_parts() {
    let token =
        compact(r#"{"alg":"ES256","kid":"k"}"#, r#"{"iss":"i","aud":["a","b"],"nbf":5,"exp":7.9}"#);
    let parsed = Token::parse(token.as_bytes()).ok().unwrap();
    assert_eq!(parsed.algorithm(), Algorithm::ES256);
    assert_eq!(parsed.kid(), Some("k"));
    assert_eq!(parsed.issuer(), "i");
    assert_eq!(audiences(parsed.claims()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((parsed.dates().not_before, parsed.dates().expires), (5, Some(7)));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(parsed.signed(), signed.as_bytes());
    assert_eq!(parsed.signature(), signature);
    assert_eq!(parsed.payload(), signed.split_once('.').unwrap().1);
}

#[test]
fn only_two_dots_make_a_token() {
    let section = encode("{}");
    for dots in (0..=9).filter(|dots| *dots != 2) {
        let token = vec![section.as_str(); dots + 1].join(".");
        assert_eq!(failure_of(&token), Some(Failure::BadFormat), "{dots} dots");
        assert_eq!(failure_of(".".repeat(dots)), Some(Failure::BadFormat), "{dots} bare dots");
    }
}

#[test]
fn an_empty_section_is_refused() {
    let (header, payload) = (encode(HEADER), encode("{}"));
    for token in [
        format!("{header}..c2ln"),
        format!(".{payload}.c2ln"),
        format!("{header}.{payload}."),
        format!("{header}..{payload}.c2ln"),
        format!(".{header}.{payload}.c2ln"),
        String::new(),
        "..".to_owned(),
    ] {
        assert_eq!(failure_of(&token), Some(Failure::BadFormat), "{token}");
    }
}

#[test]
fn a_token_may_have_8192_bytes_and_not_one_more() {
    let frame = compact(HEADER, r#"{"x":""}"#).len();
    // Three characters of claim become four of base64url.
    let filler = (MAX_TOKEN_BYTES - frame) / 4 * 3;
    let longest = (filler - 3..filler + 6)
        .map(|length| compact(HEADER, &format!(r#"{{"x":"{}"}}"#, "a".repeat(length))))
        .filter(|token| token.len() <= MAX_TOKEN_BYTES)
        .max_by_key(String::len)
        .unwrap();
    assert!(longest.len() > MAX_TOKEN_BYTES - 2);
    assert_eq!(failure_of(&longest), None);
    let padding = "A".repeat(MAX_TOKEN_BYTES + 1 - longest.len());
    assert_eq!(failure_of(format!("{longest}{padding}")), Some(Failure::BadFormat));
}

#[test]
fn base64url_has_one_form_only() {
    let (header, payload) = (encode(HEADER), encode("{}"));
    let cases = [
        (format!("{header}=.{payload}.c2ln"), Failure::HeaderBadBase64),
        (format!("{header}.{}.c2ln", URL_SAFE.encode("{}")), Failure::PayloadBadBase64),
        (format!("{header}.{payload}.c2k="), Failure::SignatureBadBase64),
        // The last character carries bits that no byte holds.
        (format!("{header}.{payload}.c2l"), Failure::SignatureBadBase64),
        (format!("{header}.e31.c2ln"), Failure::PayloadBadBase64),
        (format!("{header}.{payload}.a+/b"), Failure::SignatureBadBase64),
        (format!("{header}.{payload}.c2 ln"), Failure::SignatureBadBase64),
        (format!("{header}.{payload}.c2ln\t"), Failure::SignatureBadBase64),
        (format!("{header}.{payload}.c"), Failure::SignatureBadBase64),
        (format!(" {header}.{payload}.c2ln"), Failure::HeaderBadBase64),
    ];
    for (token, expected) in cases {
        assert_eq!(failure_of(&token), Some(expected), "{token}");
    }
}

#[test]
fn bytes_outside_utf_8_are_refused() {
    assert_eq!(failure_of(b"\xff\xfe.\xff.\xff"), Some(Failure::HeaderBadBase64));
    let header = URL_SAFE_NO_PAD.encode(b"{\"alg\":\"\xff\"}");
    assert_eq!(failure_of(format!("{header}.e30.c2ln")), Some(Failure::HeaderBadJson));
}

#[test]
fn json_is_that_of_rfc_8259() {
    for payload in [
        " ",
        "[]",
        "null",
        "{'iss':'i'}",
        r#"{"iss":"i",}"#,
        "{\"iss\":\"a\nb\"}",
        r#"{"iss":"a","iss":"b"}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"a":1} x"#,
        r#"{"exp":1e400}"#,
    ] {
        assert_eq!(failure_of_payload(payload), Some(Failure::PayloadBadJson), "{payload}");
    }
    assert_eq!(failure_of_header(r#"{"alg":"RS256","alg":"RS256"}"#), Some(Failure::HeaderBadJson));
}

#[test]
fn json_nests_32_levels_and_not_one_more() {
    let nested =
        |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert_eq!(failure_of_payload(&nested(32)), None);
    assert_eq!(failure_of_payload(&nested(33)), Some(Failure::PayloadBadJson));
    assert_eq!(failure_of_payload(&nested(2000)), Some(Failure::PayloadBadJson));
}

#[test]
fn the_algorithm_must_be_a_known_name() {
    for header in ["{}", r#"{"alg":5}"#, r#"{"alg":null}"#, r#"{"ALG":"RS256"}"#] {
        assert_eq!(failure_of_header(header), Some(Failure::HeaderBadAlg), "{header}");
    }
    for alg in ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "RS1", "ES521"] {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        assert_eq!(failure_of_header(&header), Some(Failure::AlgNotSupported), "{alg}");
    }
}

#[test]
fn the_key_id_must_be_a_string() {
    let failure = failure_of_header(r#"{"alg":"RS256","kid":7}"#);
    assert_eq!(failure, Some(Failure::HeaderBadKid));
    let token = compact(r#"{"alg":"RS256","kid":""}"#, "{}");
    assert_eq!(Token::parse(token.as_bytes()).ok().unwrap().kid(), None);
}

#[test]
fn a_header_that_asks_for_an_extension_is_refused() {
    for (member, expected) in [
        (r#""crit":[]"#, Failure::CritNotSupported),
        (r#""crit":["exp"]"#, Failure::CritNotSupported),
        (r#""crit":null"#, Failure::CritNotSupported),
        (r#""b64":false"#, Failure::B64NotSupported),
        (r#""b64":"true""#, Failure::B64NotSupported),
        (r#""zip":"DEF""#, Failure::ZipNotSupported),
    ] {
        let header = format!(r#"{{"alg":"RS256",{member}}}"#);
        assert_eq!(failure_of_header(&header), Some(expected), "{member}");
    }
    assert_eq!(failure_of_header(r#"{"alg":"RS256","b64":true}"#), None);
}

#[test]
fn keys_that_come_with_the_token_are_ignored() {
    let header = r#"{"alg":"RS256","jwk":{},"jku":"http://x","x5u":"y","x5c":["z"]}"#;
    assert_eq!(failure_of_header(header), None);
}

#[test]
fn registered_claims_must_have_their_type() {
    for (payload, expected) in [
        (r#"{"iss":1}"#, Failure::IssNotString),
        (r#"{"iss":null}"#, Failure::IssNotString),
        (r#"{"sub":[]}"#, Failure::SubNotString),
        (r#"{"jti":{}}"#, Failure::JtiNotString),
        (r#"{"aud":1}"#, Failure::AudNotStrings),
        (r#"{"aud":["a",1]}"#, Failure::AudNotStrings),
        (r#"{"iat":"1"}"#, Failure::IatNotInteger),
        (r#"{"nbf":true}"#, Failure::NbfNotInteger),
        (r#"{"exp":null}"#, Failure::ExpNotInteger),
        (r#"{"iat":-1}"#, Failure::IatOutOfRange),
        (r#"{"nbf":-0.5}"#, Failure::NbfOutOfRange),
        (r#"{"exp":18446744073709551616}"#, Failure::ExpOutOfRange),
        (r#"{"exp":1e300}"#, Failure::ExpOutOfRange),
    ] {
        assert_eq!(failure_of_payload(payload), Some(expected), "{payload}");
    }
}

#[test]
fn the_largest_date_is_read_exactly() {
    let token = compact(HEADER, r#"{"exp":18446744073709551615}"#);
    assert_eq!(Token::parse(token.as_bytes()).ok().unwrap().dates().expires, Some(u64::MAX));
}

#[test]
fn an_expiration_of_zero_is_none() {
    for payload in [r#"{"exp":0}"#, r#"{"exp":-0.0}"#, r#"{"exp":0.5}"#, "{}"] {
        let token = compact(HEADER, payload);
        assert_eq!(Token::parse(token.as_bytes()).ok().unwrap().dates().expires, None, "{payload}");
    }
}

#[test]
fn of_several_faults_the_first_in_envoys_order_counts() {
    let token = compact(r#"{"alg":"RS256","kid":5}"#, "{");
    assert_eq!(failure_of(token), Some(Failure::HeaderBadKid));
    assert_eq!(failure_of_payload(r#"{"jti":1,"exp":"x"}"#), Some(Failure::ExpNotInteger));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(token: Vec<u8>) {
        let _ = Token::parse(&token);
    }

    #[test]
    fn any_sections_are_read_or_refused(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
        let [header, payload, signature] =
            [header, payload, signature].map(|section| URL_SAFE_NO_PAD.encode(section));
        let _ = Token::parse(format!("{header}.{payload}.{signature}").as_bytes());
    }

    #[test]
    fn any_claims_are_read_or_refused(
        name in "iss|sub|aud|exp|nbf|iat|jti",
        value in r#"-?[0-9]{1,25}(\.[0-9]{1,3})?(e[0-9]{1,3})?|"[a-z]*"|null|true|\[\]|\{\}"#,
    ) {
        let _ = Token::parse(compact(HEADER, &format!(r#"{{"{name}":{value}}}"#)).as_bytes());
    }
}
