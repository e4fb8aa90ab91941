//! An issuer of tokens: what it takes for one of its tokens to be good.

use crate::config;
use crate::keys::KeySet;
use crate::output::Output;
use crate::status::Failure;
use crate::token::Token;
use jsonwebtoken::DecodingKey;
use std::collections::BTreeSet;
use tollgate::config::{ConfigError, Secret};

/// The default for `clock_skew_seconds`.
const CLOCK_SKEW_SECONDS: u32 = 60;

/// An issuer and its keys.
#[derive(Debug)]
pub struct Provider {
    issuer: String,
    audiences: BTreeSet<String>,
    clock_skew: u64,
    require_expiration: bool,
    keys: KeySet,
    output: Output,
}

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
        Ok(Self {
            issuer: config.issuer.clone(),
            audiences: config.audiences.iter().map(|name| audience(name).to_owned()).collect(),
            clock_skew: u64::from(skew),
            require_expiration: config.require_expiration,
            keys: keys(&config.local_jwks).map_err(|error| error.at("local_jwks"))?,
            output: Output::new(config)?,
        })
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

    /// Whether the claims of a token are what this provider wants at `now`, in Unix seconds; in the
    /// order of Envoy (`source/extensions/filters/http/jwt_authn/authenticator.cc`).
    ///
    /// # Errors
    ///
    /// The first claim that is not.
    pub fn check_claims(&self, token: &Token<'_>, now: u64) -> Result<(), Failure> {
        if !self.issuer.is_empty() && self.issuer != token.issuer() {
            return Err(Failure::UnknownIssuer);
        }
        if now.saturating_add(self.clock_skew) < token.not_before() {
            return Err(Failure::NotYetValid);
        }
        match token.expires() {
            Some(expires) if expires.saturating_add(self.clock_skew) < now => {
                return Err(Failure::Expired);
            }
            _ => {}
        }
        if !self.allows_audience(token) {
            return Err(Failure::AudienceNotAllowed);
        }
        if self.require_expiration && token.expires().is_none() {
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

    fn allows_audience(&self, token: &Token<'_>) -> bool {
        self.audiences.is_empty()
            || token.audiences().any(|name| self.audiences.contains(audience(name)))
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
