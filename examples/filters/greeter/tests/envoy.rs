//! The filter in stock Envoy.

use anyhow::Result;
use serde_json::json;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::upstream::Upstream;
use tollgate_e2e::{client, modules};

#[tokio::test]
async fn every_upstream_is_greeted_and_every_greeting_counted() -> Result<()> {
    let upstream = Upstream::start().await?;
    let module = modules::build(env!("CARGO_MANIFEST_DIR"))?;
    let filter = WasmFilter::of_module(module, "greeter", json!({ "greeting": "hello" }));
    let config = Bootstrap::new()
        .listener(Listener::new("ingress").filter(filter).route(Route::prefix("/").to("app")))
        .cluster(Cluster::new("app", upstream.address()))
        .build();
    let envoy = Process::start(&config, 2).await?;

    for count in 1..=3 {
        let request = client::get(envoy.address("ingress")?, "/").header("x-greeting", "mine");
        assert_eq!(request.send().await?.status, 200);
        assert_eq!(upstream.last()?.header("x-greeting"), [b"hello"]);
        assert_eq!(envoy.counter("wasmcustom.tollgate.greeter.greeted").await?, count);
    }
    Ok(())
}
