//! What the host gives is truncated, absurd, of the wrong size, or huge.

use anyhow::Result;
use tollgate_e2e::tokens::tampered;
use tollgate_testkit::HeaderMap;
use tollgate_testkit::module::Interceptor;

use crate::victim::Victim;

/// Which host functions tell something false.
#[derive(Clone, Copy, Debug)]
enum Of {
    Function(&'static str),
    Every,
}

/// A host that gives false bytes.
struct FalseBytes<F>(Of, F);

impl<F: FnMut(&mut Vec<u8>)> Interceptor for FalseBytes<F> {
    fn bytes(&mut self, name: &'static str, bytes: &mut Vec<u8>) {
        if self.0.has(name) {
            (self.1)(bytes);
        }
    }
}

/// A host that gives a false number.
struct FalseNumber(Of, u64);

impl Interceptor for FalseNumber {
    fn number(&mut self, name: &'static str, number: &mut u64) {
        if self.0.has(name) {
            *number = self.1;
        }
    }
}

impl Of {
    fn has(self, name: &str) -> bool {
        match self {
            Self::Function(function) => function == name,
            Self::Every => true,
        }
    }
}

const HEADER_MAPS: Of = Of::Function("proxy_get_header_map_pairs");

/// What gives bytes while a request is handled.
const BYTES: [Of; 6] = [
    HEADER_MAPS,
    Of::Function("proxy_get_header_map_value"),
    Of::Function("proxy_get_property"),
    Of::Function("proxy_get_shared_data"),
    Of::Function("proxy_call_foreign_function"),
    Of::Every,
];

/// What gives numbers while a request is handled.
const NUMBERS: [Of; 6] = [
    Of::Function("proxy_get_current_time_nanoseconds"),
    Of::Function("clock_time_get"),
    Of::Function("proxy_get_metric"),
    Of::Function("proxy_define_metric"),
    Of::Function("proxy_get_shared_data"),
    Of::Every,
];

/// Values that no host function means.
fn nonsense() -> Vec<Vec<u8>> {
    let sizes = [0, 1, 3, 4, 7, 8, 9, 4096, 1 << 20];
    let bytes = [0, b'9', 0xff];
    bytes.iter().flat_map(|byte| sizes.map(|size| vec![*byte; size])).collect()
}

fn shown(value: &[u8]) -> String {
    format!("{} times {:?}", value.len(), value.first())
}

const ABSURD: [u32; 8] = [0, 1, 0x7f, 0xffff, 0x7fff_fffe, 0x8000_0000, 0xffff_fffe, u32::MAX];

fn absurd_numbers() -> impl Iterator<Item = u64> {
    ABSURD.map(u64::from).into_iter().chain([1 << 63, u64::MAX])
}

/// A request with this host, and one without.
fn attack(victim: &mut Victim, interceptor: impl Interceptor + 'static, how: &str) -> Result<()> {
    victim.restart()?;
    victim.vm.set_interceptor(interceptor);
    victim.request(how);
    victim.check(how);
    Ok(())
}

#[test]
fn a_header_map_may_end_at_any_byte() -> Result<()> {
    for mut victim in Victim::all()? {
        for end in 0..victim.case.request_headers().to_bytes().len() {
            let cut = FalseBytes(HEADER_MAPS, move |bytes: &mut Vec<u8>| bytes.truncate(end));
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
            let replace = FalseBytes(HEADER_MAPS, move |bytes: &mut Vec<u8>| {
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
            let replace =
                FalseBytes(HEADER_MAPS, move |bytes: &mut Vec<u8>| bytes.clone_from(&map));
            attack(&mut victim, replace, "a huge map")?;
        }
    }
    Ok(())
}

/// A host that gives `value` in the place of its bytes.
fn replacing(of: Of, value: Vec<u8>) -> impl Interceptor {
    FalseBytes(of, move |bytes: &mut Vec<u8>| bytes.clone_from(&value))
}

#[test]
fn values_may_be_of_any_size_and_content() -> Result<()> {
    for mut victim in Victim::all()? {
        for (of, value) in BYTES.iter().flat_map(|of| nonsense().into_iter().map(|it| (*of, it))) {
            let how = format!("{} of {of:?}", shown(&value));
            attack(&mut victim, replacing(of, value), &how)?;
        }
    }
    Ok(())
}

#[test]
fn numbers_may_be_absurd() -> Result<()> {
    for mut victim in Victim::all()? {
        for (of, number) in NUMBERS.iter().flat_map(|of| absurd_numbers().map(|it| (*of, it))) {
            attack(&mut victim, FalseNumber(of, number), &format!("{number} of {of:?}"))?;
        }
    }
    Ok(())
}

#[test]
fn values_and_numbers_may_be_absurd_while_configuring() -> Result<()> {
    for mut victim in Victim::all()? {
        for value in nonsense() {
            let how = format!("{} while configuring", shown(&value));
            victim.configure_with(replacing(Of::Every, value), &how);
            victim.check(&how);
        }
        for number in ABSURD.map(u64::from) {
            let how = format!("the number {number} while configuring");
            victim.configure_with(FalseNumber(Of::Every, number), &how);
            victim.check(&how);
        }
    }
    Ok(())
}

#[test]
fn a_configuration_may_end_at_any_byte() -> Result<()> {
    let configuration = Of::Function("proxy_get_buffer_bytes");
    for mut victim in Victim::all()? {
        for end in 0..victim.case.configuration.to_string().len() {
            let how = format!("a configuration that ends at {end}");
            let cut = FalseBytes(configuration, move |bytes: &mut Vec<u8>| bytes.truncate(end));
            victim.configure_with(cut, &how);
            victim.check(&how);
        }
    }
    Ok(())
}

#[test]
fn no_nonsense_about_a_signature_lets_a_wrong_one_in() -> Result<()> {
    let mut victim = Victim::of("jwt-auth")?;
    let (_, token) = &mut victim.case.request_header;
    *token = tampered(token);
    for value in nonsense() {
        let how = shown(&value);
        let verify = Of::Function("proxy_call_foreign_function");
        victim.vm.set_interceptor(replacing(verify, value));
        let outcome = victim.request(&how);
        assert!(!outcome.passes(), "{how}: {outcome:?}");
    }
    Ok(())
}
