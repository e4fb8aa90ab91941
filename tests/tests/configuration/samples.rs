//! Configurations made from a schema: one for each field in it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// A field of an object somewhere in a schema.
pub(crate) struct Field<'a> {
    /// Such as `rules[].match`.
    pub(crate) path: String,
    pub(crate) name: &'a str,
    /// Its name in camelCase, where that is another.
    pub(crate) other_name: Option<String>,
    /// A whole configuration in which the object with this field is the given one.
    pub(crate) within: &'a dyn Fn(Value) -> Value,
    /// The least object that has the field, and a right value for it.
    pub(crate) object: Map<String, Value>,
}

/// Calls `visit` with every field of a schema.
pub(crate) fn each_field(schema: &Value, visit: &mut dyn FnMut(Field<'_>)) {
    Walk { root: schema, seen: BTreeSet::new(), visit }.schema("", schema, &|config| config);
}

struct Walk<'a> {
    root: &'a Value,
    /// The definitions that were walked through.
    seen: BTreeSet<*const Value>,
    visit: &'a mut dyn FnMut(Field<'_>),
}

impl Walk<'_> {
    fn schema(&mut self, path: &str, schema: &Value, within: &dyn Fn(Value) -> Value) {
        let root = self.root;
        let schema = resolved(root, schema);
        if !self.seen.insert(schema) {
            return;
        }
        if let Some(Value::Object(properties)) = schema.get("properties") {
            for (name, field) in properties {
                let object = object(root, schema, Some(name));
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let other_name = schema.get("patternProperties").and_then(|others| {
                    let target = format!("/properties/{name}");
                    let others = others.as_object()?.iter();
                    let same = |(_, it): &(&String, &Value)| {
                        it["$ref"].as_str().is_some_and(|it| it.ends_with(&target))
                    };
                    let (pattern, _) = others.into_iter().find(same)?;
                    Some(pattern.trim_matches(['^', '$']).to_owned())
                });
                (self.visit)(Field {
                    path: path.clone(),
                    name,
                    other_name,
                    within,
                    object: object.clone(),
                });
                self.schema(&path, field, &|value| {
                    let mut object = object.clone();
                    object.insert(name.clone(), value);
                    within(object.into())
                });
            }
        }
        if schema.get("items").is_some() {
            let path = format!("{path}[]");
            self.schema(&path, &schema["items"], &|value| within(json!([value])));
        }
        if schema["additionalProperties"].is_object() {
            let path = format!("{path}.<name>");
            let each = &schema["additionalProperties"];
            self.schema(&path, each, &|value| within(json!({ "name": value })));
        }
        for choices in ["oneOf", "anyOf"].iter().filter_map(|keyword| schema[keyword].as_array()) {
            for choice in choices.iter().filter(|choice| {
                choice.get("required").is_none() || choice.get("properties").is_some()
            }) {
                self.schema(path, choice, within);
            }
        }
    }
}

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let only = match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([only]) if schema.get("type").is_none() => only,
        _ => schema,
    };
    let pointer = only["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.map_or(only, |pointer| resolved(root, root.pointer(pointer).expect("a definition")))
}

/// A right value, as small as can be.
fn sample(root: &Value, schema: &Value) -> Value {
    let schema = resolved(root, schema);
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(value) = ["examples", "enum"].iter().find_map(|keyword| schema[keyword].get(0)) {
        return value.clone();
    }
    match schema["type"].as_str() {
        Some("string") => match schema["pattern"].as_str() {
            Some(pattern) if pattern.contains("/[^?#]*") => "/x".into(),
            _ => "x".into(),
        },
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => true.into(),
        Some("array") => json!([sample(root, &schema["items"])]),
        Some("object") if schema["additionalProperties"].is_object() => {
            json!({ "name": sample(root, &schema["additionalProperties"]) })
        }
        Some("object") => object(root, schema, None).into(),
        _ => {
            let choices = schema.get("oneOf").or_else(|| schema.get("anyOf"));
            let first = choices.and_then(|choices| choices.get(0));
            sample(root, first.unwrap_or_else(|| panic!("no type in {schema}")))
        }
    }
}

/// The fields that an object must have, and the field `with`.
fn object(root: &Value, schema: &Value, with: Option<&str>) -> Map<String, Value> {
    let mut names = required(schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let chosen = with.and_then(|name| choices.iter().find(|it| required(it).contains(name)));
        names.extend(required(chosen.unwrap_or(&choices[0])));
    }
    names.extend(with.map(str::to_owned));
    let field = |name: String| {
        let value = sample(root, &schema["properties"][&name]);
        (name, value)
    };
    names.into_iter().map(field).collect()
}

/// The names that a schema requires, each in the first of its spellings.
fn required(schema: &Value) -> BTreeSet<String> {
    let names = schema["required"].as_array().into_iter().flatten();
    let mut names: BTreeSet<_> = names.filter_map(Value::as_str).map(str::to_owned).collect();
    names.extend(schema["allOf"].as_array().into_iter().flatten().flat_map(required));
    names.extend(schema["anyOf"].get(0).map(required).unwrap_or_default());
    names
}
