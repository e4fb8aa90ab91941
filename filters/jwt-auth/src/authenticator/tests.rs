mod configuration;
mod provider_fields;

use super::*;
use crate::testing::{Signer, World, b64, ec_jwk, ec_key, rsa_jwk, rsa_key};
use proptest::prelude::*;
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000;
const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example/";

fn jwks(keys: &[Value]) -> Value {
    json!({ "inline_string": json!({ "keys": keys }).to_string() })
}

/// One provider with an RSA and an EC key, and rules for `/open`, `/exact` and everything else.
fn config() -> Value {
    json!({
        "providers": {"main": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": jwks(&[rsa_jwk(), ec_jwk()]),
            "claim_to_headers": [
                {"header_name": "x-sub", "claim_name": "sub"},
                {"header_name": "x-deep", "claim_name": "a.b"},
            ],
            "forward_payload_header": "x-payload",
        }},
        "rules": [
            {"match": {"prefix": "/open"}},
            {"match": {"path": "/exact"}, "requires": {"provider_name": "main"}},
            {"match": {"prefix": "/exact"}},
            {"match": {"prefix": "/"}, "requires": {"provider_name": "main"}},
        ],
    })
}

fn compile(config: &Value) -> Result<Authenticator, ConfigError> {
    Authenticator::new(tollgate::config::from_slice(config.to_string().as_bytes())?)
}

fn authenticator() -> Authenticator {
    compile(&config()).unwrap()
}

/// The claims of a good token, with some others.
fn claims(others: Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 300});
    claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    claims
}

fn request(path: &str, authorization: &[&[u8]]) -> HeaderMap {
    let pseudo = [(&b":method"[..], &b"GET"[..]), (b":path", path.as_bytes())];
    let rest = authorization.iter().map(|value| (&b"authorization"[..], *value));
    HeaderMap::from_pairs(pseudo.into_iter().chain(rest))
}

fn decide(authenticator: &Authenticator, headers: &HeaderMap) -> Verdict {
    authenticator.decide(headers, NOW, &World::default()).unwrap().verdict
}

/// The headers that the tokens of a request become.
fn written(authenticator: &Authenticator, headers: &HeaderMap) -> Vec<(String, String)> {
    let decision = authenticator.decide(headers, NOW, &World::default()).unwrap();
    assert_eq!(decision.verdict, Verdict::Allowed);
    let accepted = decision.outcome.accepted.iter();
    let headers = accepted.flat_map(|accepted| accepted.token.written.headers.clone());
    headers.map(|(name, value)| (name.to_string(), value)).collect()
}

/// Why a request with this token to a protected path is denied, if it is.
fn failure_with(authenticator: &Authenticator, token: &str) -> Option<Failure> {
    let authorization = format!("Bearer {token}");
    match decide(authenticator, &request("/", &[authorization.as_bytes()])) {
        Verdict::Denied(denial) => Some(denial.failure),
        Verdict::Allowed => None,
        Verdict::Bypassed => panic!("not a preflight"),
    }
}

fn failure_of(token: &str) -> Option<Failure> {
    failure_with(&authenticator(), token)
}

fn failure_of_claims(others: Value) -> Option<Failure> {
    failure_of(&Signer::Es256.token(&claims(others)))
}

#[test]
fn good_tokens_pass_and_bring_their_claims() {
    for signer in [Signer::Rs256, Signer::Es256] {
        let claims = claims(json!({"a": {"b": 7}}));
        let authorization = format!("Bearer {}", signer.token(&claims));
        let authenticator = authenticator();
        authenticator.providers().for_each(|(_, provider)| provider.keep_claims());
        let headers = request("/x?y=z", &[authorization.as_bytes()]);
        let expected = [
            ("x-payload".to_owned(), b64(claims.to_string())),
            ("x-sub".to_owned(), "alice".to_owned()),
            ("x-deep".to_owned(), "7".to_owned()),
        ];
        assert_eq!(written(&authenticator, &headers), expected, "{signer:?}");
        let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
        let token = &decision.outcome.accepted[0].token;
        let verified = token.claims.as_ref().unwrap();
        assert_eq!(Some(&verified.0), claims.as_object(), "{signer:?}");
    }
}

