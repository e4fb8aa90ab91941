//! What the operator writes.

mod weights;

use tollgate::config::{CookieName, HeaderName};
use tollgate::matching::{ClaimPath, Match};
use tollgate::prelude::*;

pub use weights::Weights;

/// How the filter `canary` gives requests a variant: one flag and its rollout.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// Names the rollout: salt of the bucketing, tag of the metrics.
    #[schemars(regex(pattern = "^[!-~]+$"))]
    pub flag: String,
    /// The header that carries the variant to the route table and the upstream; what a client sends in
    /// it is removed and decides nothing.
    pub routing_header: HeaderName,
    /// The values that the routing header may take, in the order that bucketing takes them: visible
    /// ASCII without blanks.
    #[schemars(length(min = 1), inner(regex(pattern = "^[!-~]+$")))]
    pub variants: Vec<String>,
    /// For requests that no rule decides, for all while the rollout is disabled, and on any failure.
    pub default_variant: String,
    /// How a split gives a user a variant. Default: `fractional`.
    #[serde(default)]
    pub bucketing: Bucketing,
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

/// How a user's place among the weights is found: as another system does, so that both agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bucketing {
    /// As flagd's `fractional` does, in its second version.
    #[default]
    Fractional,
    /// As Unleash does for the variants of a flag; `flag` is their group.
    Unleash,
}

/// Gives the requests that match a variant, or splits them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend("oneOf" = [{ "required": ["variant"] }, { "required": ["split"] }]))]
pub struct Rule {
    /// Names the rule in errors; no two rules share one.
    #[schemars(regex(pattern = "^[!-~]+$"))]
    pub name: String,
    /// The requests it is about. Default: every request.
    #[serde(rename = "match")]
    pub condition: Option<Match>,
    /// The variant of these requests.
    pub variant: Option<String>,
    /// How these requests are spread over variants, the same user always to the same one.
    pub split: Option<Split>,
}

/// Spreads users over variants, the same user always to the same one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Split {
    /// What tells users apart: the first of these that a request has.
    #[schemars(length(min = 1))]
    pub by: Vec<Key>,
    /// The share of each variant, with a sum from 1 to 2147483647; a variant that is not named has 0.
    pub weights: Weights,
}

/// What tells users apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The value of a cookie, unless it is empty.
    Cookie(CookieName),
    /// The first value of a header that is not empty.
    Header(HeaderName),
    /// A claim of the verified token: a text that is not empty, a number, or a boolean.
    Claim(ClaimPath),
    /// The client's address. `true`.
    SourceIp(bool),
    /// Nothing: every request is drawn anew. `true`, and last in its list.
    Random(bool),
}

/// Headers for the client.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Response {
    /// The response header that names the variant. Default: none.
    #[schemars(regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]*$"))]
    pub variant_header: String,
    /// The response header that says why, in OpenFeature's words. Default: none.
    #[schemars(regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]*$"))]
    pub reason_header: String,
}
