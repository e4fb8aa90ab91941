//! The decision about a request: which rule it falls under, and whether its tokens satisfy it.

use crate::algorithms::Algorithm;
use crate::config::{self, Config, Mode, Named};
use crate::extract::Locations;
use crate::output;
use crate::provider::Provider;
use crate::requirement::{
    Attempt, Compiler, Everyone, Outcome, Refusal, Requirement, Surroundings, Wanted,
};
use crate::rules::RuleMatch;
use crate::status::Failure;
use std::collections::BTreeSet;
use std::rc::Rc;
use tollgate::HostError;
use tollgate::abi::Status;
use tollgate::config::{ConfigError, quoted};
use tollgate::headers::HeaderMap;
use tollgate::time::Instant;

/// The header that tells why a request would be denied, unless the operator names another one.
const REPORT_HEADER: &str = "x-jwt-auth-denied";

/// A checked configuration.
#[derive(Debug)]
pub struct Authenticator {
    providers: Named<Rc<Provider>>,
    rules: Vec<Rule>,
    filter_state: Option<FilterStateRules>,
    output_headers: Vec<String>,
    bypass_cors_preflight: bool,
    report_header: Option<String>,
}

/// Which requests need what; nothing if it is absent.
#[derive(Debug)]
struct Rule {
    matcher: RuleMatch,
    requires: Option<Rc<Requirement>>,
}

/// What requests need that no rule is about, by what a filter has left for this one.
#[derive(Debug)]
struct FilterStateRules {
    key: String,
    requires: Named<Requirement>,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// Whether it passes.
    pub verdict: Verdict,
    /// What its tokens have brought; no accepted ones if it does not pass.
    pub outcome: Outcome<'a>,
}

/// Whether a request passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is a CORS preflight and passes as it is.
    Bypassed,
    /// It passes.
    Allowed,
    /// It does not pass.
    Denied(Denial),
}

/// Why a request does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The reason.
    pub failure: Failure,
    /// The `kid` of a token whose signature could not be verified; escaped and cut, so that it may
    /// be logged.
    pub kid: Option<String>,
    /// The scopes that the request needs, with blanks between them, if it has too few.
    pub scope: Option<Rc<str>>,
    /// In how many seconds it is worth to come again, if that it does not pass is not the client's
    /// fault.
    pub retry_after: Option<u64>,
}

impl Denial {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.retry_after {
            Some(_) => 503,
            None => self.failure.status(),
        }
    }
}

/// Why a request is not decided.
#[derive(Clone, Debug)]
pub enum Stop {
    /// The host does not say what the decision depends on. The request must not pass.
    Host(HostError),
    /// Keys are wanted first.
    Keys(Wanted),
}

impl From<Failure> for Denial {
    fn from(failure: Failure) -> Self {
        Self { failure, kid: None, scope: None, retry_after: None }
    }
}

