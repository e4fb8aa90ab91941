use std::net::IpAddr;

use arbitrary::{Arbitrary, Result, Unstructured};
use serde_json::{Value, json};
use tollgate::bucketing::{self, unleash};
use tollgate::config;
use tollgate::headers::HeaderMap;
use tollgate::matching::{Claims, KnownFacts};
use tollgate_canary::config::Config;
use tollgate_canary::decision::Reason;
use tollgate_canary::rollout::Rollout;

use crate::input::{list, structured};

const ROUTING: &str = "x-tollgate-variant";
const VARIANTS: [&str; 3] = ["v1", "v2", "v3"];

/// A rollout and a request: exactly one variant, the one that the rules give by the book; whatever a client
/// sends as the routing header changes nothing.
pub fn canary(data: &[u8]) {
    structured(data, |input| {
        let plan = Plan::arbitrary(input)?;
        let config = plan.config().to_string();
        let config: Config = config::from_slice(config.as_bytes()).expect("a configuration");
        let Ok(rollout) = Rollout::try_from(config) else {
            assert!(plan.has_empty_split(), "refused: {plan:?}");
            return Ok(());
        };
        let request = Request::arbitrary(input)?;
        let seed = u64::arbitrary(input)?;
        let decide = |pairs: &[(String, String)]| {
            let headers = HeaderMap::from_pairs(pairs.iter().cloned());
            let facts = request.facts(&headers);
            rollout
                .decide(&facts, &mut fastrand::Rng::with_seed(seed))
                .expect("every fact is there")
        };
        let decision = decide(&request.pairs);
        let expected = plan.decide(&request, &mut fastrand::Rng::with_seed(seed));
        assert_eq!(
            (decision.variant, decision.reason, decision.rule),
            expected,
            "{plan:?} {request:?}"
        );
        assert_eq!(rollout.variant(decision), VARIANTS[decision.variant]);
        assert_eq!(rollout.rule(decision).is_some(), decision.rule.is_some());

        let mut spoofed = request.pairs.clone();
        for value in list(input, 3, |input| input.choose(&VARIANTS).copied())? {
            let place = input.int_in_range(0..=spoofed.len())?;
            spoofed.insert(place, (ROUTING.to_owned(), value.to_owned()));
        }
        assert_eq!(decide(&spoofed), decision, "a spoofed header decides");
        Ok(())
    });
}

#[derive(Arbitrary, Debug)]
struct Plan {
    enabled: Option<bool>,
    unleash: bool,
    default: u8,
    rules: [Option<Rule>; 3],
}

#[derive(Arbitrary, Debug)]
struct Rule {
    condition: Option<Condition>,
    outcome: Outcome,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Condition {
    Header(u8),
    Cookie(u8),
    NoHeader,
}

#[derive(Arbitrary, Debug)]
enum Outcome {
    Variant(u8),
    Split { keys: [Option<Key>; 3], random: bool, weights: [u8; 3] },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Key {
    Cookie,
    Header,
    Claim,
    SourceIp,
}

/// Few values, so that they are often equal.
fn value(number: u8) -> String {
    ["", "on", "off"][usize::from(number) % 3].to_owned()
}

fn variant(number: u8) -> usize {
    usize::from(number) % VARIANTS.len()
}

impl Plan {
    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().flatten()
    }

    fn config(&self) -> Value {
        let rules = self.rules().enumerate().map(|(index, rule)| rule.config(index));
        json!({
            "flag": "shop",
            "routing_header": ROUTING,
            "variants": VARIANTS,
            "default_variant": VARIANTS[variant(self.default)],
            "enabled": self.enabled.unwrap_or(true),
            "bucketing": if self.unleash { "unleash" } else { "fractional" },
            "rules": rules.collect::<Vec<_>>(),
        })
    }

    fn has_empty_split(&self) -> bool {
        self.rules().any(|rule| match &rule.outcome {
            Outcome::Variant(_) => false,
            Outcome::Split { keys, random, weights } => {
                *weights == [0; 3] || (!random && keys.iter().all(Option::is_none))
            }
        })
    }

