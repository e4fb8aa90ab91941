//! What a request needs, and whether its tokens satisfy it: Envoy's algebra of requirements
//! (`source/extensions/filters/http/jwt_authn/verifier.cc`).
//!
//! Whatever a requirement that fails has found out is forgotten: a token becomes headers only as a part
//! of what let the request pass.

mod compile;

pub use compile::Compiler;

use crate::authenticator::Denial;
use crate::binding::Thumbprint;
use crate::conditions::{Conditions, Peer};
use crate::extract::{Found, Location, Locations};
use crate::keys::KeySet;
use crate::output::Written;
use crate::provider::{Audiences, Provider};
use crate::remote::{Lack, Reason, RemoteKeys, Usable};
use crate::status::Failure;
use crate::token::{Dates, Token};
use crate::verifying_key::VerifyingKey;
use std::ptr;
use std::rc::Rc;
use tollgate::headers::HeaderMap;
use tollgate::properties::Text;
use tollgate::time::Instant;
use tollgate::{HostError, VerifiedClaims};

/// The most characters of a `kid` that a [`Denial`] repeats.
const MAX_KID: usize = 64;

/// What the decision has to ask about a request beside its headers.
pub trait Surroundings {
    /// Whether a key made the signature of a token.
    fn verify(&self, token: &Token<'_>, key: &VerifyingKey) -> bool;

    /// What is in the filter state under a key.
    ///
    /// # Errors
    ///
    /// When the host cannot say.
    fn filter_state(&self, key: &str) -> Result<Option<Vec<u8>>, HostError>;

    /// The SHA-256 of the certificate that the client has shown, in hexadecimal.
    ///
    /// # Errors
    ///
    /// When the host cannot say.
    fn certificate_digest(&self) -> Result<Option<Text>, HostError>;

    /// Who the client is by its certificate, if that was verified.
    ///
    /// # Errors
    ///
    /// When the host cannot say.
    fn peer(&self) -> Result<Option<Peer>, HostError>;
}

/// A request that wants to pass.
pub struct Attempt<'r> {
    /// Its headers.
    pub headers: &'r HeaderMap,
    /// The time in Unix seconds.
    pub now: u64,
    /// The monotonic clock, by which fetched keys get old.
    pub clock: Instant,
    /// The keys for which all has been done that can be.
    pub settled: &'r [Rc<RemoteKeys>],
    /// All else.
    pub around: &'r dyn Surroundings,
}

/// A checked requirement.
#[derive(Debug)]
pub enum Requirement {
    /// Good tokens of one provider, at least one.
    Provider(OfProvider),
    /// One of these.
    Any(AnyOf),
    /// All of these.
    All(Vec<Requirement>),
    /// Only good tokens, or none.
    AllowMissing(Rc<Everyone>),
    /// Nothing.
    AllowMissingOrFailed(Rc<Everyone>),
    /// Nothing; what can be read is believed.
    ExtractOnly(ExtractOnly),
}

/// Good tokens of one provider.
#[derive(Debug)]
pub struct OfProvider {
    provider: Rc<Provider>,
    audiences: Option<Audiences>,
    conditions: Conditions,
}

/// One of several requirements.
#[derive(Debug)]
pub struct AnyOf {
    children: Vec<Requirement>,
    allow_missing: bool,
    allow_failed: bool,
}

/// Reading without verifying.
#[derive(Debug)]
pub struct ExtractOnly {
    everyone: Rc<Everyone>,
    status_header: Option<String>,
}

/// All providers, for requirements that name none.
#[derive(Debug)]
pub struct Everyone {
    providers: Vec<Rc<Provider>>,
    locations: Locations,
}

/// What is kept of a token that may be believed.
#[derive(Debug)]
pub struct Verified {
    /// Its claims, if somebody looks at them again.
    pub claims: Option<Rc<VerifiedClaims>>,
    /// The certificate whose holder it is for, if the provider asks for it.
    pub bound_to: Option<Box<Thumbprint>>,
    /// Its issuer, if its provider takes tokens of any; else empty.
    pub issuer: Box<str>,
    /// Whether it is for an audience of its provider.
    pub has_audience: bool,
    /// Its times.
    pub dates: Dates,
    /// What it becomes.
    pub written: Written,
}

