//! What an operator writes in one string or number.

use std::net::IpAddr;
use std::time;

use arbitrary::{Arbitrary, Unstructured};
use tollgate::byte_size::ByteSize;
use tollgate::cidr::Cidr;
use tollgate::config::{self, Denominator, Duration, Percent, PositiveDuration};
use tollgate::config::{CookieName, HeaderName, HeaderValue};
use tollgate::cookies;
use tollgate::grpc::Status;
use tollgate::headers::HeaderMap;
use tollgate::status::StatusRange;

use crate::input::structured;

/// What `text` is in a configuration.
fn in_configuration<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    let json = serde_json::to_vec(text).expect("a string can be written");
    match config::from_slice(&json) {
        Ok(value) => Some(value),
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains(char::is_control), "{error:?}");
            None
        }
    }
}

/// A duration: what is read is the sum of its parts, is shown in a form that is read again, and is the
/// same in a configuration.
pub fn duration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = Duration::parse(text);
    assert_eq!(in_configuration::<Duration>(text), read);
    let positive = in_configuration::<PositiveDuration>(text).map(PositiveDuration::get);
    assert_eq!(positive, read.map(Duration::get).filter(|read| !read.is_zero()));
    let Some(read) = read else { return };

    assert_eq!(Duration::parse(&read.to_string()), Some(read), "shown as {read}");
    assert!(read.get() <= time::Duration::from_secs(315_576_000_000));
    let sum = roughly(text).expect("what is read has parts");
    let difference = (sum - read.get().as_secs_f64()).abs();
    assert!(difference <= 1e-6 * sum.max(1e-3), "{text:?} is read as {read}");
}

/// In seconds, in floating point.
fn roughly(mut text: &str) -> Option<f64> {
    let mut sum = 0.0;
    while !text.is_empty() && text != "0" {
        let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = format!("0{}", text.get(..unit)?).parse().ok()?;
        let after = text.get(unit..)?;
        let next = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        sum += number
            * match after.get(..next)? {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        text = after.get(next..)?;
    }
    Some(sum)
}

/// A number of bytes: shown in a form that is read again, and the same in a configuration.
pub fn byte_size(data: &[u8]) {
    if let Ok(number) = data.try_into().map(u64::from_le_bytes) {
        let size = ByteSize::new(number);
        assert_eq!(ByteSize::parse(&size.to_string()), Some(size), "shown as {size}");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = ByteSize::parse(text);
    assert_eq!(in_configuration::<ByteSize>(text), read);
    let Some(read) = read else { return };
    assert_eq!(ByteSize::parse(&read.to_string()), Some(read), "shown as {read}");

    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let factor = match &text[unit..] {
        "" | "B" => 0,
        "kB" | "KB" => 3,
        "MB" => 6,
        "GB" => 9,
        "TB" => 12,
        unit => {
            let exponent = "KMGT".find(&unit[..1]).expect("a unit") as i32 + 1;
            return check_size(
                text[..text.len() - unit.len()].parse(),
                1024f64.powi(exponent),
                read,
            );
        }
    };
    check_size(text[..unit].parse(), 10f64.powi(factor), read);
}

fn check_size<E: std::fmt::Debug>(number: Result<f64, E>, factor: f64, read: ByteSize) {
    let expected = number.expect("a number") * factor;
    assert!(
        (expected - read.get() as f64).abs() <= 1e-9 * expected,
        "{expected} is read as {read}"
    );
}

/// A percentage: as near to its number of per cent as a millionth can be, and only `never` for nothing.
pub fn percent(data: &[u8]) {
    if let Ok(percent) = config::from_slice::<Percent>(data) {
        check_dice(percent);
    }
    structured(data, |input| {
        let value = f64::arbitrary(input)?;
        if let Some(percent) = Percent::from_value(value) {
            let share = f64::from(percent.numerator()) / f64::from(percent.denominator().get());
            assert!((share - value / 100.0).abs() <= 0.500_001e-6, "{value} % is {share}");
            assert_eq!(percent.numerator() == 0, value == 0.0);
            check_dice(percent);
        } else {
            assert!(!(0.000_05..=100.0).contains(&value) && value != 0.0, "{value} % is refused");
        }
        let (numerator, cap) = (u32::arbitrary(input)?, u32::arbitrary(input)?);
        for denominator in [Denominator::Hundred, Denominator::TenThousand, Denominator::Million] {
            let Some(percent) = Percent::new(numerator % 1_000_001, denominator) else { continue };
            let capped = percent.with_numerator_at_most(cap);
            assert_eq!(capped.denominator(), denominator);
            assert_eq!(capped.numerator(), percent.numerator().min(cap));
            check_dice(percent);
        }
        Ok(())
    });
}

fn check_dice(percent: Percent) {
    let (numerator, denominator) = (percent.numerator(), percent.denominator().get());
    assert!(numerator <= denominator);
    let mut rng = fastrand::Rng::with_seed(u64::from(numerator));
    let draws = (0..8).filter(|_| percent.draws(&mut rng)).count();
    assert!(numerator > 0 || draws == 0);
    assert!(numerator < denominator || draws == 8);
}

/// A block of addresses, and addresses that may be in it, judged bit by bit.
pub fn cidr(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let read = Cidr::parse(text);
        assert_eq!(in_configuration::<Cidr>(text), read);
        if let Some(block) = read {
            assert_eq!(Cidr::parse(&block.to_string()), Some(block), "shown as {block}");
        }
    }
    structured(data, |input| {
        let (first, prefix) = (address(input)?, input.int_in_range(0..=130_u32)?);
        let Some(block) = Cidr::new(first, Some(prefix)) else { return Ok(()) };
        assert_eq!(Cidr::parse(&format!("{first}/{prefix}")), Some(block));
        assert_eq!(Cidr::parse(&block.to_string()), Some(block), "shown as {block}");
        assert!(block.contains(first));
        for _ in 0..4 {
            let address = match bool::arbitrary(input)? {
                true => address(input)?,
                false => neighbour(first, input.int_in_range(0..=127)?),
            };
            assert_eq!(block.contains(address), is_inside(address, first, prefix), "{address}");
            let mapped = match address {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
                v6 => v6,
            };
            assert_eq!(block.contains(mapped), block.contains(address));
        }
        Ok(())
    });
}

fn address(input: &mut Unstructured<'_>) -> arbitrary::Result<IpAddr> {
    Ok(match input.int_in_range(0..=2)? {
        0 => IpAddr::V4(u32::arbitrary(input)?.into()),
        1 => IpAddr::V6(u128::arbitrary(input)?.into()),
        _ => IpAddr::V6(std::net::Ipv4Addr::from(u32::arbitrary(input)?).to_ipv6_mapped()),
    })
}

/// The address that differs in one bit.
fn neighbour(address: IpAddr, bit: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() ^ 1 << (bit % 32)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() ^ 1 << bit).into()),
    }
}

