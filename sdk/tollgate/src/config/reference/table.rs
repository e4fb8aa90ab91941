//! A schema as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::value::Index;
use serde_json::{Map, Value};

/// A table of all fields of `schema`, and a list of the named types in it. `order` is a schema of the
/// same shape whose `required` gives the order of fields.
pub(super) fn markdown(schema: &Value, order: &Value) -> String {
    let mut table = Table {
        root: schema,
        order,
        rows: Vec::new(),
        types: BTreeMap::new(),
        shown: BTreeMap::new(),
    };
    table.fields("", schema, order);
    let mut text = "| field | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    for row in &table.rows {
        let cells = row.each_ref().map(|cell| in_one_line(cell).replace('|', "\\|"));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    if !table.types.is_empty() {
        text.push('\n');
    }
    for (name, meaning) in &table.types {
        let _ = writeln!(text, "- **{name}**: {}", in_one_line(meaning));
    }
    text
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Table<'a> {
    root: &'a Value,
    order: &'a Value,
    /// Field, type, default, meaning.
    rows: Vec<[String; 4]>,
    /// The types that go by their title, with their meaning.
    types: BTreeMap<&'a str, &'a str>,
    /// The types whose fields are in the table, and where.
    shown: BTreeMap<&'a str, String>,
}

/// What a value may be.
#[derive(Default)]
struct Kind {
    name: String,
    /// The doc comment of its type.
    meaning: String,
    /// What is to be said in any case.
    notes: Vec<String>,
}

impl From<&str> for Kind {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

impl<'a> Table<'a> {
    /// A row for each field of an object at `path`, and for those within.
    fn fields(&mut self, path: &str, schema: &'a Value, order: &'a Value) {
        let Some(Value::Object(properties)) = schema.get("properties") else { return };
        for name in ordered(properties, schema, order) {
            let (meaning, default) = meaning_and_default(text(&properties[name], "description"));
            let default = match strings(schema, "required").any(|required| required == name) {
                true => "required".to_owned(),
                false => default.map_or_else(|| default_value(&properties[name]), str::to_owned),
            };
            self.row(path, name, (schema, order), (meaning, default));
        }
    }

    /// A row for the one member of a variant of an enum, whose doc comment is that of the object.
    fn variant(&mut self, path: &str, schema: &'a Value, order: &'a Value) {
        for name in strings(schema, "required") {
            let meaning = text(schema, "description");
            self.row(path, name, (schema, order), (meaning, String::new()));
        }
    }

    fn row(
        &mut self,
        path: &str,
        name: &str,
        (schema, order): (&'a Value, &'a Value),
        (meaning, default): (&str, String),
    ) {
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let at = self.rows.len();
        self.rows.push(Default::default());
        let field = |schema: &'a Value| within(within(schema, "properties"), name);
        let kind = self.kind(&path, field(schema), field(order));
        let meaning = if meaning.is_empty() { &kind.meaning } else { meaning };
        let meaning = std::iter::once(meaning).chain(kind.notes.iter().map(String::as_str));
        let meaning = meaning.collect::<Vec<_>>().join(" ");
        if let Some(row) = self.rows.get_mut(at) {
            *row = [format!("`{path}`"), kind.name, default, meaning];
        }
    }

    /// The type of the value at `path`, whose fields come into the table too.
    fn kind(&mut self, path: &str, schema: &'a Value, order: &'a Value) -> Kind {
        let ((schema, reference), (order, _)) =
            (resolved(self.root, schema), resolved(self.order, order));
        if let Some(title) = schema.get("title").and_then(Value::as_str) {
            self.types.insert(title, text(schema, "description"));
            return title.into();
        }
        if let Some(at) = reference.and_then(|reference| self.shown.get(reference)) {
            return format!("object, as `{at}`").as_str().into();
        }
        let mut kind = self.untitled(path, reference, schema, order);
        if reference.is_some() {
            kind.meaning = text(schema, "description").to_owned();
        }
        kind
    }

    fn untitled(
        &mut self,
        path: &str,
        reference: Option<&'a str>,
        schema: &'a Value,
        order: &'a Value,
    ) -> Kind {
        if let Some(value) = schema.get("const") {
            return constant(value, text(schema, "description"));
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return any_of(values.iter().map(|value| constant(value, "")));
        }
        match text(schema, "type") {
            "array" => {
                let each = self.kind(&format!("{path}[]"), &schema["items"], &order["items"]);
                Kind { name: format!("list of {}", plural(&each.name)), ..each }
            }
            "object" if schema["additionalProperties"].is_object() => {
                let (each, order) =
                    (&schema["additionalProperties"], &order["additionalProperties"]);
                let each = self.kind(&format!("{path}.<name>"), each, order);
                let name = plural(&each.name);
                let name = match name.split_once(", as ") {
                    Some((objects, at)) => format!("{objects} by name, as {at}"),
                    None => format!("{name} by name"),
                };
                Kind { name, ..each }
            }
            "object" => {
                if schema.get("properties").is_some() {
                    self.shown.extend(reference.map(|reference| (reference, path.to_owned())));
                }
                self.fields(path, schema, order);
                Kind { notes: choice(schema).into_iter().collect(), ..Kind::from("object") }
            }
            "integer" => whole_number(schema).as_str().into(),
            "number" => bounded("number", schema).as_str().into(),
            "" => self.one_of_several(path, reference, schema, order),
            other => other.into(),
        }
    }

