//! Issuers of tokens.

use super::{
    CertificateBound, Discovery, OnKeysUnavailable, RemoteJwks, StringMatcher, UnknownKidRefetch,
};
use tollgate::config::{CookieName, Duration, HeaderName, PositiveDuration, Secret, Whole};
use tollgate::prelude::*;

/// An issuer of tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("oneOf" = [
    { "required": ["local_jwks"] },
    { "required": ["remote_jwks"] },
    { "required": ["discovery"] },
]))]
pub struct Provider {
    /// The `iss` that tokens must have. Default: any.
    #[serde(default)]
    pub issuer: String,
    /// One of them must be in a token's `aud`; `http://`, `https://` and one trailing `/` do not
    /// count. Default: any.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// What the `sub` of tokens must be like; a token without one has an empty one. Default: any.
    #[serde(default)]
    pub subjects: Option<StringMatcher>,
    /// The keys: a JWK set (RFC 7517, section 5), an object of certificates in PEM by their key ids, or one
    /// public key in PEM; as a string that stands here or in an environment variable of the VM.
    #[serde(default)]
    pub local_jwks: Option<Secret>,
    /// The keys, likewise, but fetched from a URL.
    #[serde(default)]
    pub remote_jwks: Option<RemoteJwks>,
    /// The keys: a JWK set whose URL the issuer tells (OpenID Connect Discovery).
    #[serde(default)]
    pub discovery: Option<Discovery>,
    /// When keys are fetched because a token names one that is not there; with `remote_jwks` and
    /// `discovery`.
    #[serde(default)]
    pub unknown_kid_refetch: Option<UnknownKidRefetch>,
    /// What requests get whose token cannot be verified because no key set was ever fetched: `deny_401`
    /// as in Envoy, `deny_503` with `retry-after`, or `allow`, with which they pass and **nothing of the
    /// token is verified** or forwarded as claims. Default: `deny_503`.
    #[serde(default)]
    pub on_keys_unavailable: Option<OnKeysUnavailable>,
    /// How long a fetched set is used after it has expired while fetches fail; then requests are denied.
    /// Default: 24h.
    #[serde(default)]
    pub stale_if_error: Option<Duration>,
    /// Which algorithms tokens may be signed with. `HS256`, `HS384` and `HS512` only if they are listed
    /// here. Default: all others, which are `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`,
    /// `ES384`, `ES512`, `EdDSA` (also called `Ed25519`).
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub algorithms: Option<Vec<String>>,
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
    /// The longest time that a token may still be valid; one without `exp` is refused then, and so is
    /// one whose `iat` lies in the future. Default: any.
    #[serde(default)]
    pub max_lifetime: Option<PositiveDuration>,
    /// The longest token that is read, in bytes. Default: 8192.
    #[serde(default)]
    pub max_token_bytes: Option<Whole<1, 1_048_576>>,
    /// The `typ` that tokens must have in their header, such as `at+jwt` (RFC 9068), whatever its case
    /// and with or without `application/`. Default: any.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub required_type: Option<String>,
    /// Whether a token must be used over a connection with the client certificate that it names in
    /// `cnf` (RFC 8705): `off`, `if_present` or `required`. Default: `if_present`.
    #[serde(default)]
    pub certificate_bound: CertificateBound,
    /// How many tokens that were verified are remembered, so that they are not verified again.
    #[serde(default)]
    pub jwt_cache_config: JwtCacheConfig,
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
    /// Where the payload of a good token is left, as JSON: the filter state `wasm.<name>`, in the place
    /// of Envoy's dynamic metadata, which a module cannot write. Default: nowhere.
    #[serde(default)]
    pub payload_in_metadata: String,
    /// Changes the payload that is left.
    #[serde(default)]
    pub normalize_payload_in_metadata: NormalizePayload,
    /// Where the header of a good token is left, likewise. Default: nowhere.
    #[serde(default)]
    pub header_in_metadata: String,
    /// Where the reason is left for which a token of this provider is bad, likewise:
    /// `{"code": 3, "message": "Jwt is expired"}`. Default: nowhere.
    #[serde(default)]
    pub failed_status_in_metadata: String,
    /// Whether Envoy chooses the route again when a claim has become a header or the payload was left.
    #[serde(default)]
    pub clear_route_cache: bool,
}

impl Provider {
    /// The `iss` that tokens must have, wherever it was said; any, if it is empty.
    #[must_use]
    pub fn issuer(&self) -> &str {
        match &self.discovery {
            Some(discovery) => &discovery.issuer_uri,
            None => &self.issuer,
        }
    }
}

/// Which tokens that were verified are remembered: in each worker, by all of their bytes, for as long
/// as they are valid, and at most 16 MiB of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct JwtCacheConfig {
    /// The most tokens; 0 means 1000. Default: 1000.
    pub jwt_cache_size: u32,
    /// The longest token, in bytes; 0 means 4096. Default: 4096.
    pub jwt_max_token_size: u32,
}

/// How the payload that is left differs from that of the token.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NormalizePayload {
    /// Claims that are lists with blanks between the elements, such as `scope`: they become lists.
    pub space_delimited_claims: Vec<String>,
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

/// One step on the way to a claim.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ClaimPathSegment {
    /// The name of a member.
    #[schemars(length(min = 1))]
    pub key: String,
}

/// The names on the way to a claim.
#[must_use]
pub fn names(path: Option<&[ClaimPathSegment]>) -> Vec<String> {
    path.unwrap_or_default().iter().map(|segment| segment.key.clone()).collect()
}

/// One claim that becomes a header.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("oneOf" = [{ "required": ["claim_name"] }, { "required": ["claim_path"] }]))]
pub struct ClaimToHeader {
    /// The header; no two claims of a provider may share one.
    pub header_name: HeaderName,
    /// The claim; `a.b` is the member `b` of the claim `a`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub claim_name: Option<String>,
    /// The claim by the names on the way to it, for names with dots.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub claim_path: Option<Vec<ClaimPathSegment>>,
    /// What stands between the elements of a list. A list with an element that has it, begins or ends
    /// with a part of it, or is a list or an object itself, does not become a header. Default: a list becomes base64 of JSON.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub join: Option<String>,
}