fn is_inside(address: IpAddr, first: IpAddr, prefix: u32) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => format!("{:032b}", v4.to_bits()),
        IpAddr::V6(v6) => format!("{:0128b}", v6.to_bits()),
    };
    let prefix = match (first, first.to_canonical()) {
        (IpAddr::V6(_), IpAddr::V4(_)) => prefix - 96,
        _ => prefix,
    };
    let (address, first) = (address.to_canonical(), first.to_canonical());
    address.is_ipv4() == first.is_ipv4()
        && bits(address)[..prefix as usize] == bits(first)[..prefix as usize]
}

/// A status or a range of them.
pub fn status_range(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = StatusRange::parse(text);
    assert_eq!(in_configuration::<StatusRange>(text), read);
    let Some(range) = read else { return };
    assert_eq!(StatusRange::parse(&range.to_string()), Some(range));
    let inside: Vec<_> = (0..=u16::MAX).filter(|status| range.contains(*status)).collect();
    let (Some(first), Some(last)) = (inside.first(), inside.last()) else { panic!("empty") };
    assert!(100 <= *first && *last <= 599 && inside.len() == usize::from(last - first) + 1);
}

/// A gRPC status in a header, and in a configuration.
pub fn grpc_status(data: &[u8]) {
    let text = std::str::from_utf8(data).ok();
    let digits = text.filter(|text| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.trim_start_matches('0').parse().ok());
    let number = number.or(digits.filter(|digits| digits.bytes().all(|it| it == b'0')).map(|_| 0));
    let status = Status::from_header(data);
    assert_eq!(status.map(Status::code), number.filter(|number| *number <= 16));
    if let Some(status) = text.and_then(in_configuration::<Status>) {
        assert_eq!(Some(status.name()), text);
        assert_eq!(Status::from_code(status.code().into()), Some(status));
        assert_eq!(Status::from_header(status.code().to_string().as_bytes()), Some(status));
        assert_eq!(status.http() < 400, status == Status::Ok);
    }
}

/// Names and values of headers and cookies: one that is accepted arrives in a request as it is.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert_eq!(in_configuration::<CookieName>(text), CookieName::parse(text));
    assert_eq!(in_configuration::<HeaderName>(text), HeaderName::parse(text));
    assert_eq!(in_configuration::<HeaderValue>(text), HeaderValue::parse(text));
    if let Some(name) = CookieName::parse(text) {
        let line = format!("{name}x=a; x{name}=b; {name}=v; {name}=c");
        let headers = HeaderMap::from_pairs([("cookie", line)]);
        assert_eq!(cookies::get(&headers, name.as_bytes()), Some(&b"v"[..]));
    }
    if let Some(name) = HeaderName::parse(text) {
        assert_eq!(HeaderName::parse(&name), Some(name.clone()));
        assert!(
            !name.is_empty() && name.is_ascii() && !name.contains([' ', ':', '\r', '\n', '\0'])
        );
        assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()));
    }
    if let Some(value) = HeaderValue::parse(text) {
        assert!(!value.contains(['\r', '\n', '\0']) && value.trim_matches([' ', '\t']) == &*value);
    }
}
