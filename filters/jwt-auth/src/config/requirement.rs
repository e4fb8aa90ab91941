//! What requests need.

use super::{ClaimCondition, Named, PeerName};
use tollgate::config::HeaderName;
use tollgate::prelude::*;

/// What a request needs to pass.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("oneOf" = [
    { "required": ["provider_name"] },
    { "required": ["provider_and_audiences"] },
    { "required": ["requires_any"] },
    { "required": ["requires_all"] },
    { "required": ["allow_missing"] },
    { "required": ["allow_missing_or_failed"] },
    { "required": ["extract_only_without_validation"] },
]))]
pub struct Requirement {
    /// A good token of this provider, and no bad one where the provider looks for tokens.
    pub provider_name: Option<String>,
    /// The same with audiences of its own.
    pub provider_and_audiences: Option<ProviderAndAudiences>,
    /// One of these, tried in order.
    pub requires_any: Option<Requirements>,
    /// All of these.
    pub requires_all: Option<Requirements>,
    /// No token at all where any provider looks for one, or only good ones. In `requires_any` it is
    /// instead that none of the others has found a token.
    pub allow_missing: Option<Nothing>,
    /// Nothing: good tokens become headers, bad ones are left alone.
    pub allow_missing_or_failed: Option<Nothing>,
    /// Nothing: every token that can be read becomes headers, **without being verified**.
    pub extract_only_without_validation: Option<ExtractOnly>,
    /// Conditions on the claims of the token, all of which must hold; beside a provider only.
    #[schemars(length(min = 1))]
    pub claims: Option<Vec<ClaimCondition>>,
    /// Scopes that the token must have, all of them, in `scope` or `scp`; beside a provider only.
    #[schemars(length(min = 1))]
    pub scopes: Option<Vec<String>>,
    /// Who may call, by the client's certificate: one of these; beside a provider only.
    #[schemars(length(min = 1))]
    pub peer: Option<Vec<PeerName>>,
}

/// A provider, and who its tokens must be for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ProviderAndAudiences {
    /// The provider.
    pub provider_name: String,
    /// In place of the provider's. Default: those of the provider.
    #[serde(default)]
    pub audiences: Vec<String>,
}

/// Several requirements.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Requirements {
    /// At least two.
    #[schemars(length(min = 2))]
    pub requirements: Vec<Requirement>,
}

/// An object without fields.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub struct Nothing {}

/// How a token that is not verified is marked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ExtractOnly {
    /// The header that is set to `false` when there is a token. A client's own never passes. Default:
    /// `x-jwt-signature-verified`.
    #[serde(default)]
    pub verification_status_header: Option<HeaderName>,
}

/// What a request needs by what a filter before this one has left.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FilterStateRules {
    /// The key in the filter state, such as `wasm.tenant`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The requirement for each text that may be there. For another text, or none, nothing is
    /// required, as in Envoy.
    #[serde(default)]
    pub requires: Named<Requirement>,
}
