//! Strict JSON, for input that nobody vouches for.
//!
//! [`parse`] reads RFC 8259 with `serde_json`'s parser and adds the two refusals that matter where
//! two readers of one text must agree on its meaning: a member that is there twice, and nesting
//! without bound.

pub(crate) mod path;
mod text;

pub(crate) use text::decimal;
pub use text::text;

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

/// The deepest nesting that [`parse`] reads; a larger limit counts as this one.
///
/// `serde_json` has a limit of its own a little above.
pub const DEEPEST: usize = 100;

/// Why [`parse`] refused a text.
///
/// Never holds a value of the text, only names of members, so it may be logged.
///
/// ```
/// use tollgate::json::{JsonError, parse};
///
/// match parse(br#"{"a": }"#, 8) {
///     Err(JsonError::Syntax { line, column, .. }) => assert_eq!((line, column), (1, 7)),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON, not UTF-8, or something after the end.
    Syntax {
        /// What is wrong, in words.
        reason: String,
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1; 0 when the line is empty.
        column: usize,
    },
    /// An object has a member twice.
    DuplicateMember {
        /// The path of the member, such as `keys[1].kid`.
        path: String,
    },
    /// Objects and arrays are nested deeper than allowed.
    TooDeep {
        /// The limit; the outermost object or array is level 1.
        max_depth: usize,
    },
}

impl JsonError {
    fn syntax(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let position = format!(" at line {line} column {column}");
        let reason = text.strip_suffix(&position).unwrap_or(&text).to_owned();
        Self::Syntax { reason, line, column }
    }

    fn within(&mut self, segment: &str) {
        if let Self::DuplicateMember { path } = self {
            *path = path::join(segment, path);
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { reason, line, column } => {
                write!(f, "{reason} at line {line} column {column}")
            }
            Self::DuplicateMember { path } => write!(f, "member `{path}` is there twice"),
            Self::TooDeep { max_depth } => write!(f, "nested deeper than {max_depth} levels"),
        }
    }
}

impl std::error::Error for JsonError {}

/// Parses one JSON text.
///
/// `max_depth` bounds the nesting of objects and arrays: the outermost is level 1, so 0 allows
/// only scalars. It is at most [`DEEPEST`].
///
/// ```
/// use tollgate::json::{JsonError, parse};
///
/// assert_eq!(parse(br#"{"a": [1]}"#, 2).unwrap()["a"][0], 1);
/// assert_eq!(parse(br#"{"a": [1]}"#, 1), Err(JsonError::TooDeep { max_depth: 1 }));
///
/// let twice = parse(br#"{"keys": [{"kid": 1, "kid": 2}]}"#, 8).unwrap_err();
/// assert_eq!(twice.to_string(), "member `keys[0].kid` is there twice");
/// ```
///
/// # Errors
///
/// See [`JsonError`].
pub fn parse(bytes: &[u8], max_depth: usize) -> Result<Value, JsonError> {
    let max_depth = max_depth.min(DEEPEST);
    let refusal = RefCell::new(None);
    let seed = ValueSeed { max_depth, depth_left: max_depth, refusal: &refusal };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed =
        seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    match refusal.take() {
        Some(refusal) => Err(refusal),
        None => parsed.map_err(|error| JsonError::syntax(&error)),
    }
}

/// Builds one value, and refuses what `serde_json` alone would let pass.
///
/// `serde_json`'s error can carry only text, so our own refusals take the side door: the visitor stops
/// where it is, with a value that nobody sees, and `serde_json` misses the end of what it was reading.
/// Its own way to fail would cost each module 5 KiB for reading a position out of the text.
#[derive(Clone, Copy)]
struct ValueSeed<'a> {
    max_depth: usize,
    depth_left: usize,
    refusal: &'a RefCell<Option<JsonError>>,
}

