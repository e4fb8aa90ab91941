//! Host and module say the same of a signature, right or wrong; natively only.

use crate::keys::{BY_HOST, Key, jwks};
use proptest::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::LazyLock;
use tollgate::HostError;
use tollgate::abi::{Status, native};
use tollgate_jwt_auth::algorithms;
use tollgate_jwt_auth::crypto::verify_by_host;
use tollgate_jwt_auth::fallback;
use tollgate_jwt_auth::keys::KeySet;
use tollgate_testkit::{Host, SimulatedHost};

struct VerifyingHost(RefCell<SimulatedHost>);

impl native::Host for VerifyingHost {
    fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> tollgate::Result<Vec<u8>> {
        let answer = self.0.borrow_mut().call_foreign_function(name.as_bytes(), arguments);
        answer.map_err(|_| HostError::new("proxy_call_foreign_function", Status::BadArgument))
    }
}

thread_local! {
    static KEYS: LazyLock<KeySet> = const { LazyLock::new(|| {
        let mut host = SimulatedHost::new();
        host.verify_signatures();
        native::install(Rc::new(VerifyingHost(RefCell::new(host))));
        let keys: Vec<_> = BY_HOST.iter().map(|key| key.jwk()).collect();
        KeySet::parse(jwks(&keys).as_bytes()).unwrap()
    }) };
}

/// What both say.
fn verdict(key: Key, signature: &[u8], message: &[u8]) -> bool {
    let algorithm = algorithms::parse(key.algorithm()).unwrap();
    KEYS.with(|keys| {
        let key = keys.matching(algorithm, Some(&key.kid())).next().unwrap();
        let by_host = verify_by_host(algorithm, key, signature, message);
        let by_module = fallback::verify(algorithm, key, signature, message);
        assert_eq!(by_host, Some(by_module), "{algorithm} {signature:02x?} {message:02x?}");
        by_module
    })
}

/// What may happen to a signature.
#[derive(Clone, Debug)]
enum Change {
    Bit(prop::sample::Index, u8),
    Byte(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Longer(Vec<u8>),
    ZerosFrom(prop::sample::Index),
    HalvesSwapped,
    Other(Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 0..8u8).prop_map(|(at, bit)| Change::Bit(at, bit)),
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        index().prop_map(Change::Cut),
        proptest::collection::vec(any::<u8>(), 1..9).prop_map(Change::Longer),
        index().prop_map(Change::ZerosFrom),
        Just(Change::HalvesSwapped),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Change::Other),
    ]
}

impl Change {
    fn applied(&self, signature: &[u8]) -> Vec<u8> {
        let mut changed = signature.to_vec();
        let length = changed.len();
        match self {
            Self::Bit(at, bit) => changed[at.index(length)] ^= 1 << bit,
            Self::Byte(at, byte) => changed[at.index(length)] = *byte,
            Self::Cut(at) => changed.truncate(at.index(length)),
            Self::Longer(more) => changed.extend(more),
            Self::ZerosFrom(at) => changed[at.index(length)..].fill(0),
            Self::HalvesSwapped => changed.rotate_left(length / 2),
            Self::Other(other) => changed.clone_from(other),
        }
        changed
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn host_and_module_agree_on_right_and_wrong_signatures(
        message in proptest::collection::vec(any::<u8>(), 0..200),
        changes in proptest::collection::vec(change(), 4),
        which in 0..BY_HOST.len(),
    ) {
        let key = BY_HOST[which];
        let good = key.signature(&message);
        prop_assert!(verdict(key, &good, &message));
        for change in changes {
            let changed = change.applied(&good);
            prop_assert_eq!(verdict(key, &changed, &message), changed == good);
        }
        prop_assert!(!verdict(key, &good, &[&message[..], b"x"].concat()));
        let foreign = BY_HOST[(which + 1) % BY_HOST.len()];
        prop_assert!(!verdict(foreign, &good, &message));
    }
}
