//! Algorithms, keys, and which key verifies which token.

use serde_json::{Value, json};
use tollgate_e2e::oracle::Pair;

use crate::comparison::{Case, Theme, case};
use crate::differences::*;
use crate::fixtures::{by_path, claims, provider, reasons, with};
use crate::keys::{in_der, jwks, sign, sign_with, signature, signature_of, with_signature};

/// Every algorithm that both filters know, HMAC aside.
const ASYMMETRIC: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

pub(crate) fn theme() -> Theme {
    let of = |keys: &[Value]| provider(json!({ "local_jwks": jwks::set(keys) }));
    let named = |jwk: Value, kid: &str| with(jwk, json!({ "kid": kid }));
    let only = |jwk: Value, algorithm: &str| with(jwk, json!({ "alg": algorithm }));
    let all = [
        jwks::rsa(),
        only(jwks::p256(), "ES256"),
        only(jwks::p384(), "ES384"),
        only(jwks::p521(), "ES512"),
        only(jwks::ed25519(), "EdDSA"),
    ];
    let configuration = by_path([
        ("all", of(&all)),
        (
            "named",
            of(&[
                named(jwks::rsa(), "rsa"),
                named(jwks::p256(), "ec"),
                named(jwks::p384(), "ec"),
                named(jwks::ed25519(), "ed"),
            ]),
        ),
        ("rs256", of(&[with(jwks::rsa(), json!({ "alg": "RS256" }))])),
        ("ps512", of(&[with(jwks::rsa(), json!({ "alg": "PS512" }))])),
        ("es256", of(&[with(jwks::p256(), json!({ "alg": "ES256" }))])),
        ("rsa", of(&[jwks::rsa()])),
        ("p256", of(&[jwks::p256()])),
        ("p384", of(&[jwks::p384()])),
        ("p521", of(&[with(jwks::p521(), json!({ "alg": "ES512" }))])),
        ("ed25519", of(&[jwks::ed25519()])),
        ("secret", of(&[jwks::p256(), jwks::secret()])),
        ("encryption", of(&[jwks::rsa(), with(jwks::p256(), json!({ "use": "enc" }))])),
        ("signing", of(&[jwks::rsa(), with(jwks::p256(), json!({ "key_ops": ["sign"] }))])),
        ("mixed", of(&[json!({ "kty": "XX" }), json!({ "kty": "RSA" }), jwks::p256()])),
    ]);
    let cases = [good(), selection(), confusion(), signatures()].into_iter().flatten().collect();
    Theme { pair: Pair::new("algorithms", configuration), cases }
}

/// HMAC, which ours wants to be told of.
pub(crate) fn hmac() -> Theme {
    let keys = json!({ "local_jwks": jwks::set(&[jwks::secret()]) });
    let native = by_path([("secret", provider(keys))]);
    let mut ours = native.clone();
    ours["providers"]["secret"]["algorithms"] = json!(["HS256", "HS384", "HS512"]);
    let mut cases = Vec::new();
    for algorithm in ["HS256", "HS384", "HS512"] {
        let token = sign(algorithm, &claims(json!({})));
        cases.push(case(algorithm, "/secret").bearer(&token).same(200));
        let tampered = with_signature(&token, vec![1; signature_of(&token).len()]);
        cases.push(
            case(format!("{algorithm} tampered"), "/secret")
                .bearer(tampered)
                .denied(reasons::WRONG),
        );
        let short = with_signature(&token, &signature_of(&token)[..16]);
        cases
            .push(case(format!("{algorithm} cut"), "/secret").bearer(short).denied(reasons::WRONG));
    }
    Theme { pair: Pair::new("hmac", native).ours(ours), cases }
}

fn good() -> Vec<Case> {
    let mut cases = Vec::new();
    for algorithm in ASYMMETRIC {
        let token = sign(algorithm, &claims(json!({})));
        cases.push(case(algorithm, "/all").bearer(&token).same(200));
        let mut signature = signature_of(&token);
        signature[9] ^= 1;
        let tampered = with_signature(&token, signature);
        cases.push(
            case(format!("{algorithm} tampered"), "/all").bearer(tampered).denied(reasons::WRONG),
        );
        let other = sign(algorithm, &claims(json!({ "sub": "mallory" })));
        let swapped = with_signature(&other, signature_of(&token));
        cases.push(
            case(format!("{algorithm} of other claims"), "/all")
                .bearer(swapped)
                .denied(reasons::WRONG),
        );
    }
    cases
}

fn selection() -> Vec<Case> {
    let named = |path: &str, algorithm: &str, kid: &str| {
        let token =
            sign_with(algorithm, &json!({ "alg": algorithm, "kid": kid }), &claims(json!({})));
        case(format!("{path}: {algorithm} with the kid {kid:?}"), path).bearer(token)
    };
    vec![
        named("/named", "RS256", "rsa").same(200),
        named("/named", "ES256", "ec").same(200),
        named("/named", "ES384", "ec").same(200),
        named("/named", "EdDSA", "ed").same(200),
        named("/named", "RS256", "").same(200),
        named("/named", "RS256", "RSA").denied(reasons::NO_KEY),
        named("/named", "RS256", "other").denied(reasons::NO_KEY),
        named("/named", "RS256", "ec").differs(&OTHER_KIND_OF_KEY),
        named("/named", "ES256", "rsa").differs(&OTHER_KIND_OF_KEY),
        named("/all", "RS256", "anything").same(200),
        named("/all", "ES256", "../../etc/passwd").same(200),
        named("/rs256", "RS256", "x").same(200),
        named("/rs256", "RS384", "x").denied(reasons::NO_KEY),
        named("/rs256", "PS256", "x").denied(reasons::NO_KEY),
        named("/ps512", "PS512", "x").same(200),
        named("/ps512", "RS512", "x").denied(reasons::NO_KEY),
        named("/es256", "ES256", "x").same(200),
        named("/es256", "RS256", "x").denied(reasons::NO_KEY),
        named("/es256", "HS256", "x").denied(reasons::NO_KEY),
        named("/rsa", "RS512", "x").same(200),
        named("/rsa", "PS256", "x").same(200),
        named("/p521", "ES512", "x").same(200),
        named("/p521", "ES384", "x").denied(reasons::NO_KEY),
        named("/mixed", "ES256", "x").same(200),
        named("/encryption", "ES256", "x").differs(&KEY_FOR_ANOTHER_PURPOSE),
        named("/signing", "ES256", "x").differs(&KEY_FOR_ANOTHER_PURPOSE),
        named("/encryption", "RS256", "x").same(200),
        named("/secret", "ES256", "x").same(200),
        named("/secret", "HS256", "x").differs(&HMAC_UNLISTED),
    ]
}

