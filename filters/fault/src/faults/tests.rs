use super::*;
use proptest::prelude::*;
use tollgate::config::Denominator;

const NONE: [(&str, &str); 0] = [];

fn rng() -> fastrand::Rng {
    fastrand::Rng::with_seed(1)
}

fn by_header(numerator: u32) -> Faults {
    let percentage = Percent::new(numerator, Denominator::Hundred).unwrap();
    Faults {
        delay: Some(Delay { source: Source::Header, percentage }),
        abort: Some(Abort { source: Source::Header, percentage }),
    }
}

fn plan<V: AsRef<[u8]>>(faults: &Faults, headers: &[(&str, V)]) -> Plan {
    faults.plan(&HeaderMap::from_pairs(headers.iter().map(|(n, v)| (n, v))), &mut rng())
}

fn grpc(code: u64) -> Option<Status> {
    grpc::Status::from_code(code).map(Status::Grpc)
}

#[test]
fn without_faults_nothing_happens() {
    assert!(plan(&Faults::default(), &NONE).is_empty());
}

#[test]
fn fixed_faults_hit_their_share_of_requests_each_with_its_own_dice() {
    let faults = Faults {
        delay: Some(Delay {
            source: Source::Fixed(Duration::from_millis(5)),
            percentage: Percent::new(10, Denominator::Hundred).unwrap(),
        }),
        abort: Some(Abort {
            source: Source::Fixed(Status::Http(503)),
            percentage: Percent::new(50, Denominator::Hundred).unwrap(),
        }),
    };
    let (headers, mut rng) = (HeaderMap::default(), rng());
    let plans: Vec<_> = (0..100_000).map(|_| faults.plan(&headers, &mut rng)).collect();
    let share = |hit: fn(&&Plan) -> bool| plans.iter().filter(hit).count();
    assert!((9_500..10_500).contains(&share(|plan| plan.delay.is_some())));
    assert!((49_000..51_000).contains(&share(|plan| plan.abort.is_some())));
    let both = share(|plan| plan.delay.is_some() && plan.abort.is_some());
    assert!((4_600..5_400).contains(&both), "{both}");
}

#[test]
fn a_request_asks_for_its_delay_in_milliseconds() {
    let planned = plan(&by_header(100), &[(DELAY, "300")]);
    assert_eq!(planned, Plan { delay: Some(Duration::from_millis(300)), abort: None });
}

#[test]
fn a_request_asks_for_its_status() {
    let abort = |headers: &[(&str, &str)]| plan(&by_header(100), headers).abort;
    assert_eq!(abort(&[(ABORT, "503")]), Some(Status::Http(503)));
    assert_eq!(abort(&[(ABORT_GRPC, "14")]), grpc(14));
    assert_eq!(abort(&[(ABORT, "503"), (ABORT_GRPC, "14")]), Some(Status::Http(503)));
}

/// Seen with Envoy 1.40.
#[test]
fn an_invalid_http_status_leaves_the_grpc_status() {
    let planned = plan(&by_header(100), &[(ABORT, "600"), (ABORT_GRPC, "16")]);
    assert_eq!(planned.abort, grpc(16));
}

#[test]
fn a_grpc_status_that_grpc_does_not_define_is_ignored() {
    for code in ["17", "999", "4294967310", "-1"] {
        assert_eq!(plan(&by_header(100), &[(ABORT_GRPC, code)]).abort, None, "{code}");
    }
}

#[test]
fn a_header_without_a_configured_header_fault_does_nothing() {
    assert!(plan(&Faults::default(), &[(DELAY, "300"), (ABORT, "503")]).is_empty());
}

#[test]
fn values_that_are_not_what_they_should_be_are_ignored() {
    let values: [&[u8]; 11] = [
        b"",
        b" 300",
        b"300ms",
        b"-1",
        b"+",
        b"0x10",
        b"1e3",
        b"\xff\xfe",
        b"199",
        b"1.5",
        b"99999999999999999999999",
    ];
    for value in values {
        let planned = plan(&by_header(100), &[(ABORT, value), (ABORT_GRPC, b"x")]);
        assert_eq!(planned.abort, None, "{value:?}");
    }
    for value in [&b""[..], b"0", b"-5", b"5 ", b"\xff", b"99999999999999999999999"] {
        assert_eq!(plan(&by_header(100), &[(DELAY, value)]).delay, None, "{value:?}");
    }
}

#[test]
fn of_several_values_the_first_counts() {
    let planned = plan(&by_header(100), &[(DELAY, "7"), (DELAY, "9")]);
    assert_eq!(planned.delay, Some(Duration::from_millis(7)));
    assert!(plan(&by_header(100), &[(DELAY, "x"), (DELAY, "9")]).is_empty());
}

#[test]
fn a_percentage_header_lowers_and_never_raises() {
    let hits = |configured, header: &str| {
        let headers = HeaderMap::from_pairs([(DELAY, "1"), (DELAY_PERCENTAGE, header)]);
        let (faults, mut rng) = (by_header(configured), rng());
        (0..10_000).filter(|_| faults.plan(&headers, &mut rng).delay.is_some()).count()
    };
    assert_eq!(hits(100, "0"), 0);
    assert!((900..1_100).contains(&hits(100, "10")));
    assert!((900..1_100).contains(&hits(10, "100")));
    assert!((900..1_100).contains(&hits(10, "nonsense")));
}

#[test]
fn a_percentage_of_zero_is_never_and_of_hundred_is_always() {
    for _ in 0..1_000 {
        assert!(plan(&by_header(0), &[(DELAY, "1"), (ABORT, "503")]).is_empty());
        assert!(plan(&by_header(100), &[(DELAY, "1")]).delay.is_some());
    }
}

proptest! {
    #[test]
    fn any_header_values_give_a_plan(delay: Vec<u8>, abort: Vec<u8>, percentage: Vec<u8>) {
        let planned = plan(
            &by_header(100),
            &[(DELAY, &delay), (ABORT, &abort), (ABORT_GRPC, &abort), (DELAY_PERCENTAGE, &percentage)],
        );
        if let Some(Status::Http(status)) = planned.abort {
            prop_assert!((200..600).contains(&status));
        }
    }
}
