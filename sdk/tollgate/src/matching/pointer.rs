//! JSON pointers (RFC 6901).

use serde_json::Value;

/// The way to a value in a JSON document: the segments of a pointer, unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer(Vec<String>);

impl Pointer {
    /// What errors say is allowed.
    pub(super) const ALLOWED: &'static str =
        "a JSON pointer (RFC 6901), such as \"/beta\" or \"/flags/0\"";

    /// Reads a pointer: empty for the whole document, else segments that begin with `/` each, where
    /// `~0` is `~` and `~1` is `/`. Nothing when `text` is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut segments = text.split('/');
        (segments.next() == Some(""))
            .then(|| segments.map(unescape).collect::<Option<_>>().map(Self))?
    }

    /// The value that the pointer leads to. An element of a list is named by its index, from 0.
    pub(super) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, segment| match value {
            Value::Object(members) => members.get(segment),
            Value::Array(items) => items.get(index(segment)?),
            _ => None,
        })
    }
}

fn unescape(segment: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = segment.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '~' => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

/// Decimal digits without a zero in front.
fn index(segment: &str) -> Option<usize> {
    let digits = segment.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (segment == "0" || !segment.starts_with('0'))).then(|| segment.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn find(pointer: &str, document: &Value) -> Option<Value> {
        Pointer::parse(pointer).unwrap().find(document).cloned()
    }

    #[test]
    fn the_standards_examples_lead_where_it_says() {
        // RFC 6901, section 5
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5,
            "k\"l": 6, " ": 7, "m~n": 8
        });
        assert_eq!(find("", &document).as_ref(), Some(&document));
        for (pointer, value) in [
            ("/foo", json!(["bar", "baz"])),
            ("/foo/0", json!("bar")),
            ("/", json!(0)),
            ("/a~1b", json!(1)),
            ("/c%d", json!(2)),
            ("/e^f", json!(3)),
            ("/g|h", json!(4)),
            ("/i\\j", json!(5)),
            ("/k\"l", json!(6)),
            ("/ ", json!(7)),
            ("/m~0n", json!(8)),
        ] {
            assert_eq!(find(pointer, &document), Some(value), "{pointer}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let document = json!({"a": [1, {"b": 2}], "c": "text"});
        for pointer in [
            "/x",
            "/a/2",
            "/a/-",
            "/a/01",
            "/a/+1",
            "/a/ 1",
            "/a/",
            "/a/1/x",
            "/c/0",
            "/a/4294967296", // 2^32, of which 32 bits would leave 0
            "/a/99999999999999999999",
        ] {
            assert_eq!(find(pointer, &document), None, "{pointer}");
        }
        assert_eq!(find("/a/1/b", &document), Some(json!(2)));
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["a", "a/b", "#/a", "/~", "/~2", "/a~", " /a"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_serde_json_finds(
            pointer in "(/(~[01]|[a0-2]){0,2}){0,3}", keys in prop::collection::vec("[a0~/]{0,2}", 3),
        ) {
            let [a, b, c] = [&keys[0], &keys[1], &keys[2]];
            let document = json!({ a.as_str(): [{ b.as_str(): 1 }, [2, 3]], c.as_str(): { b.as_str(): [4] } });
            prop_assert_eq!(find(&pointer, &document), document.pointer(&pointer).cloned());
        }

        #[test]
        fn any_text_is_a_pointer_or_none(text in "[/~01a-]{0,12}", any: String) {
            for text in [text, any] {
                let _ = Pointer::parse(&text).map(|pointer| pointer.find(&json!([{}])).cloned());
            }
        }
    }
}
