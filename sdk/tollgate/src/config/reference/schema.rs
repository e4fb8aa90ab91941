//! From what `schemars` makes of the types to a schema of what [`from_slice`](super::super::from_slice)
//! reads.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::config::spelling::camel_case;

/// The schema with each name in one spelling.
pub(super) fn plain<C: JsonSchema>(title: &str) -> Value {
    let mut schema = generate::<C>(SchemaSettings::draft07());
    each(&mut schema, "#", &mut |_, schema| {
        without_null(schema);
        with_bounds(schema);
        with_joined_lines(schema);
        closed(schema);
    });
    if let Value::Object(root) = &mut schema {
        root.insert("title".to_owned(), title.into());
    }
    schema
}

/// A schema that knows the order of fields: `required` has all of them, as they are declared.
///
/// Objects of `serde_json` are sorted, lists are not; and for writing, unlike for reading, every field
/// is required.
pub(super) fn order<C: JsonSchema>() -> Value {
    let mut schema = generate::<C>(SchemaSettings::draft07().for_serialize());
    each(&mut schema, "#", &mut |_, schema| without_null(schema));
    schema
}

fn generate<C: JsonSchema>(settings: SchemaSettings) -> Value {
    settings.into_generator().into_root_schema_for::<C>().to_value()
}

/// The schema for editors: every name in both spellings of protobuf JSON, and at every field what is
/// said of it and of its type.
pub(super) fn for_editors(mut schema: Value) -> Value {
    let definitions = schema.get("definitions").cloned().unwrap_or_default();
    each(&mut schema, "#", &mut |pointer, schema| {
        with_titled_type(schema, &definitions);
        other_spellings(pointer, schema);
        required_in_a_spelling(schema);
    });
    without_unused(&mut schema);
    schema
}

/// Calls `change` with every schema in `schema` and its JSON pointer, the inner ones first.
fn each(schema: &mut Value, pointer: &str, change: &mut impl FnMut(&str, &mut Map<String, Value>)) {
    let Value::Object(members) = schema else { return };
    for (keyword, value) in members.iter_mut() {
        let pointer = format!("{pointer}/{keyword}");
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "definitions", Value::Object(schemas)) => {
                for (name, schema) in schemas {
                    each(schema, &format!("{pointer}/{}", escaped(name)), change);
                }
            }
            ("oneOf" | "anyOf" | "allOf", Value::Array(schemas)) => {
                for (index, schema) in schemas.iter_mut().enumerate() {
                    each(schema, &format!("{pointer}/{index}"), change);
                }
            }
            ("items" | "additionalProperties" | "not", schema) => each(schema, &pointer, change),
            _ => {}
        }
    }
    change(pointer, members);
}

/// A name as a segment of a JSON pointer (RFC 6901, section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// `Option` may be `null`; a field of it may as well be left out.
fn without_null(schema: &mut Map<String, Value>) {
    let is_null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            schema.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    let Some(Value::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| !is_null(choice));
    if choices.len() == 1 {
        let only = choices.pop();
        schema.remove("anyOf");
        match only {
            Some(Value::Object(only)) if schema.is_empty() => *schema = only,
            // Beside a `$ref` draft 7 sees nothing else.
            only => drop(schema.insert("allOf".to_owned(), only.into_iter().collect())),
        }
    }
}

/// Says in standard words what `schemars` says by a format of its own.
fn with_bounds(schema: &mut Map<String, Value>) {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let most = match format {
        "uint32" => Some(Value::from(u32::MAX)),
        "int32" => Some(i32::MAX.into()),
        "uint" | "int" | "uint8" | "int8" | "uint16" | "int16" | "uint64" | "int64" | "float"
        | "double" => None,
        _ => return,
    };
    if format == "int32" {
        schema.insert("minimum".to_owned(), i32::MIN.into());
    }
    schema.remove("format");
    if let Some(most) = most {
        schema.entry("maximum").or_insert(most);
    }
}

/// Lines of a doc comment that are not apart by an empty one belong together.
fn with_joined_lines(schema: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
}

/// The deserializer refuses unknown fields of any struct.
fn closed(schema: &mut Map<String, Value>) {
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    let of_choices = ["oneOf", "anyOf", "allOf"].iter().any(|it| schema.contains_key(*it));
    if schema.contains_key("properties") || (is_object && !of_choices) {
        schema.entry("additionalProperties").or_insert(false.into());
    }
}

/// Puts a titled type, such as a duration, in the place of a reference to it: of a field with a
/// reference, an editor shows only what is said of the type.
fn with_titled_type(schema: &mut Map<String, Value>, definitions: &Value) {
    let reference = schema.get("allOf").and_then(|all| all.get(0)?.get("$ref")?.as_str());
    let name = reference.and_then(|it| it.strip_prefix("#/definitions/"));
    let Some(Value::Object(titled)) = name.and_then(|name| definitions.get(name)) else { return };
    if !titled.contains_key("title") {
        return;
    }
    schema.remove("allOf");
    for (keyword, of_type) in titled {
        match schema.get_mut(keyword) {
            Some(Value::String(of_field)) if keyword == "description" => {
                *of_field = format!("{of_field}\n\n{}", of_type.as_str().unwrap_or_default());
            }
            Some(_) => {}
            None => drop(schema.insert(keyword.clone(), of_type.clone())),
        }
    }
}

fn without_unused(schema: &mut Value) {
    let text = schema.to_string();
    let Some(Value::Object(definitions)) = schema.get_mut("definitions") else { return };
    definitions.retain(|name, _| text.contains(&format!("\"#/definitions/{}", escaped(name))));
    if definitions.is_empty()
        && let Value::Object(root) = schema
    {
        root.remove("definitions");
    }
}

/// Accepts `fixedDelay` where there is a property `fixed_delay`.
fn other_spellings(pointer: &str, schema: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = schema.get("properties") else { return };
    let others: Map<_, _> = properties
        .keys()
        .filter_map(|name| Some((name, camel_case(name)?)))
        .map(|(name, other)| {
            let same = json!({ "$ref": format!("{pointer}/properties/{}", escaped(name)) });
            (format!("^{other}$"), same)
        })
        .collect();
    if !others.is_empty() {
        schema.insert("patternProperties".to_owned(), others.into());
    }
}

/// Turns `required: [fixed_delay]` into "`fixed_delay` or `fixedDelay`".
fn required_in_a_spelling(schema: &mut Map<String, Value>) {
    let Some(Value::Array(required)) = schema.get_mut("required") else { return };
    let mut either = Vec::new();
    required.retain(|name| {
        let name = name.as_str().unwrap_or_default();
        let other = camel_case(name);
        if let Some(other) = &other {
            either.push(json!({ "anyOf": [{ "required": [name] }, { "required": [other] }] }));
        }
        other.is_none()
    });
    if required.is_empty() {
        schema.remove("required");
    }
    match (either.as_slice(), schema.is_empty()) {
        ([], _) => {}
        ([Value::Object(only)], true) => *schema = only.clone(),
        _ => {
            let all = schema.entry("allOf").or_insert_with(|| json!([]));
            if let Value::Array(all) = all {
                all.extend(either);
            }
        }
    }
}
