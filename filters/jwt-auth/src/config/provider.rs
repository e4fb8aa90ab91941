//! Issuers of tokens.

use tollgate::config::{CookieName, HeaderName, Secret};
use tollgate::prelude::*;

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
    /// Whether the upstream gets the token; otherwise the header or the query parameter that it was
    /// in is removed. A cookie stays, as in Envoy.
    #[serde(default)]
    pub forward: bool,
    /// Headers that hold a token. Default, when none of the three `from_` lists has an entry:
    /// `authorization` with the prefix `Bearer `, and the query parameter `access_token`.
    #[serde(default)]
    pub from_headers: Vec<FromHeader>,
    /// Query parameters that hold a token.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub from_params: Vec<String>,
    /// Cookies that hold a token.
    #[serde(default)]
    pub from_cookies: Vec<CookieName>,
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

/// A header that holds a token.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FromHeader {
    /// The header.
    pub name: HeaderName,
    /// What stands before the token, anywhere in the value; its case counts. A header without it
    /// holds no token. Default: nothing, the whole value is the token.
    #[serde(default)]
    pub value_prefix: String,
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
