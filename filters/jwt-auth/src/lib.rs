//! Origin authentication with JSON Web Tokens, as a filter for Envoy; see the README for its use.
//!
//! All modules are pure, bytes and numbers in and decisions out, except [`crypto`] and [`self_test`],
//! which ask the host to verify. [`authenticator`] decides; the filter itself is the thin adapter in
//! this file.
#![forbid(unsafe_code)]

pub mod authenticator;
pub mod claims;
pub mod config;
pub mod crypto;
pub mod der;
pub mod extract;
pub mod fallback;
pub mod keys;
pub mod output;
pub mod provider;
pub mod realm;
pub mod rules;
pub mod self_test;
pub mod status;
pub mod token;

#[cfg(test)]
mod testing;

use authenticator::{Authenticator, Decision, Denial};
use jsonwebtoken::AlgorithmFamily;
use output::Changes;
use realm::realm;
use self_test::Verifier;
use status::Failure;
use tollgate::VerifiedClaims;
use tollgate::prelude::*;
use tollgate::time;

/// The filter.
#[derive(Debug)]
pub struct JwtAuth {
    authenticator: Authenticator,
    strip_failure_response: bool,
    stats: Stats,
}

/// What the filter counts, with Envoy's names where it has them.
#[derive(Debug)]
struct Stats {
    allowed: Counter,
    denied: Counter,
    cors_preflight_bypassed: Counter,
    unwritable_claims: Counter,
    failures: Vec<(Failure, Counter)>,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for JwtAuth {
    const NAME: &'static str = "jwt_auth";
    const ON_FAILURE: FailurePolicy = FailurePolicy::Closed;
    type Config = config::Config;

    fn configure(config: config::Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        let strip_failure_response = config.strip_failure_response;
        let authenticator = Authenticator::new(config)?;
        for family in [AlgorithmFamily::Rsa, AlgorithmFamily::Ec] {
            if authenticator.uses(family) && self_test::run(family)? == Verifier::Module {
                tollgate::warn!(
                    "tollgate jwt_auth: the host does not verify {family:?} signatures, so the module \
                     does: many times slower, and RSA only up to 4096 bits"
                );
            }
        }
        report(&authenticator);
        Ok(Self { authenticator, strip_failure_response, stats: Stats::new(setup)? })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        // Read before removing: a header that is known to be absent costs no host call.
        request.headers()?;
        for name in self.authenticator.output_headers() {
            request.headers_mut().remove(name)?;
        }
        let now = time::unix_seconds()?;
        match self.authenticator.decide(request.headers()?, now, crypto::verify) {
            Decision::Bypass => {
                self.stats.cors_preflight_bypassed.increment();
                self.stats.allowed.increment();
                Ok(Flow::Continue)
            }
            Decision::Allow(changes) => {
                apply(&changes, request)?;
                if let Some(claims) = changes.claims {
                    request.extensions().insert(VerifiedClaims(claims));
                }
                if changes.unwritable > 0 {
                    self.stats.unwritable_claims.add(changes.unwritable);
                }
                self.stats.allowed.increment();
                Ok(Flow::Continue)
            }
            Decision::Deny(denial) => {
                self.stats.count(&denial);
                self.reply(denial.failure, request).map(Flow::Reply)
            }
        }
    }
}

impl JwtAuth {
    fn reply(&self, failure: Failure, request: &Request<'_>) -> Result<LocalReply> {
        let reply = LocalReply::new(failure.status()).details(failure.details());
        if self.strip_failure_response {
            return Ok(reply);
        }
        let challenge = failure.challenge(&realm(request.headers()?));
        Ok(reply.header("www-authenticate", challenge).body(failure.message()))
    }
}

impl Stats {
    fn new(setup: &Setup) -> Result<Self> {
        let mut failures = Vec::new();
        for failure in Failure::ALL {
            failures.push((*failure, setup.counter(failure.counter())?));
        }
        Ok(Self {
            allowed: setup.counter("allowed")?,
            denied: setup.counter("denied")?,
            cors_preflight_bypassed: setup.counter("cors_preflight_bypassed")?,
            unwritable_claims: setup.counter("unwritable_claims")?,
            failures,
        })
    }

    fn count(&self, denial: &Denial) {
        self.denied.increment();
        if let Some((_, counter)) = self.failures.iter().find(|(it, _)| *it == denial.failure) {
            counter.increment();
        }
        if let Some(kid) = &denial.kid {
            tollgate::debug!("tollgate jwt_auth: {}, kid {kid}", denial.failure.message());
        }
    }
}

fn apply(changes: &Changes<'_>, request: &mut Request<'_>) -> Result<()> {
    if let Some(name) = changes.remove {
        request.headers_mut().remove(name)?;
    }
    for (name, value) in &changes.set {
        request.headers_mut().set(name, value)?;
    }
    Ok(())
}

/// Tells the operator what is allowed but rarely meant.
fn report(authenticator: &Authenticator) {
    for (name, provider) in authenticator.providers() {
        for skipped in provider.keys().skipped() {
            tollgate::warn!("tollgate jwt_auth: provider {name:?}: a key is not used: {skipped}");
        }
    }
    if !authenticator.has_rules() {
        tollgate::warn!("tollgate jwt_auth: there are no rules, so every request passes");
    }
}
