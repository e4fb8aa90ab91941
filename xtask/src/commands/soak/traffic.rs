//! Requests that know what the answer must be.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_e2e::tokens::{self, SigningKey, rsa_key};

use super::issuer::{Generation, Keys};

pub(super) const ISSUER: &str = "https://issuer.example";
pub(super) const AUDIENCE: &str = "api.example";

/// A key that is about to be withdrawn is not used any more: the filter may know before the answer is
/// there. Likewise it may not know at once.
const MARGIN: Duration = Duration::from_millis(500);
/// So long after a key was withdrawn its tokens must be refused: the duration for which a key set is
/// believed, and what a busy machine takes for a fetch.
const GRACE: Duration = Duration::from_millis(2500);
/// How many tokens of each key and kind there are; one in [`FRESH`] is new.
const POOL: u64 = 50;
const FRESH: u64 = 8;
const LIFETIME: u64 = 24 * 3600;

/// A request.
pub(super) struct Case {
    /// What kind it is of.
    pub(super) kind: &'static str,
    pub(super) token: Option<Arc<str>>,
    pub(super) status: u16,
    pub(super) body: &'static str,
}

/// What clients send.
pub(super) trait Traffic: Send + Sync + 'static {
    /// The next request of a client; none when it is over.
    fn next(&self) -> Option<Case>;
}

/// Good tokens, each used once.
pub(super) struct Distinct {
    key: SigningKey,
    count: u64,
    sent: AtomicU64,
}

impl Distinct {
    pub(super) fn new(key: SigningKey, count: u64) -> Self {
        Self { key, count, sent: AtomicU64::new(0) }
    }
}

impl Traffic for Distinct {
    fn next(&self) -> Option<Case> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        (number < self.count).then(|| passes("new token", self.key.sign(&claims(number)).into()))
    }
}

/// All kinds of tokens, of keys that come and go.
pub(super) struct Rotation {
    keys: Arc<Keys>,
    end: Instant,
    number: AtomicU64,
    pool: Mutex<Pool>,
}

/// Tokens to be sent again.
#[derive(Default)]
struct Pool {
    generation: usize,
    tokens: HashMap<(String, &'static str, u64), Arc<str>>,
}

impl Rotation {
    pub(super) fn new(keys: Arc<Keys>, end: Instant) -> Self {
        Self { keys, end, number: AtomicU64::new(0), pool: Mutex::default() }
    }

    /// A token of the pool, or a new one.
    fn token(
        &self,
        generation: usize,
        key: &SigningKey,
        kind: &'static str,
        sign: impl FnOnce(u64) -> String,
    ) -> Arc<str> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(FRESH) {
            return sign(number).into();
        }
        let entry = (key.kid().to_owned(), kind, number % POOL);
        {
            let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
            if pool.generation != generation {
                *pool = Pool { generation, tokens: HashMap::new() };
            }
            if let Some(token) = pool.tokens.get(&entry) {
                return Arc::clone(token);
            }
        }
        let token: Arc<str> = sign(number).into();
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.tokens.insert(entry, Arc::clone(&token));
        token
    }

    /// The key to sign a good token with.
    fn good_key(dice: u64, now: &Generation) -> Arc<SigningKey> {
        let is_still_good = now.until.saturating_duration_since(Instant::now()) > MARGIN;
        match dice % 4 {
            0 if is_still_good => Arc::clone(&now.last),
            1 => Arc::new(rsa_key().clone()),
            _ => Arc::clone(&now.current),
        }
    }
}

impl Traffic for Rotation {
    fn next(&self) -> Option<Case> {
        if Instant::now() >= self.end {
            return None;
        }
        let dice = fastrand::u64(..);
        let now = self.keys.now();
        let (number, key) = (now.number, Self::good_key(dice >> 8, &now));
        let withdrawn = match now.since.elapsed() > GRACE {
            true => now.withdrawn.first(),
            false => now.withdrawn.get(1),
        };
        let withdrawn = withdrawn.cloned();
        drop(now);
        let signed = |kind, changes: fn() -> Value| {
            self.token(number, &key, kind, |number| key.sign(&with(claims(number), changes())))
        };
        Some(match dice % 20 {
            0 => case("no token", None, 401, "Jwt is missing"),
            1 => {
                let token = signed("expired", || json!({ "exp": tokens::now() - 600 }));
                case("expired", Some(token), 401, "Jwt is expired")
            }
            2 => {
                let token = signed("not yet valid", || json!({ "nbf": tokens::now() + 600 }));
                case("not yet valid", Some(token), 401, "Jwt not yet valid")
            }
            3 => {
                let token = signed("other audience", || json!({ "aud": "other" }));
                case("other audience", Some(token), 403, "Audiences in Jwt are not allowed")
            }
            4 => {
                let token = signed("other issuer", || json!({ "iss": "https://other.example" }));
                case("other issuer", Some(token), 401, "Jwt issuer is not configured")
            }
            5 => {
                let token = tokens::tampered(&signed("good", || json!({})));
                case("tampered", Some(token.into()), 401, "Jwt verification fails")
            }
            6 => {
                let foreign = SigningKey::es256(key.kid());
                let header = json!({ "alg": foreign.algorithm(), "kid": key.kid() });
                let token = foreign.sign_with_header(&header, &claims(dice));
                match key.algorithm() == foreign.algorithm() {
                    true => case("foreign key", Some(token.into()), 401, "Jwt verification fails"),
                    false => no_key("foreign algorithm", token.into()),
                }
            }
            7 => no_key("unknown key", SigningKey::es256("none").sign(&claims(dice)).into()),
            8 => {
                let header = json!({ "alg": "none", "kid": key.kid() });
                let token = key.sign_with_header(&header, &claims(dice)).into();
                case("no algorithm", Some(token), 401, "Jwt header [alg] is not supported")
            }
            9 | 10 => match withdrawn {
                Some(key) => {
                    let sign = |number| key.sign(&claims(number));
                    no_key("withdrawn key", self.token(number, &key, "withdrawn", sign))
                }
                None => case("no token", None, 401, "Jwt is missing"),
            },
            _ => passes("good", signed("good", || json!({}))),
        })
    }
}

fn case(kind: &'static str, token: Option<Arc<str>>, status: u16, body: &'static str) -> Case {
    Case { kind, token, status, body }
}

fn passes(kind: &'static str, token: Arc<str>) -> Case {
    case(kind, Some(token), 200, "passed")
}

fn no_key(kind: &'static str, token: Arc<str>) -> Case {
    case(kind, Some(token), 401, "Jwks doesn't have key to match kid or alg from Jwt")
}

/// Claims of the usual size.
fn claims(number: u64) -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": format!("user-{number}"),
        "exp": tokens::now() + LIFETIME,
        "iat": tokens::now(),
        "jti": format!("{number:032x}"),
        "name": "A name of the usual length",
        "email": "somebody.with.a.long.name@mail.example",
        "scope": "openid profile email offline_access",
        "realm_access": { "roles": ["user", "editor", "default-roles-example", "uma_authorization"] },
    })
}

fn with(mut claims: Value, changes: Value) -> Value {
    if let (Some(claims), Value::Object(changes)) = (claims.as_object_mut(), changes) {
        claims.extend(changes);
    }
    claims
}
