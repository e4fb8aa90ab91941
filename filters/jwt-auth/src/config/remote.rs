//! Keys that are fetched.

use tollgate::config::PositiveDuration;
use tollgate::prelude::*;

/// A key set that is fetched from a URL.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct RemoteJwks {
    /// Where it is.
    pub http_uri: HttpUri,
    /// How long a fetched set is used before it is fetched again, unless its `cache-control` says
    /// something else. Default: 10m.
    #[serde(default)]
    pub cache_duration: Option<PositiveDuration>,
    /// Fetches in the background: when Envoy starts, and before a set expires. Default: when a request
    /// needs keys.
    #[serde(default)]
    pub async_fetch: Option<AsyncFetch>,
    /// How often a fetch that fails is tried again at once. Default: not.
    #[serde(default)]
    pub retry_policy: Option<RetryPolicy>,
}

/// A URL, and the cluster that leads there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HttpUri {
    /// The URL, with `http://` or `https://`. Whether TLS is spoken is said by the cluster.
    pub uri: String,
    /// The cluster of Envoy's configuration.
    #[schemars(length(min = 1))]
    pub cluster: String,
    /// How long a fetch may take, with all its tries, and how long a request waits for it. Default: 5s.
    #[serde(default)]
    pub timeout: Option<PositiveDuration>,
}

/// Fetching in the background.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AsyncFetch {
    /// Has no effect: a module cannot hold a listener back. Requests that come before the first fetch is
    /// done wait for it.
    pub fast_listener: bool,
    /// How long after a fetch that failed the next one is made. Default: 1s.
    pub failed_refetch_duration: Option<PositiveDuration>,
}

/// Tries after the first one.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RetryPolicy {
    /// How many. Default: 1.
    pub num_retries: Option<u32>,
    /// The pauses between them.
    pub retry_back_off: Option<BackOff>,
}

/// Pauses that grow, and are drawn at random.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub struct BackOff {
    /// The longest first pause.
    pub base_interval: PositiveDuration,
    /// The longest pause of all. Default: ten times the first.
    #[serde(default)]
    pub max_interval: Option<PositiveDuration>,
}

/// A key set that is found by OpenID Connect Discovery.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Discovery {
    /// The issuer: its document is at `<issuer_uri>/.well-known/openid-configuration`, must name this
    /// `issuer`, and says where the keys are. With `https://` the keys must be there, too. Becomes the
    /// provider's `issuer`.
    pub issuer_uri: String,
    /// The cluster that leads to the document.
    #[schemars(length(min = 1))]
    pub cluster: String,
    /// The cluster that leads to the keys. Default: `cluster`.
    #[serde(default)]
    pub jwks_cluster: Option<String>,
    /// How long both calls together may take, and how long a request waits for them. Default: 5s.
    #[serde(default)]
    pub timeout: Option<PositiveDuration>,
    /// As in `remote_jwks`. Default: 10m.
    #[serde(default)]
    pub cache_duration: Option<PositiveDuration>,
    /// As in `remote_jwks`. Default: when a request needs keys.
    #[serde(default)]
    pub async_fetch: Option<AsyncFetch>,
    /// As in `remote_jwks`. Default: not.
    #[serde(default)]
    pub retry_policy: Option<RetryPolicy>,
}

/// Fetching for a token whose key is not in the set.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UnknownKidRefetch {
    /// The shortest time between any fetch and one for such a token, over all workers. Default: 30s.
    pub min_interval: Option<PositiveDuration>,
}

/// What requests get whose token cannot be verified because no key set was ever fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnKeysUnavailable {
    /// 401, as in Envoy.
    #[serde(rename = "deny_401")]
    Deny401,
    /// 503 with `retry-after`.
    #[default]
    #[serde(rename = "deny_503")]
    Deny503,
    /// They pass, and nothing of the token is believed.
    Allow,
}