impl ValueSeed<'_> {
    fn refuse(self, refusal: JsonError) -> Value {
        self.refusal.borrow_mut().get_or_insert(refusal);
        Value::Null
    }

    fn deeper(self) -> Result<Self, JsonError> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, ..self }),
            None => Err(JsonError::TooDeep { max_depth: self.max_depth }),
        }
    }

    fn within(self, segment: impl FnOnce() -> String) {
        if let Some(refusal) = self.refusal.borrow_mut().as_mut() {
            refusal.within(&segment());
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let seed = match self.deeper() {
            Ok(seed) => seed,
            Err(refusal) => return Ok(self.refuse(refusal)),
        };
        let mut items = Vec::new();
        loop {
            match access.next_element_seed(seed) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => return Ok(Value::Array(items)),
                Err(error) => {
                    self.within(|| path::index(items.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let seed = match self.deeper() {
            Ok(seed) => seed,
            Err(refusal) => return Ok(self.refuse(refusal)),
        };
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            match members.entry(name) {
                Entry::Occupied(member) => {
                    let path = path::member(member.key());
                    return Ok(self.refuse(JsonError::DuplicateMember { path }));
                }
                Entry::Vacant(member) => {
                    let value = access
                        .next_value_seed(seed)
                        .inspect_err(|_| self.within(|| path::member(member.key())))?;
                    member.insert(value);
                }
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nested(levels: usize) -> Vec<u8> {
        [vec![b'['; levels], vec![b']'; levels]].concat()
    }

    #[test]
    fn values_of_every_kind_are_read() {
        let text = r#"{"a": [null, true, 1, -2, 2.5, "\u00e9\n", {}], "": 18446744073709551615}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes(), 3).unwrap(), expected);
    }

    #[test]
    fn a_duplicate_member_is_refused_at_every_depth_with_its_path() {
        for (text, path) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"{"x": [0, {"b": {"c": 1, "d": 2, "c": 3}}]}"#, "x[1].b.c"),
            (r#"[[{"a.b": 1, "a.b": 2}]]"#, r#"[0][0]["a.b"]"#),
            (r#"{"a": 1, "\u0061": 2}"#, "a"),
        ] {
            let expected = JsonError::DuplicateMember { path: path.to_owned() };
            assert_eq!(parse(text.as_bytes(), 8), Err(expected), "{text}");
        }
    }

    #[test]
    fn names_are_compared_with_their_case() {
        assert!(parse(br#"{"a": 1, "A": 2}"#, 1).is_ok());
    }

    #[test]
    fn the_same_name_in_two_objects_is_no_duplicate() {
        assert!(parse(br#"[{"a": 1}, {"a": {"a": 2}}]"#, 3).is_ok());
    }

    #[test]
    fn the_outermost_container_is_level_one() {
        assert_eq!(parse(b"1", 0).unwrap(), 1);
        assert_eq!(parse(b"[]", 0), Err(JsonError::TooDeep { max_depth: 0 }));
        assert!(parse(b"[]", 1).is_ok());
        assert!(parse(br#"{"a": {}}"#, 2).is_ok());
        assert_eq!(parse(br#"{"a": {}}"#, 1), Err(JsonError::TooDeep { max_depth: 1 }));
    }

    #[test]
    fn the_limit_itself_has_a_limit() {
        assert!(parse(&nested(DEEPEST), usize::MAX).is_ok());
        let deeper = parse(&nested(DEEPEST + 1), usize::MAX);
        assert_eq!(deeper, Err(JsonError::TooDeep { max_depth: DEEPEST }));
    }

    #[test]
    fn a_million_brackets_do_not_overflow_the_stack() {
        assert!(matches!(parse(&vec![b'['; 1_000_000], 64), Err(JsonError::TooDeep { .. })));
        let objects = br#"{"a":"#.repeat(1_000_000);
        assert!(matches!(parse(&objects, 64), Err(JsonError::TooDeep { .. })));
    }

    #[test]
    fn what_is_not_rfc_8259_is_refused() {
        let texts: [&[u8]; 17] = [
            b"",
            b" ",
            b"{",
            b"{]",
            b"[1,]",
            b"{} {}",
            b"{}x",
            b"nul",
            b"NaN",
            b"01",
            b"1.",
            b"1e999",
            b"'a'",
            b"\"\n\"",
            b"\"\xff\"",
            b"\"\\ud800\"",
            b"\xef\xbb\xbf{}",
        ];
        for text in texts {
            let error = parse(text, 8).unwrap_err();
            assert!(matches!(error, JsonError::Syntax { .. }), "{text:?}: {error}");
        }
    }

    #[test]
    fn invalid_utf8_in_a_name_is_refused() {
        assert!(matches!(parse(b"{\"\xc3\x28\": 1}", 8), Err(JsonError::Syntax { .. })));
    }

    #[test]
    fn a_syntax_error_says_where_and_quotes_no_value() {
        let error = parse(b"{\n  \"password\": \"hunter2\" x\n}", 8).unwrap_err();
        assert_eq!(error.to_string(), "expected `,` or `}` at line 2 column 25");
    }

    #[test]
    fn a_long_name_is_cut_in_the_path() {
        let name = "n".repeat(10_000);
        let text = format!(r#"{{"{name}": 1, "{name}": 2}}"#);
        assert!(parse(text.as_bytes(), 8).unwrap_err().to_string().len() < 200);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_back(value in any_json()) {
            let text = serde_json::to_vec(&value).unwrap();
            prop_assert_eq!(parse(&text, 16).unwrap(), value);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, max_depth in 0usize..8) {
            let _ = parse(&bytes, max_depth);
        }

        #[test]
        fn what_is_accepted_serde_json_reads_the_same(text in r#"[\[\]{}":, a1.e-]{0,40}"#) {
            if let Ok(value) = parse(text.as_bytes(), 64) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            }
        }

        #[test]
        fn nesting_is_read_exactly_up_to_the_limit(levels in 1usize..90, max_depth in 0usize..90) {
            prop_assert_eq!(parse(&nested(levels), max_depth).is_ok(), levels <= max_depth);
        }
    }
}
