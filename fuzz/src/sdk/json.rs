use serde_json::Value;
use tollgate::json::{self, JsonError};

/// The deepest nesting that is asked for.
const MAX_DEPTH: usize = 16;

/// JSON, of which the first byte says how deep it may be. What is accepted is what `serde_json` reads;
/// what only `serde_json` accepts is refused for a name that is there twice, or for its depth.
pub fn json(data: &[u8]) {
    let Some((depth, text)) = data.split_first() else { return };
    let max_depth = usize::from(*depth) % MAX_DEPTH;
    let oracle = serde_json::from_slice::<Value>(text);
    match (json::parse(text, max_depth), oracle) {
        (Ok(value), Ok(expected)) => {
            assert_eq!(value, expected);
            assert!(depth_of(&value) <= max_depth);
            let written = serde_json::to_vec(&value).expect("a value can be written");
            assert_eq!(
                json::parse(&written, max_depth).ok(),
                serde_json::from_slice(&written).ok()
            );
            check_text(&value);
        }
        (Ok(value), Err(error)) => panic!("{value} is accepted, and no JSON: {error}"),
        (Err(JsonError::Syntax { .. }), Ok(_)) => panic!("refused for its syntax"),
        (Err(JsonError::TooDeep { max_depth: named }), oracle) => {
            assert_eq!(named, max_depth);
            // The depth of what comes behind a syntax error is not known.
            if let Ok(value) = oracle {
                assert!(depth_of(&value) > max_depth || has_brackets(text, max_depth));
            }
        }
        (Err(error), _) => {
            let text = error.to_string();
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth_of).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Of two members of one name `serde_json` keeps the last, so what was too deep may be gone.
fn has_brackets(text: &[u8], count: usize) -> bool {
    text.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > count
}

/// The text of a number is a number of the same value.
fn check_text(value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(check_text),
        Value::Object(members) => members.values().for_each(check_text),
        Value::Number(number) => {
            let Some(text) = json::text(value) else {
                assert!(number.is_f64(), "a whole number has no text");
                return;
            };
            let read: f64 = text.parse().expect("the text of a number is one");
            assert_eq!(Some(read), number.as_f64(), "{text}");
        }
        Value::String(text) => assert_eq!(json::text(value).as_deref(), Some(text.as_str())),
        Value::Bool(_) => assert!(json::text(value).is_some()),
        Value::Null => assert!(json::text(value).is_none()),
    }
}
