//! Claims as text: how the value of a claim becomes the value of a header.

use crate::decimal::with_six_decimals;
use crate::token::Claims;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

/// The claim at a path: `["a", "b"]` is the member `b` of the claim `a`.
#[must_use]
pub fn find<'a>(claims: &'a Claims, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(claims.get(first)?, |value, name| value.get(name))
}

/// A claim as text; `None` if there is nothing to say: `null` and the empty string.
///
/// Strings as they are, booleans as `true` and `false`, lists and objects as standard base64 of
/// compact JSON: as Envoy (`source/extensions/filters/http/jwt_authn/authenticator.cc`). Whole
/// numbers of 64 bits are written as such, also negative ones (Envoy: `-5.000000`); all others
/// with six decimals.
///
/// ```
/// use serde_json::json;
/// use tollgate_jwt_auth::claims::text;
///
/// assert_eq!(text(&json!(-5)).unwrap(), "-5");
/// assert_eq!(text(&json!(["a"])).unwrap(), "WyJhIl0=");
/// assert_eq!(text(&json!("")), None);
/// ```
#[must_use]
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number_text(number)),
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Array(_) | Value::Object(_) => Some(STANDARD.encode(value.to_string())),
    }
}

/// The elements of a list as one text, with `separator` between them.
///
/// # Errors
///
/// When it would not be clear what the elements were: one has the separator, or begins or ends with
/// a part of it, so that it could be read across their border; or is no text, number or boolean.
///
/// ```
/// use serde_json::json;
/// use tollgate_jwt_auth::claims::{Ambiguous, joined};
///
/// assert_eq!(joined(&[json!("a"), json!(7), json!(null)], ","), Ok("a,7".to_owned()));
/// assert_eq!(joined(&[json!("a,b")], ","), Err(Ambiguous));
/// assert_eq!(joined(&[json!("a-"), json!("b")], "--"), Err(Ambiguous));
/// ```
pub fn joined(list: &[Value], separator: &str) -> Result<String, Ambiguous> {
    let mut texts = Vec::new();
    for element in list.iter().filter(|element| !element.is_null()) {
        match text(element) {
            Some(text)
                if !(element.is_array() || element.is_object() || blurs(&text, separator)) =>
            {
                texts.push(text);
            }
            _ => return Err(Ambiguous),
        }
    }
    let text = texts.join(separator);
    match texts.is_empty() || text.split(separator).eq(&texts) {
        true => Ok(text),
        false => Err(Ambiguous),
    }
}

/// Whether a text has the separator, begins with the end of it, or ends with the beginning of it.
fn blurs(text: &str, separator: &str) -> bool {
    let parts = separator.char_indices().skip(1).map(|(at, _)| separator.split_at(at));
    let mut parts = parts.map(|(start, end)| text.ends_with(start) || text.starts_with(end));
    text.contains(separator) || parts.any(|touches| touches)
}

/// A list that cannot be told from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

fn number_text(number: &Number) -> String {
    const LEAST: f64 = -9_223_372_036_854_775_808.0; // -2^63
    const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0; // 2^64
    match number.as_f64() {
        Some(value) if number.is_f64() => match value {
            // Not `-0`.
            0.0 => "0".to_owned(),
            LEAST..0.0 if value.fract() == 0.0 => (value as i64).to_string(),
            0.0..TOO_LARGE if value.fract() == 0.0 => (value as u64).to_string(),
            _ => with_six_decimals(value),
        },
        _ => number.to_string(),
    }
}

/// Whether a text arrives as it is when it is the value of a header (RFC 9110, 5.5): no control
/// characters but the tab, which Envoy refuses, and no blanks at the ends, which a reader takes away:
/// `"admin "` must not become `admin`.
#[must_use]
pub fn fits_header(text: &str) -> bool {
    may_stand_in_header(text) && text.trim_matches([' ', '\t']) == text
}

