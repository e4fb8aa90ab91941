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
pub mod answer;
pub mod authenticator;
pub mod binding;
pub mod cache;
pub mod claims;
pub mod conditions;
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
pub mod remote;
pub mod requirement;
pub mod roca;
pub mod rules;
pub mod self_test;
pub mod status;
pub mod token;
pub mod verifying_key;
pub mod weight;

#[cfg(test)]
mod testing;

use answer::Answers;
use authenticator::{Authenticator, Decision, Denial, Stop, Verdict};
use conditions::Peer;
use config::Mode;
use extract::{Place, without_param};
use output::failure_json;
use remote::{FetchStats, Keeper, Reason, RemoteKeys};
use requirement::{Attempt, Outcome, Surroundings, Wanted};
use self_test::Verifier;
use status::Failure;
use std::rc::Rc;
use token::Token;
use tollgate::host::{Declaration, Kind, Property};
use tollgate::metrics::MemoryGauge;
use tollgate::prelude::*;
use tollgate::properties::{Properties, Text};
use tollgate::time::{self, Instant};
use verifying_key::VerifyingKey;

/// What is reported of a request about which the host did not say what is needed to decide.
const HOST_FAILED: &str = "host_failed";

/// The filter.
#[derive(Debug)]
pub struct JwtAuth {
    authenticator: Authenticator,
    /// Who fetches the keys of the providers that do not have them.
    keepers: Vec<Rc<Keeper>>,
    /// What tokens may leave in the filter state.
    properties: Vec<(Rc<str>, Property)>,
    answers: Answers,
    stats: Stats,
}

