//! Origin authentication with JSON Web Tokens, as a filter for Envoy; see the README for its use.
//!
//! All modules are pure, bytes and numbers in and decisions out, except [`crypto`] and [`self_test`],
//! which ask the host to verify. [`authenticator`] decides; the filter itself is the thin adapter in
//! this file.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "a test may overflow: it fails then")
)]

pub mod algorithms;
pub mod authenticator;
pub mod cache;
pub mod claims;
pub mod config;
pub mod crypto;
pub mod curve;
pub mod decimal;
pub mod der;
pub mod ecdsa;
pub mod extract;
pub mod fallback;
pub mod keys;
pub mod output;
pub mod provider;
pub mod realm;
pub mod requirement;
pub mod roca;
pub mod rules;
pub mod self_test;
pub mod status;
pub mod token;
pub mod verifying_key;

#[cfg(test)]
mod testing;

use authenticator::{Authenticator, Decision, Denial, Verdict};
use extract::{Place, without_param};
use output::failure_json;
use realm::realm;
use requirement::{Outcome, Surroundings};
use self_test::Verifier;
use status::Failure;
use std::rc::Rc;
use token::Token;
use tollgate::host::{Declaration, Kind, Property};
use tollgate::prelude::*;
use tollgate::properties::Properties;
use tollgate::time;
use verifying_key::VerifyingKey;

/// The filter.
#[derive(Debug)]
pub struct JwtAuth {
    authenticator: Authenticator,
    /// What tokens may leave in the filter state.
    properties: Vec<(Rc<str>, Property)>,
    strip_failure_response: bool,
    stats: Stats,
}

/// What the filter counts, with Envoy's names where it has them.
#[derive(Debug)]
struct Stats {
    allowed: Counter,
    denied: Counter,
    cors_preflight_bypassed: Counter,
    jwt_cache_hit: Counter,
    jwt_cache_miss: Counter,
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
        let stats = Stats::new(setup, &config.stat_prefix)?;
        let authenticator = Authenticator::new(config)?;
        if setup.is_chained() {
            authenticator.providers().for_each(|(_, provider)| provider.keep_claims());
        }
        test_verifiers(&authenticator)?;
        report(&authenticator);
        let properties = declare(&authenticator, setup)?;
        Ok(Self { authenticator, properties, strip_failure_response, stats })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        // Read before removing: a header that is known to be absent costs no host call.
        request.headers()?;
        for name in self.authenticator.output_headers() {
            request.headers_mut().remove(name)?;
        }
        let now = time::unix_seconds()?;
        let Decision { verdict, outcome } =
            self.authenticator.decide(request.headers()?, now, &request.properties())?;
        self.stats.count_cache(&outcome);
        for (name, failure) in &outcome.failed {
            self.leave(name, &failure_json(*failure))?;
        }
        match verdict {
            Verdict::Bypassed => self.stats.cors_preflight_bypassed.increment(),
            Verdict::Allowed => self.apply(&outcome, request)?,
            Verdict::Denied(denial) => {
                self.stats.count(&denial);
                return self.reply(denial.failure, request).map(Flow::Reply);
            }
        }
        self.stats.allowed.increment();
        Ok(Flow::Continue)
    }
}

/// The request whose turn it is.
impl Surroundings for Properties {
    fn verify(&self, token: &Token<'_>, key: &VerifyingKey) -> bool {
        crypto::verify(token, key)
    }

    fn filter_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Properties::filter_state(*self).get(key)
    }
}

impl JwtAuth {
    /// Lets the upstream know what the tokens have brought.
    fn apply(&self, outcome: &Outcome<'_>, request: &mut Request<'_>) -> Result<()> {
        let mut clear_route_cache = false;
        for accepted in &outcome.accepted {
            if !accepted.provider.forwards() {
                remove(accepted.location.place(), request)?;
            }
            let written = &accepted.token.written;
            for (name, value) in &written.headers {
                request.headers_mut().append(name, value)?;
            }
            for (name, value) in &written.properties {
                self.leave(name, value)?;
            }
            if written.unwritable > 0 {
                self.stats.unwritable_claims.add(written.unwritable);
            }
            clear_route_cache |= written.clear_route_cache;
        }
        if clear_route_cache {
            request.clear_route_cache()?;
        }
        match outcome.unverified {
            Some(Some(header)) => request.headers_mut().set(header, "false")?,
            Some(None) => {}
            None => {
                let claims = outcome.accepted.last().and_then(|last| last.token.claims.clone());
                if let Some(claims) = claims {
                    request.extensions().insert_shared(claims);
                }
            }
        }
        Ok(())
    }

    /// Leaves a text in the filter state.
    fn leave(&self, name: &str, value: &str) -> Result<()> {
        match self.properties.iter().find(|(it, _)| **it == *name) {
            Some((_, property)) => property.set(value),
            None => Ok(()),
        }
    }

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
    fn new(setup: &Setup, prefix: &str) -> Result<Self, ConfigError> {
        let metrics = match prefix {
            "" => setup.metrics(),
            prefix => setup.metrics().tagged("stat_prefix", prefix),
        };
        let mut failures = Vec::new();
        for failure in Failure::ALL {
            failures.push((*failure, metrics.counter(failure.counter())?));
        }
        Ok(Self {
            allowed: metrics.counter("allowed")?,
            denied: metrics.counter("denied")?,
            cors_preflight_bypassed: metrics.counter("cors_preflight_bypassed")?,
            jwt_cache_hit: metrics.counter("jwt_cache_hit")?,
            jwt_cache_miss: metrics.counter("jwt_cache_miss")?,
            unwritable_claims: metrics.counter("unwritable_claims")?,
            failures,
        })
    }

    fn count_cache(&self, outcome: &Outcome<'_>) {
        if outcome.cache_hits > 0 {
            self.jwt_cache_hit.add(outcome.cache_hits);
        }
        if outcome.cache_misses > 0 {
            self.jwt_cache_miss.add(outcome.cache_misses);
        }
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

/// Declares what tokens may leave in the filter state: texts, each name once.
fn declare(
    authenticator: &Authenticator,
    setup: &Setup,
) -> Result<Vec<(Rc<str>, Property)>, ConfigError> {
    let mut declared: Vec<(Rc<str>, Property)> = Vec::new();
    for (_, provider) in authenticator.providers() {
        for name in provider.output().properties() {
            if declared.iter().all(|(it, _)| it != name) {
                let property = Property::declare(setup, name, Declaration::new(Kind::Text))?;
                declared.push((name.clone(), property));
            }
        }
    }
    Ok(declared)
}

/// Removes the place of a token from the request; a cookie stays, as in Envoy.
fn remove(place: &Place, request: &mut Request<'_>) -> Result<()> {
    match place {
        Place::Header { name, .. } => request.headers_mut().remove(name),
        Place::Param(name) => {
            let target = without_param(request.headers()?.get(":path").unwrap_or_default(), name);
            request.headers_mut().set(":path", target)
        }
        Place::Cookie(_) => Ok(()),
    }
}

/// Has the known answers of the algorithms in use verified, and tells the operator of slow ones.
fn test_verifiers(authenticator: &Authenticator) -> Result<(), ConfigError> {
    for group in self_test::GROUPS {
        let (Some(algorithm), true) =
            (group.first(), group.iter().any(|algorithm| authenticator.uses(*algorithm)))
        else {
            continue;
        };
        if self_test::run(*algorithm)? == Verifier::Module && crypto::host_may_know(*algorithm) {
            tollgate::warn!(
                "tollgate jwt_auth: the host does not verify {algorithm} signatures, so the module \
                 does: many times slower"
            );
        }
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
