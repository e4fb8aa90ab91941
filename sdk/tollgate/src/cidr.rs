//! Blocks of IP addresses (CIDR, RFC 4632), of both versions.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Unexpected};

/// A block of IP addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address alone.
///
/// An IPv4 address that comes as IPv6 (`::ffff:10.0.0.1`, RFC 4291, section 2.5.5.2) counts as what
/// it is, IPv4, both as an address and in a block: so `::/0` has no IPv4 address in it.
///
/// ```
/// use std::net::IpAddr;
/// use tollgate::cidr::Cidr;
///
/// let block = Cidr::parse("10.0.0.0/8").unwrap();
/// assert!(block.contains("10.1.2.3".parse::<IpAddr>().unwrap()));
/// assert!(block.contains("::ffff:10.1.2.3".parse::<IpAddr>().unwrap()));
/// assert!(!block.contains("11.0.0.0".parse::<IpAddr>().unwrap()));
/// assert_eq!(Cidr::parse("10.1.2.3/8"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// The first address of the block, never an IPv4 one in IPv6.
    first: IpAddr,
    prefix: u32,
}

impl Cidr {
    /// What errors say is allowed.
    pub const ALLOWED: &'static str =
        r#"an IP address or a block without bits after its prefix, such as "10.0.0.0/8""#;

    /// Reads an address or a block; nothing when `text` is neither, or has a bit set after the prefix
    /// (`10.1.2.3/8`: is one address meant, or all of 10?).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(length(prefix)?)),
            None => (text, None),
        };
        Self::new(address.parse().ok()?, prefix)
    }

    /// The block of the addresses that share their first `prefix` bits with `first`: all of them when
    /// there is none. Nothing when the prefix is too long, or `first` has a bit set after it.
    #[must_use]
    pub fn new(first: IpAddr, prefix: Option<u32>) -> Option<Self> {
        let prefix = prefix.unwrap_or(width(first));
        if prefix > width(first) || host_bits(first, prefix) != 0 {
            return None;
        }
        let canonical = first.to_canonical();
        // What makes an address a mapped one is the first 96 bits, of which a shorter prefix would
        // have left some behind.
        let mapping = width(first).checked_sub(width(canonical))?;
        Some(Self { first: canonical, prefix: prefix.checked_sub(mapping)? })
    }

    /// Whether an address is in the block.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4()
            && network_bits(address, self.prefix) == network_bits(self.first, self.prefix)
    }
}

/// One to three digits, without a sign or zeros in front.
fn length(text: &str) -> Option<u32> {
    let canonical = text == "0" || (!text.starts_with('0') && text.len() <= 3);
    (canonical && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

const fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// An address as a number, its first bit the highest of 128.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn network_bits(address: IpAddr, prefix: u32) -> u128 {
    // A shift by all 128 bits leaves none.
    let shift = 128u32.saturating_sub(prefix);
    bits(address).checked_shr(shift).unwrap_or_default()
}

fn host_bits(address: IpAddr, prefix: u32) -> u128 {
    bits(address).checked_shl(prefix).unwrap_or_default()
}

/// Shows a block as it is written, one address without its length.
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix == width(self.first) {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}/{}", self.first, self.prefix),
        }
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| Error::invalid_value(Unexpected::Str(&text), &Self::ALLOWED))
    }
}

