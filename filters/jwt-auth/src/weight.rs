//! How much memory things take in a module: not less than they do, so that a bound in bytes is one.

use crate::output::Written;
use crate::token::Claims;
use serde_json::Value;

/// What the allocator takes for a block: four bytes for itself, and in all a multiple of 16
/// (`dlmalloc` of wasi-libc).
#[must_use]
pub const fn block(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => bytes.saturating_add(4).saturating_add(15) & !15,
    }
}

/// What a shared value takes: beside it are two counters.
#[must_use]
pub const fn shared<T>() -> usize {
    block(size_of::<(usize, usize, T)>())
}

/// What a list takes, with the room that it has for more.
fn of_list<T>(list: &Vec<T>) -> usize {
    block(list.capacity().saturating_mul(size_of::<T>()))
}

fn sum(weights: impl Iterator<Item = usize>) -> usize {
    weights.fold(0, usize::saturating_add)
}

/// What claims take, beside the map itself.
#[must_use]
pub fn of_claims(claims: &Claims) -> usize {
    /// Members of a node of the tree, at most and, but for the first one, at least.
    const MOST: usize = 11;
    const LEAST: usize = 5;
    /// A node with its members, and with its children, which those at the bottom do not have.
    const NODE: usize =
        block(MOST * (size_of::<String>() + size_of::<Value>()) + (MOST + 3) * size_of::<usize>());
    let nodes = match claims.len() {
        0 => 0,
        1..=MOST => 1,
        more => more.div_ceil(LEAST),
    };
    let members =
        claims.iter().map(|(name, value)| block(name.len()).saturating_add(of_value(value)));
    nodes.saturating_mul(NODE).saturating_add(sum(members))
}

/// What a value takes, beside the place in which it is.
fn of_value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => block(text.capacity()),
        Value::Array(values) => of_list(values).saturating_add(sum(values.iter().map(of_value))),
        Value::Object(members) => of_claims(members),
    }
}

/// What the headers and properties that a token becomes take, beside their lists themselves.
#[must_use]
pub fn of_written(written: &Written) -> usize {
    let both = [&written.headers, &written.properties];
    sum(both.into_iter().map(|pairs| {
        let values = pairs.iter().map(|(_, value)| block(value.capacity()));
        of_list(pairs).saturating_add(sum(values))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> usize {
        match value {
            Value::Object(claims) => of_claims(&claims),
            _ => panic!("claims"),
        }
    }

    #[test]
    fn blocks_are_whole_sixteens_with_four_bytes_for_the_allocator() {
        for (bytes, taken) in [(0, 0), (1, 16), (12, 16), (13, 32), (28, 32), (29, 48), (930, 944)]
        {
            assert_eq!(block(bytes), taken, "{bytes}");
        }
        assert!(block(usize::MAX) > usize::MAX / 2);
    }

    #[test]
    fn claims_take_nodes_for_their_members_and_blocks_for_their_texts() {
        let empty = claims(json!({}));
        let number = claims(json!({"a": 1}));
        let text = claims(json!({"a": "b"}));
        assert_eq!((empty, text - number), (0, 16));
        let eleven: Claims = (0..11).map(|n| (n.to_string(), json!(1))).collect();
        let twelve: Claims = (0..12).map(|n| (n.to_string(), json!(1))).collect();
        let node = number - block(1);
        assert_eq!(of_claims(&eleven), node + 11 * block(1));
        // A full node becomes two and one above them.
        assert_eq!(of_claims(&twelve), 3 * node + 12 * block(1));
        assert_eq!(claims(json!({"a": {"b": 1}})), 2 * number);
    }
}