/// What the filter counts, with Envoy's names where it has them.
#[derive(Debug)]
struct Stats {
    allowed: Counter,
    denied: Counter,
    reported: Counter,
    cors_preflight_bypassed: Counter,
    jwt_cache_hit: Counter,
    jwt_cache_miss: Counter,
    unwritable_claims: Counter,
    memory: MemoryGauge,
    jwks_served_stale: Counter,
    keys_unavailable_allowed: Counter,
    fetches: FetchStats,
    failures: Vec<(Failure, Counter)>,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for JwtAuth {
    const NAME: &'static str = "jwt_auth";
    const ON_FAILURE: FailurePolicy = FailurePolicy::Closed;
    type Config = config::Config;

    fn configure(config: config::Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        let answers = Answers::new(&config)?;
        let stats = Stats::new(setup, &config.stat_prefix, config.mode)?;
        let authenticator = Authenticator::new(config)?;
        if setup.is_chained() {
            authenticator.providers().for_each(|(_, provider)| provider.keep_claims());
        }
        test_verifiers(&authenticator)?;
        report(&authenticator);
        let properties = declare(&authenticator, setup)?;
        let keepers = keepers(&authenticator, stats.fetches)?;
        Ok(Self { authenticator, keepers, properties, answers, stats })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        // Read before removing: a header that is known to be absent costs no host call.
        request.headers()?;
        for name in self.authenticator.output_headers() {
            request.headers_mut().remove(name)?;
        }
        match self.attempt(request, &[]) {
            Ok(decision) => self.act(decision, request),
            Err(Stop::Host(error)) => self.cannot_decide(error, request),
            // Rare, and large: not a part of what every request needs.
            Err(Stop::Keys(wanted)) => Box::pin(self.wait_for(wanted, request)).await,
        }
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

    fn certificate_digest(&self) -> Result<Option<Text>> {
        self.connection().sha256_peer_certificate_digest()
    }

    fn peer(&self) -> Result<Option<Peer>> {
        let connection = self.connection();
        let verified = match connection.peer_certificate_valid()? {
            Some(verified) => verified,
            // Before 1.39 Envoy does not say so.
            None => connection.mtls()? == Some(true),
        };
        if !verified {
            return Ok(None);
        }
        Ok(Some(Peer {
            uri: connection.uri_san_peer_certificate()?,
            dns: connection.dns_san_peer_certificate()?,
        }))
    }
}

impl JwtAuth {
    fn attempt(
        &self,
        request: &mut Request<'_>,
        settled: &[Rc<RemoteKeys>],
    ) -> std::result::Result<Decision<'_>, Stop> {
        let now = time::unix_seconds().map_err(Stop::Host)?;
        let clock = match self.keepers.is_empty() {
            true => Instant::default(),
            false => Instant::now().map_err(Stop::Host)?,
        };
        let around = &request.properties();
        let headers = request.headers().map_err(Stop::Host)?;
        self.authenticator.attempt(&Attempt { headers, now, clock, settled, around })
    }

    /// Fetches what is wanted, each provider's keys once at most, and decides with what came.
    async fn wait_for(&self, mut wanted: Wanted, request: &mut Request<'_>) -> Result<Flow> {
        let mut settled = Vec::new();
        loop {
            let Wanted { keys, reason } = wanted;
            if let Some(keeper) = self.keepers.iter().find(|keeper| keeper.keeps(&keys)) {
                keeper.settle(reason).await?;
            }
            if reason != Reason::Look {
                settled.push(keys);
            }
            match self.attempt(request, &settled) {
                Ok(decision) => return self.act(decision, request),
                Err(Stop::Host(error)) => return self.cannot_decide(error, request),
                Err(Stop::Keys(next)) => wanted = next,
            }
        }
    }

    /// Does what was decided.
    fn act(&self, decision: Decision<'_>, request: &mut Request<'_>) -> Result<Flow> {
        let Decision { verdict, outcome } = decision;
        self.stats.count_cache(&outcome);
        for (name, failure) in &outcome.failed {
            self.leave(name, &failure_json(*failure))?;
        }
        match verdict {
            Verdict::Bypassed => self.stats.cors_preflight_bypassed.increment(),
            Verdict::Allowed => self.apply(&outcome, request)?,
            Verdict::Denied(denial) => {
                self.stats.count(&denial);
                if let Some(header) = self.authenticator.reports_in() {
                    return self.let_pass(header, denial.failure.name(), request);
                }
                self.stats.denied.increment();
                return Ok(Flow::Reply(self.answers.reply(&denial, request.headers()?)));
            }
        }
        self.stats.allowed.increment();
        Ok(Flow::Continue)
    }

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

    /// A request about which the host does not say enough passes only where all do.
    fn cannot_decide(&self, error: HostError, request: &mut Request<'_>) -> Result<Flow> {
        let Some(header) = self.authenticator.reports_in() else { return Err(error) };
        tollgate::warn!("tollgate jwt_auth: not decided, only reported: {error}");
        self.let_pass(header, HOST_FAILED, request)
    }

    /// Lets a request pass that would not, and tells the upstream why.
    fn let_pass(&self, header: &str, reason: &str, request: &mut Request<'_>) -> Result<Flow> {
        self.stats.reported.increment();
        request.headers_mut().set(header, reason)?;
        Ok(Flow::Continue)
    }
}

impl Stats {
    fn new(setup: &Setup, prefix: &str, mode: Mode) -> Result<Self, ConfigError> {
        let metrics = match prefix {
            "" => setup.metrics(),
            prefix => setup.metrics().tagged("stat_prefix", prefix),
        };
        let mut failures = Vec::new();
        for failure in Failure::ALL {
            let counter = match mode {
                Mode::Enforce => metrics.counter(failure.counter())?,
                Mode::Report => metrics.counter(failure.report_counter())?,
            };
            failures.push((*failure, counter));
        }
        Ok(Self {
            allowed: metrics.counter("allowed")?,
            denied: metrics.counter("denied")?,
            reported: metrics.counter("reported")?,
            cors_preflight_bypassed: metrics.counter("cors_preflight_bypassed")?,
            jwt_cache_hit: metrics.counter("jwt_cache_hit")?,
            jwt_cache_miss: metrics.counter("jwt_cache_miss")?,
            unwritable_claims: metrics.counter("unwritable_claims")?,
            memory: MemoryGauge::new(&setup.metrics())?,
            jwks_served_stale: metrics.counter("jwks_served_stale")?,
            keys_unavailable_allowed: metrics.counter("keys_unavailable_allowed")?,
            fetches: FetchStats {
                success: metrics.counter("jwks_fetch_success")?,
                failed: metrics.counter("jwks_fetch_failed")?,
                unknown_kid: metrics.counter("jwks_refetch_unknown_kid")?,
            },
            failures,
        })
    }

    fn count_cache(&self, outcome: &Outcome<'_>) {
        if outcome.cache_hits > 0 {
            self.jwt_cache_hit.add(outcome.cache_hits);
        }
        if outcome.cache_misses > 0 {
            self.jwt_cache_miss.add(outcome.cache_misses);
            self.memory.update();
        }
        if outcome.stale_keys > 0 {
            self.jwks_served_stale.increment();
        }
        if outcome.waived > 0 {
            self.keys_unavailable_allowed.increment();
        }
    }

    fn count(&self, denial: &Denial) {
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

/// Begins to keep the keys of those providers that fetch them.
fn keepers(
    authenticator: &Authenticator,
    stats: FetchStats,
) -> Result<Vec<Rc<Keeper>>, ConfigError> {
    let mut keepers = Vec::new();
    for (name, provider) in authenticator.providers() {
        keepers.extend(Keeper::start(name, provider, stats)?);
    }
    Ok(keepers)
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
        let keys = provider.local_keys();
        for skipped in keys.iter().flat_map(|keys| keys.skipped()) {
            tollgate::warn!("tollgate jwt_auth: provider {name:?}: a key is not used: {skipped}");
        }
    }
    if authenticator.reports_in().is_some() {
        tollgate::warn!("tollgate jwt_auth: the mode is `report`, so no request is denied");
    }
    if !authenticator.has_rules() {
        tollgate::warn!("tollgate jwt_auth: there are no rules, so every request passes");
    }
}