    fn one_of_several(
        &mut self,
        path: &str,
        reference: Option<&'a str>,
        schema: &'a Value,
        order: &'a Value,
    ) -> Kind {
        let Some((keyword, choices)) = ["oneOf", "anyOf"]
            .into_iter()
            .find_map(|keyword| Some((keyword, schema.get(keyword)?.as_array()?)))
        else {
            return "anything".into();
        };
        self.shown.extend(reference.map(|reference| (reference, path.to_owned())));
        let (mut kinds, mut variants) = (Vec::new(), Vec::new());
        for (index, choice) in choices.iter().enumerate() {
            let order = within(within(order, keyword), index);
            if choice.get("properties").is_some() {
                self.variant(path, choice, order);
                variants.extend(strings(choice, "required"));
                kinds.push("object".into());
            } else {
                kinds.push(self.kind(path, choice, order));
            }
        }
        let mut kind = any_of(kinds.into_iter());
        if variants.len() > 1 {
            kind.notes.push(format!("One of {}.", listed(&variants)));
        }
        kind
    }
}

/// The schema that is meant, and its name where it has one.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> (&'a Value, Option<&'a str>) {
    let only = match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([only]) if schema.get("type").is_none() => only,
        _ => schema,
    };
    let Some(reference) = only["$ref"].as_str() else { return (only, None) };
    match reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
        Some(target) => (target, Some(reference)),
        None => (only, None),
    }
}

/// The names of properties: first in the order of `order`, then in that of the choices between them.
fn ordered<'a>(
    properties: &'a Map<String, Value>,
    schema: &'a Value,
    order: &'a Value,
) -> Vec<&'a str> {
    let choices = ["oneOf", "anyOf"].iter().filter_map(|it| schema.get(it)?.as_array()).flatten();
    let chosen = choices.flat_map(|choice| strings(choice, "required"));
    let all = strings(order, "required").chain(chosen).chain(properties.keys().map(String::as_str));
    let mut names = Vec::new();
    for name in all.filter(|name| properties.contains_key(*name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A member or an element; `null` when there is none.
fn within(schema: &Value, index: impl Index) -> &Value {
    schema.get(index).unwrap_or(&Value::Null)
}

fn text<'a>(schema: &'a Value, keyword: &str) -> &'a str {
    schema.get(keyword).and_then(Value::as_str).unwrap_or_default()
}

fn strings<'a>(schema: &'a Value, keyword: &str) -> impl Iterator<Item = &'a str> {
    schema.get(keyword).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// A doc comment without its last sentence, where that is `Default: ... .`, and what stands there.
fn meaning_and_default(description: &str) -> (&str, Option<&str>) {
    match description.rsplit_once("Default: ") {
        Some((meaning, default)) => (meaning.trim_end(), Some(default.trim_end_matches('.'))),
        None => (description, None),
    }
}

/// The default value; nothing when that is an empty one.
fn default_value(field: &Value) -> String {
    match field.get("default") {
        Some(Value::String(text)) if !text.is_empty() => format!("`{text}`"),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => format!("`{value}`"),
        _ => String::new(),
    }
}

fn constant(value: &Value, meaning: &str) -> Kind {
    let name = value.as_str().map_or_else(|| format!("`{value}`"), |text| format!("`{text}`"));
    let notes = (!meaning.is_empty()).then(|| format!("{name}: {meaning}"));
    Kind { notes: notes.into_iter().collect(), ..Kind::from(name.as_str()) }
}

fn any_of(kinds: impl Iterator<Item = Kind>) -> Kind {
    let (mut names, mut notes) = (Vec::<String>::new(), Vec::new());
    for kind in kinds {
        if !names.contains(&kind.name) {
            names.push(kind.name);
        }
        notes.extend(kind.notes);
    }
    let name = match names.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => names.concat(),
    };
    Kind { name, notes, ..Kind::default() }
}

/// What an object says about which of its fields there must be.
fn choice(schema: &Value) -> Option<String> {
    let of = |keyword: &str| {
        let names: Vec<_> = schema
            .get(keyword)?
            .as_array()?
            .iter()
            .flat_map(|it| strings(it, "required"))
            .collect();
        (!names.is_empty()).then(|| listed(&names))
    };
    let exactly = of("oneOf").map(|names| format!("Exactly one of {names}."));
    exactly.or_else(|| of("anyOf").map(|names| format!("At least one of {names}.")))
}

fn listed(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn whole_number(schema: &Value) -> String {
    match schema.get("minimum") {
        Some(least) if *least != i32::MIN => bounded("whole number", schema),
        _ => "whole number, also negative".to_owned(),
    }
}

/// The bounds that say something: not those of the Rust type.
fn bounded(name: &str, schema: &Value) -> String {
    let least = schema.get("minimum").filter(|least| least.as_i64() != Some(0));
    let most = schema.get("maximum").filter(|most| most.as_u64() != Some(u32::MAX.into()));
    match (least.or(most.and(schema.get("minimum"))), most) {
        (Some(least), Some(most)) => format!("{name} from {least} to {most}"),
        (Some(least), None) => format!("{name} from {least}"),
        (None, Some(most)) => format!("{name} up to {most}"),
        (None, None) => name.to_owned(),
    }
}

fn plural(name: &str) -> String {
    match name.strip_prefix("whole number") {
        Some(bounds) => format!("whole numbers{bounds}"),
        None if name.starts_with('`') => name.to_owned(),
        None if name.starts_with("list of ") => name.replacen("list", "lists", 1),
        None if name.starts_with("object,") => name.replacen("object", "objects", 1),
        None if name.ends_with('s') || name.ends_with("ch") => format!("{name}es"),
        None => format!("{name}s"),
    }
}
