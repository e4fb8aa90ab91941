use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use tollgate::config::{Denominator, Percent};
use tollgate::grpc;
use tollgate::headers::HeaderMap;
use tollgate_fault::faults::{Abort, Delay, Faults, Source, Status};

use crate::input::{list, structured};

const HEADERS: [&str; 5] = [
    "x-envoy-fault-delay-request",
    "x-envoy-fault-delay-request-percentage",
    "x-envoy-fault-abort-request",
    "x-envoy-fault-abort-grpc-request",
    "x-envoy-fault-abort-request-percentage",
];

/// Faults and a request: the plan is what the documentation says; headers are obeyed only where they are
/// the source, and can lower a percentage and never raise it.
pub fn fault(data: &[u8]) {
    structured(data, |input| {
        let faults = faults(input)?;
        let pairs = list(input, 8, |input| Ok((*input.choose(&HEADERS)?, header(input)?)))?;
        let headers = HeaderMap::from_pairs(pairs.iter().cloned());
        let seed = u64::arbitrary(input)?;
        let plan = faults.plan(&headers, &mut fastrand::Rng::with_seed(seed));
        let first = |name: &str| {
            let value = pairs.iter().find(|(other, _)| *other == name)?.1.clone();
            value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse::<u64>().ok())?
        };

        let mut rng = fastrand::Rng::with_seed(seed);
        let delay = faults.delay.and_then(|Delay { source, percentage }| {
            let (delay, percentage) = match source {
                Source::Fixed(delay) => (delay, percentage),
                Source::Header => (
                    Duration::from_millis(first(HEADERS[0])?),
                    lowered(percentage, first(HEADERS[1])),
                ),
            };
            (!delay.is_zero() && percentage.draws(&mut rng)).then_some(delay)
        });
        let abort = faults.abort.and_then(|Abort { source, percentage }| {
            let (status, percentage) = match source {
                Source::Fixed(status) => (status, percentage),
                Source::Header => (
                    status(first(HEADERS[2]), first(HEADERS[3]))?,
                    lowered(percentage, first(HEADERS[4])),
                ),
            };
            percentage.draws(&mut rng).then_some(status)
        });
        assert_eq!((plan.delay, plan.abort), (delay, abort), "{faults:?} {pairs:?}");
        assert_eq!(plan.is_empty(), delay.is_none() && abort.is_none());
        if !faults.look_at_headers() {
            let without = faults.plan(&HeaderMap::default(), &mut fastrand::Rng::with_seed(seed));
            assert_eq!(without, plan, "headers are looked at");
        }
        Ok(())
    });
}

fn lowered(configured: Percent, requested: Option<u64>) -> Percent {
    let most = configured.numerator();
    let numerator = match requested {
        Some(requested) if requested < u64::from(most) => requested as u32,
        _ => most,
    };
    Percent::new(numerator, configured.denominator()).expect("not more than was configured")
}

fn status(http: Option<u64>, grpc: Option<u64>) -> Option<Status> {
    match http {
        Some(http @ 200..600) => Some(Status::Http(http as u16)),
        _ => grpc.and_then(grpc::Status::from_code).map(Status::Grpc),
    }
}

fn faults(input: &mut Unstructured<'_>) -> Result<Faults> {
    let delay = match input.int_in_range(0..=3)? {
        0 => None,
        1 => Some(Source::Header),
        _ => Some(Source::Fixed(Duration::from_millis(1 + u64::from(u16::arbitrary(input)?)))),
    };
    let abort = match input.int_in_range(0..=4)? {
        0 => None,
        1 | 2 => Some(Source::Header),
        3 => Some(Source::Fixed(Status::Http(input.int_in_range(200..=599)?))),
        _ => Some(Source::Fixed(Status::Grpc(grpc::Status::Unavailable))),
    };
    Ok(Faults {
        delay: match delay {
            Some(source) => Some(Delay { source, percentage: percent(input)? }),
            None => None,
        },
        abort: match abort {
            Some(source) => Some(Abort { source, percentage: percent(input)? }),
            None => None,
        },
    })
}

fn percent(input: &mut Unstructured<'_>) -> Result<Percent> {
    let all = [Denominator::Hundred, Denominator::TenThousand, Denominator::Million];
    let denominator = *input.choose(&all)?;
    let numerator = match input.int_in_range(0..=3)? {
        0 => 0,
        1 => input.int_in_range(0..=denominator.get())?,
        _ => denominator.get(),
    };
    Ok(Percent::new(numerator, denominator).unwrap_or_default())
}

fn header(input: &mut Unstructured<'_>) -> Result<String> {
    Ok(match input.int_in_range(0..=3)? {
        0 => String::arbitrary(input)?,
        1 => u64::arbitrary(input)?.to_string(),
        2 => input.int_in_range(0..=20_u32)?.to_string(),
        _ => input.int_in_range(190..=610_u32)?.to_string(),
    })
}