/// Whether a text may be a part of the value of a header: it is not empty, and without control
/// characters but the tab.
#[must_use]
pub fn may_stand_in_header(text: &str) -> bool {
    let allowed = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn of(json: &str) -> Option<String> {
        text(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn numbers_are_whole_where_they_can_be() {
        for (json, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("7", "7"),
            ("-5", "-5"),
            ("-5.0", "-5"),
            ("1e3", "1000"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9007199254740993", "9007199254740993"),
            ("0.1", "0.100000"),
            ("-1.5", "-1.500000"),
            ("0.0000001", "0.000000"),
            ("18446744073709551616", "18446744073709551616.000000"),
            ("1e25", "10000000000000000905969664.000000"),
        ] {
            assert_eq!(of(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn strings_and_booleans_are_verbatim() {
        assert_eq!(of(r#""Zoë, x; y ""#).as_deref(), Some("Zoë, x; y "));
        assert_eq!(of("true").as_deref(), Some("true"));
        assert_eq!(of("false").as_deref(), Some("false"));
    }

    #[test]
    fn lists_and_objects_are_base64_of_compact_json() {
        assert_eq!(of(r#"[ 1, "a" ]"#).as_deref(), Some("WzEsImEiXQ=="));
        assert_eq!(of(r#"{"b": 1.5, "a": []}"#).as_deref(), Some("eyJhIjpbXSwiYiI6MS41fQ=="));
        assert_eq!(of("[]").as_deref(), Some("W10="));
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        assert_eq!(of("null"), None);
        assert_eq!(of(r#""""#), None);
    }

    #[test]
    fn a_path_leads_through_objects_only() {
        let Value::Object(claims) = json!({"a": {"b": {"c": 1}}, "l": [1], "a.b": 2}) else {
            panic!("an object")
        };
        let at = |path: &str| {
            let path: Vec<_> = path.split('.').map(str::to_owned).collect();
            find(&claims, &path).cloned()
        };
        assert_eq!(at("a.b.c"), Some(json!(1)));
        assert_eq!(at("a.b"), Some(json!({"c": 1})));
        for absent in ["x", "a.x", "a.b.c.d", "l.0", "", "a."] {
            assert_eq!(at(absent), None, "{absent}");
        }
    }

    #[test]
    fn a_list_whose_elements_could_be_read_otherwise_does_not_fit() {
        for (list, separator, fits) in [
            (json!(["a", "b"]), ", ", true),
            (json!(["a,", "b"]), ", ", false),
            (json!(["a", " b"]), ", ", false),
            (json!(["a,b", "c d"]), ", ", true),
            (json!(["a-", "b"]), "--", false),
            (json!(["a", "-b"]), "--", false),
            (json!(["a-", "b"]), "-", false),
            (json!(["b"]), "aba", true),
            (json!(["xa", "b"]), "aba", false),
            (json!(["é", "ü"]), "·", true),
            (json!([]), ",", true),
        ] {
            let joined = joined(list.as_array().unwrap(), separator);
            assert_eq!(joined.is_ok(), fits, "{list} {separator:?}");
        }
    }

    proptest! {
        #[test]
        fn a_reader_who_splits_a_joined_list_gets_its_elements(
            list in prop::collection::vec("[ab,]{1,4}", 1..5),
            separator in "[ab,]{1,3}",
        ) {
            let values: Vec<_> = list.iter().cloned().map(Value::from).collect();
            if let Ok(text) = joined(&values, &separator) {
                prop_assert!(text.split(&separator).eq(&list), "{text}");
                prop_assert!(text.rsplit(&separator).eq(list.iter().rev()), "{text}");
            }
        }
    }

    #[test]
    fn control_characters_do_not_fit_a_header() {
        for text in ["a\r", "\nb", "a\0b", "a\u{1}b", "a\u{1f}b", "a\u{7f}b"] {
            assert!(!fits_header(text), "{text:?}");
        }
        assert!(fits_header("a\tb c é \u{80}"));
    }

    #[test]
    fn blanks_at_the_ends_do_not_fit_a_header() {
        for text in ["admin ", " admin", "admin\t", "\tadmin", " "] {
            assert!(!fits_header(text), "{text:?}");
        }
    }
}
