//! One token in two texts, and tokens of other kinds.

use crate::common::{
    claims, is_denied, is_denied_in, passes, present, provider_with, reasons, start, token,
};
use crate::keys::{EC, base64url, from_base64url};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

fn sections(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// A section of two or three characters over has bits that mean nothing.
#[tollgate_testkit::test(JwtAuth)]
fn bits_that_mean_nothing_are_zero(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for (text, reason, at) in [
        (r#"{"alg":"ES256" }"#, reasons::HEADER_BASE64, 0),
        (r#"{"alg":"ES256"  }"#, reasons::HEADER_BASE64, 0),
    ] {
        let good = EC.sign_bytes(text, claims(json!({})).to_string());
        passes(&present(proxy, &good));
        let section = sections(&good)[at];
        let (start, last) = section.split_at(section.len() - 1);
        let next = char::from(last.as_bytes()[0] + 1);
        let other = format!("{start}{next}");
        let forged = EC.sign_sections(&format!("{other}.{}", sections(&good)[1]));
        is_denied(&present(proxy, &forged), reason);
    }
    let payload = base64url(format!("{} ", claims(json!({ "sub": "ab" }))));
    let payloads = [payload.clone(), base64url(format!("{}  ", claims(json!({ "sub": "ab" }))))];
    let odd = payloads.iter().find(|payload| payload.len() % 4 != 0).unwrap();
    let (start, last) = odd.split_at(odd.len() - 1);
    let header = base64url(r#"{"alg":"ES256"}"#);
    let next = char::from(last.as_bytes()[0] + 1);
    let forged = EC.sign_sections(&format!("{header}.{start}{next}"));
    is_denied(&present(proxy, &forged), reasons::PAYLOAD_BASE64);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_other_alphabet_and_padding_are_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    // Claims whose base64 has characters in which the alphabets differ.
    let text = claims(json!({ "sub": "\u{3ff}\u{3ff}\u{3ff}~~~???>>>" })).to_string();
    let header = base64url(r#"{"alg":"ES256"}"#);
    passes(&present(proxy, &EC.sign_sections(&format!("{header}.{}", base64url(&text)))));
    for payload in [STANDARD_NO_PAD.encode(&text), STANDARD.encode(&text)] {
        assert!(payload.contains(['+', '/']));
        let forged = EC.sign_sections(&format!("{header}.{payload}"));
        is_denied(&present(proxy, &forged), reasons::PAYLOAD_BASE64);
    }
    let good = token(json!({}));
    for padded in [format!("{good}="), format!("{good}=="), format!("{good}====")] {
        is_denied(&present(proxy, &padded), reasons::SIGNATURE_BASE64);
    }
}

/// They cannot stand in a header, but in a query.
#[tollgate_testkit::test(JwtAuth)]
fn blanks_and_line_ends_are_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let good = token(json!({}));
    let [header, payload, signature] = sections(&good);
    for blank in ["%0A", "%0D%0A", "%20", "+", "%09", "%00", "%0B", "%C2%A0", "%E2%80%8B"] {
        for token in [
            format!("{header}.{payload}.{signature}{blank}"),
            format!("{header}.{payload}.{blank}{signature}"),
            format!("{header}.{payload}{blank}.{signature}"),
            format!("{blank}{header}.{payload}.{signature}"),
        ] {
            let exchange = proxy.get(&format!("/?access_token={token}")).send();
            assert_eq!(exchange.status(), 401, "{token}");
            assert!(exchange.try_upstream_request().is_none(), "{token}");
        }
    }
    passes(&proxy.get(&format!("/?access_token={good}")).send());
}

#[tollgate_testkit::test(JwtAuth)]
fn an_encrypted_token_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let header = base64url(r#"{"alg":"dir","enc":"A256GCM"}"#);
    for token in [format!("{header}..AAAA.AAAA.AAAA"), format!("{header}.AA.AA.AA.AA")] {
        is_denied(&present(proxy, &token), reasons::FORM);
    }
    let of_three = EC.sign_bytes(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, "{}");
    is_denied(&present(proxy, &of_three), reasons::UNKNOWN_ALG);
}

#[tollgate_testkit::test(JwtAuth)]
fn the_json_serialisations_are_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let good = token(json!({}));
    let [header, payload, signature] = sections(&good);
    let one = json!({ "protected": header, "signature": signature });
    let flattened = json!({ "payload": payload, "protected": header, "signature": signature });
    let general = json!({ "payload": payload, "signatures": [one] });
    for text in [flattened.to_string(), general.to_string()] {
        for token in [text.clone(), base64url(&text), format!("{}..", base64url(&text))] {
            is_denied(&present(proxy, &token), reasons::FORM);
        }
    }
}

/// What is inside a token is a text, not a token.
#[tollgate_testkit::test(JwtAuth)]
fn a_token_in_a_token_is_not_looked_at(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let inner = token(json!({}));
    let nested = EC.sign_bytes(r#"{"alg":"ES256","cty":"JWT"}"#, &inner);
    is_denied(&present(proxy, &nested), reasons::PAYLOAD_JSON);
    let quoted = EC.sign_bytes(r#"{"alg":"ES256","cty":"JWT"}"#, format!("\"{inner}\""));
    is_denied(&present(proxy, &quoted), reasons::PAYLOAD_JSON);
    let claimed = EC.sign_with(&json!({ "alg": "ES256" }), &json!({ "jwt": inner }));
    is_denied(&present(proxy, &claimed), reasons::ISSUER);
}

#[tollgate_testkit::test(JwtAuth)]
fn a_signature_with_nothing_signed_is_refused(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let good = token(json!({}));
    let [header, payload, signature] = sections(&good);
    assert_eq!(from_base64url(signature).len(), 64);
    for detached in [
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("..{signature}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{good}.{good}"),
    ] {
        is_denied_in(&present(proxy, &detached), reasons::FORM, &detached);
    }
}
