use super::*;
use proptest::prelude::*;
use prost::Message as _;
use std::collections::BTreeMap;

/// A message with every kind of field that is written or read by hand.
#[derive(Clone, PartialEq, prost::Message)]
struct Oracle {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
    #[prost(uint64, tag = "2")]
    number: u64,
    #[prost(btree_map = "string, bytes", tag = "3")]
    map: BTreeMap<String, Vec<u8>>,
    #[prost(fixed32, tag = "4")]
    fixed32: u32,
    #[prost(fixed64, tag = "500")]
    fixed64: u64,
}

fn any_oracle() -> impl Strategy<Value = Oracle> {
    let map = prop::collection::btree_map("[ab]?", prop::collection::vec(any::<u8>(), 0..3), 0..3);
    (any::<Vec<u8>>(), any::<u64>(), map, any::<u32>(), any::<u64>()).prop_map(
        |(bytes, number, map, fixed32, fixed64)| Oracle { bytes, number, map, fixed32, fixed64 },
    )
}

#[test]
fn defaults_are_not_written() {
    assert_eq!(Message::default().bytes(1, b"").number(2, 0).finish(), b"");
}

#[test]
fn a_length_of_more_bytes_than_memory_can_hold_is_malformed() {
    // 2^32 + 1, of which 32 bits would leave the 1 byte that is there.
    let message = [0x0a, 0x81, 0x80, 0x80, 0x80, 0x10, b'a'];
    assert_eq!(bytes_field(&message, 1), Err(Malformed));
}

proptest! {
    #[test]
    fn what_is_written_by_hand_is_what_prost_writes(bytes: Vec<u8>, number: u64) {
        let message = Message::default().bytes(1, &bytes).number(2, number).finish();
        let oracle = Oracle { bytes, number, ..Oracle::default() };
        prop_assert_eq!(message, oracle.encode_to_vec());
    }

    #[test]
    fn what_prost_writes_is_read_by_hand(oracle in any_oracle()) {
        let message = oracle.encode_to_vec();
        prop_assert_eq!(
            bytes_field(&message, 1).map(Option::unwrap_or_default),
            Ok(&oracle.bytes[..])
        );
        for key in ["", "a", "b", "c"] {
            prop_assert_eq!(
                map_entry(&message, 3, key),
                Ok(oracle.map.get(key).map(Vec::as_slice))
            );
        }
        let fixed64 = Fields(&message).find_map(|field| match field {
            Ok((500, Wire::Fixed64(value))) => Some(value),
            _ => None,
        });
        prop_assert_eq!(fixed64.unwrap_or_default(), oracle.fixed64);
    }

    #[test]
    fn any_bytes_are_read_or_refused_and_reading_ends(bytes: Vec<u8>) {
        let fields = Fields(&bytes).count();
        prop_assert!(fields <= bytes.len());
        let _ = bytes_field(&bytes, 1);
        let _ = map_entry(&bytes, 1, "");
    }
}