/// A token that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted<'a> {
    /// Who issued it.
    pub provider: &'a Provider,
    /// Where it was.
    pub location: &'a Location,
    /// What was in it.
    pub token: Rc<Verified>,
}

/// What the tokens of a request have brought.
#[derive(Clone, Debug, Default)]
pub struct Outcome<'a> {
    /// The tokens that let it pass.
    pub accepted: Vec<Accepted<'a>>,
    /// The header that says that they were not verified, if they were not.
    pub unverified: Option<Option<&'a str>>,
    /// What to leave in the filter state about tokens that are bad.
    pub failed: Vec<(&'a str, Failure)>,
    /// How many tokens had been verified before.
    pub cache_hits: u64,
    /// How many had not.
    pub cache_misses: u64,
    /// How many were looked at with keys that have expired.
    pub stale_keys: u64,
    /// How many could not be verified, and counted as not there.
    pub waived: u64,
}

/// Why a requirement is not satisfied.
#[derive(Debug)]
pub enum Refusal {
    /// By the tokens of the request.
    Denied(Denial),
    /// The host did not answer.
    Host(HostError),
    /// Keys are wanted first.
    Keys(Wanted),
}

/// Keys that are wanted before a request can be decided.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The keys.
    pub keys: Rc<RemoteKeys>,
    /// Why.
    pub reason: Reason,
}

impl Outcome<'_> {
    /// Forgets accepted tokens from `start` that were accepted before it: another part of a requirement
    /// has met the same tokens, and their claims must not arrive twice.
    fn forget_repeated(&mut self, start: usize) {
        let added = self.accepted.split_off(start.min(self.accepted.len()));
        let is_known = |new: &Accepted<'_>| self.accepted.iter().any(|old| old.is_same(new));
        let new: Vec<_> = added.into_iter().filter(|accepted| !is_known(accepted)).collect();
        self.accepted.extend(new);
    }
}

impl Accepted<'_> {
    fn is_same(&self, other: &Self) -> bool {
        ptr::eq(self.provider, other.provider)
            && self.location.place() == other.location.place()
            && self.token.written == other.token.written
    }
}

impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Denied(failure.into())
    }
}

impl Requirement {
    /// Whether a request satisfies it; what its tokens bring is added to `outcome`.
    ///
    /// # Errors
    ///
    /// Why it does not. What `outcome` has then got of it counts for nothing.
    pub fn satisfy<'a>(
        &'a self,
        attempt: &Attempt<'_>,
        outcome: &mut Outcome<'a>,
    ) -> Result<(), Refusal> {
        match self {
            Self::Provider(one) => one.satisfy(attempt, outcome),
            Self::Any(any) => any.satisfy(attempt, outcome),
            Self::All(all) => all.iter().try_for_each(|one| {
                let before = outcome.accepted.len();
                one.satisfy(attempt, outcome)?;
                outcome.forget_repeated(before);
                Ok(())
            }),
            Self::AllowMissing(everyone) => everyone.satisfy(attempt, outcome, false),
            Self::AllowMissingOrFailed(everyone) => everyone.satisfy(attempt, outcome, true),
            Self::ExtractOnly(extract) => {
                extract.read(attempt, outcome);
                Ok(())
            }
        }
    }
}

