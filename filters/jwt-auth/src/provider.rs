//! An issuer of tokens: what it takes for one of its tokens to be good.

use crate::cache::Cache;
use crate::config;
use crate::extract::{self, Locations};
use crate::keys::KeySet;
use crate::output::Output;
use crate::status::Failure;
use crate::token::{self, Claims, Dates, Token};
use jsonwebtoken::DecodingKey;
use std::cell::RefCell;
use std::collections::BTreeSet;
use tollgate::config::{ConfigError, Secret};

/// The default for `clock_skew_seconds`.
const CLOCK_SKEW_SECONDS: u32 = 60;

/// An issuer and its keys.
#[derive(Debug)]
pub struct Provider {
    issuer: String,
    audiences: Audiences,
    clock_skew: u64,
    require_expiration: bool,
    locations: Locations,
    forward: bool,
    keys: KeySet,
    output: Output,
    cache: RefCell<Cache>,
}

/// Who tokens may be for; anybody, if it is empty.
#[derive(Clone, Debug, Default)]
pub struct Audiences(BTreeSet<String>);

impl Provider {
    /// Checks the configuration of one provider.
    ///
    /// # Errors
    ///
    /// What is wrong, with a path below the provider's name.
    pub fn new(config: &config::Provider) -> Result<Self, ConfigError> {
        let skew = match config.clock_skew_seconds {
            0 => CLOCK_SKEW_SECONDS,
            seconds => seconds,
        };
        extract::check(config)?;
        Ok(Self {
            issuer: config.issuer.clone(),
            audiences: Audiences::new(&config.audiences),
            clock_skew: u64::from(skew),
            require_expiration: config.require_expiration,
            locations: Locations::of([config]),
            forward: config.forward,
            keys: keys(&config.local_jwks).map_err(|error| error.at("local_jwks"))?,
            output: Output::new(config)?,
            cache: RefCell::default(),
        })
    }

    /// The `iss` that its tokens have; any, if it is empty.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where its tokens may be.
    #[must_use]
    pub fn locations(&self) -> &Locations {
        &self.locations
    }

    /// Whether the upstream gets the token.
    #[must_use]
    pub fn forwards(&self) -> bool {
        self.forward
    }

    /// The longest token it takes, in bytes.
    #[must_use]
    pub fn max_token_bytes(&self) -> usize {
        token::MAX_TOKEN_BYTES
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// What a good token becomes for the upstream.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// The tokens whose signature was verified.
    #[must_use]
    pub fn cache(&self) -> &RefCell<Cache> {
        &self.cache
    }

    /// Whether the claims of a token are what this provider wants at `now`, in Unix seconds; in the
    /// order of Envoy (`source/extensions/filters/http/jwt_authn/authenticator.cc`). Its issuer is
    /// checked where it was found. `audiences` replace those of the provider.
    ///
    /// # Errors
    ///
    /// The first claim that is not.
    pub fn check(
        &self,
        claims: &Claims,
        dates: Dates,
        audiences: Option<&Audiences>,
        now: u64,
    ) -> Result<(), Failure> {
        if now.saturating_add(self.clock_skew) < dates.not_before {
            return Err(Failure::NotYetValid);
        }
        match dates.expires {
            Some(expires) if expires.saturating_add(self.clock_skew) < now => {
                return Err(Failure::Expired);
            }
            _ => {}
        }
        if !audiences.unwrap_or(&self.audiences).allow(claims) {
            return Err(Failure::AudienceNotAllowed);
        }
        if self.require_expiration && dates.expires.is_none() {
            return Err(Failure::VerificationFailed);
        }
        Ok(())
    }

    /// Whether one of the keys made the signature of a token; `verify` says it of one key.
    ///
    /// # Errors
    ///
    /// [`Failure::NoMatchingKey`] when no key may be asked, [`Failure::VerificationFailed`] when
    /// none of those asked made it.
    pub fn check_signature(
        &self,
        token: &Token<'_>,
        verify: impl Fn(&Token<'_>, &DecodingKey) -> bool,
    ) -> Result<(), Failure> {
        let mut keys = self.keys.matching(token.algorithm(), token.kid()).peekable();
        if keys.peek().is_none() {
            return Err(Failure::NoMatchingKey);
        }
        match keys.any(|key| verify(token, key)) {
            true => Ok(()),
            false => Err(Failure::VerificationFailed),
        }
    }
}

impl Audiences {
    /// Those with these names.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| audience(name).to_owned()).collect())
    }

    fn allow(&self, claims: &Claims) -> bool {
        self.0.is_empty() || token::audiences(claims).any(|name| self.0.contains(audience(name)))
    }
}

/// An audience without scheme and trailing slash, as Envoy compares them
/// (`source/common/jwt/check_audience.cc`).
fn audience(name: &str) -> &str {
    let rest = name.strip_prefix("http://").or_else(|| name.strip_prefix("https://"));
    let rest = rest.unwrap_or(name);
    rest.strip_suffix('/').unwrap_or(rest)
}

fn keys(jwks: &Secret) -> Result<KeySet, ConfigError> {
    KeySet::parse(jwks.expose().as_bytes()).map_err(|error| {
        ConfigError::new(
            jwks.field(),
            error.to_string(),
            "a JWK set with a key for RS256, RS384, RS512 (RSA of 2048 to 8192 bits) or ES256 \
             (EC on P-256)",
        )
    })
}
