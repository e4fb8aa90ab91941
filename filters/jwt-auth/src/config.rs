//! What the operator writes: the JSON form of Envoy's `JwtAuthentication` message
//! (`envoy/extensions/filters/http/jwt_authn/v3/config.proto`), as far as this filter has it.
//!
//! Every field keeps Envoy's name, meaning and default, in both spellings of protobuf JSON. A field
//! that is not here is refused by name.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// The whole configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who issues tokens, and what becomes of theirs; by a name that rules refer to.
    pub providers: BTreeMap<String, Provider>,
    /// Which requests need which token. The first rule that matches decides; a request that no rule
    /// matches passes.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Whether CORS preflight requests pass without a token.
    #[serde(default, alias = "bypassCorsPreflight")]
    pub bypass_cors_preflight: bool,
    /// Whether a denial says no more than its status.
    #[serde(default, alias = "stripFailureResponse")]
    pub strip_failure_response: bool,
}

/// An issuer of tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The `iss` claim that tokens must have; any if empty.
    #[serde(default)]
    pub issuer: String,
    /// The audiences of which a token must name one; any if empty. `http://`, `https://` and one
    /// trailing slash do not count.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The keys.
    #[serde(alias = "localJwks")]
    pub local_jwks: LocalJwks,
    /// Whether the upstream gets the token.
    #[serde(default)]
    pub forward: bool,
    /// How far the clocks of issuer and Envoy may differ, in seconds; 0 means 60, as in Envoy.
    #[serde(default, alias = "clockSkewSeconds")]
    pub clock_skew_seconds: u32,
    /// Whether a token without `exp` is refused.
    #[serde(default, alias = "requireExpiration")]
    pub require_expiration: bool,
    /// Claims that the upstream gets as headers.
    #[serde(default, alias = "claimToHeaders")]
    pub claim_to_headers: Vec<ClaimToHeader>,
    /// The header in which the upstream gets the payload, in base64url; none if empty.
    #[serde(default, alias = "forwardPayloadHeader")]
    pub forward_payload_header: String,
    /// Whether that header's value is padded with `=`.
    #[serde(default, alias = "padForwardPayloadHeader")]
    pub pad_forward_payload_header: bool,
}

/// Where the keys of a provider are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalJwks {
    /// A JWK set (RFC 7517, 5) as a string.
    #[serde(default, alias = "inlineString")]
    pub inline_string: Option<String>,
    /// Known, to be refused with a reason: a module has no files.
    #[serde(default)]
    pub filename: Option<IgnoredAny>,
}

/// One claim that becomes a header.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimToHeader {
    /// The header.
    #[serde(alias = "headerName")]
    pub header_name: String,
    /// The claim; `a.b` is the member `b` of the claim `a`.
    #[serde(alias = "claimName")]
    pub claim_name: String,
}

/// What some requests need.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which requests.
    #[serde(rename = "match")]
    pub matcher: Match,
    /// What they need; nothing if absent.
    #[serde(default)]
    pub requires: Option<Requirement>,
}

/// Which requests a rule is about: by `prefix` or by `path`, which begin with `/` and are compared
/// with the path without its query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The path begins with this; everything does with the empty one.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The path is this.
    #[serde(default)]
    pub path: Option<String>,
}

/// What a request needs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// A token of this provider.
    #[serde(alias = "providerName")]
    pub provider_name: String,
}
