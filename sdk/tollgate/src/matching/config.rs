//! What the operator writes.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::cidr::Cidr;

use super::parse::CONDITIONS;

/// Conditions on a request, all of which must hold; [`Match::compile`] makes a
/// [`Matcher`](super::Matcher) of them.
///
/// In a list, too, every entry must hold, except in `source_ip` and `any`, where one is enough.
///
/// ```
/// use tollgate::config;
/// use tollgate::headers::HeaderMap;
/// use tollgate::matching::{KnownFacts, Match};
///
/// let condition: Match = config::from_slice(br#"{
///     "path": [{"prefix": "/vote/"}],
///     "query": [{"name": "beta", "any_of": ["1", "true"]}],
///     "not": {"source_ip": ["10.0.0.0/8", "fd00::/8"]}
/// }"#).unwrap();
/// let matcher = condition.compile().unwrap();
///
/// let headers = HeaderMap::from_pairs([(":path", "/vote/a?beta=1")]);
/// let outside = KnownFacts::new(&headers).with_source_ip("192.0.2.1".parse().unwrap());
/// assert!(matcher.matches(&outside).unwrap());
/// let inside = KnownFacts::new(&headers).with_source_ip("10.1.2.3".parse().unwrap());
/// assert!(!matcher.matches(&inside).unwrap());
/// ```
#[derive(Clone, Debug, Default, PartialEq, JsonSchema)]
#[schemars(default, extend("anyOf" = CONDITIONS.iter().map(|it| json!({ "required": [it] })).collect::<Vec<_>>()))]
pub struct Match {
    /// On headers, pseudo-headers too.
    pub headers: Vec<HeaderMatch>,
    /// On cookies.
    pub cookies: Vec<CookieMatch>,
    /// On parameters of the query.
    pub query: Vec<QueryMatch>,
    /// On the path without the query, as Envoy has it, nothing decoded.
    pub path: Vec<ValueMatch>,
    /// On the method; methods are upper case and case-sensitive.
    pub method: Vec<ValueMatch>,
    /// On the host without the port, whatever its case. An IPv6 address stands in brackets.
    pub host: Vec<ValueMatch>,
    /// The client's address is in one of these blocks, or is one of these addresses.
    pub source_ip: Vec<Cidr>,
    /// On claims of the verified token.
    pub claims: Vec<ClaimMatch>,
    /// On the verified client certificate.
    pub peer: Vec<PeerMatch>,
    /// At least one of these holds.
    pub any: Vec<Match>,
    /// This does not hold. Unlike `invert`, that includes a value that is missing.
    pub not: Option<Box<Match>>,
}

/// A condition on a value: a test, and perhaps `ignore_case` and `invert`, such as
/// `{prefix: v2, ignore_case: true}`.
///
/// Of several values each is tried by itself, and one that passes is enough; with `invert` none
/// may pass. A missing value never matches, inverted or not, except `present: false`.
///
/// ```
/// use tollgate::config;
/// use tollgate::matching::ValueMatch;
///
/// let not_v1: ValueMatch = config::from_slice(br#"{"prefix": "v1", "invert": true}"#).unwrap();
/// let not_v1 = not_v1.compile().unwrap();
/// assert!(not_v1.matches(["v2.0"]));
/// assert!(!not_v1.matches(["v2.0", "v1.0"]));
/// assert!(!not_v1.matches::<&str>([]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ValueMatch {
    /// What a value must be like. In configuration the test's field stands beside the other two.
    pub test: Test,
    /// Whether `A` to `Z` count as `a` to `z`; other letters keep their case. For tests of text only.
    pub ignore_case: bool,
    /// Whether no value may pass the test. Not with `present`.
    pub invert: bool,
}

