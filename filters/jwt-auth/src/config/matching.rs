//! Which requests: Envoy's `RouteMatch` as far as `jwt_authn` looks at it.

use super::Nothing;
use tollgate::prelude::*;

/// Which requests a rule is about. The path is compared without query and fragment.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("oneOf" = [
    { "required": ["prefix"] },
    { "required": ["path"] },
    { "required": ["safe_regex"] },
    { "required": ["path_separated_prefix"] },
    { "required": ["path_match_policy"] },
    { "required": ["connect_matcher"] },
]))]
pub struct Match {
    /// The path begins with this, which begins with `/`; everything does with the empty one.
    #[schemars(regex(pattern = "^(/[^?#]*)?$"))]
    pub prefix: Option<String>,
    /// The path is this, which begins with `/`.
    #[schemars(regex(pattern = "^/[^?#]*$"))]
    pub path: Option<String>,
    /// The whole path matches this expression.
    pub safe_regex: Option<RegexMatcher>,
    /// The path is this, or begins with this and a `/`; it begins with `/` and does not end with one.
    #[schemars(regex(pattern = "^/[^?#]*[^?#/]$"))]
    pub path_separated_prefix: Option<String>,
    /// The path fits a template, such as `/users/{id}/**`: Envoy's
    /// `envoy.path.match.uri_template.uri_template_matcher`.
    pub path_match_policy: Option<PathMatchPolicy>,
    /// It is a `CONNECT`.
    pub connect_matcher: Option<Nothing>,
    /// Whether the case of `prefix`, `path` and `path_separated_prefix` counts. Default: true.
    pub case_sensitive: Option<bool>,
    /// Conditions on headers, all of which must hold.
    pub headers: Vec<HeaderMatcher>,
    /// Conditions on query parameters, all of which must hold. Nothing is decoded.
    pub query_parameters: Vec<QueryParameterMatcher>,
}

/// A regular expression that the whole value must match: the syntax of the `regex-lite` crate, which
/// is nearly RE2's. At most 1024 bytes, and 8 KiB of compiled size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct RegexMatcher {
    /// The expression.
    #[schemars(length(min = 1))]
    pub regex: String,
    /// Has no effect, as in Envoy, where RE2 is the only engine.
    #[serde(default)]
    pub google_re2: Option<Nothing>,
}

/// A matcher of paths.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct PathMatchPolicy {
    /// The name of the extension.
    #[serde(default)]
    pub name: String,
    /// Its configuration.
    pub typed_config: UriTemplate,
}

/// A template for paths: literal segments, `*` (one segment), `**` (any number of segments, last),
/// `{name}`, `{name=pattern}`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct UriTemplate {
    /// `type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig`.
    #[serde(rename = "@type")]
    pub type_url: String,
    /// The template.
    #[schemars(length(min = 1, max = 256))]
    pub path_template: String,
}

/// A condition on a text: exactly one of the tests, and perhaps `ignore_case`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("oneOf" = [
    { "required": ["exact"] },
    { "required": ["prefix"] },
    { "required": ["suffix"] },
    { "required": ["contains"] },
    { "required": ["safe_regex"] },
]))]
pub struct StringMatcher {
    /// It is this.
    pub exact: Option<String>,
    /// It begins with this.
    #[schemars(length(min = 1))]
    pub prefix: Option<String>,
    /// It ends with this.
    #[schemars(length(min = 1))]
    pub suffix: Option<String>,
    /// This is somewhere in it.
    #[schemars(length(min = 1))]
    pub contains: Option<String>,
    /// All of it matches this expression.
    pub safe_regex: Option<RegexMatcher>,
    /// Whether `A` to `Z` count as `a` to `z`; not with `safe_regex`.
    pub ignore_case: bool,
}

/// A condition on a header; without a test, that it is there. Of a repeated header one value is enough.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct HeaderMatcher {
    /// The header, in any case; pseudo-headers such as `:method` too.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What the value must be like.
    #[serde(default)]
    pub string_match: Option<StringMatcher>,
    /// The old spelling of `string_match` with `exact`; not empty.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub exact_match: Option<String>,
    /// The old spelling of `string_match` with `prefix`.
    #[serde(default)]
    pub prefix_match: Option<String>,
    /// The old spelling of `string_match` with `suffix`.
    #[serde(default)]
    pub suffix_match: Option<String>,
    /// The old spelling of `string_match` with `contains`.
    #[serde(default)]
    pub contains_match: Option<String>,
    /// The old spelling of `string_match` with `safe_regex`.
    #[serde(default)]
    pub safe_regex_match: Option<RegexMatcher>,
    /// The value is a whole number in this range.
    #[serde(default)]
    pub range_match: Option<Int64Range>,
    /// Whether the header must be there or must not.
    #[serde(default)]
    pub present_match: Option<bool>,
    /// Whether the test must fail. A header that is absent never fulfils a condition on its value.
    #[serde(default)]
    pub invert_match: bool,
    /// Whether an absent header counts as an empty one.
    #[serde(default)]
    pub treat_missing_header_as_empty: bool,
}

/// Whole numbers from `start` up to and without `end`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub struct Int64Range {
    /// The first number in the range.
    #[serde(default)]
    pub start: i64,
    /// The first number after it.
    #[serde(default)]
    pub end: i64,
}

/// A condition on the first query parameter of a name; without a test, that it is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("not" = { "required": ["string_match", "present_match"] }))]
pub struct QueryParameterMatcher {
    /// The parameter, as it stands in the query.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What its value must be like, as it stands in the query.
    #[serde(default)]
    pub string_match: Option<StringMatcher>,
    /// Whether it must be there or must not.
    #[serde(default)]
    pub present_match: Option<bool>,
}
