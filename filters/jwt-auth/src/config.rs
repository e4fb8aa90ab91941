//! What the operator writes: the JSON form of Envoy's `JwtAuthentication` message
//! (`envoy/extensions/filters/http/jwt_authn/v3/config.proto`), as far as this filter has it.
//!
//! Every field keeps Envoy's name, meaning and default, in both spellings of protobuf JSON. A field
//! that is not here is refused by name.

use std::collections::BTreeMap;
use tollgate::config::{HeaderName, Secret};
use tollgate::prelude::*;

/// Who may pass the filter `jwt-auth`: Envoy's `JwtAuthentication`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// Who issues tokens, and what becomes of theirs; by a name that rules refer to. At least one.
    #[schemars(extend("minProperties" = 1))]
    pub providers: BTreeMap<String, Provider>,
    /// Which requests need which token. The first rule that matches decides; a request that no rule
    /// matches passes.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Whether CORS preflight requests pass without a token.
    #[serde(default)]
    pub bypass_cors_preflight: bool,
    /// Whether a denial says no more than its status: no body, no `www-authenticate`.
    #[serde(default)]
    pub strip_failure_response: bool,
}

/// An issuer of tokens.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Provider {
    /// The `iss` that tokens must have. Default: any.
    #[serde(default)]
    pub issuer: String,
    /// One of them must be in a token's `aud`; `http://`, `https://` and one trailing `/` do not
    /// count. Default: any.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The keys: a JWK set (RFC 7517, section 5), as a string that stands here or in an environment
    /// variable of the VM.
    pub local_jwks: Secret,
    /// Whether the upstream gets the token; otherwise `authorization` is removed.
    #[serde(default)]
    pub forward: bool,
    /// How far the clocks of issuer and Envoy may differ when `exp` and `nbf` are checked, in seconds;
    /// 0 means 60, as in Envoy. Default: 60.
    #[serde(default)]
    pub clock_skew_seconds: u32,
    /// Whether a token without `exp` is refused.
    #[serde(default)]
    pub require_expiration: bool,
    /// Claims that the upstream gets as headers.
    #[serde(default)]
    pub claim_to_headers: Vec<ClaimToHeader>,
    /// The header in which the upstream gets the payload, in base64url. Default: none.
    #[serde(default)]
    #[schemars(regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]*$"))]
    pub forward_payload_header: String,
    /// Whether that header's value is padded with `=`.
    #[serde(default)]
    pub pad_forward_payload_header: bool,
}

/// One claim that becomes a header.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ClaimToHeader {
    /// The header; no two claims of a provider may share one.
    pub header_name: HeaderName,
    /// The claim; `a.b` is the member `b` of the claim `a`.
    #[schemars(length(min = 1))]
    pub claim_name: String,
}

/// What some requests need.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Rule {
    /// Which requests, by their path without query and fragment; its case counts.
    #[serde(rename = "match")]
    pub matcher: Match,
    /// What they need to pass. Default: nothing.
    #[serde(default)]
    pub requires: Option<Requirement>,
}

/// Which requests a rule is about.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("oneOf" = [{ "required": ["prefix"] }, { "required": ["path"] }]))]
pub struct Match {
    /// The path begins with this, which begins with `/`; everything does with the empty one.
    #[serde(default)]
    #[schemars(regex(pattern = "^(/[^?#]*)?$"))]
    pub prefix: Option<String>,
    /// The path is this, which begins with `/`.
    #[serde(default)]
    #[schemars(regex(pattern = "^/[^?#]*$"))]
    pub path: Option<String>,
}

/// What a request needs.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Requirement {
    /// A token of this provider.
    pub provider_name: String,
}