#[test]
fn a_tampered_token_is_denied() {
    for signer in [Signer::Rs256, Signer::Es256] {
        let token = signer.token(&claims(json!({})));
        let other = signer.token(&claims(json!({"sub": "mallory"})));
        let (signed, _) = other.rsplit_once('.').unwrap();
        let (_, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{signature}");
        assert_eq!(failure_of(&forged), Some(Failure::VerificationFailed), "{signer:?}");
    }
}

#[test]
fn a_token_is_not_verified_by_a_key_of_another_algorithm() {
    // Each case is signed as its key would, under the header of another algorithm.
    for (signer, alg) in [
        (Signer::Rs256, "ES256"),
        (Signer::Es256, "RS256"),
        (Signer::Rs512, "RS256"),
        (Signer::Es256, "ES384"),
        (Signer::Rs256, "HS256"),
        (Signer::Rs256, "PS256"),
    ] {
        let token = signer.token_with(&json!({ "alg": alg }), &claims(json!({})).to_string());
        let failure = failure_of(&token);
        assert!(
            matches!(failure, Some(Failure::VerificationFailed | Failure::NoMatchingKey)),
            "{signer:?} as {alg}: {failure:?}"
        );
    }
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    use hmac::{Hmac, Mac};
    use rsa::pkcs8::EncodePublicKey;
    use sha2::Sha256;
    let keys = [
        rsa_key().to_public_key().to_public_key_der().unwrap().into_vec(),
        rsa_key().n().to_bytes_be(),
        ec_key().verifying_key().to_public_key_der().unwrap().into_vec(),
    ];
    for key in keys {
        let header = b64(json!({ "alg": "HS256" }).to_string());
        let signed = format!("{header}.{}", b64(claims(json!({})).to_string()));
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(&signed);
        let signature = mac.finalize().into_bytes();
        let token = format!("{signed}.{}", b64(signature));
        assert_eq!(failure_of(&token), Some(Failure::NoMatchingKey));
    }
}

#[test]
fn an_unsigned_token_is_denied_in_any_spelling() {
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = b64(json!({ "alg": alg }).to_string());
        let payload = b64(claims(json!({})).to_string());
        assert_eq!(failure_of(&format!("{header}.{payload}.")), Some(Failure::BadFormat));
        let failure = failure_of(&format!("{header}.{payload}.AA"));
        assert_eq!(failure, Some(Failure::AlgNotSupported), "{alg}");
    }
}

#[test]
fn a_signature_in_der_is_denied() {
    let token = Signer::Es256.token(&claims(json!({})));
    let (signed, _) = token.rsplit_once('.').unwrap();
    let der = format!("{signed}.{}", b64(Signer::es256_der(&token)));
    assert_eq!(failure_of(&der), Some(Failure::VerificationFailed));
}

#[test]
fn the_key_id_must_fit_where_both_have_one() {
    let with_kid = |kid: &str| {
        let header = json!({"alg": "ES256", "kid": kid});
        failure_of(&Signer::Es256.token_with(&header, &claims(json!({})).to_string()))
    };
    assert_eq!(with_kid("ec"), None);
    assert_eq!(with_kid(""), None);
    assert_eq!(with_kid("rsa"), Some(Failure::NoMatchingKey));
    assert_eq!(with_kid("other"), Some(Failure::NoMatchingKey));
}

#[test]
fn without_a_key_id_every_fitting_key_is_tried() {
    let mut stranger = ec_jwk();
    let point = p256::ecdsa::SigningKey::random(&mut rand::rngs::OsRng);
    let point = point.verifying_key().to_encoded_point(false);
    stranger["x"] = json!(b64(point.x().unwrap()));
    stranger["y"] = json!(b64(point.y().unwrap()));
    let mut config = config();
    config["providers"]["main"]["local_jwks"] = jwks(&[stranger, rsa_jwk(), ec_jwk()]);
    let token = Signer::Es256.token(&claims(json!({})));
    assert_eq!(failure_with(&compile(&config).unwrap(), &token), None);
}

#[test]
fn the_issuer_must_be_that_of_the_provider() {
    for issuer in ["", "https://issuer.example/", "HTTPS://issuer.example"] {
        let failure = failure_of_claims(json!({ "iss": issuer }));
        assert_eq!(failure, Some(Failure::UnknownIssuer), "{issuer}");
    }
    let token = Signer::Es256.token(&json!({"aud": AUDIENCE}));
    assert_eq!(failure_of(&token), Some(Failure::UnknownIssuer));
}

#[test]
fn a_provider_without_issuer_and_audiences_takes_any() {
    let mut config = config();
    config["providers"]["main"] = json!({ "local_jwks": jwks(&[ec_jwk()]) });
    let authenticator = compile(&config).unwrap();
    for claims in [json!({}), json!({"iss": "x", "aud": "y"}), json!({"aud": []})] {
        assert_eq!(failure_with(&authenticator, &Signer::Es256.token(&claims)), None);
    }
}

#[test]
fn one_audience_must_be_allowed_whatever_its_scheme_and_last_slash() {
    for good in [
        json!("https://api.example/"),
        json!("http://api.example"),
        json!("api.example"),
        json!(["other", "api.example/"]),
    ] {
        assert_eq!(failure_of_claims(json!({"aud": good.clone()})), None, "{good}");
    }
    for bad in [json!("other"), json!([]), json!(""), json!("api.example//"), json!("API.example")]
    {
        let failure = failure_of_claims(json!({"aud": bad.clone()}));
        assert_eq!(failure, Some(Failure::AudienceNotAllowed), "{bad}");
    }
}