impl JsonSchema for Cidr {
    fn schema_name() -> Cow<'static, str> {
        "Cidr".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let v4 = r"[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?";
        let v6 = r"[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]+(/[0-9]{1,3})?";
        json_schema!({
            "title": "IP block",
            "description": "An IP address, or a block of them without bits after its prefix (CIDR).",
            "type": "string",
            "pattern": format!("^({v4}|{v6})$"),
            "examples": ["10.0.0.0/8", "2001:db8::1"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_slice;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn contains(block: &str, address: &str) -> bool {
        Cidr::parse(block).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_block_has_the_addresses_from_its_first_to_its_last() {
        for (block, inside, outside) in [
            ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]),
            ("192.168.1.0/24", ["192.168.1.0", "192.168.1.255"], ["192.168.0.255", "192.168.2.0"]),
            ("127.0.0.1", ["127.0.0.1", "127.0.0.1"], ["127.0.0.0", "127.0.0.2"]),
            ("127.0.0.1/32", ["127.0.0.1", "::ffff:127.0.0.1"], ["127.0.0.2", "::1"]),
            ("128.0.0.0/1", ["128.0.0.0", "255.255.255.255"], ["127.255.255.255", "8000::"]),
            ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::", "2001:db7::"]),
            ("::1", ["::1", "0:0::1"], ["::2", "::"]),
            ("::/0", ["::", "ffff::"], ["0.0.0.0", "::ffff:1.2.3.4"]),
            ("0.0.0.0/0", ["0.0.0.0", "::ffff:1.2.3.4"], ["::", "ffff::"]),
        ] {
            for address in inside {
                assert!(contains(block, address), "{address} in {block}");
            }
            for address in outside {
                assert!(!contains(block, address), "{address} in {block}");
            }
        }
    }

    #[test]
    fn an_ipv4_block_in_ipv6_is_an_ipv4_block() {
        for (mapped, plain) in [
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1/128", "10.0.0.1/32"),
        ] {
            assert_eq!(Cidr::parse(mapped), Cidr::parse(plain), "{mapped}");
        }
        assert_eq!(Cidr::parse("::ffff:0:0/95"), None);
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "/8",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.256",
            "010.0.0.1",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            " 10.0.0.0/8",
            "10.0.0.0 /8",
            "10.0.0.0/8 ",
            "10.0.0.0/8.0",
            "[::1]",
            "::1%eth0",
            "fe80::/ffc0::",
            "127.invalid",
            "bad::cidr",
            "localhost",
            "10.0.0.0/99999999999",
        ] {
            assert_eq!(Cidr::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn bits_after_the_prefix_are_refused_with_an_example() {
        assert_eq!(
            from_slice::<Cidr>(b"\"10.1.2.3/8\"").unwrap_err().to_string(),
            "(root): found \"10.1.2.3/8\", allowed: an IP address or a block without bits after its \
             prefix, such as \"10.0.0.0/8\""
        );
        assert!(from_slice::<Cidr>(b"10").is_err());
    }

    /// Bit by bit.
    fn naive(first: &[u8], prefix: usize, address: &[u8]) -> bool {
        let bit = |bytes: &[u8], n: usize| bytes[n / 8] >> (7 - n % 8) & 1;
        first.len() == address.len() && (0..prefix).all(|n| bit(first, n) == bit(address, n))
    }

    proptest! {
        #[test]
        fn ipv4_blocks_agree_with_a_comparison_bit_by_bit(
            first: u32, prefix in 0u32..=32, address: u32, near in 0u32..=32,
        ) {
            let first = first.checked_shr(32 - prefix).unwrap_or(0).checked_shl(32 - prefix).unwrap_or(0);
            let block = Cidr::new(Ipv4Addr::from_bits(first).into(), Some(prefix)).unwrap();
            for address in [address, first ^ address.checked_shr(near).unwrap_or(0)] {
                let expected = naive(&first.to_be_bytes(), prefix as usize, &address.to_be_bytes());
                let address = Ipv4Addr::from_bits(address);
                prop_assert_eq!(block.contains(address.into()), expected);
                prop_assert_eq!(block.contains(address.to_ipv6_mapped().into()), expected);
            }
            prop_assert_eq!(Cidr::parse(&block.to_string()), Some(block));
        }

        #[test]
        fn ipv6_blocks_agree_with_a_comparison_bit_by_bit(
            first: u128, prefix in 0u32..=128, address: u128, near in 0u32..=128,
        ) {
            let first = first.checked_shr(128 - prefix).unwrap_or(0).checked_shl(128 - prefix).unwrap_or(0);
            prop_assume!(Ipv6Addr::from_bits(first).to_ipv4_mapped().is_none());
            let block = Cidr::new(Ipv6Addr::from_bits(first).into(), Some(prefix)).unwrap();
            for address in [address, first ^ address.checked_shr(near).unwrap_or(0)] {
                let expected = naive(&first.to_be_bytes(), prefix as usize, &address.to_be_bytes());
                let address = Ipv6Addr::from_bits(address);
                let expected = expected && address.to_ipv4_mapped().is_none();
                prop_assert_eq!(block.contains(address.into()), expected);
            }
            prop_assert_eq!(Cidr::parse(&block.to_string()), Some(block));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9a-f:./]{0,24}", any: String) {
            let _ = (Cidr::parse(&text), Cidr::parse(&any));
        }
    }
}
