//! `response.flags`: what Envoy noticed about a response.

use super::attribute::Attribute;
use crate::protobuf::Malformed;
use std::fmt;

/// Declares the flags in the order of their bits, each with the abbreviation that Envoy's access log
/// has for it.
macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $short:literal;)*) => {
        /// Something that Envoy noticed about a response (`CoreResponseFlag` in Envoy's
        /// `envoy/stream_info/stream_info.h`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum ResponseFlag {
            $(#[doc = concat!("`", $short, "`:")] $(#[$doc])* $name,)*
        }

        impl ResponseFlag {
            /// All of them, in the order of their bits.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The abbreviation that `%RESPONSE_FLAGS%` shows in an access log.
            #[must_use]
            pub const fn short_name(self) -> &'static str {
                match self {
                    $(Self::$name => $short,)*
                }
            }
        }
    };
}

flags! {
    /// the local service failed its health check.
    FailedLocalHealthCheck = "LH";
    /// no upstream host is healthy.
    NoHealthyUpstream = "UH";
    /// the upstream took longer than the route's timeout.
    UpstreamRequestTimeout = "UT";
    /// Envoy reset the stream.
    LocalReset = "LR";
    /// the upstream reset the stream.
    UpstreamRemoteReset = "UR";
    /// no connection to the upstream came about.
    UpstreamConnectionFailure = "UF";
    /// the connection to the upstream ended.
    UpstreamConnectionTermination = "UC";
    /// a circuit breaker of the cluster was full.
    UpstreamOverflow = "UO";
    /// no route matches the request.
    NoRouteFound = "NR";
    /// Envoy's own fault filter delayed the request.
    DelayInjected = "DI";
    /// Envoy's own fault filter answered it.
    FaultInjected = "FI";
    /// a rate limit refused it.
    RateLimited = "RL";
    /// external authorization denied it.
    UnauthorizedExternalService = "UAEX";
    /// the rate-limit service failed.
    RateLimitServiceError = "RLSE";
    /// the client's connection ended.
    DownstreamConnectionTermination = "DC";
    /// all retries were used up.
    UpstreamRetryLimitExceeded = "URX";
    /// nothing happened on the stream for too long.
    StreamIdleTimeout = "SI";
    /// an `x-envoy-*` header had a value that strict checks refuse.
    InvalidEnvoyRequestHeaders = "IH";
    /// the client broke the protocol.
    DownstreamProtocolError = "DPE";
    /// the upstream stream took longer than its longest duration.
    UpstreamMaxStreamDurationReached = "UMSDR";
    /// the response came from Envoy's cache.
    ResponseFromCacheFilter = "RFCF";
    /// the configuration of a filter was not there in time.
    NoFilterConfigFound = "NFCF";
    /// the request or connection took longer than its longest duration.
    DurationTimeout = "DT";
    /// the upstream broke the protocol.
    UpstreamProtocolError = "UPE";
    /// the route's cluster does not exist.
    NoClusterFound = "NC";
    /// Envoy's overload manager ended the stream.
    OverloadManager = "OM";
    /// a name did not resolve.
    DnsResolutionFailed = "DF";
    /// a share of the load is dropped.
    DropOverload = "DO";
    /// the client reset the stream.
    DownstreamRemoteReset = "DR";
    /// all of the load is dropped.
    UnconditionalDropOverload = "UDO";
}

/// A set of [`ResponseFlag`]s, shown as an access log shows them.
///
/// ```
/// use tollgate::properties::{ResponseFlag, ResponseFlags};
///
/// let flags = ResponseFlags::from_bits(0b10_0010);
/// assert!(flags.contains(ResponseFlag::NoHealthyUpstream));
/// assert_eq!(flags.to_string(), "UH,UF");
/// assert_eq!(ResponseFlags::default().to_string(), "-");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResponseFlags(u64);

impl ResponseFlags {
    /// The set that the host encodes so.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The set in the host's form; flags of a newer Envoy are kept.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the flag is one of them.
    #[must_use]
    pub const fn contains(self, flag: ResponseFlag) -> bool {
        self.0 >> flag as u8 & 1 == 1
    }

    /// Those that this version of the SDK knows.
    pub fn iter(self) -> impl Iterator<Item = ResponseFlag> {
        ResponseFlag::ALL.iter().copied().filter(move |flag| self.contains(*flag))
    }
}

impl fmt::Display for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for flag in self.iter() {
            write!(f, "{separator}{}", flag.short_name())?;
            separator = ",";
        }
        if separator.is_empty() { f.write_str("-") } else { Ok(()) }
    }
}

impl Attribute for ResponseFlags {
    fn decode(bytes: Vec<u8>) -> Result<Option<Self>, Malformed> {
        Ok(i64::decode(bytes)?.map(|bits| Self(bits.cast_unsigned())))
    }
}

#[cfg(test)]
mod tests;
