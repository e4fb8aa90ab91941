//! Conditions on requests, as operators write them.
//!
//! A [`Match`] is a part of a configuration; [`Match::compile`] checks it and makes a [`Matcher`],
//! which is asked about the [`Facts`] of a request ([`Request::facts`](crate::Request::facts)), and reads
//! no more of them than it takes:
//!
//! ```
//! use tollgate::config;
//! use tollgate::headers::HeaderMap;
//! use tollgate::matching::{KnownFacts, Match};
//!
//! let condition: Match = config::from_slice(br#"{
//!     "headers": [{"name": "x-app-version", "semver": ">=1.2.0, <2"}],
//!     "any": [
//!         {"cookies": [{"name": "featureflag", "exact": "on", "ignore_case": true}]},
//!         {"claims": [{"claim": "realm.groups", "contains": "internal"}]}
//!     ]
//! }"#).unwrap();
//! let matcher = condition.compile().unwrap();
//! assert!(matcher.needs().claims && !matcher.needs().source_ip);
//!
//! let headers = HeaderMap::from_pairs([("x-app-version", "1.9.3"), ("cookie", "featureflag=On")]);
//! assert!(matcher.matches(&KnownFacts::new(&headers)).unwrap());
//! ```
//!
//! What holds for every condition:
//!
//! - values are bytes, and are compared as such;
//! - of several values (header lines, parameters of one name, elements of a list in a claim) each is
//!   tried by itself and one that passes is enough; with `invert` none may pass;
//! - a missing value never matches, inverted or not, except `present: false`; `not` does include it.
//!
//! [`ValueMatch`], [`ClaimMatch`], [`PeerMatch`] and their matchers serve filters that have conditions
//! of another shape, and so do [`Regex`] and [`VersionRequirement`].

mod claim;
mod config;
mod facts;
mod live;
mod parse;
mod peer;
mod pointer;
mod regex;
mod request;
mod schema;
mod semver;
mod subject;
mod value;

pub use claim::ClaimMatcher;
pub use config::{
    ClaimMatch, ClaimPath, CookieMatch, HeaderMatch, IntegerRange, Match, PeerMatch, Principal,
    QueryMatch, Test, ValueMatch,
};
pub use facts::{Claims, Facts, KnownFacts, Needs};
pub use live::RequestFacts;
pub use peer::{Peer, PeerMatcher};
pub use regex::Regex;
pub use request::Matcher;
pub use semver::VersionRequirement;
pub use value::ValueMatcher;

#[cfg(test)]
mod tests;
