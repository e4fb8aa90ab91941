//! What the tests share: an issuer that answers as told, a configuration, and requests.

use crate::keys::{Key, jwks};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tollgate_testkit::{Answer, Exchange, Proxy};

pub(crate) const ISSUER: &str = "https://issuer.example";
/// Where the clock of the simulated proxy stands at first.
const NOW: u64 = 1_767_225_600;

pub(crate) const OLD: Key = Key::Es256(1);
pub(crate) const NEW: Key = Key::Es256(2);

pub(crate) const FETCH_FAILED: &str = "Jwks remote fetch is failed";
pub(crate) const NO_KEY: &str = "Jwks doesn't have key to match kid or alg from Jwt";

/// The service of an issuer, in the cluster `issuer`.
#[derive(Clone)]
pub(crate) struct Issuer(Rc<RefCell<Answer>>);

impl Issuer {
    /// One whose key set has these keys.
    pub(crate) fn with(proxy: &mut Proxy, keys: &[Key]) -> Self {
        let issuer = Self(Rc::new(RefCell::new(set(keys))));
        let answer = issuer.0.clone();
        proxy.upstream("issuer", move |_| answer.borrow().clone());
        issuer
    }

    pub(crate) fn answers(&self, answer: Answer) {
        self.0.replace(answer);
    }

    pub(crate) fn has(&self, keys: &[Key]) {
        self.answers(set(keys));
    }
}

/// A key set as an answer.
pub(crate) fn set(keys: &[Key]) -> Answer {
    Answer::status(200).body(jwks(&keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()))
}

/// How often the issuer was asked.
pub(crate) fn fetches(proxy: &Proxy) -> usize {
    proxy.requests("issuer").len()
}

/// A provider that fetches its keys, with some fields more or other. It takes one algorithm, since the known
/// answers of all that it takes are verified in every VM.
pub(crate) fn provider(fields: Value) -> Value {
    let mut provider = json!({
        "issuer": ISSUER,
        "algorithms": ["ES256"],
        "remote_jwks": {
            "http_uri": { "uri": "https://issuer.example/keys?v=1", "cluster": "issuer", "timeout": "2s" },
            "cache_duration": "300s",
        },
        "claim_to_headers": [{ "header_name": "x-sub", "claim_name": "sub" }],
    });
    provider.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    provider
}

/// As [`provider`], with other fields of `remote_jwks`.
pub(crate) fn provider_with(remote: Value) -> Value {
    let mut provider = provider(json!({}));
    let fields = provider["remote_jwks"].as_object_mut().unwrap();
    fields.extend(remote.as_object().unwrap().clone());
    provider
}

/// One provider, whose tokens every request needs.
pub(crate) fn protected_by(provider: Value) -> Value {
    json!({
        "providers": { "main": provider },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "main" } }],
    })
}

pub(crate) fn start(proxy: &mut Proxy, provider: Value) {
    proxy.verify_signatures();
    proxy.configure(protected_by(provider));
}

/// A good token.
pub(crate) fn token(key: Key) -> String {
    key.sign(&json!({ "iss": ISSUER, "sub": "alice", "exp": NOW + 1_000_000 }))
}

/// A request with a token of this key.
pub(crate) fn present(proxy: &Proxy, key: Key) -> Exchange {
    send(proxy, &token(key))
}

pub(crate) fn send(proxy: &Proxy, token: &str) -> Exchange {
    proxy.get("/").header("authorization", format!("Bearer {token}")).send()
}

/// The same, to one worker.
pub(crate) fn present_to(proxy: &Proxy, worker: usize, key: Key) -> Exchange {
    let authorization = format!("Bearer {}", token(key));
    proxy.get("/").header("authorization", authorization).on_worker(worker).send()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// It is answered so, and the upstream has not seen it.
#[track_caller]
pub(crate) fn is_denied(exchange: &Exchange, status: u16, body: &str) {
    assert_eq!((exchange.status(), exchange.response().text().as_str()), (status, body));
    assert!(exchange.try_upstream_request().is_none());
}

pub(crate) fn stat(proxy: &Proxy, name: &str) -> u64 {
    proxy.counter(&format!("tollgate.jwt_auth.{name}"))
}

pub(crate) fn has_logged(proxy: &Proxy, text: &str) -> bool {
    proxy.log().iter().any(|line| line.message.contains(text))
}
