//! The decision about a request: which rule it falls under, and whether its token satisfies it.

use crate::config::{self, Config};
use crate::extract::bearer_token;
use crate::output::Changes;
use crate::provider::Provider;
use crate::rules::PathMatch;
use crate::status::Failure;
use crate::token::Token;
use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use tollgate::config::{ConfigError, quoted};
use tollgate::headers::HeaderMap;

/// The most characters of a `kid` that a [`Denial`] repeats.
const MAX_KID: usize = 64;

/// A checked configuration.
#[derive(Debug)]
pub struct Authenticator {
    providers: BTreeMap<String, Rc<Provider>>,
    rules: Vec<Rule>,
    output_headers: BTreeSet<String>,
    bypass_cors_preflight: bool,
}

/// Which requests need a token of which provider; of none if it is absent.
#[derive(Debug)]
struct Rule {
    path: PathMatch,
    requires: Option<Rc<Provider>>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// It is a CORS preflight and passes as it is.
    Bypass,
    /// It passes, after these changes.
    Allow(Changes<'a>),
    /// It does not pass.
    Deny(Denial),
}

/// Why a request does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The reason.
    pub failure: Failure,
    /// The `kid` of a token whose signature could not be verified; escaped and cut, so that it may
    /// be logged.
    pub kid: Option<String>,
}

impl From<Failure> for Denial {
    fn from(failure: Failure) -> Self {
        Self { failure, kid: None }
    }
}

impl Authenticator {
    /// Checks a configuration.
    ///
    /// ```
    /// use tollgate_jwt_auth::authenticator::Authenticator;
    ///
    /// let config = tollgate::config::from_slice(br#"{"providers": {}}"#).unwrap();
    /// let error = Authenticator::new(config).unwrap_err();
    /// assert_eq!(error.to_string(), "`providers`: found no provider, allowed: at least one");
    /// ```
    ///
    /// # Errors
    ///
    /// The first thing in it that cannot be right.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        if config.providers.is_empty() {
            return Err(ConfigError::new("providers", "no provider", "at least one"));
        }
        let mut providers = BTreeMap::new();
        for (name, provider) in &config.providers {
            let provider =
                Provider::new(provider).map_err(|error| error.at(name).at("providers"))?;
            providers.insert(name.clone(), Rc::new(provider));
        }
        let mut rules = Vec::new();
        for (index, rule) in config.rules.into_iter().enumerate() {
            let rule =
                Rule::new(rule, &providers).map_err(|error| error.at(format!("rules[{index}]")))?;
            rules.push(rule);
        }
        let outputs = providers.values().map(|provider| provider.output());
        let output_headers = outputs.flat_map(|output| output.headers().map(str::to_owned));
        Ok(Self {
            output_headers: output_headers.collect(),
            providers,
            rules,
            bypass_cors_preflight: config.bypass_cors_preflight,
        })
    }

    /// The providers by their names.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &Provider)> {
        self.providers.iter().map(|(name, provider)| (name.as_str(), &**provider))
    }

    /// Whether a provider has a key of this family.
    #[must_use]
    pub fn uses(&self, family: AlgorithmFamily) -> bool {
        self.providers.values().any(|provider| provider.keys().has(family))
    }

    /// Whether there is a rule at all; without one every request passes.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Every header that a token can become, of any provider. A client's copies must be removed from
    /// **every** request before [`Authenticator::decide`] looks at it, or they would pass for ours.
    pub fn output_headers(&self) -> impl Iterator<Item = &str> {
        self.output_headers.iter().map(String::as_str)
    }

    /// Decides about a request at `now`, in Unix seconds. `verify` says whether a key made the
    /// signature of a token.
    pub fn decide(
        &self,
        headers: &HeaderMap,
        now: u64,
        verify: impl Fn(&Token<'_>, &DecodingKey) -> bool,
    ) -> Decision<'_> {
        if self.bypass_cors_preflight && is_cors_preflight(headers) {
            return Decision::Bypass;
        }
        let path = headers.get(":path").unwrap_or_default();
        let rule = self.rules.iter().find(|rule| rule.path.matches(path));
        let Some(provider) = rule.and_then(|rule| rule.requires.as_deref()) else {
            return Decision::Allow(Changes::default());
        };
        match authenticate(provider, headers, now, verify) {
            Ok(changes) => Decision::Allow(changes),
            Err(denial) => Decision::Deny(denial),
        }
    }
}

/// Requires a good token of a provider, and says what it changes.
fn authenticate<'a>(
    provider: &'a Provider,
    headers: &HeaderMap,
    now: u64,
    verify: impl Fn(&Token<'_>, &DecodingKey) -> bool,
) -> Result<Changes<'a>, Denial> {
    let token = bearer_token(headers)?.ok_or(Failure::Missing)?;
    let token = Token::parse(token)?;
    provider.check_claims(&token, now)?;
    provider
        .check_signature(&token, verify)
        .map_err(|failure| Denial { failure, kid: token.kid().map(printable) })?;
    let changes = provider.output().changes(&token);
    Ok(Changes { claims: Some(token.into_claims()), ..changes })
}

/// A `kid` that a log can bear.
fn printable(kid: &str) -> String {
    kid.escape_default().take(MAX_KID).collect()
}

/// As Envoy (`source/extensions/filters/http/jwt_authn/filter.cc`).
fn is_cors_preflight(headers: &HeaderMap) -> bool {
    let present = |name| headers.get(name).is_some_and(|value| !value.is_empty());
    headers.get(":method") == Some(b"OPTIONS")
        && present("origin")
        && present("access-control-request-method")
}

impl Rule {
    fn new(
        config: config::Rule,
        providers: &BTreeMap<String, Rc<Provider>>,
    ) -> Result<Self, ConfigError> {
        let path = path_match(config.matcher).map_err(|error| error.at("match"))?;
        let requires = match config.requires {
            None => None,
            Some(requirement) => Some(find_provider(&requirement.provider_name, providers)?),
        };
        Ok(Self { path, requires })
    }
}

fn find_provider(
    name: &str,
    providers: &BTreeMap<String, Rc<Provider>>,
) -> Result<Rc<Provider>, ConfigError> {
    providers.get(name).cloned().ok_or_else(|| {
        let names: Vec<_> = providers.keys().map(|name| quoted(name)).collect();
        ConfigError::new("requires.provider_name", quoted(name), names.join(", "))
    })
}

fn path_match(config: config::Match) -> Result<PathMatch, ConfigError> {
    match (config.prefix, config.path) {
        (Some(prefix), None) if prefix.is_empty() => Ok(PathMatch::Prefix(prefix)),
        (Some(prefix), None) => Ok(PathMatch::Prefix(plain_path("prefix", prefix)?)),
        (None, Some(path)) => Ok(PathMatch::Exact(plain_path("path", path)?)),
        (None, None) => Err(ConfigError::new("", "neither", "`prefix` or `path`")),
        (Some(_), Some(_)) => Err(ConfigError::new("", "both", "`prefix` or `path`")),
    }
}

/// Refuses what no path can match, since a rule that protects nothing is a trap.
fn plain_path(field: &str, path: String) -> Result<String, ConfigError> {
    match path.starts_with('/') && !path.contains(['?', '#']) {
        true => Ok(path),
        false => Err(ConfigError::new(
            field,
            quoted(&path),
            "a path that begins with `/`, without query and fragment",
        )),
    }
}

#[cfg(test)]
mod tests;
