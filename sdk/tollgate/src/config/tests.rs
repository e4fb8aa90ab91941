use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Config {
    providers: BTreeMap<String, Provider>,
    rules: Vec<Rule>,
    mode: Mode,
    percentage: Option<f64>,
    timeout: Option<Duration>,
    source: Option<IpAddr>,
    workers: Option<NonZeroU32>,
    share: Option<Percent>,
    offset: i64,
    size: u64,
    anything: Value,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Provider {
    issuer: String,
    #[serde(default)]
    clock_skew_seconds: u32,
    #[serde(default)]
    audiences: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Rule {
    enabled: bool,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Allow,
    Deny {
        status: u16,
        retry_after: Option<Duration>,
    },
    Only(Vec<u16>),
    OnlyFrom(IpAddr, u16),
}

fn read(json: Value) -> Result<Config, String> {
    from_slice(json.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn refusal(json: Value) -> String {
    read(json).unwrap_err()
}

#[test]
fn nothing_at_all_is_an_empty_object() {
    for text in ["", " \n", "{}"] {
        assert_eq!(from_slice::<Config>(text.as_bytes()), Ok(Config::default()), "{text:?}");
    }
}

#[test]
fn both_spellings_of_protobuf_json_are_read() {
    for name in ["clock_skew_seconds", "clockSkewSeconds"] {
        let config = read(json!({"providers": {"demo": {"issuer": "i", name: 5}}})).unwrap();
        assert_eq!(config.providers["demo"].clock_skew_seconds, 5);
    }
    for name in ["retry_after", "retryAfter"] {
        let config = read(json!({"mode": {"deny": {"status": 403, name: "1s"}}})).unwrap();
        assert_eq!(config.mode, Mode::Deny { status: 403, retry_after: Duration::parse("1s") });
    }
    for name in ["only_from", "onlyFrom"] {
        let config = read(json!({"mode": {name: ["127.0.0.1", 80]}})).unwrap();
        assert_eq!(config.mode, Mode::OnlyFrom(IpAddr::from([127, 0, 0, 1]), 80));
    }
}

#[test]
fn a_double_without_a_fraction_is_a_whole_number() {
    let text = r#"{"offset": -2e3, "size": 503.0, "percentage": 1.0, "mode": {"deny": {"status": 4.03e2}}}"#;
    let config: Config = from_slice(text.as_bytes()).unwrap();
    assert_eq!((config.offset, config.size, config.percentage), (-2000, 503, Some(1.0)));
    assert_eq!(config.mode, Mode::Deny { status: 403, retry_after: None });
}

#[test]
fn doubles_at_the_ends_of_the_whole_numbers_do_not_wrap() {
    let size = |text: &str| from_slice::<u64>(text.as_bytes()).ok();
    assert_eq!(size("18446744073709549568.0"), Some(u64::MAX - 2047));
    assert_eq!(size("18446744073709551616.0"), None);
    assert_eq!(size("-0.0"), Some(0));
    let offset = |text: &str| from_slice::<i64>(text.as_bytes()).ok();
    assert_eq!(offset("-9223372036854775808.0"), Some(i64::MIN));
    assert_eq!(offset("-9223372036854777856.0"), None);
}

#[test]
fn enums_are_read_by_name_or_as_an_object_with_one_member() {
    assert_eq!(read(json!({"mode": "allow"})).unwrap().mode, Mode::Allow);
    assert_eq!(read(json!({"mode": {"only": [1, 2]}})).unwrap().mode, Mode::Only(vec![1, 2]));
}

#[test]
fn a_null_is_an_optional_field_left_out() {
    assert_eq!(read(json!({"timeout": null})).unwrap().timeout, None);
}

#[test]
fn errors_name_the_path_what_was_found_and_what_is_allowed() {
    for (json, message) in [
        (
            json!({"providers": {"demo": {"issuer": "i", "clock_skew_seconds": -5}}}),
            "`providers.demo.clock_skew_seconds`: found -5, allowed: a whole number from 0 to 4294967295",
        ),
        (
            json!({"providers": {"demo": {"issuer": "i", "clockSkewSeconds": 1.5}}}),
            "`providers.demo.clockSkewSeconds`: found 1.5, allowed: a whole number from 0 to 4294967295",
        ),
        (
            json!({"size": -1}),
            "`size`: found -1, allowed: a whole number from 0 to 18446744073709551615",
        ),
        (
            json!({"size": "7"}),
            "`size`: found \"7\", allowed: a whole number from 0 to 18446744073709551615, without quotes",
        ),
        (json!({"workers": 0}), "`workers`: found 0, allowed: a whole number from 1 to 4294967295"),
        (
            json!({"providers": {"a.b": {"issuer": 7}}}),
            r#"`providers["a.b"].issuer`: found 7, allowed: a string (put it in quotes)"#,
        ),
        (
            json!({"providers": {"demo": {"audiences": ["a", {}], "issuer": "i"}}}),
            "`providers.demo.audiences[1]`: found an object, allowed: a string",
        ),
        (
            json!({"rules": [{"enabled": true}, {"enabled": "yes"}]}),
            r#"`rules[1].enabled`: found "yes", allowed: true or false"#,
        ),
        (json!({"rules": {}}), "`rules`: found an object, allowed: a list"),
        (json!({"rules": [7]}), "`rules[0]`: found 7, allowed: an object"),
        (json!({"percentage": true}), "`percentage`: found true, allowed: a number"),
        (json!({"rules": null}), "`rules`: found null, allowed: a list"),
        (json!([]), "(root): found a list, allowed: an object"),
        (json!("{}"), "(root): found a string, allowed: an object"),
        (
            json!({"mode": "refuse"}),
            r#"`mode`: found "refuse", allowed: `allow`, `deny`, `only`, `only_from`"#,
        ),
        (
            json!({"mode": {"denny": {}}}),
            "`mode.denny`: found an unknown field, \
             allowed: `allow`, `deny`, `only`, `only_from`; did you mean `deny`?",
        ),
        (
            json!({"mode": {"deny": {"status": 65_536}}}),
            "`mode.deny.status`: found 65536, allowed: a whole number from 0 to 65535",
        ),
        (
            json!({"mode": {}}),
            "`mode`: found an object with 0 members, \
             allowed: an object with one of `allow`, `deny`, `only`, `only_from`",
        ),
        (
            json!({"mode": {"deny": {"status": 403}, "only": []}}),
            "`mode`: found an object with 2 members, \
             allowed: an object with one of `allow`, `deny`, `only`, `only_from`",
        ),
        (
            json!({"mode": 7}),
            "`mode`: found 7, \
             allowed: one of `allow`, `deny`, `only`, `only_from`, by name or as an object",
        ),
        (
            json!({"mode": {"allow": {}}}),
            "`mode`: found an object, allowed: `allow` alone, as a string",
        ),
        (
            json!({"mode": {"deny": {"statuses": 403}}}),
            "`mode.deny.statuses`: found an unknown field, \
             allowed: `status`, `retry_after`; did you mean `status`?",
        ),
        (
            json!({"mode": {"onlyFrom": ["127.0.0.1", "x"]}}),
            "`mode.onlyFrom[1]`: found \"x\", allowed: a whole number from 0 to 65535",
        ),
        (json!({"mode": "only"}), "`mode`: found `only` alone, allowed: {only: ...}"),
        (
            json!({"timeout": "-1s"}),
            "`timeout`: found \"-1s\", allowed: a duration with its unit in quotes, \
             such as \"0.25s\", \"250ms\" or \"1h30m\", not negative",
        ),
        (
            json!({"share": {"numerator": 101}}),
            "`share`: found 101 of 100, allowed: a numerator from 0 to the denominator, 100",
        ),
    ] {
        assert_eq!(refusal(json), message);
    }
}

#[test]
fn a_number_for_a_duration_is_refused_with_an_example() {
    let message = refusal(json!({"timeout": 3}));
    assert!(
        message.starts_with("`timeout`: found 3, allowed: a duration with its unit"),
        "{message}"
    );
}

#[test]
fn an_unknown_field_is_refused_with_the_names_there_are_each_in_one_spelling() {
    assert_eq!(
        refusal(json!({"providers": {"demo": {"isuer": "i"}}})),
        "`providers.demo.isuer`: found an unknown field, \
         allowed: `issuer`, `clock_skew_seconds`, `audiences`; did you mean `issuer`?"
    );
}

#[test]
fn a_misspelt_name_is_guessed_in_the_spelling_it_is_written_in() {
    for (name, meant) in [
        ("clock_skew_second", "clock_skew_seconds"),
        ("clockSkewSecond", "clockSkewSeconds"),
        ("ClockSkewSeconds", "clockSkewSeconds"),
        ("clock-skew-seconds", "clock_skew_seconds"),
    ] {
        let message = refusal(json!({"providers": {"demo": {"issuer": "i", name: 1}}}));
        assert!(message.ends_with(&format!("; did you mean `{meant}`?")), "{message}");
    }
}

#[test]
fn a_missing_field_is_named_where_it_should_be() {
    assert_eq!(
        refusal(json!({"providers": {"demo": {}}})),
        "`providers.demo.issuer`: found nothing, allowed: a value, since the field is required"
    );
}

#[test]
fn a_field_in_both_spellings_is_there_twice() {
    let both = json!({"issuer": "i", "clock_skew_seconds": 1, "clockSkewSeconds": 2});
    assert_eq!(
        refusal(json!({"providers": {"demo": both}})),
        "`providers.demo.clock_skew_seconds`: found the field twice, \
         allowed: each field once, in one of its spellings"
    );
}

#[test]
fn a_sentence_from_a_foreign_type_is_completed_with_the_value() {
    assert_eq!(
        refusal(json!({"source": "10.0.0.256"})),
        "`source`: found \"10.0.0.256\" (invalid IP address syntax), allowed: a valid value"
    );
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
struct Even;

impl TryFrom<u32> for Even {
    type Error = &'static str;

    fn try_from(value: u32) -> Result<Self, &'static str> {
        if value.is_multiple_of(2) { Ok(Self) } else { Err("it is odd") }
    }
}

#[test]
fn a_sentence_is_about_the_value_and_not_about_what_is_around_it() {
    let message = from_slice::<BTreeMap<String, Vec<Even>>>(br#"{"a": [2, 3]}"#).unwrap_err();
    assert_eq!(message.to_string(), "`a[1]`: found 3 (it is odd), allowed: a valid value");
    let message = from_slice::<Even>(b"5").unwrap_err();
    assert_eq!(message.to_string(), "(root): found 5 (it is odd), allowed: a valid value");
}

#[test]
fn a_list_is_not_taken_for_an_objects_fields_in_order() {
    let message = refusal(json!({"rules": [[true]]}));
    assert_eq!(message, "`rules[0]`: found a list, allowed: an object");
}

#[test]
fn broken_json_is_refused_with_its_position() {
    let refusal = |text: &str| from_slice::<Config>(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        refusal("{\n  \"rules\": [,]}"),
        "(root): found broken JSON (expected value at line 2 column 13), allowed: one JSON object"
    );
    assert_eq!(
        refusal(r#"{"providers": {"demo": {"issuer": "a", "issuer": "b"}}}"#),
        "`providers.demo.issuer`: found the field twice, allowed: each field once"
    );
    assert!(refusal(&"[".repeat(65)).contains("at most 64 levels"));
}

#[test]
fn a_long_string_is_never_repeated() {
    let secret = "s".repeat(65);
    for json in [
        json!({"size": secret}),
        json!({"mode": secret}),
        json!({"timeout": secret}),
        json!({"source": secret}),
        json!({"rules": [secret]}),
        json!({ secret.as_str(): 1 }),
        json!({"mode": { secret.as_str(): 1 }}),
        json!({"providers": { secret.as_str(): {"issuer": 1} }}),
        json!({"rules": [{ secret.as_str(): 1 }]}),
    ] {
        let message = refusal(json);
        assert!(!message.contains(&secret), "{message}");
    }
    assert!(refusal(json!({"size": secret})).contains("found a string of 65 characters"));
}

#[test]
fn a_string_in_the_place_of_an_object_is_not_repeated() {
    assert_eq!(
        refusal(json!({"rules": ["hunter2"]})),
        "`rules[0]`: found a string, allowed: an object"
    );
}

#[test]
fn an_error_is_one_line_whatever_it_quotes() {
    for json in [
        json!({"size": "a\nb\u{2028}\u{7}"}),
        json!({"mode": "a\nb"}),
        json!({"a\nb": 1}),
        json!({"providers": {"a\r\n": 1}}),
    ] {
        let message = refusal(json);
        assert!(!message.contains(char::is_control), "{message:?}");
    }
    let forged = ConfigError::new("a\nb", "c\rd", "e\u{85}f");
    assert!(!forged.to_string().contains(char::is_control));
}

proptest! {
    #[test]
    fn whatever_is_read_is_read_or_refused_in_one_line(text in r#"\{("(rules|mode|size|timeout|share)": ?([0-9.e-]{1,5}|"[a-z0-9\\n]{0,3}"|\[\]|\{\}|null|true),?){0,3}\}"#) {
        if let Err(error) = from_slice::<Config>(text.as_bytes()) {
            let message = error.to_string();
            prop_assert!(message.contains(": found ") && message.contains(", allowed: "), "{}", message);
            prop_assert!(!message.contains(char::is_control));
        }
    }

    #[test]
    fn a_value_is_the_same_as_serde_json_reads_it(size: u64, offset: i64, text: String) {
        let json = json!({"size": size, "offset": offset, "anything": [size, offset, text, null]});
        let config = read(json.clone()).unwrap();
        prop_assert_eq!((config.size, config.offset), (size, offset));
        prop_assert_eq!(&config.anything, &json["anything"]);
    }
}
