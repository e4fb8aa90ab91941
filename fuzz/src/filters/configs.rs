//! The configuration of each filter, from any bytes.

use tollgate_canary::rollout::Rollout;
use tollgate_jwt_auth::authenticator::Authenticator;

use crate::sdk::config::check;

/// The configuration of `canary`.
pub fn canary_config(data: &[u8]) {
    check::<tollgate_canary::config::Config>(data, |config| Rollout::try_from(config).map(drop));
}

/// The configuration of `circuit-breaker`.
pub fn circuit_breaker_config(data: &[u8]) {
    check::<tollgate_circuit_breaker::config::Config>(data, |config| {
        let policy = config.compile()?.policy;
        assert!(policy.max_probes > 0 && policy.success_threshold > 0 && policy.base <= policy.max);
        Ok(())
    });
}

/// The configuration of `fault`.
pub fn fault_config(data: &[u8]) {
    check::<tollgate_fault::config::Config>(data, |config| config.compile().map(drop));
}

/// The configuration of `jwt-auth`.
pub fn jwt_auth_config(data: &[u8]) {
    check::<tollgate_jwt_auth::config::Config>(data, |config| Authenticator::new(config).map(drop));
}