impl OfProvider {
    fn satisfy<'a>(
        &'a self,
        attempt: &Attempt<'_>,
        outcome: &mut Outcome<'a>,
    ) -> Result<(), Refusal> {
        self.take_all(attempt, outcome).inspect_err(|refusal| {
            // Of a token that is missing nothing is left, as in Envoy.
            if let Refusal::Denied(denial) = refusal
                && denial.failure != Failure::Missing
                && let Some(property) = self.provider.output().failure_property()
            {
                outcome.failed.push((property, denial.failure));
            }
        })
    }

    fn take_all<'a>(
        &'a self,
        attempt: &Attempt<'_>,
        outcome: &mut Outcome<'a>,
    ) -> Result<(), Refusal> {
        let provider = &*self.provider;
        let found = provider.locations().find(attempt.headers);
        if found.is_empty() {
            return Err(Failure::Missing.into());
        }
        // The last one first, as in Envoy: it is the one whose failure the client learns of.
        for Found { location, token } in found.into_iter().rev() {
            let token = self.authenticate(location, &token?, attempt, outcome)?;
            provider.certificate_bound().check(token.bound_to.as_deref(), attempt.around)?;
            self.conditions.check(token.claims.as_deref().map(|it| &it.0), attempt.around)?;
            outcome.accepted.push(Accepted { provider, location, token });
        }
        Ok(())
    }

    fn authenticate(
        &self,
        location: &Location,
        bytes: &[u8],
        attempt: &Attempt<'_>,
        outcome: &mut Outcome<'_>,
    ) -> Result<Rc<Verified>, Refusal> {
        let provider = &*self.provider;
        let audiences = self.audiences.as_ref();
        // What is asked of claims cannot be answered by those of a token that nobody has verified.
        let may_waive = !self.conditions.need_claims();
        let cached = provider.cache().borrow_mut().get(bytes);
        if let Some(token) = cached {
            outcome.cache_hits = outcome.cache_hits.saturating_add(1);
            provider.check_again(&token, audiences, attempt.now)?;
            // A token is believed for as long as the key that has verified it.
            return match attempt.keys(provider, None, may_waive, outcome)? {
                Some(_) => Ok(token),
                None => Ok(waive(&token.dates, outcome)),
            };
        }
        outcome.cache_misses = outcome.cache_misses.saturating_add(1);
        location.check(bytes)?;
        let token = Token::parse_up_to(provider.max_token_bytes(), bytes)?;
        if !location.allows_issuer(token.issuer()) {
            return Err(Failure::UnknownIssuer.into());
        }
        provider.check(&token, audiences, attempt.now)?;
        let Some(keys) = attempt.keys(provider, Some(&token), may_waive, outcome)? else {
            return Ok(waive(&token.dates(), outcome));
        };
        let token = verify(provider, token, &keys, attempt)?;
        provider.cache().borrow_mut().insert(bytes, &token);
        Ok(token)
    }
}

impl Attempt<'_> {
    /// The keys of a provider, for a token that is not verified yet or for one that was. None, if there
    /// are none and the token counts as not there, which it may.
    fn keys(
        &self,
        provider: &Provider,
        token: Option<&Token<'_>>,
        may_waive: bool,
        outcome: &mut Outcome<'_>,
    ) -> Result<Option<Rc<KeySet>>, Refusal> {
        let Some(remote) = provider.remote() else { return Ok(provider.local_keys().cloned()) };
        let is_settled = self.settled.iter().any(|it| Rc::ptr_eq(it, remote));
        let usable = match token {
            None => remote.usable(self.clock, is_settled),
            // No key that could be fetched would verify it.
            Some(token) if !provider.algorithms().contains(&token.algorithm()) => {
                return Err(no_key(token).into());
            }
            Some(token) => remote.usable_for(token, self.clock, is_settled),
        };
        match usable {
            Ok(Usable { keys, are_stale }) => {
                outcome.stale_keys = outcome.stale_keys.saturating_add(u64::from(are_stale));
                Ok(Some(keys))
            }
            Err(Lack::Wanted(reason)) => {
                Err(Refusal::Keys(Wanted { keys: remote.clone(), reason }))
            }
            Err(Lack::Unavailable { is_allowed: true, .. }) if may_waive => Ok(None),
            Err(Lack::Unavailable { retry_after, .. }) => {
                Err(Denial { retry_after, ..Failure::KeysUnavailable.into() }.into())
            }
        }
    }
}