/// Tokens of one algorithm where the keys are of another.
fn confusion() -> Vec<Case> {
    let mut cases = Vec::new();
    for (path, algorithms) in [
        ("/rsa", &["ES256", "ES384", "EdDSA", "HS256", "HS512"][..]),
        ("/p256", &["RS256", "PS256", "ES384", "EdDSA", "HS256"]),
        ("/p384", &["ES256", "RS256", "HS384"]),
        ("/ed25519", &["ES256", "RS256", "HS256"]),
    ] {
        for algorithm in algorithms {
            let token = sign(algorithm, &claims(json!({})));
            let case = case(format!("{algorithm} at {path}"), path).bearer(token);
            let length = signature_of(&sign(algorithm, &claims(json!({})))).len();
            cases.push(match path == "/ed25519" && length != 64 {
                true => case.differs(&OTHER_KIND_THAN_ED25519),
                false => case.differs(&OTHER_KIND_OF_KEY),
            });
        }
    }
    // Signed by the key that is there, under the name of another algorithm.
    for (path, by, named, difference) in [
        ("/rsa", "RS256", "RS384", None),
        ("/rsa", "RS256", "PS256", None),
        ("/rsa", "PS256", "RS256", None),
        ("/rsa", "RS256", "ES256", Some(&OTHER_KIND_OF_KEY)),
        ("/rsa", "RS256", "HS256", Some(&OTHER_KIND_OF_KEY)),
        ("/p256", "ES256", "RS256", Some(&CONFUSED)),
        ("/p256", "ES256", "HS256", Some(&CONFUSED)),
        ("/p256", "ES256", "PS256", Some(&CONFUSED)),
        ("/p256", "ES256", "ES384", Some(&OTHER_KIND_OF_KEY)),
        ("/p384", "ES384", "ES256", Some(&OTHER_KIND_OF_KEY)),
        ("/ed25519", "EdDSA", "RS256", Some(&CONFUSED)),
    ] {
        let token = sign_with(by, &json!({ "alg": named }), &claims(json!({})));
        let case = case(format!("{by} as {named} at {path}"), path).bearer(token);
        cases.push(match difference {
            Some(difference) => case.differs(difference),
            None => case.denied(reasons::WRONG),
        });
    }
    cases
}

fn signatures() -> Vec<Case> {
    let good = sign("ES256", &claims(json!({})));
    let bytes = signature_of(&good);
    let (r, s) = bytes.split_at(32);
    let ec = |name: &str, signature: Vec<u8>| {
        case(format!("ES256: {name}"), "/p256").bearer(with_signature(&good, signature))
    };
    let rsa = sign("RS256", &claims(json!({})));
    let rs = |name: &str, signature: Vec<u8>| {
        case(format!("RS256: {name}"), "/rsa").bearer(with_signature(&rsa, signature))
    };
    let ed = sign("EdDSA", &claims(json!({})));
    vec![
        ec("DER", in_der(&good)).denied(reasons::WRONG),
        ec("zeros", vec![0; 64]).denied(reasons::WRONG),
        ec("r of zeros", [&[0; 32], s].concat()).denied(reasons::WRONG),
        ec("s of zeros", [r, &[0; 32]].concat()).denied(reasons::WRONG),
        ec("all ones", vec![0xff; 64]).denied(reasons::WRONG),
        ec("a byte less", bytes[..63].to_vec()).denied(reasons::WRONG),
        ec("a zero byte more", [&bytes[..], &[0]].concat()).differs(&LONG_ECDSA),
        ec("zeros in front of both", [&[0], r, &[0], s].concat()).differs(&LONG_ECDSA),
        ec("one byte", vec![1]).denied(reasons::WRONG),
        ec("of RSA", signature("RS256", b"x")).denied(reasons::WRONG),
        rs("a byte less", signature_of(&rsa)[..255].to_vec()).denied(reasons::WRONG),
        rs("a zero in front", [&[0], &signature_of(&rsa)[..]].concat()).denied(reasons::WRONG),
        rs("zeros", vec![0; 256]).denied(reasons::WRONG),
        case("EdDSA: a byte less", "/ed25519")
            .bearer(with_signature(&ed, &signature_of(&ed)[..63]))
            .denied("Jwt ED25519 signature is wrong length"),
        case("EdDSA: zeros", "/ed25519")
            .bearer(with_signature(&ed, [0; 64]))
            .denied(reasons::WRONG),
        case("Ed25519", "/ed25519")
            .bearer(sign_with("EdDSA", &json!({ "alg": "Ed25519" }), &claims(json!({}))))
            .differs(&NAME_OF_ED25519),
    ]
}
