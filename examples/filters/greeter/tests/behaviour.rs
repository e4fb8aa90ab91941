//! The filter in the simulated proxy: each test runs natively, and on the module.

use serde_json::json;
use tollgate_example_greeter::Greeter;
use tollgate_testkit::{Answer, Proxy};

#[tollgate_testkit::test(Greeter)]
fn every_request_is_greeted_and_counted(proxy: &mut Proxy) {
    proxy.workers(2).configure(json!({ "greeting": "hello" }));
    for count in 1..=5 {
        let exchange = proxy.get("/").send();
        assert_eq!(exchange.upstream_request().header("x-greeting").as_deref(), Some("hello"));
        assert_eq!(exchange.status(), 200);
        assert_eq!(proxy.counter("tollgate.greeter.greeted"), count);
    }
    assert_eq!(proxy.counter("tollgate.greeter.failures"), 0);
}

#[tollgate_testkit::test(Greeter)]
fn what_a_client_greets_with_is_replaced(proxy: &mut Proxy) {
    proxy.configure(json!({ "greeting": "hello" }));
    let request = proxy.get("/").header("x-greeting", "mine").header("X-Greeting", "also mine");
    assert_eq!(request.send().upstream_request().header_values("x-greeting"), ["hello"]);
}

#[tollgate_testkit::test(Greeter)]
fn nothing_else_of_request_and_response_changes(proxy: &mut Proxy) {
    proxy.upstream("upstream", |_| Answer::status(418).header("x-version", "v2").body("teapot"));
    proxy.configure(json!({ "greeting": "hello" }));
    let exchange = proxy.post("/a?b=c").header("x-bytes", b"\xff").body("body").send();
    let request = exchange.upstream_request();
    assert_eq!((request.path().as_str(), &*request.body), ("/a?b=c", &b"body"[..]));
    assert_eq!(request.headers.get("x-bytes"), Some(&b"\xff"[..]));
    let response = exchange.response();
    assert_eq!((response.status, response.text().as_str()), (418, "teapot"));
    assert_eq!(response.header("x-version").as_deref(), Some("v2"));
    assert_eq!(response.header("x-greeting"), None);
}

#[tollgate_testkit::test(Greeter)]
fn a_greeting_may_have_blanks_and_signs(proxy: &mut Proxy) {
    for greeting in ["good morning", "a,b;c=\"d\"", "%20", "\u{2603}"] {
        proxy.configure(json!({ "greeting": greeting }));
        let request = proxy.get("/").send().upstream_request();
        assert_eq!(request.header("x-greeting").as_deref(), Some(greeting));
    }
}

#[tollgate_testkit::test(Greeter)]
fn a_wrong_configuration_is_refused_by_field(proxy: &mut Proxy) {
    for (configuration, words) in [
        (json!({}), "`greeting`"),
        (json!({ "greeting": 5 }), "`greeting`: found 5"),
        (json!({ "greeting": "two\nlines" }), "`greeting`: "),
        (json!({ "greeting": "hello", "colour": "red" }), "`colour`: found an unknown field"),
    ] {
        let refusal = proxy.try_configure(configuration).err().unwrap_or_default();
        assert!(refusal.contains(words), "{words}: {refusal}");
    }
}
