//! Requests that are delayed.

use serde_json::json;
use std::time::Duration;
use tollgate_fault::Fault;
use tollgate_testkit::Proxy;

#[tollgate_testkit::test(Fault)]
fn a_delayed_request_reaches_the_upstream_when_its_time_is_over(proxy: &mut Proxy) {
    let delay = json!({ "fixed_delay": "0.3s", "percentage": { "numerator": 100 } });
    proxy.configure(json!({ "delay": delay }));

    let exchange = proxy.get("/").send();
    proxy.advance(Duration::from_millis(299));
    assert!(exchange.try_upstream_request().is_none());
    proxy.advance(Duration::from_millis(2));
    assert_eq!(exchange.status(), 200);
}
