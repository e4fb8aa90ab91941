use super::record::tests::{at, set};
use super::*;
use crate::testing::{ec_jwk, rsa_jwk};
use serde_json::{Value, json};

fn remote(fields: Value) -> RemoteKeys {
    let uri = json!({ "uri": "https://issuer.example/", "cluster": "issuer" });
    let mut provider = json!({ "remote_jwks": { "http_uri": uri } });
    provider.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let provider = tollgate::config::from_slice(provider.to_string().as_bytes()).unwrap();
    RemoteKeys::new(&provider).unwrap().unwrap()
}

fn keys(keys: &[Value]) -> Option<KeySet> {
    Some(KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap())
}

fn with_set(fields: Value) -> RemoteKeys {
    let remote = remote(fields);
    remote.install(at(0), keys(&[ec_jwk()]));
    remote.see(Record::default().succeeded(1, set(at(0)), at(0)), at(0));
    remote
}

fn lack(remote: &RemoteKeys, millis: u64, is_settled: bool) -> Option<Lack> {
    remote.usable(at(millis), is_settled).err()
}

#[test]
fn a_worker_looks_once_a_second() {
    let remote = with_set(json!({}));
    assert_eq!(lack(&remote, 999, false), None);
    assert_eq!(lack(&remote, 1000, false), Some(Lack::Wanted(Reason::Look)));
    assert_eq!(lack(&remote, 1000, true), None);
}

#[test]
fn what_is_missing_is_wanted_first_and_unavailable_then() {
    let remote = remote(json!({}));
    remote.see(Record::default(), at(0));
    assert_eq!(lack(&remote, 1, false), Some(Lack::Wanted(Reason::Missing)));
    let unavailable = Lack::Unavailable { is_allowed: false, retry_after: Some(1) };
    assert_eq!(lack(&remote, 1, true), Some(unavailable));
}

#[test]
fn retry_after_is_when_the_next_fetch_is_made() {
    let fields = json!({ "remote_jwks": {
        "http_uri": { "uri": "https://issuer.example/", "cluster": "issuer" },
        "async_fetch": { "failed_refetch_duration": "10s" },
    } });
    let remote = remote(fields);
    remote.see(Record::default().failed(1, at(0)), at(0));
    let unavailable = |seconds| Lack::Unavailable { is_allowed: false, retry_after: Some(seconds) };
    assert_eq!(lack(&remote, 0, true), Some(unavailable(10)));
    assert_eq!(lack(&remote, 8500, true), Some(unavailable(2)));
    assert_eq!(lack(&remote, 20_000, true), Some(unavailable(1)));
}

#[test]
fn a_set_that_ran_out_is_never_allowed_to_be_missing() {
    let fields = json!({ "on_keys_unavailable": "allow", "stale_if_error": "1m" });
    let never = remote(fields.clone());
    assert!(matches!(lack(&never, 1, true), Some(Lack::Unavailable { is_allowed: true, .. })));
    let had = with_set(fields);
    assert!(had.usable(at(659_000), true).unwrap().are_stale);
    assert!(matches!(lack(&had, 661_000, true), Some(Lack::Unavailable { is_allowed: false, .. })));
}

#[test]
fn tokens_are_believed_on_only_if_no_key_is_gone() {
    let remote = remote(json!({}));
    assert!(remote.install(at(0), keys(&[ec_jwk()])));
    assert!(remote.install(at(1), keys(&[rsa_jwk(), ec_jwk()])));
    assert!(!remote.install(at(2), keys(&[rsa_jwk()])));
    let mut renamed = rsa_jwk();
    renamed["kid"] = json!("other");
    assert!(!remote.install(at(3), keys(&[renamed])));
    assert!(!remote.install(at(4), None));
}
