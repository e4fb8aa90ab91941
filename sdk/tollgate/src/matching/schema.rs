//! The JSON Schemas of matches.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{CookieMatch, HeaderMatch, ValueMatch};
use crate::config::CookieName;

impl JsonSchema for ValueMatch {
    fn schema_name() -> Cow<'static, str> {
        "ValueMatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kinds = ["exact", "prefix", "suffix", "contains", "any_of", "present"];
        json_schema!({
            "type": "object",
            "properties": {
                "exact": { "type": "string", "description": "The value is this." },
                "prefix": { "type": "string", "minLength": 1, "description": "The value begins with this." },
                "suffix": { "type": "string", "minLength": 1, "description": "The value ends with this." },
                "contains": {
                    "type": "string",
                    "minLength": 1,
                    "description": "This is somewhere in the value.",
                },
                "any_of": {
                    "type": "array",
                    "items": { "type": "string" },
                    "minItems": 1,
                    "description": "The value is one of these.",
                },
                "present": {
                    "type": "boolean",
                    "description": "Whether there is a value. Not with `ignore_case` or `invert`.",
                },
                "ignore_case": {
                    "type": "boolean",
                    "default": false,
                    "description": "Whether `A` to `Z` count as `a` to `z`.",
                },
                "invert": {
                    "type": "boolean",
                    "default": false,
                    "description": "Whether no value may pass; there must be one.",
                },
            },
            "additionalProperties": false,
            "oneOf": kinds.map(|kind| json_schema!({ "required": [kind] })),
        })
    }
}

/// A [`ValueMatch`] with a name.
fn entry(name: &Schema, description: &str) -> Schema {
    let mut schema = ValueMatch::json_schema(&mut SchemaGenerator::default());
    schema.insert("required".to_owned(), ["name"].into_iter().collect());
    if let Some(properties) = schema.get_mut("properties").and_then(|it| it.as_object_mut()) {
        let name = json_schema!({ "allOf": [name], "description": description });
        properties.insert("name".to_owned(), name.into());
    }
    schema
}

impl JsonSchema for HeaderMatch {
    fn schema_name() -> Cow<'static, str> {
        "HeaderMatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = json_schema!({
            "title": "header name",
            "type": "string",
            "pattern": "^:?[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
            "examples": ["x-user-id", ":path"],
        });
        entry(&name, "The header's name; pseudo-headers such as `:path` may be named too.")
    }
}

impl JsonSchema for CookieMatch {
    fn schema_name() -> Cow<'static, str> {
        "CookieMatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        entry(&generator.subschema_for::<CookieName>(), "The cookie's name; its case counts.")
    }
}