#[test]
fn times_are_exact_to_the_second_at_the_edges_of_the_skew() {
    for (claims, expected) in [
        (json!({"exp": NOW - 60}), None),
        (json!({"exp": NOW - 61}), Some(Failure::Expired)),
        (json!({"nbf": NOW + 60}), None),
        (json!({"nbf": NOW + 61}), Some(Failure::NotYetValid)),
        (json!({"nbf": NOW, "exp": NOW}), None),
        (json!({"exp": u64::MAX}), None),
        (json!({"nbf": u64::MAX}), Some(Failure::NotYetValid)),
        (json!({"exp": 1}), Some(Failure::Expired)),
        (json!({"exp": 0}), None),
        (json!({"iat": u64::MAX}), None),
    ] {
        assert_eq!(failure_of_claims(claims.clone()), expected, "{claims}");
    }
}

#[test]
fn the_skew_is_that_of_the_configuration_and_zero_means_sixty() {
    for (configured, skew) in [(json!(5), 5), (json!(0), 60), (json!(3600.0), 3600)] {
        let mut config = config();
        config["providers"]["main"]["clock_skew_seconds"] = configured;
        let authenticator = compile(&config).unwrap();
        let failure = |exp: u64| {
            failure_with(&authenticator, &Signer::Es256.token(&claims(json!({ "exp": exp }))))
        };
        assert_eq!(failure(NOW - skew), None);
        assert_eq!(failure(NOW - skew - 1), Some(Failure::Expired));
    }
}

#[test]
fn an_expiration_can_be_required() {
    let mut config = config();
    config["providers"]["main"]["require_expiration"] = json!(true);
    let authenticator = compile(&config).unwrap();
    let mut claims = claims(json!({}));
    assert_eq!(failure_with(&authenticator, &Signer::Es256.token(&claims)), None);
    claims["exp"] = json!(0);
    let failure = failure_with(&authenticator, &Signer::Es256.token(&claims));
    assert_eq!(failure, Some(Failure::VerificationFailed));
    claims.as_object_mut().unwrap().remove("exp");
    let failure = failure_with(&authenticator, &Signer::Es256.token(&claims));
    assert_eq!(failure, Some(Failure::VerificationFailed));
}

#[test]
fn of_several_faults_the_first_in_envoys_order_counts() {
    let all = json!({"iss": "x", "nbf": NOW + 100, "exp": 1, "aud": "x"});
    assert_eq!(failure_of_claims(all), Some(Failure::UnknownIssuer));
    let times = json!({"nbf": NOW + 100, "exp": 1, "aud": "x"});
    assert_eq!(failure_of_claims(times), Some(Failure::NotYetValid));
    assert_eq!(failure_of_claims(json!({"exp": 1, "aud": "x"})), Some(Failure::Expired));
    let header = json!({"alg": "ES256", "kid": "other"});
    let claims = claims(json!({"aud": "x"})).to_string();
    let failure = failure_of(&Signer::Es256.token_with(&header, &claims));
    assert_eq!(failure, Some(Failure::AudienceNotAllowed));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let authenticator = authenticator();
    for (path, allowed) in [
        ("/open", true),
        ("/open/x?y", true),
        ("/opera", false),
        ("/exact", false),
        ("/exact?x", false),
        ("/exact/x", true),
        ("/", false),
        ("/?/open", false),
        ("", false),
    ] {
        let decision = decide(&authenticator, &request(path, &[]));
        assert_eq!(matches!(decision, Verdict::Allowed), allowed, "{path}");
    }
}

#[test]
fn a_path_that_no_rule_matches_passes_unchanged() {
    let mut config = config();
    config["rules"] = json!([{"match": {"prefix": "/api"}, "requires": {"provider_name": "main"}}]);
    let authenticator = compile(&config).unwrap();
    let decision = decide(&authenticator, &request("/other", &[b"Bearer x"]));
    assert_eq!(decision, Verdict::Allowed);
    assert!(matches!(decide(&authenticator, &request("/api", &[])), Verdict::Denied(_)));
}

#[test]
fn a_request_without_a_path_falls_under_the_rule_for_everything() {
    let connect = HeaderMap::from_pairs([(":method", "CONNECT"), (":authority", "h:443")]);
    assert_eq!(decide(&authenticator(), &connect), Verdict::Denied(Failure::Missing.into()));
}

