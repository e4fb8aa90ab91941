use std::cell::Cell;

use arbitrary::{Arbitrary, Unstructured};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate::config;
use tollgate::headers::HeaderMap;
use tollgate::properties::Text;
use tollgate_jwt_auth::authenticator::{Authenticator, Verdict};
use tollgate_jwt_auth::conditions::Peer;
use tollgate_jwt_auth::crypto;
use tollgate_jwt_auth::requirement::Surroundings;
use tollgate_jwt_auth::status::Failure;
use tollgate_jwt_auth::token::Token;
use tollgate_jwt_auth::verifying_key::VerifyingKey;

use super::tokens::{EXPIRES, ISSUER, NOT_BEFORE, encoded, jwk, signed};
use crate::input::{list, structured};

/// The default of the configuration.
const SKEW: u64 = 60;

/// What one issuer has signed, and what its keys accept.
struct Fixture {
    authenticator: Authenticator,
    /// Those that pass, if the time is right.
    good: Vec<String>,
    /// Others, which are signed as well or look like one that is.
    others: Vec<String>,
}

thread_local! {
    static FIXTURE: Fixture = Fixture::new();
}

/// A signed token that was tampered with, somewhere in `authorization`: only a token that was signed
/// passes, byte for byte, and only in its time; no key is asked before all else is right.
pub fn jwt_decision(data: &[u8]) {
    FIXTURE.with(|fixture| structured(data, |input| fixture.check(input)));
}

/// A proxy that verifies, and counts how often.
struct Proxy {
    now: u64,
    asked: Cell<u32>,
}

impl Surroundings for Proxy {
    fn verify(&self, token: &Token<'_>, key: &VerifyingKey) -> bool {
        self.asked.set(self.asked.get() + 1);
        let dates = token.dates();
        let begun = dates.not_before <= self.now.saturating_add(SKEW);
        let over = dates.expires.is_some_and(|end| end.saturating_add(SKEW) < self.now);
        assert!(begun && !over, "a key is asked in vain");
        assert_eq!(token.issuer(), ISSUER);
        crypto::verify(token, key)
    }

    fn filter_state(&self, _: &str) -> tollgate::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn certificate_digest(&self) -> tollgate::Result<Option<Text>> {
        Ok(None)
    }

    fn peer(&self) -> tollgate::Result<Option<Peer>> {
        Ok(None)
    }
}

impl Fixture {
    fn check(&self, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let tokens: Vec<_> = self.good.iter().chain(&self.others).collect();
        let mut value = format!("Bearer {}", input.choose(&tokens)?).into_bytes();
        for edit in list(input, 3, Edit::arbitrary)? {
            edit.apply(&mut value);
        }
        let twice = u8::arbitrary(input)? == 1;
        let now = match input.int_in_range(0..=3)? {
            0 => input.int_in_range(NOT_BEFORE - 2 * SKEW..=NOT_BEFORE)?,
            1 => input.int_in_range(EXPIRES..=EXPIRES + 2 * SKEW)?,
            2 => u64::arbitrary(input)?,
            _ => NOT_BEFORE + 1,
        };
        let mut pairs = vec![(":path", b"/orders".to_vec()), ("authorization", value.clone())];
        if twice {
            pairs.push(("authorization", format!("Bearer {}", self.good[0]).into_bytes()));
        }
        let headers = HeaderMap::from_pairs(pairs);

        // No token is known from before.
        self.authenticator.providers().for_each(|(_, it)| it.cache().borrow_mut().clear());
        let proxy = Proxy { now, asked: Cell::new(0) };
        let decision = self.authenticator.decide(&headers, now, &proxy).expect("the host answers");
        let asked = &proxy.asked;
        let good = self.good.iter().find(|token| value.ends_with(token.as_bytes()));
        let in_time = (NOT_BEFORE - SKEW..=EXPIRES + SKEW).contains(&now);
        match decision.verdict {
            Verdict::Allowed => {
                let token = good.expect("a token that nobody has signed passes");
                assert!(in_time && !twice && asked.get() > 0);
                let accepted = &decision.outcome.accepted;
                let claims = accepted.first().and_then(|it| it.token.claims.as_ref());
                let claims = claims.map(|claims| Value::Object(claims.0.clone()));
                assert_eq!(claims, Some(payload(token)));
            }
            Verdict::Denied(denial) => {
                let untouched = |token: &String| value == format!("Bearer {token}").as_bytes();
                assert!(
                    !(in_time && !twice && good.is_some_and(untouched)),
                    "a good token is refused"
                );
                let by_signature =
                    matches!(denial.failure, Failure::VerificationFailed | Failure::NoMatchingKey);
                assert!(
                    by_signature || asked.get() == 0,
                    "{:?} after a key was asked",
                    denial.failure
                );
                assert!(denial.kid.is_none_or(|kid| kid.len() <= 64 && kid.is_ascii()));
            }
            Verdict::Bypassed => panic!("no preflight"),
        }
        Ok(())
    }