fn no_key(token: &Token<'_>) -> Denial {
    Denial { kid: token.kid().map(printable), ..Failure::NoMatchingKey.into() }
}

/// What is kept of a token that could not be verified, and counts as not there.
fn waive(dates: &Dates, outcome: &mut Outcome<'_>) -> Rc<Verified> {
    outcome.waived = outcome.waived.saturating_add(1);
    Rc::new(Verified {
        claims: None,
        issuer: Box::default(),
        bound_to: None,
        has_audience: false,
        dates: *dates,
        written: Written::default(),
    })
}

/// Checks the signature of a token whose claims are what the provider wants.
fn verify(
    provider: &Provider,
    token: Token<'_>,
    keys: &KeySet,
    attempt: &Attempt<'_>,
) -> Result<Rc<Verified>, Denial> {
    provider
        .check_signature(keys, &token, |token, key| attempt.around.verify(token, key))
        .map_err(|failure| Denial { kid: token.kid().map(printable), ..failure.into() })?;
    let bound_to = provider.certificate_bound().read(token.claims())?;
    Ok(believe(provider, token, bound_to))
}

/// What is kept of a token; the caller has a reason to believe it.
fn believe(provider: &Provider, token: Token<'_>, bound_to: Option<Thumbprint>) -> Rc<Verified> {
    let (written, dates) = (provider.output().write(&token), token.dates());
    let has_audience = provider.allows_audience(token.claims());
    let issuer = if provider.issuer().is_empty() { token.issuer() } else { "" }.into();
    let claims = provider.keeps_claims().then(|| Rc::new(VerifiedClaims(token.into_claims())));
    let bound_to = bound_to.map(Box::new);
    Rc::new(Verified { claims, issuer, bound_to, has_audience, dates, written })
}

/// A `kid` that a log can bear.
fn printable(kid: &str) -> String {
    kid.escape_default().take(MAX_KID).collect()
}

impl AnyOf {
    fn satisfy<'a>(
        &'a self,
        attempt: &Attempt<'_>,
        outcome: &mut Outcome<'a>,
    ) -> Result<(), Refusal> {
        let (before, unverified) = (outcome.accepted.len(), outcome.unverified);
        let mut denial = Denial::from(Failure::Missing);
        for child in &self.children {
            match child.satisfy(attempt, outcome) {
                Ok(()) => return Ok(()),
                Err(stop @ (Refusal::Host(_) | Refusal::Keys(_))) => return Err(stop),
                Err(Refusal::Denied(next)) => {
                    outcome.accepted.truncate(before);
                    outcome.unverified = unverified;
                    denial = prefer(denial, next);
                }
            }
        }
        let missing = denial.failure == Failure::Missing;
        match self.allow_failed || (self.allow_missing && missing) {
            true => Ok(()),
            false => Err(denial.into()),
        }
    }
}

/// Which of two reasons the client learns: that there is no token says least, then that its issuer is
/// another one; else the later.
fn prefer(denial: Denial, next: Denial) -> Denial {
    let weak = matches!(next.failure, Failure::Missing | Failure::UnknownIssuer);
    match weak && denial.failure != Failure::Missing {
        true => denial,
        false => next,
    }
}

impl Everyone {
    /// All providers.
    #[must_use]
    pub fn new(providers: Vec<Rc<Provider>>, locations: Locations) -> Self {
        Self { providers, locations }
    }