#[test]
fn a_missing_token_and_a_repeated_authorization_are_denied() {
    let good = format!("Bearer {}", Signer::Es256.token(&claims(json!({}))));
    let good = good.as_bytes();
    let joined = [good, b",", good].concat();
    for (values, expected) in [
        (&[][..], Failure::Missing),
        (&[&b""[..]], Failure::Missing),
        (&[b"Basic abc"], Failure::Missing),
        (&[good, good], Failure::BadFormat),
        (&[b"Basic abc", good], Failure::BadFormat),
        (&[&joined], Failure::BadFormat),
        (&[b"Bearer \xff\xfe"], Failure::BadFormat),
    ] {
        let authenticator = authenticator();
        let decision = decide(&authenticator, &request("/", values));
        assert_eq!(decision, Verdict::Denied(expected.into()));
    }
}

#[test]
fn a_huge_authorization_is_denied() {
    let value = format!("Bearer {}", "a.".repeat(30_000));
    let authenticator = authenticator();
    let decision = decide(&authenticator, &request("/", &[value.as_bytes()]));
    assert_eq!(decision, Verdict::Denied(Failure::BadFormat.into()));
}

#[test]
fn a_preflight_bypasses_only_when_configured() {
    let preflight = |method: &str, origin: &str| {
        HeaderMap::from_pairs([
            (":method", method),
            (":path", "/"),
            ("origin", origin),
            ("access-control-request-method", "GET"),
        ])
    };
    let strict = authenticator();
    assert!(matches!(decide(&strict, &preflight("OPTIONS", "http://o")), Verdict::Denied(_)));
    let mut config = config();
    config["bypass_cors_preflight"] = json!(true);
    let lenient = compile(&config).unwrap();
    assert_eq!(decide(&lenient, &preflight("OPTIONS", "http://o")), Verdict::Bypassed);
    for (method, origin) in [("GET", "http://o"), ("OPTIONS", ""), ("options", "http://o")] {
        assert!(matches!(decide(&lenient, &preflight(method, origin)), Verdict::Denied(_)));
    }
}

#[test]
fn a_denial_repeats_only_the_key_id_escaped_and_cut() {
    let kid = format!("k\n\"{}", "é".repeat(100));
    let header = json!({"alg": "ES256", "kid": kid});
    let token = Signer::Es256.token_with(&header, &claims(json!({})).to_string());
    let authorization = format!("Bearer {token}");
    let authenticator = authenticator();
    let decision = decide(&authenticator, &request("/", &[authorization.as_bytes()]));
    let Verdict::Denied(Denial { failure: Failure::NoMatchingKey, kid: Some(kid), .. }) = decision
    else {
        panic!("{decision:?}")
    };
    assert!(kid.starts_with(r#"k\n\"\u{e9}"#), "{kid}");
    assert_eq!(kid.len(), 64);
}

#[test]
fn the_decision_depends_on_the_verifier() {
    let token = Signer::Rs256.token(&claims(json!({})));
    let headers = request("/", &[format!("Bearer {token}").as_bytes()]);
    let authenticator = authenticator();
    let decide = |answer| {
        let world = World { says: Some(answer), ..World::default() };
        authenticator.decide(&headers, NOW, &world).unwrap().verdict
    };
    assert!(matches!(decide(false), Verdict::Denied(_)));
    assert_eq!(decide(true), Verdict::Allowed);
    assert_eq!(decide(false), Verdict::Allowed, "it was verified before");
}

proptest! {
    #[test]
    fn any_bytes_get_a_decision(path: Vec<u8>, authorization: Vec<Vec<u8>>, prefixed: bool) {
        let prefix: &[u8] = if prefixed { b"Bearer " } else { b"" };
        let values: Vec<_> = authorization.iter().map(|value| [prefix, value].concat()).collect();
        let pairs = values.iter().map(|value| (&b"authorization"[..], value.as_slice()));
        let headers = HeaderMap::from_pairs([(&b":path"[..], path.as_slice())].into_iter().chain(pairs));
        let authenticator = compile(&json!({
            "providers": {"p": {"local_jwks": jwks(&[ec_jwk()])}},
            "rules": [{"match": {"prefix": ""}, "requires": {"provider_name": "p"}}],
        }));
        let authenticator = authenticator.unwrap();
        prop_assert!(matches!(decide(&authenticator, &headers), Verdict::Denied(_)));
    }

    #[test]
    fn a_token_with_one_changed_byte_never_passes(position: prop::sample::Index, byte: u8) {
        let token = Signer::Es256.token(&claims(json!({})));
        let mut bytes = token.clone().into_bytes();
        let position = position.index(bytes.len());
        prop_assume!(bytes[position] != byte);
        bytes[position] = byte;
        let authorization = [&b"Bearer "[..], &bytes].concat();
        let authenticator = authenticator();
        let decision = decide(&authenticator, &request("/", &[&authorization]));
        prop_assert!(matches!(decision, Verdict::Denied(_)));
    }
}
