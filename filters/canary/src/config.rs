//! What the operator writes.

use std::collections::BTreeMap;

use serde::Deserialize;
use tollgate::config::{CookieName, HeaderName};
use tollgate::matching::{ClaimPath, Match};

/// One flag and its rollout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names the rollout: salt of the bucketing, tag of the metrics.
    pub flag: String,
    /// The header that carries the variant to the route table and the upstream; copies that a
    /// client sends are removed.
    #[serde(alias = "routingHeader")]
    pub routing_header: HeaderName,
    /// The values that the routing header may take, in the order that bucketing takes them.
    pub variants: Vec<String>,
    /// For requests that no rule decides, for all while the rollout is disabled, and on any failure.
    #[serde(alias = "defaultVariant")]
    pub default_variant: String,
    /// The kill switch: `false` gives every request the default variant.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Tried in order; the first that decides wins.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// What the client is told.
    #[serde(default)]
    pub response: Response,
}

fn enabled() -> bool {
    true
}

/// Gives the requests that match a variant, or splits them. Exactly one of `variant` and `split`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names the rule in errors; no two rules share one.
    pub name: String,
    /// The requests it is about; every request when left out.
    #[serde(rename = "match")]
    pub condition: Option<Match>,
    /// Their variant.
    pub variant: Option<String>,
    /// How they are spread over variants.
    pub split: Option<Split>,
}

/// Spreads users over variants, the same user always to the same one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// What tells users apart: the first of these that a request has.
    pub by: Vec<Key>,
    /// The share of each variant, from 0 to 2³¹ - 1 altogether; a variant that is not named has 0.
    pub weights: BTreeMap<String, u32>,
}

/// What tells users apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The value of a cookie, unless it is empty.
    Cookie(CookieName),
    /// The first value of a header that is not empty.
    Header(HeaderName),
    /// A claim of the verified token: a text that is not empty, a number, or a boolean.
    Claim(ClaimPath),
    /// The client's address. `true`.
    #[serde(alias = "sourceIp")]
    SourceIp(bool),
    /// Nothing: every request is drawn anew. `true`, and last in its list.
    Random(bool),
}

/// Headers for the client.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Response {
    /// The response header that names the variant; none when empty.
    #[serde(alias = "variantHeader")]
    pub variant_header: String,
    /// The response header that says why, in OpenFeature's words; none when empty.
    #[serde(alias = "reasonHeader")]
    pub reason_header: String,
}
