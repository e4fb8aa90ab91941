//! What the operator writes: the JSON form of Envoy's `JwtAuthentication` message
//! (`envoy/extensions/filters/http/jwt_authn/v3/config.proto`), as far as this filter has it.
//!
//! Every field keeps Envoy's name, meaning and default, in both spellings of protobuf JSON. A field
//! that is not here is refused by name.

mod conditions;
mod denial;
mod matching;
mod named;
mod provider;
mod remote;
mod requirement;

pub use conditions::{ClaimCondition, PeerName, Scalar};
pub use denial::{Answer, AnswerHeader, CertificateBound, DeniedResponse, Mode};
pub use matching::{
    HeaderMatcher, Int64Range, Match, PathMatchPolicy, QueryParameterMatcher, RegexMatcher,
    StringMatcher, UriTemplate,
};
pub use named::Named;
pub use provider::{
    ClaimPathSegment, ClaimToHeader, FromHeader, JwtCacheConfig, NormalizePayload, Provider, names,
};
pub use remote::{
    AsyncFetch, BackOff, Discovery, HttpUri, OnKeysUnavailable, RemoteJwks, RetryPolicy,
    UnknownKidRefetch,
};
pub use requirement::{
    ExtractOnly, FilterStateRules, Nothing, ProviderAndAudiences, Requirement, Requirements,
};

use tollgate::config::HeaderName;
use tollgate::prelude::*;

/// Who may pass the filter `jwt-auth`: Envoy's `JwtAuthentication`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// Who issues tokens, and what becomes of theirs; by a name that rules refer to. At least one.
    #[schemars(extend("minProperties" = 1))]
    pub providers: Named<Provider>,
    /// Which requests need which token. The first rule that matches decides; a request that no rule
    /// matches passes, unless `filter_state_rules` say something else.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Requirements by names that `requirement_name` refers to.
    #[serde(default)]
    pub requirement_map: Named<Requirement>,
    /// What a request that no rule matches needs, by what an earlier filter has left in the filter
    /// state.
    #[serde(default)]
    pub filter_state_rules: Option<FilterStateRules>,
    /// Whether CORS preflight requests pass without a token.
    #[serde(default)]
    pub bypass_cors_preflight: bool,
    /// Whether a denial says no more than its status: no body, no `www-authenticate`.
    #[serde(default)]
    pub strip_failure_response: bool,
    /// What clients are answered in the place of Envoy's words. Default: Envoy's words.
    #[serde(default)]
    pub denied_response: Option<DeniedResponse>,
    /// Whether the filter denies (`enforce`) or only reports what it would (`report`). Default:
    /// `enforce`.
    #[serde(default)]
    pub mode: Mode,
    /// The header by which `report` tells the upstream why it would have denied a request, such as
    /// `expired`. A client's own never passes, in both modes. Default: `x-jwt-auth-denied`.
    #[serde(default)]
    pub report_header: Option<HeaderName>,
    /// Tells the stats of this filter from those of another one: their label `stat_prefix`.
    #[serde(default)]
    pub stat_prefix: String,
}

/// What some requests need.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("not" = { "required": ["requires", "requirement_name"] }))]
pub struct Rule {
    /// Which requests.
    #[serde(rename = "match")]
    pub matcher: Match,
    /// What they need to pass. Default: nothing.
    #[serde(default)]
    pub requires: Option<Requirement>,
    /// What they need to pass, by its name in `requirement_map`; not beside `requires`.
    #[serde(default)]
    pub requirement_name: Option<String>,
}
