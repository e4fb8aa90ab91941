//! Every field of every filter is accepted in both spellings of protobuf JSON.

use super::filters::FILTERS;
use super::samples::each_field;

#[test]
fn every_field_is_read_in_both_spellings_and_refused_in_both_at_once() {
    for filter in FILTERS {
        let mut seen = 0;
        each_field((filter.reference)().schema(), &mut |field| {
            let Some(other_name) = field.other_name else {
                assert!(!field.name.contains('_'), "{}: {}", filter.name, field.path);
                return;
            };
            seen += 1;
            let read = |object| (filter.read)(&(field.within)(object));
            let mut object = field.object;
            let value = object[field.name].clone();
            let config = (field.within)(object.clone().into());
            read(object.clone().into()).unwrap_or_else(|error| panic!("{config}: {error}"));

            object.insert(other_name.clone(), value.clone());
            assert!(read(object.clone().into()).is_err(), "{}: {} twice", filter.name, field.path);

            object.remove(field.name);
            let config = (field.within)(object.clone().into());
            read(object.into()).unwrap_or_else(|error| panic!("{config}: {error}"));
        });
        assert!(seen > 0, "{}", filter.name);
    }
}

#[test]
fn a_name_in_no_spelling_is_refused_in_every_object() {
    for filter in FILTERS {
        each_field((filter.reference)().schema(), &mut |field| {
            let mut object = field.object;
            object.insert("nonsense".to_owned(), 1.into());
            let error = (filter.read)(&(field.within)(object.into())).expect_err(&field.path);
            // A variant of an enum may have no second member, of whatever name.
            assert!(
                error.path.ends_with("nonsense") && error.found == "an unknown field"
                    || error.found == "an object with 2 members",
                "{error}"
            );
        });
    }
}
