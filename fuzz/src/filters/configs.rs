//! The configuration of each filter, from any bytes.

use std::cell::Cell;

use serde_json::{Map, Value};
use tollgate::config::{self, ConfigError};
use tollgate::{json, vm};
use tollgate_canary::rollout::Rollout;
use tollgate_jwt_auth::authenticator::Authenticator;
use tollgate_suite::Suite;

use crate::proxy::Proxy;
use crate::sdk::config::check;

type Outcome = Result<(), ConfigError>;

fn compile_canary(config: tollgate_canary::config::Config) -> Outcome {
    Rollout::try_from(config).map(drop)
}

fn compile_circuit_breaker(config: tollgate_circuit_breaker::config::Config) -> Outcome {
    let policy = config.compile()?.policy;
    assert!(policy.max_probes > 0 && policy.success_threshold > 0 && policy.base <= policy.max);
    Ok(())
}

fn compile_fault(config: tollgate_fault::config::Config) -> Outcome {
    config.compile().map(drop)
}

fn compile_jwt_auth(config: tollgate_jwt_auth::config::Config) -> Outcome {
    Authenticator::new(config).map(drop)
}

/// The configuration of `canary`.
pub fn canary_config(data: &[u8]) {
    check(data, compile_canary);
}

/// The configuration of `circuit-breaker`.
pub fn circuit_breaker_config(data: &[u8]) {
    check(data, compile_circuit_breaker);
}

/// The configuration of `fault`.
pub fn fault_config(data: &[u8]) {
    check(data, compile_fault);
}

/// The configuration of `jwt-auth`.
pub fn jwt_auth_config(data: &[u8]) {
    check(data, compile_jwt_auth);
}

thread_local! {
    static IS_STARTED: Cell<bool> = const { Cell::new(false) };
}

/// The configuration of `suite`: it is accepted if and only if each of its members is by itself, and what
/// is logged is one line.
pub fn suite_config(data: &[u8]) {
    const ROOT: u32 = 1;
    if !IS_STARTED.replace(true) {
        vm::start::<Suite>();
    }
    let proxy = Proxy::install(data, &[]);
    proxy.add_root(ROOT);
    vm::on_context_create(ROOT, 0);
    let is_accepted = vm::on_configure(ROOT);
    vm::on_delete(ROOT);
    let Ok(Value::Object(config)) = json::parse(data, 64) else { return };
    assert_eq!(is_accepted, is_good(&config), "{config:?}");
}

fn is_good(config: &Map<String, Value>) -> bool {
    let filters = config.get("filters").and_then(Value::as_array);
    let good = |filters: &Vec<Value>| !filters.is_empty() && filters.iter().all(is_good_member);
    config.len() == 1 && filters.is_some_and(good)
}

fn is_good_member(member: &Value) -> bool {
    let Some(entries) = member.as_object().filter(|entries| entries.len() == 1) else {
        return false;
    };
    entries.iter().all(|(name, config)| {
        let config = config.to_string();
        let outcome = match name.as_str() {
            "canary" => config::from_slice(config.as_bytes()).and_then(compile_canary),
            "circuit_breaker" => {
                config::from_slice(config.as_bytes()).and_then(compile_circuit_breaker)
            }
            "fault" => config::from_slice(config.as_bytes()).and_then(compile_fault),
            "jwt_auth" => config::from_slice(config.as_bytes()).and_then(compile_jwt_auth),
            _ => return false,
        };
        outcome.is_ok()
    })
}
