//! A schema accepts what its filter accepts, as far as a schema can tell.

use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tollgate::byte_size::ByteSize;
use tollgate::cidr::Cidr;
use tollgate::config::schemars::JsonSchema;
use tollgate::config::{Reference, from_slice};
use tollgate::grpc;
use tollgate::matching::ClaimPath;
use tollgate::status::{StatusRange, StatusSet};

use super::filters::{FILTERS, Filter, right};
use super::samples::each_field;

fn validator(filter: &Filter) -> Validator {
    let reference = (filter.reference)();
    let schema = reference.schema();
    assert!(jsonschema::meta::is_valid(schema), "{}", filter.name);
    jsonschema::validator_for(schema).unwrap_or_else(|error| panic!("{}: {error}", filter.name))
}

#[test]
fn a_right_configuration_is_valid() {
    for filter in FILTERS {
        let config = right(filter.name);
        (filter.check)(&config).unwrap_or_else(|error| panic!("{}: {error}", filter.name));
        validator(filter)
            .validate(&config)
            .unwrap_or_else(|error| panic!("{}: {error}", filter.name));
    }
}

/// Each field in turn gets values of every kind, right and wrong ones.
#[test]
fn schema_and_filter_agree_about_every_kind_of_value_in_every_field() {
    for filter in FILTERS {
        let validator = validator(filter);
        each_field((filter.reference)().schema(), &mut |field| {
            for value in probes() {
                let mut object = field.object.clone();
                object.insert(field.name.to_owned(), value);
                let config = (field.within)(object.into());
                let (valid, read) = (validator.is_valid(&config), (filter.read)(&config));
                let context = format!("{} in {config}: {read:?}", field.path);
                if valid {
                    assert!(read.is_ok(), "valid and refused: {context}");
                } else {
                    assert!((filter.check)(&config).is_err(), "invalid and accepted: {context}");
                }
            }
        });
    }
}

/// Types that no filter has a field of yet, or of which its probes say little.
#[test]
fn schema_and_reader_agree_about_each_type_of_the_sdk() {
    agree::<ByteSize>(&[
        "7", "64KiB", "1.5KiB", "1KB", "2Ti", "1M", "1kib", "1 KiB", "-1", "1..5kB",
    ]);
    agree::<StatusSet>(&[]);
    agree::<StatusRange>(&["429", "500-599", "5xx", "50-599", "600-601", "500-"]);
    agree::<grpc::Status>(&["UNAVAILABLE", "unavailable", "14"]);
    agree::<Cidr>(&[
        "10.0.0.0/8",
        "::",
        "fd00::/8",
        "::ffff:10.0.0.0/104",
        "10.0.0/8",
        "10.0.0.0/",
    ]);
    agree::<ClaimPath>(&["realm.groups", "realm..groups", ".realm", "a.", "."]);
}

fn agree<T: JsonSchema + DeserializeOwned>(texts: &[&str]) {
    let reference = Reference::of::<T>("type");
    let validator = jsonschema::validator_for(reference.schema()).unwrap();
    for value in probes().into_iter().chain(texts.iter().map(|text| json!(text))) {
        let read = from_slice::<T>(value.to_string().as_bytes()).map(drop);
        let context = format!("{} {value}: {read:?}", std::any::type_name::<T>());
        assert_eq!(validator.is_valid(&value), read.is_ok(), "{context}");
    }
}

/// No `null`, which is left out of schemas on purpose.
fn probes() -> Vec<Value> {
    let long = "x".repeat(300);
    vec![
        json!(false),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(0.5),
        json!(100),
        json!(600),
        json!(4_294_967_296_u64),
        json!(""),
        json!("x"),
        json!("a b"),
        json!(" x"),
        json!("a\nb"),
        json!(long),
        json!("/x"),
        json!("503"),
        json!("0s"),
        json!("0"),
        json!("1h30m"),
        json!("0.25s"),
        json!("-1s"),
        json!("1"),
        json!("1.s"),
        json!(".5s"),
        json!(".s"),
        json!("0.0s"),
        json!("1s1"),
        json!("1.0000000001s"),
        json!("\u{3bc}s"),
        json!("7\u{b5}s"),
        json!("HUNDRED"),
        json!("UNAVAILABLE"),
        json!("cluster"),
        json!("API_KEY"),
        json!([]),
        json!([1]),
        json!(["x"]),
        json!([{}]),
        json!({}),
        json!({ "x": 1 }),
        json!({ "x": {} }),
        json!({ "value": 12.5 }),
        json!({ "value": 101 }),
        json!({ "numerator": 5 }),
        json!({ "value": 1, "numerator": 1 }),
        json!({ "inline_string": "x" }),
    ]
}