    fn satisfy<'a>(
        &'a self,
        attempt: &Attempt<'_>,
        outcome: &mut Outcome<'a>,
        allow_failed: bool,
    ) -> Result<(), Refusal> {
        for Found { location, token } in self.locations.find(attempt.headers).into_iter().rev() {
            let accepted = token.map_err(Refusal::from).and_then(|token| {
                let (provider, token) = self.authenticate(location, &token, attempt, outcome)?;
                provider.certificate_bound().check(token.bound_to.as_deref(), attempt.around)?;
                Ok(Accepted { provider, location, token })
            });
            match accepted {
                Ok(accepted) => outcome.accepted.push(accepted),
                Err(Refusal::Denied(_)) if allow_failed => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(())
    }

    fn authenticate(
        &self,
        location: &Location,
        bytes: &[u8],
        attempt: &Attempt<'_>,
        outcome: &mut Outcome<'_>,
    ) -> Result<(&Provider, Rc<Verified>), Refusal> {
        if let Some((provider, token)) = self.known(location, bytes) {
            outcome.cache_hits = outcome.cache_hits.saturating_add(1);
            provider.check_again(&token, None, attempt.now)?;
            return match attempt.keys(provider, None, true, outcome)? {
                Some(_) => Ok((provider, token)),
                None => Ok((provider, waive(&token.dates, outcome))),
            };
        }
        outcome.cache_misses = outcome.cache_misses.saturating_add(1);
        location.check(bytes)?;
        let token = self.parse(bytes)?;
        if !location.allows_issuer(token.issuer()) {
            return Err(Failure::UnknownIssuer.into());
        }
        let provider = self.by_issuer(token.issuer()).ok_or(Failure::UnknownIssuer)?;
        if bytes.len() > provider.max_token_bytes() {
            return Err(Failure::BadFormat.into());
        }
        provider.check(&token, None, attempt.now)?;
        let Some(keys) = attempt.keys(provider, Some(&token), true, outcome)? else {
            return Ok((provider, waive(&token.dates(), outcome)));
        };
        let token = verify(provider, token, &keys, attempt)?;
        provider.cache().borrow_mut().insert(bytes, &token);
        Ok((provider, token))
    }

    /// What is known of a token. One provider's token is no other's: the signature alone, which may have
    /// been verified where a requirement names the provider, does not say that its issuer leads there.
    fn known(&self, location: &Location, bytes: &[u8]) -> Option<(&Provider, Rc<Verified>)> {
        self.providers.iter().find_map(|provider| {
            let token = provider.cache().borrow_mut().get(bytes)?;
            let issuer = match provider.issuer() {
                "" => &*token.issuer,
                issuer => issuer,
            };
            let leads_here =
                location.allows_issuer(issuer) && ptr::eq(self.by_issuer(issuer)?, &**provider);
            leads_here.then_some((&**provider, token))
        })
    }

    /// Reads a token of any provider.
    fn parse<'t>(&self, bytes: &'t [u8]) -> Result<Token<'t>, Failure> {
        let longest = self.providers.iter().map(|provider| provider.max_token_bytes()).max();
        Token::parse_up_to(longest.unwrap_or_default(), bytes)
    }

    /// The first provider of an issuer, else the first that takes any.
    fn by_issuer(&self, issuer: &str) -> Option<&Provider> {
        let of = |issuer: &str| self.providers.iter().find(|it| it.issuer() == issuer);
        of(issuer).or_else(|| of("")).map(|provider| &**provider)
    }
}

impl ExtractOnly {
    fn read<'a>(&'a self, attempt: &Attempt<'_>, outcome: &mut Outcome<'a>) {
        for Found { location, token } in self.everyone.locations.find(attempt.headers) {
            let Ok(bytes) = token else { continue };
            let Ok(token) = self.everyone.parse(&bytes) else { continue };
            if !location.allows_issuer(token.issuer()) {
                continue;
            }
            let Some(provider) = self.everyone.by_issuer(token.issuer()) else { continue };
            // What nobody has verified must not stand beside what a token of the provider has brought.
            let is_its = |accepted: &Accepted<'_>| ptr::eq(accepted.provider, provider);
            if outcome.accepted.iter().any(is_its) {
                continue;
            }
            let token = believe(provider, token, None);
            outcome.accepted.push(Accepted { provider, location, token });
            outcome.unverified = Some(self.status_header.as_deref());
        }
    }
}

#[cfg(test)]
mod tests;
