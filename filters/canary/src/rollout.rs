//! Which variant a request gets, and why. Pure: no host, no clock; the dice are an argument.

use tollgate::bucketing;
use tollgate::config::HeaderName;
use tollgate::cookies::Cookies;
use tollgate::headers::HeaderMap;

use crate::config::{Key, Match};
use crate::decision::{Decision, Reason};

/// A configuration that has passed every check.
///
/// ```
/// use tollgate::config;
/// use tollgate::headers::HeaderMap;
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
/// let decision = rollout.decide(&request, &mut fastrand::Rng::with_seed(7));
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
    pub(crate) response: ResponseHeaders,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// Every request when there is none.
    pub(crate) condition: Option<Match>,
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
}

/// The response headers that tell the client of a decision.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResponseHeaders {
    pub(crate) variant: Option<HeaderName>,
    pub(crate) reason: Option<HeaderName>,
}

impl Rollout {
    /// Decides a request. Draws from `rng` only for a split by `random`.
    pub fn decide(&self, headers: &HeaderMap, rng: &mut fastrand::Rng) -> Decision {
        if !self.enabled {
            return self.by_default(Reason::Disabled);
        }
        if self.rules.is_empty() {
            return self.by_default(Reason::Static);
        }
        let request = Facts { flag: &self.flag, headers, cookies: Cookies::new(headers) };
        let decided = self.rules.iter().enumerate().find_map(|(index, rule)| {
            let (variant, reason) = rule.decide(&request, rng)?;
            Some(Decision { variant, reason, rule: Some(index), cookies_truncated: false })
        });
        Decision {
            cookies_truncated: request.cookies.truncated(),
            ..decided.unwrap_or_else(|| self.by_default(Reason::Default))
        }
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

/// What rules look at.
struct Facts<'a> {
    flag: &'a str,
    headers: &'a HeaderMap,
    cookies: Cookies<'a>,
}

impl Rule {
    /// The rule's variant and why, or nothing when the next rule shall decide.
    fn decide(&self, request: &Facts<'_>, rng: &mut fastrand::Rng) -> Option<(usize, Reason)> {
        let holds = |condition: &Match| condition.holds(request.headers, &request.cookies);
        if !self.condition.as_ref().is_none_or(holds) {
            return None;
        }
        match &self.outcome {
            Outcome::Variant(variant) => Some((*variant, Reason::TargetingMatch)),
            Outcome::Split(split) => Some((split.pick(request, rng)?, Reason::Split)),
        }
    }
}

impl Split {
    /// The user's variant, or nothing when the request does not tell users apart.
    fn pick(&self, request: &Facts<'_>, rng: &mut fastrand::Rng) -> Option<usize> {
        match self.by.iter().find_map(|key| key.user(request))? {
            User::Known(user) => {
                bucketing::fractional(request.flag.as_bytes(), user, &self.weights)
            }
            User::Anyone => bucketing::pick(rng.u32(..), &self.weights),
        }
    }
}

/// Whom a split is about.
enum User<'a> {
    Known(&'a [u8]),
    Anyone,
}

impl Key {
    /// The user that the key names; an empty value names nobody.
    fn user<'a>(&self, request: &Facts<'a>) -> Option<User<'a>> {
        let value = match self {
            Self::Random(_) => return Some(User::Anyone),
            Self::Cookie(name) => request.cookies.get(name.as_bytes()),
            Self::Header(name) => request.headers.get_all(name).find(|value| !value.is_empty()),
        };
        value.filter(|value| !value.is_empty()).map(User::Known)
    }
}

#[cfg(test)]
mod tests;
