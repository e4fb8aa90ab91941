use super::*;

fn compile(json: &str) -> Result<Settings, String> {
    tollgate::config::from_slice::<Config>(json.as_bytes())
        .and_then(Config::compile)
        .map_err(|error| error.to_string())
}

fn delay_of(json: &str) -> Delay {
    compile(json).unwrap().faults.delay.unwrap()
}

fn abort_of(json: &str) -> Abort {
    compile(json).unwrap().faults.abort.unwrap()
}

#[test]
fn envoys_spelling_is_read() {
    let delay = delay_of(
        r#"{"delay": {"fixed_delay": "0.3s", "percentage": {"numerator": 5, "denominator": "TEN_THOUSAND"}}}"#,
    );
    assert_eq!(delay.source, Source::Fixed(std::time::Duration::from_millis(300)));
    assert_eq!(delay.percentage.numerator(), 5);

    let json = r#"{"abort": {"header_abort": {}, "percentage": {"numerator": 100}}, "max_active_faults": 3}"#;
    assert_eq!(abort_of(json).source, Source::Header);
    assert_eq!(compile(json).unwrap().max_active_faults, 3);
}

#[test]
fn istios_spelling_is_read() {
    let delay = delay_of(r#"{"delay": {"fixedDelay": "5s", "percentage": {"value": 0.1}}}"#);
    assert_eq!(delay.source, Source::Fixed(std::time::Duration::from_secs(5)));
    assert_eq!(delay.percentage, Percent::from_value(0.1).unwrap());

    let abort =
        abort_of(r#"{"abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 50}}}"#);
    assert_eq!(abort.source, Source::Fixed(Status::Grpc(grpc::Status::Unavailable)));
    let abort = abort_of(r#"{"abort": {"httpStatus": 400.0, "percentage": {"value": 50.0}}}"#);
    assert_eq!(abort.source, Source::Fixed(Status::Http(400)));
}

#[test]
fn a_fault_without_a_percentage_never_happens_as_in_envoy() {
    assert_eq!(delay_of(r#"{"delay": {"fixed_delay": "1s"}}"#).percentage, Percent::NEVER);
}

#[test]
fn nothing_configured_is_no_fault() {
    assert_eq!(compile("").unwrap().faults, Faults::default());
}

#[test]
fn what_is_wrong_is_named_with_what_is_allowed() {
    for (json, message) in [
        (
            r#"{"delay": {"fixed_delay": "-1s"}}"#,
            "`delay.fixed_delay`: found \"-1s\", allowed: a duration",
        ),
        (
            r#"{"delay": {"fixed_delay": "0s"}}"#,
            "`delay.fixed_delay`: found \"0s\", allowed: a duration above 0",
        ),
        (
            r#"{"delay": {}}"#,
            "`delay`: found none of them, allowed: exactly one of `fixed_delay`, `header_delay`",
        ),
        (
            r#"{"delay": {"fixed_delay": "1s", "header_delay": {}}}"#,
            "`delay`: found `fixed_delay`, `header_delay`, allowed: exactly one of",
        ),
        (
            r#"{"abort": {"http_status": 199}}"#,
            "`abort.http_status`: found 199, allowed: a whole number from 200 to 599",
        ),
        (
            r#"{"abort": {"http_status": 600}}"#,
            "`abort.http_status`: found 600, allowed: a whole number from 200 to 599",
        ),
        (r#"{"abort": {"http_status": "503"}}"#, "`abort.http_status`: found \"503\", allowed:"),
        (
            r#"{"abort": {"grpc_status": 17}}"#,
            "`abort.grpc_status`: found 17, allowed: a gRPC status: a number from 0 to 16",
        ),
        (r#"{"abort": {"grpcStatus": "DOWN"}}"#, "found \"DOWN\", allowed: a gRPC status"),
        (
            r#"{"abort": {"http_status": 503, "percentage": {"numerator": 101}}}"#,
            "`abort.percentage`: found 101 of 100, allowed: a numerator from 0 to the denominator, 100",
        ),
        (r#"{"delays": {}}"#, "`delays`: "),
        (r#"{"delay": {"header_delay": {"x": 1}}}"#, "`delay.header_delay.x`: "),
        ("{", "line 1"),
    ] {
        let error = compile(json).unwrap_err();
        assert!(error.contains(message), "{json}: {error}");
    }
}
