//! What the operator writes.

use std::collections::BTreeMap;

use tollgate::config::{CookieName, HeaderName};
use tollgate::cookies::Cookies;
use tollgate::headers::HeaderMap;
use tollgate::matching::{CookieMatch, HeaderMatch};
use tollgate::prelude::*;

/// How the filter `canary` gives requests a variant: one flag and its rollout.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names the rollout: salt of the bucketing, tag of the metrics.
    #[schemars(regex(pattern = "^[!-~]+$"))]
    pub flag: String,
    /// The header that carries the variant to the route table and the upstream; what a client sends in
    /// it is removed and decides nothing.
    #[serde(alias = "routingHeader")]
    pub routing_header: HeaderName,
    /// The values that the routing header may take, in the order that bucketing takes them: visible
    /// ASCII without blanks.
    #[schemars(length(min = 1), inner(regex(pattern = "^[!-~]+$")))]
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

/// Gives the requests that match a variant, or splits them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
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

/// Conditions on a request, which must all hold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["headers"] }, { "required": ["cookies"] }]))]
pub struct Match {
    /// On its headers.
    #[serde(default)]
    pub headers: Vec<HeaderMatch>,
    /// On its cookies.
    #[serde(default)]
    pub cookies: Vec<CookieMatch>,
}

impl Match {
    /// Whether all conditions hold.
    #[must_use]
    pub fn holds(&self, headers: &HeaderMap, cookies: &Cookies<'_>) -> bool {
        self.headers.iter().all(|header| header.matches(headers))
            && self.cookies.iter().all(|cookie| cookie.matches(cookies))
    }
}

/// Spreads users over variants, the same user always to the same one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// What tells users apart: the first of these that a request has.
    #[schemars(length(min = 1))]
    pub by: Vec<Key>,
    /// The share of each variant, with a sum from 1 to 2147483647; a variant that is not named has 0.
    pub weights: BTreeMap<String, u32>,
}

/// What tells users apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The value of a cookie, unless it is empty.
    Cookie(CookieName),
    /// The first value of a header that is not empty.
    Header(HeaderName),
    /// Nothing: every request is drawn anew. `true`, and last in its list.
    Random(bool),
}

/// Headers for the client.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Response {
    /// The response header that names the variant. Default: none.
    #[schemars(regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]*$"))]
    #[serde(alias = "variantHeader")]
    pub variant_header: String,
    /// The response header that says why, in OpenFeature's words. Default: none.
    #[schemars(regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]*$"))]
    #[serde(alias = "reasonHeader")]
    pub reason_header: String,
}