    fn new() -> Self {
        let rsa: Value =
            serde_json::from_str(include_str!("../../../tests/tests/common_case/rs256.json"))
                .expect("JSON");
        let keys = json!({ "keys": [rsa["jwks"]["keys"][0], jwk()] });
        let config = json!({
            "providers": { "accounts": {
                "issuer": ISSUER,
                "audiences": ["shop"],
                "local_jwks": { "inline_string": keys.to_string() },
            } },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "accounts" } }],
        });
        let config = config::from_slice(config.to_string().as_bytes()).expect("a configuration");
        let rs256 = rsa["token"].as_str().expect("a token").to_owned();
        let claims = |aud: Value| json!({ "iss": ISSUER, "aud": aud, "nbf": NOT_BEFORE, "exp": EXPIRES, "sub": "alice" });
        let es256 = json!({ "alg": "ES256", "kid": "es" });
        let [header, payload, signature] = sections(&rs256);
        let good = vec![
            rs256.clone(),
            signed(&es256, &claims("shop".into())),
            signed(&json!({ "alg": "ES256" }), &claims(json!(["bank", "https://shop/"]))),
        ];
        let none = encoded(&json!({ "alg": "none", "kid": "2026-01" }));
        let hs256 = encoded(&json!({ "alg": "HS256", "kid": "2026-01" }));
        let rs512 = encoded(&json!({ "alg": "RS512", "kid": "2026-01" }));
        let others = vec![
            signed(&es256, &claims("bank".into())),
            signed(&json!({ "alg": "ES256", "kid": "2026-01" }), &claims("shop".into())),
            format!("{none}.{payload}."),
            format!("{none}.{payload}.AA"),
            format!("{hs256}.{payload}.{signature}"),
            format!("{rs512}.{payload}.{signature}"),
            format!("{header}.{}.{signature}", encoded(&claims("shop".into()))),
        ];
        let authenticator = Authenticator::new(config).expect("a configuration that fits");
        authenticator.providers().for_each(|(_, provider)| provider.keep_claims());
        Self { authenticator, good, others }
    }
}

fn sections(token: &str) -> [&str; 3] {
    let sections: Vec<_> = token.split('.').collect();
    sections.try_into().expect("three sections")
}

fn payload(token: &str) -> Value {
    let [_, payload, _] = sections(token);
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// What an attacker does to a token.
#[derive(Arbitrary, Debug)]
enum Edit {
    Replace(u16, u8),
    Flip(u16, u8),
    Insert(u16, u8),
    Remove(u16, u16),
    Repeat(u16, u16),
}

impl Edit {
    fn apply(&self, value: &mut Vec<u8>) {
        let place = |at: &u16| usize::from(*at) % value.len().max(1);
        let range = |from: &u16, length: &u16| {
            let from = place(from);
            from..from.saturating_add(usize::from(*length)).min(value.len())
        };
        match self {
            _ if value.is_empty() => {}
            Self::Replace(at, byte) => {
                let at = place(at);
                value[at] = *byte;
            }
            Self::Flip(at, bit) => {
                let at = place(at);
                value[at] ^= 1 << (bit % 8);
            }
            Self::Insert(at, byte) => value.insert(place(at), *byte),
            Self::Remove(from, length) => {
                value.drain(range(from, length));
            }
            Self::Repeat(from, length) => {
                let range = range(from, length);
                value.extend_from_within(range);
            }
        }
    }
}
