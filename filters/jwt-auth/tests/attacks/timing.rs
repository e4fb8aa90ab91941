//! What the time of an answer tells.

use crate::common::{is_denied, present, reasons, start};
use crate::forge::{SECRET, hmac_sha256, provider_of, secret_jwk, signed};
use crate::keys::{signature_of, with_signature};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// A code must not be found byte by byte: the module executes as much wherever the first wrong one is.
#[tollgate_testkit::test(JwtAuth)]
fn a_wrong_hmac_costs_the_same_wherever_it_is_wrong(proxy: &mut Proxy) {
    start(proxy, provider_of(&[secret_jwk(&SECRET)], json!({ "algorithms": ["HS256"] })));
    let good = signed(&json!({ "alg": "HS256" }), |message| hmac_sha256(&SECRET, message));
    let code = signature_of(&good);
    let cost = |at: usize| {
        let mut wrong = code.clone();
        wrong[at] ^= 0x10;
        let before = fuel(proxy);
        is_denied(&present(proxy, &with_signature(&good, wrong)), reasons::WRONG);
        fuel(proxy) - before
    };
    // The first requests of a VM set things up, and let its memory grow.
    for _ in 0..8 {
        cost(0);
    }
    let costs: Vec<_> = [0, 1, 7, 15, 16, 30, 31].map(cost).into();
    assert!(costs.iter().all(|it| *it == costs[0]), "{costs:?}");
}

/// What the module has executed; nothing is known of it natively.
fn fuel(proxy: &Proxy) -> u64 {
    proxy.costs(1).map_or(0, |costs| costs.total().fuel)
}
