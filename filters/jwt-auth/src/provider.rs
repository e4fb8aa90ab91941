//! An issuer of tokens: what it takes for one of its tokens to be good.

use crate::algorithms::{self, Algorithm};
use crate::cache::{Cache, Limits};
use crate::config::{self, CertificateBound};
use crate::extract::{self, Locations};
use crate::keys::KeySet;
use crate::output::Output;
use crate::remote::RemoteKeys;
use crate::requirement::Verified;
use crate::rules::TextMatch;
use crate::status::Failure;
use crate::token::{self, Claims, Dates, Token};
use crate::verifying_key::VerifyingKey;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tollgate::config::{ConfigError, Secret, exactly_one};

/// A signature of 64 bytes (RFC 8032, 5.1.6) in base64url.
const ED25519_SIGNATURE_CHARACTERS: usize = 86;

/// The default for `clock_skew_seconds`.
const CLOCK_SKEW_SECONDS: u32 = 60;

/// An issuer and its keys.
#[derive(Debug)]
pub struct Provider {
    issuer: String,
    audiences: Audiences,
    clock_skew: u64,
    require_expiration: bool,
    max_lifetime: Option<Duration>,
    subjects: Option<TextMatch>,
    required_type: Option<String>,
    max_token_bytes: usize,
    locations: Locations,
    forward: bool,
    certificate_bound: CertificateBound,
    algorithms: Vec<Algorithm>,
    keys: Keys,
    output: Output,
    cache: RefCell<Cache>,
    keeps_claims: Cell<bool>,
}

/// Where the keys are.
#[derive(Debug)]
enum Keys {
    Local(Rc<KeySet>),
    Remote(Rc<RemoteKeys>),
}

