//! What is a token at all; stricter than Envoy, on purpose.

use crate::common::{
    claims, is_denied, is_denied_in, passes, present, provider_with, reasons, start, token,
    token_with_header,
};
use crate::keys::{EC, base64url};
use serde_json::{Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// Every one of these tokens is denied, each with its reason.
#[track_caller]
fn are_denied(proxy: &Proxy, tokens: &[(&str, &str)]) {
    for (token, reason) in tokens {
        is_denied_in(&present(proxy, token), reason, token);
    }
    passes(&present(proxy, &token(json!({}))));
}

/// Every one of these headers of a token is denied for this reason.
#[track_caller]
fn headers_are_denied(proxy: &Proxy, reason: &str, headers: &[&str]) {
    let payload = claims(json!({})).to_string();
    let tokens: Vec<_> = headers.iter().map(|header| EC.sign_bytes(header, &payload)).collect();
    let cases: Vec<_> = tokens.iter().map(|token| (token.as_str(), reason)).collect();
    are_denied(proxy, &cases);
}

/// Every one of these payloads is denied for this reason.
#[track_caller]
fn payloads_are_denied(proxy: &Proxy, reason: &str, payloads: &[&str]) {
    let header = r#"{"alg":"ES256"}"#;
    let tokens: Vec<_> = payloads.iter().map(|payload| EC.sign_bytes(header, payload)).collect();
    let cases: Vec<_> = tokens.iter().map(|token| (token.as_str(), reason)).collect();
    are_denied(proxy, &cases);
}

/// So many lists around nothing.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!([]), |inner, _| json!([inner]))
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_has_three_sections_none_of_which_is_empty(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let good = token(json!({}));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let cases = [
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{good}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        // A JWE has five.
        format!("{header}.{payload}.{payload}.{payload}.{signature}"),
    ];
    let cases: Vec<_> = cases.iter().map(|token| (token.as_str(), reasons::FORM)).collect();
    are_denied(proxy, &cases);

    let good = token(json!({}));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let cases = [
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{payload}."),
        // Envoy passes over empty ones, and takes this for the token without the empty one.
        format!("{header}..{payload}.{signature}"),
        "..".to_owned(),
    ];
    let cases: Vec<_> = cases.iter().map(|token| (token.as_str(), reasons::FORM)).collect();
    are_denied(proxy, &cases);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_token_has_at_most_8192_bytes(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let claim = |length: usize| json!({ "x": "x".repeat(length) });
    let (shortest, payload) = (token(claim(0)).len(), claims(claim(0)).to_string().len());
    let encoded = |bytes: usize| (bytes * 4).div_ceil(3);
    // Four characters are three bytes: not every length is hit.
    let of_length = |wanted: usize| {
        let length = |more| shortest - encoded(payload) + encoded(payload + more);
        (5000..6200).find(|more| length(*more) == wanted).map(|more| token(claim(more)))
    };
    let longest = (8189..=8192).rev().find_map(of_length).unwrap();
    assert!(longest.len() > 8190);
    passes(&present(proxy, &longest));
    let too_long = (8193..=8196).find_map(of_length).unwrap();
    is_denied(&present(proxy, &too_long), reasons::FORM);
}

#[tollgate_testkit::test(JwtAuth)]
fn base64url_has_one_form_without_padding_and_other_characters(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let good = token(json!({}));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let header_padded = EC.sign_sections(&format!("{header}=.{payload}"));
    let payload_padded = EC.sign_sections(&format!("{header}.{payload}="));
    let signature_padded = format!("{header}.{payload}.{signature}==");
    are_denied(
        proxy,
        &[
            (&header_padded, reasons::HEADER_BASE64),
            (&payload_padded, reasons::PAYLOAD_BASE64),
            (&signature_padded, reasons::SIGNATURE_BASE64),
        ],
    );

    let good = token(json!({}));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let mut cases = Vec::new();
    for strange in ["+", "/", " ", "\t", "!", "%3D", "\u{e9}"] {
        // Behind the first character, since what cannot begin a token is skipped.
        cases.push((format!("e{strange}{header}.{payload}.{signature}"), reasons::HEADER_BASE64));
        cases.push((
            EC.sign_sections(&format!("{header}.{strange}{payload}")),
            reasons::PAYLOAD_BASE64,
        ));
        cases.push((format!("{header}.{payload}.{strange}{signature}"), reasons::SIGNATURE_BASE64));
    }
    let cases: Vec<_> = cases.iter().map(|(token, reason)| (token.as_str(), *reason)).collect();
    are_denied(proxy, &cases);

    // 64 bytes leave four bits over: there are sixteen ways to write them, one of which is right.
    let good = token(json!({}));
    let (start, last) = good.split_at(good.len() - 1);
    assert!("AQgw".contains(last), "{last}");
    let others = "BCDRSThijxyz".chars().map(|last| format!("{start}{last}"));
    let others: Vec<_> = others.collect();
    let cases: Vec<_> = others.iter().map(|it| (it.as_str(), reasons::SIGNATURE_BASE64)).collect();
    are_denied(proxy, &cases);
}

#[tollgate_testkit::test(JwtAuth)]
fn header_and_payload_are_json_objects(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let cases = ["nonsense", "[]", "\"ES256\"", "null", "7", "{", "{}{}", "{\"alg\":\"ES256\"}x"];
    headers_are_denied(proxy, reasons::HEADER_JSON, &cases);

    let cases = ["nonsense", "[]", "\"sub\"", "null", "7", "{", "{}{}", "{\"sub\":\"a\"}x"];
    payloads_are_denied(proxy, reasons::PAYLOAD_JSON, &cases);
}

#[tollgate_testkit::test(JwtAuth)]
fn what_rfc_8259_does_not_allow_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    headers_are_denied(
        proxy,
        reasons::HEADER_JSON,
        &[
            "{'alg':'ES256'}",
            "{\"alg\":\"ES256\",}",
            "{\"alg\":\"ES\n256\"}",
            "{\"alg\":\"ES256\",\"x\":01}",
            "{\"alg\":\"ES256\",\"x\":NaN}",
            "{\"alg\":\"ES256\"/**/}",
            "\u{feff}{\"alg\":\"ES256\"}",
        ],
    );

    payloads_are_denied(
        proxy,
        reasons::PAYLOAD_JSON,
        &[
            "{'sub':'a'}",
            "{\"sub\":\"a\",}",
            "{\"sub\":\"a\tb\"}",
            "{\"exp\":+1}",
            "{\"exp\":1.}",
            "{\"x\":\"\\x\"}",
            "{\"x\":\"\\ud800\"}",
        ],
    );

    let header = EC.sign_bytes(b"{\"alg\":\"ES256\",\"x\":\"\xff\"}", "{}");
    let payload = EC.sign_bytes("{\"alg\":\"ES256\"}", b"{\"sub\":\"\xff\"}");
    are_denied(proxy, &[(&header, reasons::HEADER_JSON), (&payload, reasons::PAYLOAD_JSON)]);
}

/// Two readers could disagree about which of them counts.
#[tollgate_testkit::test(JwtAuth)]
fn a_member_that_is_there_twice_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let headers = [r#"{"alg":"ES256","alg":"ES256"}"#, r#"{"alg":"none","\u0061lg":"ES256"}"#];
    headers_are_denied(proxy, reasons::HEADER_JSON, &headers);
    let payloads = [r#"{"sub":"a","sub":"b"}"#, r#"{"a":{"b":1,"b":1}}"#, r#"{"a":[{"":1,"":2}]}"#];
    payloads_are_denied(proxy, reasons::PAYLOAD_JSON, &payloads);
}

#[tollgate_testkit::test(JwtAuth)]
fn json_is_at_most_32_levels_deep(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    // The object is the first level.
    passes(&present(proxy, &token(json!({ "x": nested(31) }))));
    is_denied(&present(proxy, &token(json!({ "x": nested(32) }))), reasons::PAYLOAD_JSON);
    let header = |levels| json!({ "alg": "ES256", "x": nested(levels) });
    passes(&present(proxy, &token_with_header(header(31))));
    is_denied(&present(proxy, &token_with_header(header(32))), reasons::HEADER_JSON);
    let deepest = base64url("[".repeat(5000));
    is_denied(&present(proxy, &format!("{deepest}.e30.AA")), reasons::HEADER_JSON);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_header_names_its_algorithm_and_its_key_in_strings(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    headers_are_denied(
        proxy,
        reasons::NO_ALG,
        &[
            "{}",
            r#"{"typ":"JWT"}"#,
            r#"{"Alg":"ES256"}"#,
            r#"{"alg":5}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["ES256"]}"#,
        ],
    );

    let headers = [
        r#"{"alg":"ES256","kid":7}"#,
        r#"{"alg":"ES256","kid":null}"#,
        r#"{"alg":"ES256","kid":["ec-1"]}"#,
    ];
    headers_are_denied(proxy, reasons::KID, &headers);
}

#[tollgate_testkit::test(JwtAuth)]
fn critical_extensions_are_refused_in_any_form(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    headers_are_denied(
        proxy,
        reasons::CRIT,
        &[
            r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
            r#"{"alg":"ES256","crit":["b64"],"b64":true}"#,
            r#"{"alg":"ES256","crit":[]}"#,
            r#"{"alg":"ES256","crit":null}"#,
            r#"{"alg":"ES256","crit":"exp"}"#,
        ],
    );
}

#[tollgate_testkit::test(JwtAuth)]
fn a_payload_that_is_not_encoded_or_compressed_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let headers = [
        r#"{"alg":"ES256","b64":false}"#,
        r#"{"alg":"ES256","b64":null}"#,
        r#"{"alg":"ES256","b64":"true"}"#,
        r#"{"alg":"ES256","b64":1}"#,
    ];
    headers_are_denied(proxy, reasons::B64, &headers);
    passes(&present(proxy, &token_with_header(json!({ "alg": "ES256", "b64": true }))));

    let headers = [r#"{"alg":"ES256","zip":"DEF"}"#, r#"{"alg":"ES256","zip":null}"#];
    headers_are_denied(proxy, reasons::ZIP, &headers);
}

#[tollgate_testkit::test(JwtAuth)]
fn other_members_of_a_header_do_not_matter(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for more in [
        json!({ "typ": "JWT" }),
        json!({ "typ": "at+jwt", "cty": "JWT" }),
        json!({ "typ": 7, "cty": {}, "x": [null], "": "" }),
    ] {
        let header = crate::common::with(json!({ "alg": "ES256" }), more);
        passes(&present(proxy, &token_with_header(header)));
    }
}

/// In the order of Envoy (`source/common/jwt/jwt.cc`).
#[tollgate_testkit::test(JwtAuth)]
fn the_first_fault_is_the_reason(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let (bad, empty) = ("!", base64url("{}"));
    let no_alg_and_bad_payload = format!("{empty}.{bad}.{bad}");
    let bad_header_and_payload = format!("x{bad}.{bad}.{bad}");
    let header = base64url(r#"{"alg":"ES256"}"#);
    let bad_payload_and_signature = format!("{header}.{bad}.{bad}");
    let bad_claim_and_signature = format!("{header}.{}.{bad}", base64url(r#"{"aud":7}"#));
    let bad_signature_and_issuer = format!("{header}.{}.{bad}", base64url(r#"{"iss":"x"}"#));
    are_denied(
        proxy,
        &[
            (&bad_header_and_payload, reasons::HEADER_BASE64),
            (&no_alg_and_bad_payload, reasons::NO_ALG),
            (&bad_payload_and_signature, reasons::PAYLOAD_BASE64),
            (&bad_claim_and_signature, reasons::AUD),
            (&bad_signature_and_issuer, reasons::SIGNATURE_BASE64),
        ],
    );
}