/// What a [`ValueMatch`] asks of one value: exactly one of these fields.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `exact`: it is this.
    Exact(String),
    /// `prefix`: it begins with this.
    Prefix(String),
    /// `suffix`: it ends with this.
    Suffix(String),
    /// `contains`: this is somewhere in it; of a list (a claim, a cookie's JSON) it is an element.
    Contains(String),
    /// `regex`: all of it matches this regular expression, see [`Regex`](super::Regex).
    Regex(String),
    /// `any_of`: it is one of these.
    AnyOf(Vec<String>),
    /// `range`: it is a whole number, decimal and perhaps with a `-`, in this range.
    Range(IntegerRange),
    /// `gte`: it is a number (as text: a whole one) and at least this. Compared as doubles.
    Gte(f64),
    /// `lte`: it is a number (as text: a whole one) and at most this. Compared as doubles.
    Lte(f64),
    /// `semver`: it is a version that fulfils this, see
    /// [`VersionRequirement`](super::VersionRequirement).
    Semver(String),
    /// `present`: it is there, or it is not.
    Present(bool),
}

/// Whole numbers from `start` up to and without `end`, as Envoy's `Int64Range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct IntegerRange {
    /// The first number in the range.
    pub start: i64,
    /// The first number after it.
    pub end: i64,
}

/// A condition on a request header: `{name: x-canary, exact: always}`.
///
/// Every line of a repeated header is a value of its own. Pseudo-headers (`:path`) may be named
/// too; `host` is `:authority`.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderMatch {
    /// The header's name, in any case.
    pub name: String,
    /// What its values must be like.
    pub value: ValueMatch,
}

/// A condition on a request cookie: `{name: featureflag, exact: "on"}`.
///
/// The first cookie of that name counts; names are case-sensitive.
#[derive(Clone, Debug, PartialEq)]
pub struct CookieMatch {
    /// The cookie's name.
    pub name: String,
    /// Where in the cookie's JSON the value is (RFC 6901), such as `/beta`; without it the whole cookie
    /// is the value. The JSON may be percent-encoded, as browsers and frameworks write it, and is no
    /// deeper than 32 levels. A cookie that is no JSON has no value.
    pub pointer: Option<String>,
    /// What the value must be like.
    pub value: ValueMatch,
}

/// A condition on a parameter of the query: `{name: beta, exact: "1"}`.
///
/// Names and values are decoded, see [`Query`](crate::uri::Query). Every one of a repeated parameter
/// is a value of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryMatch {
    /// The parameter's name, which is case-sensitive.
    pub name: String,
    /// What its values must be like.
    pub value: ValueMatch,
}

/// A condition on a claim of the verified token: `{claim: realm.groups, contains: internal}`.
///
/// Numbers and booleans are as good as their text ([`json::text`](crate::json::text)). Every element of a list is a value of its own, and
/// `contains` asks for one that is the whole text. A claim that is `null` is missing; an object is
/// there, and passes no other test than `present`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimMatch {
    /// Which claim.
    pub claim: ClaimPath,
    /// What it must be like.
    pub value: ValueMatch,
}

/// The way to a claim: names with dots between them, such as `realm.groups`, or, for names that have
/// dots themselves, a list of them: `["https://example.com/roles", "admin"]`.
///
/// It leads through objects only, not into lists.
///
/// ```
/// use serde_json::json;
/// use tollgate::config;
/// use tollgate::matching::ClaimPath;
///
/// let claims = json!({"realm": {"groups": ["a"]}, "https://example.com/id": 7});
/// let claims = claims.as_object().unwrap();
///
/// let path: ClaimPath = config::from_slice(br#""realm.groups""#).unwrap();
/// assert_eq!(path.find(claims), Some(&json!(["a"])));
/// let path: ClaimPath = config::from_slice(br#"["https://example.com/id"]"#).unwrap();
/// assert_eq!(path.find(claims), Some(&json!(7)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimPath {
    pub(super) segments: Vec<String>,
}

/// A condition on the verified client certificate: `{exact: "spiffe://example.org/ns/a/sa/b"}`.
///
/// Every URI and every DNS name among its subject alternative names and its subject is a value of its
/// own, as for a principal of Envoy's RBAC filter; `principal` keeps to one kind of them.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerMatch {
    /// Which of them; all without it.
    pub principal: Option<Principal>,
    /// What they must be like.
    pub value: ValueMatch,
}

/// A kind of name that a certificate may have for whom it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// `uri_san`: a URI among the subject alternative names.
    UriSan,
    /// `dns_san`: a DNS name among the subject alternative names.
    DnsSan,
    /// `subject`: the subject.
    Subject,
}
