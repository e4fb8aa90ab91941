use super::*;
use crate::config::{from_slice, with_environment};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A configuration with a secret in it.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Config {
    signing_key: Secret,
}

fn read(signing_key: Value) -> Result<Config, String> {
    let config = json!({ "signing_key": signing_key }).to_string();
    with_environment([("KEY", "hunter2"), ("EMPTY", "")], || {
        from_slice(config.as_bytes()).map_err(|error| error.to_string())
    })
}

#[test]
fn a_secret_stands_in_the_configuration_or_in_a_variable_of_the_vm() {
    for source in [
        json!({"inline_string": "hunter2"}),
        json!({"inlineString": "hunter2"}),
        json!({"environment_variable": "KEY"}),
        json!({"environmentVariable": "KEY"}),
    ] {
        assert_eq!(read(source).unwrap().signing_key.expose(), "hunter2");
    }
}

#[test]
fn a_source_that_cannot_be_used_is_refused_with_what_to_do() {
    for (source, message) in [
        (
            json!({"environment_variable": "KEYS"}),
            "`signing_key.environment_variable`: found `KEYS`, which the VM does not have, allowed: \
             a variable that Envoy gives to the VM by `vm_config.environment_variables`, in \
             `key_values` or `host_env_keys`",
        ),
        (
            json!({"environment_variable": "EMPTY"}),
            "`signing_key`: found an empty secret, allowed: a secret that is not empty",
        ),
        (
            json!({"inline_string": ""}),
            "`signing_key`: found an empty secret, allowed: a secret that is not empty",
        ),
        (
            json!({}),
            "`signing_key`: found neither, \
             allowed: exactly one of `inline_string`, `environment_variable`",
        ),
        (
            json!({"inline_string": "hunter2", "environment_variable": "KEY"}),
            "`signing_key`: found both, \
             allowed: exactly one of `inline_string`, `environment_variable`",
        ),
        (
            json!({"inline_string": "hunter2", "inlineString": "hunter2"}),
            "`signing_key`: found both, \
             allowed: exactly one of `inline_string`, `environment_variable`",
        ),
        (
            json!({"filename": "/etc/key"}),
            "`signing_key.filename`: found a file name, allowed: `inline_string` or \
             `environment_variable`, since a WebAssembly module cannot read files",
        ),
        (
            json!({"inlineBytes": "aHVudGVyMg=="}),
            "`signing_key.inlineBytes`: found bytes in base64, \
             allowed: `inline_string`, with the text itself",
        ),
        (
            json!({"inline_strng": "hunter2"}),
            "`signing_key.inline_strng`: found an unknown field, \
             allowed: `inline_string`, `environment_variable`; did you mean `inline_string`?",
        ),
    ] {
        assert_eq!(read(source).unwrap_err(), message);
    }
}

/// Each holds the secret `31337` or `hunter2` in a wrong way.
#[test]
fn no_error_repeats_a_secret() {
    for (source, found) in [
        (json!("hunter2"), "a string"),
        (json!(31337), "a number"),
        (json!(true), "a boolean"),
        (json!(["hunter2"]), "a list"),
        (json!({"inline_string": 31337}), "a number"),
        (json!({"inline_string": -31337}), "a number"),
        (json!({"inline_string": 31337.5}), "a number"),
        (json!({"inline_string": true}), "a boolean"),
        (json!({"inline_string": null}), "null"),
        (json!({"inline_string": ["hunter2"]}), "a list"),
        (json!({"inline_string": {"k": "hunter2"}}), "an object"),
        (json!({"environment_variable": "hunter2!"}), "something else"),
        (json!({"environment_variable": "31337"}), "something else"),
        (json!({"environment_variable": 31337}), "a number"),
        (json!({"environment_variable": "hunter2".repeat(10)}), "something else"),
        (json!({"filename": "hunter2"}), "a file name"),
        (json!({"inline_bytes": "hunter2"}), "bytes in base64"),
        (json!({"text": "hunter2"}), "an unknown field"),
    ] {
        let message = read(source.clone()).unwrap_err();
        assert!(message.contains(&format!(": found {found}, allowed: ")), "{source}: {message}");
        assert!(!message.contains("hunter2") && !message.contains("31337"), "{source}: {message}");
        assert!(!message.contains("true"), "{source}: {message}");
    }
}

/// A type around a secret that refuses with a mere sentence, which is completed with what was found.
#[derive(Debug, serde::Deserialize)]
#[serde(try_from = "Secret")]
struct Long;

impl TryFrom<Secret> for Long {
    type Error = &'static str;

    fn try_from(secret: Secret) -> Result<Self, &'static str> {
        if secret.expose().len() > 32 { Ok(Self) } else { Err("it is too short") }
    }
}

#[test]
fn a_sentence_about_a_secret_is_completed_without_it() {
    let json = json!({"a": {"inline_string": "hunter2"}}).to_string();
    let error = from_slice::<BTreeMap<String, Long>>(json.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "`a`: found an object (it is too short), allowed: a valid value");
}

#[test]
fn a_secret_has_no_form_that_shows_it() {
    let config = read(json!({"inline_string": "hunter2"})).unwrap();
    assert_eq!(format!("{config:?}"), "Config { signing_key: Secret(...) }");
    assert!(!format!("{config:#?}").contains("hunter2"));
}

#[test]
fn other_deserializers_do_not_repeat_a_secret_either() {
    for json in [r#""hunter2""#, r#"{"inline_string": 31337}"#, r#"{"inline_string": ["hunter2"]}"#]
    {
        let message = serde_json::from_str::<Secret>(json).unwrap_err().to_string();
        assert!(!message.contains("31337") && !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_text_may_be_empty_and_a_secret_may_not() {
    let empty = br#"{"inline_string": ""}"#;
    assert_eq!(from_slice::<DataSource>(empty).unwrap().text(), "");
    assert!(from_slice::<Secret>(empty).is_err());
}

#[test]
fn without_a_test_the_variables_are_those_of_the_process() {
    let json = br#"{"environment_variable": "PATH"}"#;
    assert_eq!(from_slice::<DataSource>(json).unwrap().text(), std::env::var("PATH").unwrap());
}

#[cfg(not(target_arch = "wasm32"))] // a panic ends the program there
#[test]
fn variables_of_a_test_go_with_it() {
    let json = br#"{"environment_variable": "PATH"}"#;
    let none = || with_environment([("A", "b")], || from_slice::<DataSource>(json).is_err());
    assert!(none());
    let panicked =
        std::panic::catch_unwind(|| with_environment([("PATH", "x")], || panic!("ends")));
    assert!(panicked.is_err());
    assert_ne!(from_slice::<DataSource>(json).unwrap().text(), "x");
}

proptest! {
    #[test]
    fn a_secret_matches_itself_and_nothing_else(secret in "[ab]{1,4}", other in "[ab]{1,4}") {
        let read = |text: &str| {
            let json = json!({ "inline_string": text }).to_string();
            from_slice::<Secret>(json.as_bytes()).unwrap()
        };
        prop_assert_eq!(read(&secret).matches(other.as_bytes()), secret == other);
        prop_assert_eq!(read(&secret) == read(&other), secret == other);
    }
}
