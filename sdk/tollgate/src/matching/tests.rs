use super::*;
use crate::config::from_slice;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

mod parsing;
mod requests;
mod values;

fn read<T: DeserializeOwned>(json: &Value) -> T {
    from_slice(json.to_string().as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn value_matcher(json: Value) -> ValueMatcher {
    let condition: ValueMatch = read(&json);
    condition.compile().unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn matcher(json: Value) -> Matcher {
    let condition: Match = read(&json);
    condition.compile().unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// Why a match is refused, be it when it is read or when it is compiled.
fn refusal(json: Value) -> String {
    let compiled = from_slice::<Match>(json.to_string().as_bytes()).and_then(|m| m.compile());
    compiled.err().unwrap_or_else(|| panic!("accepted {json}")).to_string()
}
