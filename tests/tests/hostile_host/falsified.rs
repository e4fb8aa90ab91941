//! What the host gives is truncated, absurd, of the wrong size, or huge.

use anyhow::Result;
use tollgate_testkit::HeaderMap;
use tollgate_testkit::module::Interceptor;

use crate::victim::Victim;

/// A host whose answers are changed.
struct Falsifying<B, N> {
    bytes: B,
    number: N,
}

impl<B, N> Interceptor for Falsifying<B, N>
where
    B: FnMut(&'static str, &mut Vec<u8>),
    N: FnMut(&mut u64),
{
    fn bytes(&mut self, name: &'static str, bytes: &mut Vec<u8>) {
        (self.bytes)(name, bytes);
    }

    fn number(&mut self, _name: &'static str, number: &mut u64) {
        (self.number)(number);
    }
}

/// Changes the bytes that one host function gives.
fn falsified(function: &'static str, change: impl Fn(&mut Vec<u8>)) -> impl Interceptor {
    let bytes = move |name, bytes: &mut Vec<u8>| {
        if name == function {
            change(bytes);
        }
    };
    Falsifying { bytes, number: |_: &mut u64| () }
}

/// Changes the header maps that a module reads.
fn falsified_maps(change: impl Fn(&mut Vec<u8>)) -> impl Interceptor {
    falsified("proxy_get_header_map_pairs", change)
}

/// Replaces all bytes that a module gets.
fn falsified_bytes(replacement: Vec<u8>) -> impl Interceptor {
    let bytes = move |_: &'static str, bytes: &mut Vec<u8>| bytes.clone_from(&replacement);
    Falsifying { bytes, number: |_: &mut u64| () }
}

/// Replaces every number that a module gets.
fn falsified_numbers(replacement: u64) -> impl Interceptor {
    Falsifying { bytes: |_, _: &mut Vec<u8>| (), number: move |it: &mut u64| *it = replacement }
}

/// A request with this host, and one without.
fn attack(victim: &mut Victim, interceptor: impl Interceptor + 'static, how: &str) -> Result<()> {
    victim.restart()?;
    victim.vm.set_interceptor(interceptor);
    victim.request(how);
    victim.check(how);
    Ok(())
}

const ABSURD: [u32; 8] = [0, 1, 0x7f, 0xffff, 0x7fff_fffe, 0x8000_0000, 0xffff_fffe, u32::MAX];

#[test]
fn a_header_map_may_end_at_any_byte() -> Result<()> {
    for mut victim in Victim::all()? {
        for end in 0..victim.case.request_headers().to_bytes().len() {
            let cut = falsified_maps(move |bytes| bytes.truncate(end));
            attack(&mut victim, cut, &format!("a map that ends at {end}"))?;
        }
    }
    Ok(())
}

#[test]
fn counts_and_lengths_in_a_header_map_may_be_absurd() -> Result<()> {
    for mut victim in Victim::all()? {
        let numbers = 1 + 2 * victim.case.request_headers().len();
        for (at, number) in (0..numbers).flat_map(|at| ABSURD.map(|number| (4 * at, number))) {
            let replace = falsified_maps(move |bytes| {
                if let Some(place) = bytes.get_mut(at..at + 4) {
                    place.copy_from_slice(&number.to_le_bytes());
                }
            });
            attack(&mut victim, replace, &format!("{number} at {at} of a map"))?;
        }
    }
    Ok(())
}

#[test]
fn header_maps_may_be_huge() -> Result<()> {
    let many = std::iter::repeat_n(("cookie", "featureflag=off"), 50_000).collect::<HeaderMap>();
    let long = HeaderMap::from([("authorization", "Bearer a.b.c ".repeat(300_000))]);
    let cookies = HeaderMap::from([("cookie", "a=b; ".repeat(500_000))]);
    for mut victim in Victim::all()? {
        for headers in [&many, &long, &cookies] {
            let map = headers.to_bytes();
            let replace = falsified_maps(move |bytes| bytes.clone_from(&map));
            attack(&mut victim, replace, "a huge map")?;
        }
    }
    Ok(())
}

/// Values that no host function means.
fn nonsense() -> Vec<Vec<u8>> {
    let sizes = [0, 1, 3, 4, 7, 8, 9, 4096, 1 << 20];
    let bytes = [0, b'9', 0xff];
    bytes.iter().flat_map(|byte| sizes.map(|size| vec![*byte; size])).collect()
}

#[test]
fn values_may_be_of_any_size_and_content() -> Result<()> {
    for mut victim in Victim::all()? {
        for value in nonsense() {
            let how = format!("{} times {:?}", value.len(), value.first());
            attack(&mut victim, falsified_bytes(value), &how)?;
        }
    }
    Ok(())
}

#[test]
fn numbers_may_be_absurd() -> Result<()> {
    for mut victim in Victim::all()? {
        for number in ABSURD.map(u64::from).into_iter().chain([1 << 63, u64::MAX]) {
            attack(&mut victim, falsified_numbers(number), &format!("the number {number}"))?;
        }
    }
    Ok(())
}

#[test]
fn values_may_be_of_any_size_and_content_while_configuring() -> Result<()> {
    for mut victim in Victim::all()? {
        for value in nonsense() {
            let how = format!("{} times {:?} while configuring", value.len(), value.first());
            victim.configure_with(falsified_bytes(value), &how);
            victim.check(&how);
        }
        for number in ABSURD.map(u64::from) {
            let how = format!("the number {number} while configuring");
            victim.configure_with(falsified_numbers(number), &how);
            victim.check(&how);
        }
    }
    Ok(())
}

#[test]
fn a_configuration_may_end_at_any_byte() -> Result<()> {
    for mut victim in Victim::all()? {
        let configuration = victim.case.configuration.to_string();
        for end in 0..configuration.len() {
            let how = format!("a configuration that ends at {end}");
            let cut = falsified("proxy_get_buffer_bytes", move |bytes| bytes.truncate(end));
            victim.configure_with(cut, &how);
            victim.check(&how);
        }
    }
    Ok(())
}