/// Who tokens may be for; anybody, if it is empty.
#[derive(Clone, Debug, Default)]
pub struct Audiences(Vec<String>);

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
        let algorithms = algorithms::allowed(config.algorithms.as_deref())
            .map_err(|error| error.at("algorithms"))?;
        let subjects = match &config.subjects {
            None => None,
            Some(subjects) => Some(TextMatch::new(subjects).map_err(|error| error.at("subjects"))?),
        };
        if config.required_type.as_deref() == Some("") {
            let allowed = "a type such as \"at+jwt\"";
            return Err(ConfigError::new("required_type", "an empty type", allowed));
        }
        let keys = Keys::new(config, &algorithms)?;
        Ok(Self {
            issuer: config.issuer().to_owned(),
            audiences: Audiences::new(&config.audiences),
            clock_skew: u64::from(skew),
            require_expiration: config.require_expiration,
            max_lifetime: config.max_lifetime.map(|lifetime| lifetime.get()),
            subjects,
            required_type: config.required_type.clone(),
            max_token_bytes: config
                .max_token_bytes
                .map_or(token::MAX_TOKEN_BYTES, |bytes| bytes.get() as usize),
            locations: Locations::of([config]),
            forward: config.forward,
            certificate_bound: config.certificate_bound,
            algorithms,
            keys,
            output: Output::new(config)?,
            cache: RefCell::new(Cache::new(limits(config.jwt_cache_config))),
            keeps_claims: Cell::new(false),
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

    /// Whether its tokens are for the holder of a certificate.
    #[must_use]
    pub fn certificate_bound(&self) -> CertificateBound {
        self.certificate_bound
    }

    /// The longest token it takes, in bytes.
    #[must_use]
    pub fn max_token_bytes(&self) -> usize {
        self.max_token_bytes
    }

    /// Keeps the claims of verified tokens from now on, for who looks at them again.
    pub fn keep_claims(&self) {
        self.keeps_claims.set(true);
    }

    /// Whether the claims of verified tokens are kept.
    #[must_use]
    pub fn keeps_claims(&self) -> bool {
        self.keeps_claims.get()
    }

    /// The keys that stand in the configuration, if they do.
    #[must_use]
    pub fn local_keys(&self) -> Option<&Rc<KeySet>> {
        match &self.keys {
            Keys::Local(keys) => Some(keys),
            Keys::Remote(_) => None,
        }
    }

    /// The keys that are fetched, if they are.
    #[must_use]
    pub fn remote(&self) -> Option<&Rc<RemoteKeys>> {
        match &self.keys {
            Keys::Local(_) => None,
            Keys::Remote(keys) => Some(keys),
        }
    }

    /// What tokens may be signed with.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// Whether a key that it has, or may fetch, verifies this algorithm.
    #[must_use]
    pub fn may_use(&self, algorithm: Algorithm) -> bool {
        match &self.keys {
            Keys::Local(keys) => keys.has(algorithm),
            Keys::Remote(_) => self.algorithms.contains(&algorithm),
        }
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
        token: &Token<'_>,
        audiences: Option<&Audiences>,
        now: u64,
    ) -> Result<(), Failure> {
        self.check_type(token)?;
        self.check_times(token.dates(), now)?;
        if !audiences.unwrap_or(&self.audiences).allow(token.claims()) {
            return Err(Failure::AudienceNotAllowed);
        }
        let subject = token::text_claim(token.claims(), "sub");
        if self.subjects.as_ref().is_some_and(|subjects| !subjects.matches(subject.as_bytes())) {
            return Err(Failure::VerificationFailed);
        }
        self.check_lifetime(token.dates(), now)
    }

    /// The same for a token that was checked before: what cannot have changed is not looked at.
    ///
    /// # Errors
    ///
    /// The first claim that is not what this provider wants.
    pub fn check_again(
        &self,
        token: &Verified,
        audiences: Option<&Audiences>,
        now: u64,
    ) -> Result<(), Failure> {
        self.check_times(token.dates, now)?;
        let is_allowed = match (audiences, &token.claims) {
            (None, _) => token.has_audience,
            (Some(audiences), Some(claims)) => audiences.allow(&claims.0),
            (Some(_), None) => false,
        };
        if !is_allowed {
            return Err(Failure::AudienceNotAllowed);
        }
        self.check_lifetime(token.dates, now)
    }

    /// Whether claims are for one of the audiences of this provider.
    #[must_use]
    pub fn allows_audience(&self, claims: &Claims) -> bool {
        self.audiences.allow(claims)
    }

    fn check_times(&self, dates: Dates, now: u64) -> Result<(), Failure> {
        if now.saturating_add(self.clock_skew) < dates.not_before {
            return Err(Failure::NotYetValid);
        }
        match dates.expires {
            Some(expires) if expires.saturating_add(self.clock_skew) < now => Err(Failure::Expired),
            _ => Ok(()),
        }
    }

    /// As in Envoy, the lifetime is what is left of it. Unlike there, a token from the future has none.
    fn check_lifetime(&self, dates: Dates, now: u64) -> Result<(), Failure> {
        let is_good = match (self.max_lifetime, dates.expires) {
            (None, expires) => expires.is_some() || !self.require_expiration,
            (Some(_), None) => false,
            (Some(most), Some(expires)) => {
                let issued_at = dates.issued_at.unwrap_or_default();
                Duration::from_secs(expires.saturating_sub(now)) <= most
                    && issued_at <= now.saturating_add(self.clock_skew)
            }
        };
        if is_good { Ok(()) } else { Err(Failure::VerificationFailed) }
    }

    /// As media types are compared (RFC 7515, 4.1.9).
    fn check_type(&self, token: &Token<'_>) -> Result<(), Failure> {
        let Some(required) = &self.required_type else { return Ok(()) };
        let is = plain_type(token::text_claim(token.header(), "typ"));
        match is.eq_ignore_ascii_case(plain_type(required)) {
            true => Ok(()),
            false => Err(Failure::TypNotAccepted),
        }
    }

    /// Whether one of these keys made the signature of a token; `verify` says it of one key.
    ///
    /// # Errors
    ///
    /// [`Failure::NoMatchingKey`] when no key may be asked, [`Failure::Ed25519WrongLength`] as in Envoy,
    /// [`Failure::VerificationFailed`] when none of those asked made it.
    pub fn check_signature(
        &self,
        keys: &KeySet,
        token: &Token<'_>,
        verify: impl Fn(&Token<'_>, &VerifyingKey) -> bool,
    ) -> Result<(), Failure> {
        let mut keys = keys.matching(token.algorithm(), token.kid()).peekable();
        if keys.peek().is_none() {
            return Err(Failure::NoMatchingKey);
        }
        let length = token.signature().len();
        if token.algorithm() == Algorithm::EdDSA && length != ED25519_SIGNATURE_CHARACTERS {
            return Err(Failure::Ed25519WrongLength);
        }
        match keys.any(|key| verify(token, key)) {
            true => Ok(()),
            false => Err(Failure::VerificationFailed),
        }
    }
}

impl Keys {
    fn new(config: &config::Provider, algorithms: &[Algorithm]) -> Result<Self, ConfigError> {
        exactly_one(&[
            ("local_jwks", config.local_jwks.is_some()),
            ("remote_jwks", config.remote_jwks.is_some()),
            ("discovery", config.discovery.is_some()),
        ])?;
        if let Some(remote) = RemoteKeys::new(config)? {
            return Ok(Self::Remote(Rc::new(remote)));
        }
        for (field, is_there) in [
            ("unknown_kid_refetch", config.unknown_kid_refetch.is_some()),
            ("on_keys_unavailable", config.on_keys_unavailable.is_some()),
            ("stale_if_error", config.stale_if_error.is_some()),
        ] {
            if is_there {
                let allowed = "`remote_jwks` or `discovery` beside it";
                return Err(ConfigError::new(field, "`local_jwks` beside it", allowed));
            }
        }
        match &config.local_jwks {
            Some(jwks) => keys(jwks, algorithms)
                .map(|keys| Self::Local(Rc::new(keys)))
                .map_err(|error| error.at("local_jwks")),
            None => Err(ConfigError::new("local_jwks", "nothing", "a key set")),
        }
    }
}

impl Audiences {
    /// Those with these names.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| audience(name).to_owned()).collect())
    }

    /// Whether a token with these claims is for one of them.
    #[must_use]
    pub fn allow(&self, claims: &Claims) -> bool {
        self.0.is_empty()
            || token::audiences(claims).any(|name| self.0.iter().any(|it| it == audience(name)))
    }
}

/// A media type without the `application/` that may be left out.
fn plain_type(name: &str) -> &str {
    const PREFIX: &str = "application/";
    match name.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => name,
    }
}

fn limits(config: config::JwtCacheConfig) -> Limits {
    let default = Limits::default();
    let or = |number: u32, default: usize| if number == 0 { default } else { number as usize };
    Limits {
        tokens: or(config.jwt_cache_size, default.tokens),
        token_bytes: or(config.jwt_max_token_size, default.token_bytes),
        ..default
    }
}

/// An audience without scheme and trailing slash, as Envoy compares them
/// (`source/common/jwt/check_audience.cc`).
fn audience(name: &str) -> &str {
    let rest = name.strip_prefix("http://").or_else(|| name.strip_prefix("https://"));
    let rest = rest.unwrap_or(name);
    rest.strip_suffix('/').unwrap_or(rest)
}

fn keys(jwks: &Secret, algorithms: &[Algorithm]) -> Result<KeySet, ConfigError> {
    KeySet::parse_for(algorithms, jwks.expose().as_bytes()).map_err(|error| {
        ConfigError::new(
            jwks.field(),
            error.to_string(),
            "a JWK set, an object of certificates by key ids, or a public key in PEM, with a key for \
             one of the algorithms: RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, OKP on \
             Ed25519, oct of as many bytes as the hash",
        )
    })
}