    fn decide(&self, request: &Request, rng: &mut fastrand::Rng) -> (usize, Reason, Option<usize>) {
        let default = variant(self.default);
        if self.enabled == Some(false) {
            return (default, Reason::Disabled, None);
        }
        if self.rules().next().is_none() {
            return (default, Reason::Static, None);
        }
        for (index, rule) in self.rules().enumerate() {
            if !rule.condition.is_none_or(|condition| request.fulfils(condition)) {
                continue;
            }
            match &rule.outcome {
                Outcome::Variant(number) => {
                    return (variant(*number), Reason::TargetingMatch, Some(index));
                }
                Outcome::Split { keys, random, weights } => {
                    let weights = weights.map(u32::from);
                    let user = keys.iter().flatten().find_map(|key| request.user(*key));
                    let place = match user {
                        Some(user) if self.unleash => unleash::variant(b"shop", &user, &weights),
                        Some(user) => bucketing::fractional(b"shop", &user, &weights),
                        None if *random => bucketing::pick(rng.u32(..), &weights),
                        None => continue,
                    };
                    return (place.expect("weights that add up"), Reason::Split, Some(index));
                }
            }
        }
        (default, Reason::Default, None)
    }
}

impl Rule {
    fn config(&self, index: usize) -> Value {
        let mut rule = json!({ "name": format!("rule-{index}") });
        if let Some(condition) = self.condition {
            rule["match"] = match condition {
                Condition::Header(number) => {
                    json!({ "headers": [{ "name": "X-A", "exact": value(number) }] })
                }
                Condition::Cookie(number) => {
                    json!({ "cookies": [{ "name": "a", "exact": value(number) }] })
                }
                Condition::NoHeader => json!({ "headers": [{ "name": "x-a", "present": false }] }),
            };
        }
        match &self.outcome {
            Outcome::Variant(number) => rule["variant"] = VARIANTS[variant(*number)].into(),
            Outcome::Split { keys, random, weights } => {
                let mut by: Vec<_> = keys.iter().flatten().map(|key| key.config()).collect();
                if *random {
                    by.push(json!({ "random": true }));
                }
                let weights: Value = VARIANTS
                    .iter()
                    .zip(weights)
                    .map(|(name, it)| ((*name).to_owned(), Value::from(*it)))
                    .collect();
                rule["split"] = json!({ "by": by, "weights": weights });
            }
        }
        rule
    }
}

impl Key {
    fn config(self) -> Value {
        match self {
            Self::Cookie => json!({ "cookie": "a" }),
            Self::Header => json!({ "header": "X-A" }),
            Self::Claim => json!({ "claim": "sub" }),
            Self::SourceIp => json!({ "source_ip": true }),
        }
    }
}

#[derive(Debug)]
struct Request {
    pairs: Vec<(String, String)>,
    cookie: Option<String>,
    claims: Option<Claims>,
    address: Option<IpAddr>,
}

impl Request {
    fn arbitrary(input: &mut Unstructured<'_>) -> Result<Self> {
        let mut pairs = vec![(":path".to_owned(), "/".to_owned())];
        for number in list(input, 2, u8::arbitrary)? {
            pairs.push(("x-a".to_owned(), value(number)));
        }
        let cookie = Option::<u8>::arbitrary(input)?.map(value);
        if let Some(cookie) = &cookie {
            pairs.push(("cookie".to_owned(), format!("b=on; a={cookie}; a=other")));
        }
        let claims = match Option::<i8>::arbitrary(input)? {
            Some(number) if number < 0 => Some(json!({ "sub": "" })),
            Some(number) => Some(json!({ "sub": number })),
            None => None,
        };
        let claims = claims.and_then(|claims| claims.as_object().cloned());
        let address = Option::<[u8; 4]>::arbitrary(input)?.map(IpAddr::from);
        Ok(Self { pairs, cookie, claims, address })
    }

    fn facts<'a>(&'a self, headers: &'a HeaderMap) -> KnownFacts<'a> {
        let mut facts = KnownFacts::new(headers);
        if let Some(address) = self.address {
            facts = facts.with_source_ip(address);
        }
        match &self.claims {
            Some(claims) => facts.with_claims(claims),
            None => facts,
        }
    }

    fn values(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(|(name, _)| name == "x-a").map(|(_, value)| value.as_str())
    }

    fn fulfils(&self, condition: Condition) -> bool {
        match condition {
            Condition::Header(number) => self.values().any(|it| it == value(number)),
            Condition::Cookie(number) => {
                self.cookie.as_ref().is_some_and(|it| *it == value(number))
            }
            Condition::NoHeader => self.values().next().is_none(),
        }
    }

    fn user(&self, key: Key) -> Option<Vec<u8>> {
        let user = match key {
            Key::Cookie => self.cookie.clone(),
            Key::Header => self.values().find(|value| !value.is_empty()).map(str::to_owned),
            Key::Claim => match self.claims.as_ref()?.get("sub")? {
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
            Key::SourceIp => self.address.map(|address| address.to_string()),
        };
        user.filter(|user| !user.is_empty()).map(String::into_bytes)
    }
}
