//! From the bytes of a fuzzer to what a target works with.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Runs a target that draws its input value by value. One that wants more than there is gets zeros, or
/// ends there: what it has checked until then counts.
pub(crate) fn structured(data: &[u8], target: impl FnOnce(&mut Unstructured<'_>) -> Result<()>) {
    let _ = target(&mut Unstructured::new(data));
}

/// A list of at most `most` values.
pub(crate) fn list<'a, T>(
    input: &mut Unstructured<'a>,
    most: usize,
    mut value: impl FnMut(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let length = input.int_in_range(0..=most)?;
    (0..length).map(|_| value(input)).collect()
}

/// A text of few different words, so that two of them are often equal, or a part of each other; now and
/// then any text.
pub(crate) fn word(input: &mut Unstructured<'_>) -> Result<String> {
    const WORDS: [&str; 16] = [
        "",
        "a",
        "A",
        "ab",
        "aB",
        "b",
        "on",
        "On",
        "1",
        "-1",
        "10",
        "9223372036854775807",
        "1.2.3",
        "true",
        "\u{e9}",
        "a b",
    ];
    match input.int_in_range(0..=WORDS.len())? {
        place if place < WORDS.len() => Ok(WORDS[place].to_owned()),
        _ => String::arbitrary(input),
    }
}
