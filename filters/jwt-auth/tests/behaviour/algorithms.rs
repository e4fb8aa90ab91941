//! Every algorithm with every form of key: what is right passes, and what was changed does not.

use crate::common::{
    ISSUER, claims, configure, is_denied_in, passes, present, protected_by, reasons,
};
use crate::keys::{
    EC, Key, PUBLIC, RSA_KEY, SECRET, certificate, jwks, pem, tampered, with_claims_of,
};
use serde_json::{Map, Value, json};
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// One of each kind that is public.
const KINDS: [Key; 5] = [RSA_KEY, EC, Key::Es384, Key::Es512, Key::EdDsa];

fn provider(keys: String, algorithms: Option<&[&str]>) -> Value {
    let mut provider = json!({ "issuer": ISSUER, "local_jwks": { "inline_string": keys } });
    if let Some(algorithms) = algorithms {
        provider["algorithms"] = json!(algorithms);
    }
    protected_by(provider)
}

#[track_caller]
fn is_verified(proxy: &Proxy, key: Key) {
    let good = key.sign(&claims(json!({})));
    let other = key.sign(&claims(json!({ "sub": "mallory" })));
    passes(&present(proxy, &good));
    for wrong in [tampered(&good), with_claims_of(&good, &other), with_claims_of(&other, &good)] {
        is_denied_in(&present(proxy, &wrong), reasons::WRONG, key.algorithm());
    }
}

fn of_kind(kind: Key) -> impl Iterator<Item = Key> {
    PUBLIC.into_iter().filter(move |key| key.kid() == kind.kid())
}

fn jwk_set(keys: &[Key]) -> String {
    jwks(&keys.iter().map(|key| key.jwk()).collect::<Vec<_>>())
}

/// As Google publishes them.
fn certificates() -> String {
    let one = |key: Key| (key.kid(), json!(certificate(&key.public_key_info())));
    Value::Object(KINDS.into_iter().map(one).collect::<Map<_, _>>()).to_string()
}

#[tollgate_testkit::test(JwtAuth)]
fn every_public_algorithm_is_verified_with_a_jwk(proxy: &mut Proxy) {
    configure(proxy, provider(jwk_set(&KINDS), None));
    PUBLIC.into_iter().for_each(|key| is_verified(proxy, key));
}

#[tollgate_testkit::test(JwtAuth)]
fn every_public_algorithm_is_verified_with_a_jwk_by_the_module_alone(proxy: &mut Proxy) {
    // One by one: the self-test of all takes more than the kit lets a callback of a module take.
    for kind in KINDS {
        proxy.configure(provider(jwk_set(&[kind]), None));
        of_kind(kind).for_each(|key| is_verified(proxy, key));
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn every_secret_algorithm_is_verified_with_a_jwk(proxy: &mut Proxy) {
    let algorithms = ["HS256", "HS384", "HS512"];
    configure(proxy, provider(jwk_set(&[Key::Hs256]), Some(&algorithms)));
    SECRET.into_iter().for_each(|key| is_verified(proxy, key));
}

#[tollgate_testkit::test(JwtAuth)]
fn every_public_algorithm_is_verified_with_a_certificate_by_its_name(proxy: &mut Proxy) {
    configure(proxy, provider(certificates(), None));
    for key in PUBLIC {
        is_verified(proxy, key);
        let header = json!({ "alg": key.algorithm(), "kid": "other" });
        let unknown = key.sign_with(&header, &claims(json!({})));
        is_denied_in(&present(proxy, &unknown), reasons::NO_KEY, key.algorithm());
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn every_public_algorithm_is_verified_with_one_public_key_in_pem(proxy: &mut Proxy) {
    for kind in KINDS {
        configure(proxy, provider(pem("PUBLIC KEY", &kind.public_key_info()), None));
        for key in of_kind(kind) {
            is_verified(proxy, key);
        }
        let other = if kind == EC { RSA_KEY } else { EC };
        let other = other.sign(&claims(json!({})));
        is_denied_in(&present(proxy, &other), reasons::NO_KEY, kind.algorithm());
    }
}

/// What a list of algorithms leaves out is left out in every form.
#[tollgate_testkit::test(JwtAuth)]
fn an_algorithm_that_is_not_allowed_has_no_key(proxy: &mut Proxy) {
    let rsa = pem("PUBLIC KEY", &RSA_KEY.public_key_info());
    for keys in [jwk_set(&[RSA_KEY]), certificates(), rsa] {
        configure(proxy, provider(keys, Some(&["RS384"])));
        is_verified(proxy, Key::Rs384);
        for key in [Key::Rs256, Key::Ps384] {
            let token = key.sign(&claims(json!({})));
            is_denied_in(&present(proxy, &token), reasons::NO_KEY, key.algorithm());
        }
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn a_pem_that_is_no_public_key_is_refused_with_its_reason(proxy: &mut Proxy) {
    let info = EC.public_key_info();
    for (text, reason) in [
        (pem("CERTIFICATE", &info), "there is no PUBLIC KEY"),
        (pem("PUBLIC KEY", &info[1..]), "not a public key in DER"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA".to_owned(), "its END line is missing"),
    ] {
        let refusal = proxy.try_configure(provider(text, None)).unwrap_err();
        let expected = "`providers.main.local_jwks.inline_string`: found PEM pubkey parse fails; ";
        assert!(refusal.contains(&format!("{expected}{reason}")), "{refusal}");
    }
}
