//! The JSON Schemas of entries of a match, which are read by hand too (see `parse`).
//!
//! Each kind of entry has a title: a table of fields names it instead of listing the same tests once
//! for each kind.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::config::{
    ClaimMatch, ClaimPath, CookieMatch, HeaderMatch, IntegerRange, PeerMatch, Principal,
    QueryMatch, ValueMatch,
};
use super::parse::Kind;
use super::regex::Regex;
use crate::config::CookieName;

/// The fields that every kind of entry has: the tests, and what goes with them.
fn tests(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let part = |about: &str| json!({ "type": "string", "minLength": 1, "description": about });
    let number = |about: &str| json!({ "type": "number", "description": about });
    let flag = |about: &str| json!({ "type": "boolean", "default": false, "description": about });
    let range = generator.subschema_for::<IntegerRange>();
    let fields = json!({
        "exact": text("The value is this."),
        "prefix": part("The value begins with this."),
        "suffix": part("The value ends with this."),
        "contains": part("This is somewhere in the value; of a list it is an element."),
        "regex": {
            "type": "string",
            "maxLength": Regex::MAX_PATTERN,
            "description": "All of the value matches this regular expression, as in Envoy's `safe_regex`.",
            "examples": ["v[0-9]+"],
        },
        "any_of": {
            "type": "array",
            "items": { "type": "string" },
            "minItems": 1,
            "description": "The value is one of these.",
        },
        "range": {
            "allOf": [range],
            "description": "The value is a whole number, from `start` up to and without `end`.",
        },
        "gte": number("The value is a number and at least this."),
        "lte": number("The value is a number and at most this."),
        "semver": {
            "type": "string",
            "description": "The value is a version that fulfils all parts of this: `=`, `>`, `>=`, `<`, `<=`, `~`, `^`.",
            "examples": [">=1.2.0, <2"],
        },
        "present": {
            "type": "boolean",
            "description": "Whether there is a value. Not with `ignore_case` or `invert`.",
        },
        "ignore_case": flag("Whether `A` to `Z` count as `a` to `z`. With tests of text only."),
        "invert": flag("Whether no value may pass; there must be one."),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// An entry with these fields of its own, of which the first `required` must be there.
fn entry(
    generator: &mut SchemaGenerator,
    (title, about): (&str, &str),
    own: &[(&str, Value)],
    required: usize,
) -> Schema {
    let choices = ValueMatch::FIELDS
        .iter()
        .filter(|field| !matches!(**field, "ignore_case" | "invert"))
        .map(|test| json!({ "required": [test] }));
    let mut properties = tests(generator);
    properties.extend(own.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())));
    let mut schema = json_schema!({
        "title": title,
        "description": about,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "oneOf": choices.collect::<Vec<_>>(),
    });
    let required: Vec<_> = own.iter().take(required).map(|(name, _)| *name).collect();
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

macro_rules! entries {
    ($($kind:ident: $title:literal, $about:literal, $generator:ident => [$($own:expr),*], $required:literal;)+) => {$(
        impl JsonSchema for $kind {
            fn schema_name() -> Cow<'static, str> {
                stringify!($kind).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                let own: &[(&str, Value)] = &[$($own),*];
                entry($generator, ($title, $about), own, $required)
            }
        }
    )+};
}

entries! {
    ValueMatch: "value match", "A test, such as `{prefix: /vote/}`.", generator => [], 0;

    HeaderMatch: "header match", "A `name` and a test, such as `{name: x-canary, exact: always}`. \
        Each line of a repeated header is a value of its own.", generator => [("name", json!({
            "type": "string",
            "pattern": "^:?[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
            "description": "The header's name, in any case; pseudo-headers such as `:path` may be named too.",
            "examples": ["x-canary", ":path"],
        }))], 1;

    CookieMatch: "cookie match", "A `name` and a test, such as `{name: featureflag, exact: \"on\"}`. \
        With `pointer`, such as `/beta`, the test is of a value in the cookie's JSON (RFC 6901), which \
        may be percent-encoded.", generator => [
            ("name", described(generator.subschema_for::<CookieName>(), "The cookie's name; its case counts.")),
            ("pointer", json!({
                "type": "string",
                "pattern": "^(/([^/~]|~[01])*)*$",
                "description": "Where in the cookie's JSON the value is (RFC 6901).",
                "examples": ["/beta"],
            }))
        ], 1;

    QueryMatch: "query match", "The `name` of a parameter and a test, such as `{name: beta, exact: \"1\"}`. \
        Both are decoded; each of a repeated parameter is a value of its own.", generator => [("name", json!({
            "type": "string",
            "minLength": 1,
            "description": "The parameter's name; its case counts.",
            "examples": ["beta"],
        }))], 1;

    ClaimMatch: "claim match", "A `claim` and a test, such as `{claim: realm.groups, contains: internal}`. \
        Each element of a list is a value of its own.", generator => [
            ("claim", described(generator.subschema_for::<ClaimPath>(), "Which claim."))
        ], 1;

    PeerMatch: "peer match", "A test of the URI and the DNS name among the certificate's subject \
        alternative names and of its subject, such as `{prefix: \"spiffe://example.org/\"}`; with \
        `principal` (`uri_san`, `dns_san` or `subject`) of one of them.", generator => [
            ("principal", described(generator.subschema_for::<Principal>(), "Which of the names; all without it."))
        ], 0;
}

fn described(schema: Schema, about: &str) -> Value {
    json!({ "allOf": [schema], "description": about })
}

impl JsonSchema for ClaimPath {
    fn schema_name() -> Cow<'static, str> {
        "ClaimPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "claim path",
            "description": "Names with dots between them, such as `realm.groups`; or a list of names, \
                which then may have dots: `[\"https://example.com/roles\", admin]`.",
            "anyOf": [
                { "type": "string", "pattern": r"^[^.]+(\.[^.]+)*$" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ],
            "examples": ["realm.groups"],
        })
    }
}
