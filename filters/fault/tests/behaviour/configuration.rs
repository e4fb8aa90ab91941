//! Configurations that are accepted, and what they do.

use super::*;
use tollgate_fault::Fault;

/// How the only request so far ends: after how many milliseconds, with which status.
#[track_caller]
fn assert_fault(proxy: &mut Proxy, configuration: Value, after: u64, status: u16) {
    proxy.configure(configuration);
    let exchange = proxy.get("/").send();
    if after > 0 {
        proxy.advance(milliseconds(after) - Duration::from_nanos(1));
        assert!(exchange.is_pending(), "early");
        proxy.advance(TICK);
    }
    assert_eq!(exchange.status(), status);
}

#[tollgate_testkit::test(Fault)]
fn nothing_at_all_is_no_fault(proxy: &mut Proxy) {
    for configuration in ["", " \n", "{}"] {
        proxy.try_configure_bytes([("plugin", configuration.into())]).unwrap();
        assert_eq!(proxy.get("/").header(ABORT, "503").send().status(), 200);
    }
    assert_eq!(injected(proxy), [0; 3]);
}

#[tollgate_testkit::test(Fault)]
fn envoys_form_works_in_both_spellings_of_protobuf_json(proxy: &mut Proxy) {
    assert_fault(
        proxy,
        json!({
            "delay": { "fixed_delay": "0.3s", "percentage": { "numerator": 100 } },
            "abort": { "http_status": 418, "percentage": { "numerator": 100, "denominator": "HUNDRED" } },
            "max_active_faults": 1,
        }),
        300,
        418,
    );
    assert_fault(
        proxy,
        json!({
            "delay": { "fixedDelay": "0.3s", "percentage": { "numerator": 100 } },
            "abort": { "httpStatus": 418, "percentage": { "numerator": 100 } },
            "maxActiveFaults": 1,
        }),
        300,
        418,
    );
}

#[tollgate_testkit::test(Fault)]
fn control_by_header_works_in_both_spellings(proxy: &mut Proxy) {
    for (delay, abort) in [("header_delay", "header_abort"), ("headerDelay", "headerAbort")] {
        proxy.configure(json!({
            "delay": { delay: {}, "percentage": always() },
            "abort": { abort: {}, "percentage": always() },
        }));
        let exchange = delay_of(proxy, 10).header(ABORT, "418").send();
        assert!(exchange.is_pending());
        proxy.advance(milliseconds(11));
        assert_eq!(exchange.status(), 418);
    }
}

#[tollgate_testkit::test(Fault)]
fn istios_form_works(proxy: &mut Proxy) {
    let all = json!({ "value": 100 });
    assert_fault(proxy, json!({ "delay": { "fixedDelay": "5s", "percentage": all } }), 5000, 200);
    assert_fault(proxy, json!({ "abort": { "httpStatus": 400, "percentage": all } }), 0, 400);
    proxy.configure(json!({ "abort": { "grpcStatus": "UNAVAILABLE", "percentage": all } }));
    let response = proxy.post("/").grpc("ping").send().response();
    assert_eq!(response.header("grpc-status").as_deref(), Some("14"));
}

#[tollgate_testkit::test(Fault)]
fn every_spelling_of_a_duration_is_as_long_as_it_says(proxy: &mut Proxy) {
    for (text, time) in [
        ("0.25s", 250),
        ("250ms", 250),
        (".25s", 250),
        ("250000us", 250),
        ("250000\u{b5}s", 250),
        ("1m", 60_000),
        ("1m0.5s", 60_500),
        ("1h30m", 5_400_000),
    ] {
        assert_fault(proxy, delayed(text), time, 200);
    }
}

#[tollgate_testkit::test(Fault)]
fn numbers_may_be_doubles_as_in_a_struct(proxy: &mut Proxy) {
    let configuration = json!({
        "abort": { "http_status": 418.0, "percentage": { "numerator": 100.0 } },
        "max_active_faults": 1.0,
    });
    assert_fault(proxy, configuration, 0, 418);
}

/// `google.protobuf.Struct` and `Value` on the wire.
fn protobuf(json: &Value) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| [&[tag, bytes.len() as u8], bytes].concat();
    let value = |value: &Value| match value {
        Value::Null => vec![0x08, 0],
        Value::Bool(it) => vec![0x20, (*it).into()],
        Value::Number(it) => [&[0x11][..], &it.as_f64().unwrap().to_le_bytes()].concat(),
        Value::String(it) => field(0x1a, it.as_bytes()),
        Value::Object(_) => field(0x2a, &protobuf(value)),
        Value::Array(_) => panic!("there is no list in it"),
    };
    let entry = |(name, it): (&String, &Value)| {
        field(0x0a, &[field(0x0a, name.as_bytes()), field(0x12, &value(it))].concat())
    };
    json.as_object().unwrap().iter().flat_map(entry).collect()
}

#[tollgate_testkit::test(Fault)]
fn a_struct_is_as_good_as_json(proxy: &mut Proxy) {
    let mut configuration = at_most(1, aborted(418));
    configuration["delay"] = json!({ "fixedDelay": "0.1s", "percentage": { "value": 100 } });
    proxy.try_configure_bytes([("plugin", protobuf(&configuration))]).unwrap();
    let held = proxy.get("/").send();
    assert!(held.is_pending());
    assert_eq!(proxy.get("/").send().status(), 200, "one too many");
    proxy.advance(milliseconds(101));
    assert_eq!(held.status(), 418);

    let wrong = protobuf(&aborted(600));
    let refusal = proxy.try_configure_bytes([("plugin", wrong)]).unwrap_err();
    assert!(refusal.contains("`abort.http_status`: found 600"), "{refusal}");
}

#[tollgate_testkit::test(Fault)]
fn a_new_configuration_takes_the_place_of_the_old_one(proxy: &mut Proxy) {
    assert_fault(proxy, aborted(503), 0, 503);
    assert_fault(proxy, delayed("0.1s"), 100, 200);
    assert_fault(proxy, aborted(404), 0, 404);
    assert_fault(proxy, json!({}), 0, 200);
}

#[tollgate_testkit::test(Fault)]
fn listeners_have_configurations_of_their_own(proxy: &mut Proxy) {
    let plugins = [("one", aborted(503)), ("two", aborted(418)), ("three", json!({}))];
    proxy.workers(2).try_configure_listeners(plugins).unwrap();
    for worker in [1, 2] {
        for (listener, status) in [503, 418, 200].into_iter().enumerate() {
            let request = proxy.get("/").at_listener(listener).on_worker(worker);
            assert_eq!(request.send().status(), status);
        }
    }
}

#[tollgate_testkit::test(Fault)]
fn the_example_of_the_readme_does_what_it_says(proxy: &mut Proxy) {
    proxy.configure(json!({
        "delay": {
            "fixed_delay": "0.3s",
            "percentage": { "numerator": 5, "denominator": "HUNDRED" },
        },
        "abort": { "header_abort": {}, "percentage": { "numerator": 100 } },
        "max_active_faults": 50,
    }));
    let exchanges: Vec<_> = (0..100).map(|_| abort_with(proxy, 503).send()).collect();
    let delayed = active(proxy);
    assert!((1..=20).contains(&delayed), "{delayed}");
    proxy.advance(milliseconds(301));
    assert!(exchanges.iter().all(|exchange| exchange.status() == 503));
    assert_eq!(injected(proxy), [delayed, 100, 0]);
}
