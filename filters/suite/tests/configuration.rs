//! What an operator may write, and what is told of what may not be.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong fails"
)]

mod common;

use common::{aborts, breaker, canary, jwt_auth, prepare, suite};
use serde_json::{Value, json};
use tollgate_suite::Suite;
use tollgate_testkit::Proxy;

/// It is refused, in a line that contains the text.
#[track_caller]
fn is_refused(proxy: &mut Proxy, config: Value, text: &str) {
    match proxy.try_configure(config.clone()) {
        Ok(()) => panic!("accepted: {config}"),
        Err(said) => assert!(said.contains(text), "{config}: {said}"),
    }
}

#[tollgate_testkit::test(Suite)]
fn a_wrong_member_is_refused_with_its_place(proxy: &mut Proxy) {
    prepare(proxy);
    let mut canary = canary();
    canary["canary"]["default_variant"] = json!("v3");
    let config = suite([jwt_auth(), canary, aborts(), breaker()]);
    is_refused(proxy, config, "`filters[1].canary.default_variant`: found \"v3\"");
}

#[tollgate_testkit::test(Suite)]
fn every_member_names_its_place(proxy: &mut Proxy) {
    prepare(proxy);
    let wrong = [
        (json!({ "jwt_auth": { "providers": {} } }), "`filters[1].jwt_auth.providers`"),
        (json!({ "canary": { "flag": "a" } }), "`filters[1].canary"),
        (
            json!({ "fault": { "delay": { "fixed_delay": "-1s" } } }),
            "`filters[1].fault.delay.fixed_delay`",
        ),
        (
            json!({ "circuit_breaker": { "connectionPool": { "tcp": { "maxConnections": 0 } } } }),
            "`filters[1].circuit_breaker.connectionPool.tcp.maxConnections`: found 0",
        ),
        (json!({ "circuit_breaker": { "keys": 1 } }), "`filters[1].circuit_breaker.keys`"),
    ];
    for (member, text) in wrong {
        is_refused(proxy, suite([aborts(), member]), text);
    }
}

#[tollgate_testkit::test(Suite)]
fn the_second_of_two_members_of_a_kind_has_its_own_place(proxy: &mut Proxy) {
    prepare(proxy);
    let wrong = json!({ "circuit_breaker": { "key": "route" } });
    is_refused(proxy, suite([breaker(), wrong]), "`filters[1].circuit_breaker.key`");
}

#[tollgate_testkit::test(Suite)]
fn the_first_wrong_member_is_named(proxy: &mut Proxy) {
    prepare(proxy);
    let wrong = |key: &str| json!({ "circuit_breaker": { "key": key } });
    is_refused(proxy, suite([wrong("route"), wrong("host")]), "`filters[0].circuit_breaker.key`");
}

#[tollgate_testkit::test(Suite)]
fn a_member_that_is_not_known_is_refused_with_those_that_are(proxy: &mut Proxy) {
    let config = suite([aborts(), json!({ "rate_limit": {} })]);
    is_refused(
        proxy,
        config,
        "`filters[1]`: found \"rate_limit\", allowed: one of \"jwt_auth\", \"canary\", \"fault\", \
         \"circuit_breaker\"",
    );
}

#[tollgate_testkit::test(Suite)]
fn an_entry_is_one_member(proxy: &mut Proxy) {
    let two = json!({ "fault": {}, "circuit_breaker": {} });
    for entry in [json!({}), two] {
        is_refused(proxy, suite([entry]), "`filters[0]`: found an entry without exactly one name");
    }
}

#[tollgate_testkit::test(Suite)]
fn there_is_at_least_one_member(proxy: &mut Proxy) {
    is_refused(proxy, suite([]), "`filters`: found an empty list, allowed: at least one filter");
    is_refused(proxy, json!({}), "filters");
}

#[tollgate_testkit::test(Suite)]
fn members_are_a_list_of_objects(proxy: &mut Proxy) {
    for filters in [json!({ "fault": {} }), json!("fault"), json!(["fault"]), json!([[]])] {
        is_refused(proxy, json!({ "filters": filters }), "`filters");
    }
}

#[tollgate_testkit::test(Suite)]
fn nothing_else_stands_beside_the_members(proxy: &mut Proxy) {
    let config = json!({ "filters": [aborts()], "filter": [] });
    is_refused(proxy, config, "`filter`");
}

#[tollgate_testkit::test(Suite)]
fn members_take_both_spellings(proxy: &mut Proxy) {
    prepare(proxy);
    let snake = json!({ "connection_pool": { "http": { "http2_max_requests": 1 } } });
    let camel = json!({ "connectionPool": { "http": { "http2MaxRequests": 1 } } });
    for config in [snake, camel] {
        proxy.configure(suite([aborts(), json!({ "circuit_breaker": config })]));
        let held = proxy.get("/held").send();
        assert_eq!(proxy.get("/").send().details(), "circuit_breaker_overflow");
        held.leave();
    }
}

#[tollgate_testkit::test(Suite)]
fn members_tell_what_has_no_effect(proxy: &mut Proxy) {
    let pool = json!({ "http": { "maxRetries": 3 } });
    proxy.configure(suite([aborts(), json!({ "circuit_breaker": { "connectionPool": pool } })]));
    let told = |line: &str| line.starts_with("tollgate circuit_breaker: maxRetries has no effect");
    assert!(proxy.log().iter().any(|it| told(&it.message)), "{:?}", proxy.log());
}
