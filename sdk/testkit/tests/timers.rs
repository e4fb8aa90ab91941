//! Filters that wait.
#![allow(missing_docs, reason = "a filter for tests alone")]

use serde_json::json;
use std::time::Duration;
use tollgate::prelude::*;
use tollgate_testkit::{Filter, Proxy, Route};

/// Sends a request to the canary, a while after it has come.
pub struct Late;

#[derive(Deserialize)]
pub struct Config {}

#[tollgate::filter]
impl HttpFilter for Late {
    type Config = Config;

    fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        tollgate::time::sleep(WHILE).await;
        request.headers_mut().set("x-version", b"canary")?;
        Ok(Flow::Continue)
    }
}

const WHILE: Duration = Duration::from_millis(300);

fn late() -> Proxy {
    let mut proxy = Proxy::new(Filter::native::<Late>());
    proxy.upstream("canary", |_| tollgate_testkit::Answer::status(200));
    proxy.route(Route::to("canary").header("x-version", "canary")).route(Route::to("upstream"));
    proxy.configure(json!({}));
    proxy
}

#[test]
fn the_tick_is_on_while_something_waits_and_off_afterwards() {
    let proxy = late();
    assert!(proxy.tick_periods(1).is_empty());
    let exchange = proxy.get("/").send();
    assert_eq!(proxy.tick_periods(1), [WHILE]);
    proxy.advance(WHILE);
    assert_eq!(exchange.status(), 200);
    assert!(proxy.tick_periods(1).is_empty());
}

#[test]
fn a_timer_does_not_survive_its_stream() {
    let proxy = late();
    let exchange = proxy.get("/").send();
    proxy.advance(Duration::from_millis(100));
    exchange.leave();
    assert!(proxy.tick_periods(1).is_empty());
}

#[test]
fn a_header_that_is_changed_in_a_tick_chooses_the_route_anew() {
    let proxy = late();
    let exchange = proxy.get("/").send();
    proxy.advance(WHILE);
    assert_eq!(exchange.upstream_request().cluster, "canary");
}