impl From<Verdict> for Decision<'_> {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, outcome: Outcome::default() }
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
        let providers = config.providers.try_map(|name, provider| {
            Provider::new(provider).map(Rc::new).map_err(|error| error.at(name).at("providers"))
        })?;
        let locations = Locations::of(config.providers.values());
        for (name, provider) in config.providers.iter() {
            output::check_places(provider, &locations)
                .map_err(|error| error.at(name).at("providers"))?;
        }
        let report_header = report_header(&config, &locations)?;
        let everyone = Everyone::new(providers.values().cloned().collect(), locations);
        let mut compiler = Compiler::new(&providers, everyone);
        let named = config.requirement_map.try_map(|name, requirement| {
            let requirement = compiler.compile(requirement);
            requirement.map(Rc::new).map_err(|error| error.at(name).at("requirement_map"))
        })?;
        let mut rules = Vec::new();
        for (index, rule) in config.rules.iter().enumerate() {
            let rule = Rule::new(rule, &named, &mut compiler)
                .map_err(|error| error.at(format!("rules[{index}]")))?;
            rules.push(rule);
        }
        let filter_state = match &config.filter_state_rules {
            None => None,
            Some(rules) => Some(
                FilterStateRules::new(rules, &mut compiler)
                    .map_err(|error| error.at("filter_state_rules"))?,
            ),
        };
        let mut output_headers = compiler.status_headers();
        let outputs = providers.values().map(|provider| provider.output());
        output_headers.extend(outputs.flat_map(|output| output.headers().map(str::to_owned)));
        if output_headers.contains(&report_header) {
            let allowed = "a header that nothing else sets";
            return Err(ConfigError::new("report_header", quoted(&report_header), allowed));
        }
        output_headers.push(report_header.clone());
        output_headers.sort_unstable();
        output_headers.dedup();
        Ok(Self {
            providers,
            rules,
            filter_state,
            output_headers,
            bypass_cors_preflight: config.bypass_cors_preflight,
            report_header: Some(report_header).filter(|_| config.mode == Mode::Report),
        })
    }

    /// The header that tells why a request would be denied, if none is.
    #[must_use]
    pub fn reports_in(&self) -> Option<&str> {
        self.report_header.as_deref()
    }

    /// The providers by their names.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &Rc<Provider>)> {
        self.providers.iter()
    }

    /// Whether a provider has a key that may verify this algorithm.
    #[must_use]
    pub fn uses(&self, algorithm: Algorithm) -> bool {
        self.providers.values().any(|provider| provider.may_use(algorithm))
    }

    /// Whether there is a rule at all; without one every request passes.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty() || self.filter_state.is_some()
    }

    /// Every header that a token can become, of any provider. A client's copies must be removed from
    /// **every** request before [`Authenticator::decide`] looks at it, or they would pass for ours.
    pub fn output_headers(&self) -> impl Iterator<Item = &str> {
        self.output_headers.iter().map(String::as_str)
    }

    /// Decides about a request at `now`, in Unix seconds, with the keys that are there.
    ///
    /// # Errors
    ///
    /// When the host does not say what the decision depends on. The request must not pass then.
    pub fn decide(
        &self,
        headers: &HeaderMap,
        now: u64,
        around: &dyn Surroundings,
    ) -> Result<Decision<'_>, HostError> {
        let remote = self.providers.values().filter_map(|provider| provider.remote());
        let settled: Vec<_> = remote.cloned().collect();
        let attempt =
            Attempt { headers, now, clock: Instant::default(), settled: &settled, around };
        self.attempt(&attempt).map_err(|stop| match stop {
            Stop::Host(error) => error,
            // Not of what is settled.
            Stop::Keys(_) => HostError::new("keys", Status::InternalFailure),
        })
    }

    /// Decides about a request, unless keys have to be fetched for it first: then it is to be decided
    /// anew, with those keys settled.
    ///
    /// # Errors
    ///
    /// What has to be done first, or that the host fails.
    pub fn attempt(&self, attempt: &Attempt<'_>) -> Result<Decision<'_>, Stop> {
        let Attempt { headers, around, .. } = *attempt;
        if self.bypass_cors_preflight && is_cors_preflight(headers) {
            return Ok(Verdict::Bypassed.into());
        }
        let requirement = self.requirement(headers, around).map_err(Stop::Host)?;
        let Some(requirement) = requirement else {
            return Ok(Verdict::Allowed.into());
        };
        let mut outcome = Outcome::default();
        let verdict = match requirement.satisfy(attempt, &mut outcome) {
            Ok(()) => Verdict::Allowed,
            Err(Refusal::Denied(denial)) => {
                outcome.accepted.clear();
                Verdict::Denied(denial)
            }
            Err(Refusal::Host(error)) => return Err(Stop::Host(error)),
            Err(Refusal::Keys(wanted)) => return Err(Stop::Keys(wanted)),
        };
        Ok(Decision { verdict, outcome })
    }

    /// What a request needs: by the first rule that matches, else by the filter state.
    fn requirement(
        &self,
        headers: &HeaderMap,
        around: &dyn Surroundings,
    ) -> Result<Option<&Requirement>, HostError> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.matcher.matches(headers)) {
            return Ok(rule.requires.as_deref());
        }
        let Some(rules) = &self.filter_state else { return Ok(None) };
        let value = around.filter_state(&rules.key)?;
        let name = value.as_deref().and_then(|value| std::str::from_utf8(value).ok());
        Ok(name.and_then(|name| rules.requires.get(name)))
    }
}

/// The header for reports, in lower case.
fn report_header(config: &Config, locations: &Locations) -> Result<String, ConfigError> {
    let name = config.report_header.as_deref().unwrap_or(REPORT_HEADER);
    let header = output::header_name(name, &mut BTreeSet::new())
        .and_then(|header| output::not_a_place(&header, locations).map(|()| header.to_string()));
    header.map_err(|error| error.at("report_header"))
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
        config: &config::Rule,
        named: &Named<Rc<Requirement>>,
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, ConfigError> {
        let matcher = RuleMatch::new(&config.matcher).map_err(|error| error.at("match"))?;
        let requires = match (&config.requires, &config.requirement_name) {
            (None, None) => None,
            (Some(requirement), None) => {
                let requirement = compiler.compile(requirement);
                Some(Rc::new(requirement.map_err(|error| error.at("requires"))?))
            }
            (None, Some(name)) => match named.get(name) {
                Some(requirement) => Some(requirement.clone()),
                None => {
                    let names: Vec<_> = named.iter().map(|(name, _)| quoted(name)).collect();
                    let allowed = match names.is_empty() {
                        true => "the name of an entry of `requirement_map`".to_owned(),
                        false => names.join(", "),
                    };
                    return Err(ConfigError::new("requirement_name", quoted(name), allowed));
                }
            },
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(
                    "",
                    "`requires`, `requirement_name`",
                    "one of them, or neither",
                ));
            }
        };
        Ok(Self { matcher, requires })
    }
}

impl FilterStateRules {
    fn new(
        config: &config::FilterStateRules,
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, ConfigError> {
        if config.name.is_empty() || config.name.contains('\0') {
            let allowed = "the key of an object in the filter state, such as \"wasm.tenant\"";
            return Err(ConfigError::new("name", quoted(&config.name), allowed));
        }
        let requires = config.requires.try_map(|value, requirement| {
            compiler.compile(requirement).map_err(|error| error.at(value).at("requires"))
        })?;
        Ok(Self { key: config.name.clone(), requires })
    }
}

#[cfg(test)]
mod tests;
