//! Which variant a request gets, and why. Pure: no clock; facts and dice are arguments.

use std::borrow::Cow;

use tollgate::config::HeaderName;
use tollgate::matching::{Facts, Matcher, Needs};
use tollgate::{Result, bucketing, json};

use crate::config::{Bucketing, Key};
use crate::decision::{Decision, Reason};

/// A configuration that has passed every check.
///
/// ```
/// use tollgate::config;
/// use tollgate::headers::HeaderMap;
/// use tollgate::matching::KnownFacts;
/// use tollgate_canary::config::Config;
/// use tollgate_canary::decision::Reason;
/// use tollgate_canary::rollout::Rollout;
///
/// let config: Config = config::from_slice(br#"{
///     "flag": "voting-app",
///     "routing_header": "x-tollgate-variant",
///     "variants": ["v1", "v2"],
///     "default_variant": "v1",
///     "rules": [{
///         "name": "feature-flag-cookie",
///         "match": {"cookies": [{"name": "featureflag", "exact": "on"}]},
///         "variant": "v2"
///     }]
/// }"#).unwrap();
/// let rollout = Rollout::try_from(config).unwrap();
///
/// let request = HeaderMap::from_pairs([("cookie", "featureflag=on")]);
/// let facts = KnownFacts::new(&request);
/// let decision = rollout.decide(&facts, &mut fastrand::Rng::with_seed(7)).unwrap();
/// assert_eq!(rollout.variant(decision), "v2");
/// assert_eq!(decision.reason, Reason::TargetingMatch);
/// ```
#[derive(Clone, Debug)]
pub struct Rollout {
    pub(crate) flag: String,
    pub(crate) routing_header: HeaderName,
    pub(crate) variants: Vec<String>,
    pub(crate) default: usize,
    pub(crate) enabled: bool,
    pub(crate) rules: Vec<Rule>,
    /// What the rules look at.
    pub(crate) needs: Needs,
    pub(crate) response: ResponseHeaders,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// Every request when there is none.
    pub(crate) condition: Option<Matcher>,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The index of a variant.
    Variant(usize),
    Split(Split),
}

#[derive(Clone, Debug)]
pub(crate) struct Split {
    pub(crate) by: Vec<Key>,
    /// One for each variant, in their order.
    pub(crate) weights: Vec<u32>,
    pub(crate) bucketing: Bucketing,
}

/// The response headers that tell the client of a decision.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResponseHeaders {
    pub(crate) variant: Option<HeaderName>,
    pub(crate) reason: Option<HeaderName>,
}

impl Rollout {
    /// Which facts it may look at.
    #[must_use]
    pub const fn needs(&self) -> Needs {
        self.needs
    }

    /// Decides a request. Looks at no more facts than it takes, and draws from `rng` only for a split
    /// by `random`.
    ///
    /// # Errors
    ///
    /// When a fact that it looks at cannot be read.
    pub fn decide(&self, request: &dyn Facts, rng: &mut fastrand::Rng) -> Result<Decision> {
        if !self.enabled {
            return Ok(self.by_default(Reason::Disabled));
        }
        if self.rules.is_empty() {
            return Ok(self.by_default(Reason::Static));
        }
        let mut decision = self.by_default(Reason::Default);
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some((variant, reason)) = rule.decide(&self.flag, request, rng)? {
                decision = Decision { variant, reason, rule: Some(index), ..decision };
                break;
            }
        }
        decision.cookies_truncated = self.needs.cookies && request.cookies()?.truncated();
        Ok(decision)
    }

    /// The decision for a request that could not be looked at.
    #[must_use]
    pub fn failed(&self) -> Decision {
        self.by_default(Reason::Error)
    }

    fn by_default(&self, reason: Reason) -> Decision {
        Decision { variant: self.default, reason, rule: None, cookies_truncated: false }
    }

    /// The name of the variant that was decided on.
    #[must_use]
    pub fn variant(&self, decision: Decision) -> &str {
        self.variants.get(decision.variant).map_or("", String::as_str)
    }

    /// The name of the rule that decided, if one did.
    #[must_use]
    pub fn rule(&self, decision: Decision) -> Option<&str> {
        self.rules.get(decision.rule?).map(|rule| rule.name.as_str())
    }
}

impl Rule {
    pub(crate) fn needs(&self) -> Needs {
        let condition = self.condition.as_ref().map(Matcher::needs).unwrap_or_default();
        let keys = match &self.outcome {
            Outcome::Variant(_) => &[][..],
            Outcome::Split(split) => &split.by,
        };
        keys.iter().fold(condition, |needs, key| needs.union(key.needs()))
    }

    /// The rule's variant and why, or nothing when the next rule shall decide.
    fn decide(
        &self,
        flag: &str,
        request: &dyn Facts,
        rng: &mut fastrand::Rng,
    ) -> Result<Option<(usize, Reason)>> {
        if let Some(condition) = &self.condition
            && !condition.matches(request)?
        {
            return Ok(None);
        }
        Ok(match &self.outcome {
            Outcome::Variant(variant) => Some((*variant, Reason::TargetingMatch)),
            Outcome::Split(split) => {
                split.pick(flag, request, rng)?.map(|variant| (variant, Reason::Split))
            }
        })
    }
}

impl Split {
    /// The user's variant, or nothing when the request does not tell users apart.
    fn pick(
        &self,
        flag: &str,
        request: &dyn Facts,
        rng: &mut fastrand::Rng,
    ) -> Result<Option<usize>> {
        for key in &self.by {
            match key.user(request)? {
                None => {}
                Some(User::Anyone) => return Ok(bucketing::pick(rng.u32(..), &self.weights)),
                Some(User::Known(user)) => {
                    return Ok(self.bucketing.pick(flag.as_bytes(), &user, &self.weights));
                }
            }
        }
        Ok(None)
    }
}

impl Bucketing {
    fn pick(self, flag: &[u8], user: &[u8], weights: &[u32]) -> Option<usize> {
        match self {
            Self::Fractional => bucketing::fractional(flag, user, weights),
            Self::Unleash => bucketing::unleash::variant(flag, user, weights),
        }
    }
}

/// Whom a split is about.
enum User<'a> {
    Known(Cow<'a, [u8]>),
    Anyone,
}

impl Key {
    fn needs(&self) -> Needs {
        let none = Needs::default();
        match self {
            Self::Cookie(_) => Needs { cookies: true, ..none },
            Self::Header(_) => Needs { headers: true, ..none },
            Self::Claim(_) => Needs { claims: true, ..none },
            Self::SourceIp(_) => Needs { source_ip: true, ..none },
            Self::Random(_) => none,
        }
    }

    /// The user that the key names; an empty value names nobody.
    fn user<'a>(&self, request: &'a dyn Facts) -> Result<Option<User<'a>>> {
        let value: Option<Cow<'a, [u8]>> = match self {
            Self::Random(_) => return Ok(Some(User::Anyone)),
            Self::Cookie(name) => request.cookies()?.get(name.as_bytes()).map(Cow::Borrowed),
            Self::Header(name) => {
                let mut values = request.headers()?.get_all(name);
                values.find(|value| !value.is_empty()).map(Cow::Borrowed)
            }
            Self::Claim(path) => {
                let claim = request.claims()?.and_then(|claims| path.find(claims));
                claim.and_then(json::text).map(into_bytes)
            }
            Self::SourceIp(_) => request
                .source_ip()?
                .map(|address| address.to_canonical().to_string().into_bytes().into()),
        };
        Ok(value.filter(|value| !value.is_empty()).map(User::Known))
    }
}

fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests;
