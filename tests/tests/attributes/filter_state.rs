//! What a module leaves for others: properties and Envoy's own filter state.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_e2e::client::{self, Connection};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route};
use tollgate_e2e::upstream::Upstream;
use tollgate_e2e::wait;

use crate::probe::{self, Seen, since};

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn envoys_filter_state_takes_what_its_keys_are_made_from() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = probe::start(json!({}), &upstream).await?;
    let answer = client::get(envoy.address("edge")?, "/").send().await?;

    let seen = Seen::in_request(&upstream.last()?)?;
    let expected = json!({
        "string": null,
        "string read": "set by the probe",
        "address": null,
        "address read": r"\x00\x00\x00\x00",
        "address.ip": "192.0.2.1",
        "address.port": 80,
        "address.absent": null,
        "no address": { "error": "set_envoy_filter_state: bad argument" },
        "unknown key": { "error": "set_envoy_filter_state: not found" },
        "absent": null,
    });
    assert_eq!(seen["functions"]["filter_state"], expected);
    let in_response = Seen::in_response(&answer)?;
    assert_eq!(in_response["functions"]["string"], json!("set by the probe"));
    Ok(())
}

#[tokio::test]
async fn after_waiting_the_filter_state_can_be_set_since_envoy_1_37() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = probe::start(json!({}), &upstream).await?;
    let answer = client::get(envoy.address("edge")?, "/").send().await?;

    let waited = &Seen::in_request(&upstream.last()?)?["waited"]["functions"].clone();
    let later = Seen::in_response(&answer)?["functions"].clone();
    if since(37)? {
        assert_eq!(waited["set_filter_state"], json!(null));
        assert_eq!(later["server_name"], json!("waited"));
    } else {
        let failed = json!({ "error": "set_envoy_filter_state: not found" });
        assert_eq!(waited["set_filter_state"], failed);
    }
    assert_eq!((&waited["kept"], &later["kept"]), (&json!(null), &json!("waited")));
    Ok(())
}

#[tokio::test]
async fn a_read_only_property_keeps_its_first_value() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = probe::start(json!({}), &upstream).await?;
    let answer = client::get(envoy.address("edge")?, "/").send().await?;

    let functions = Seen::in_request(&upstream.last()?)?["functions"].clone();
    let properties = &functions["properties"];
    assert_eq!(properties["once before"], json!(null));
    assert_eq!(properties["once"], json!(null));
    assert_eq!(properties["once again"], json!({ "error": "proxy_set_property: bad argument" }));
    assert_eq!(properties["once after"], json!("first"));
    let twice = "`(property)`: found a second declaration of \"once\", allowed: one in each plugin";
    assert_eq!(functions["declared_twice"], json!(twice));
    let later = Seen::in_response(&answer)?["functions"].clone();
    assert_eq!((&later["once"], &later["wasm.once"]), (&json!("first"), &json!("first")));
    Ok(())
}

#[tokio::test]
async fn a_property_of_the_connection_is_found_by_its_later_requests() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = probe::start(json!({}), &upstream).await?;
    let kept_before = async |connection: &mut Connection| -> Result<Value> {
        connection.get("/").send().await?;
        let seen = Seen::in_request(&upstream.last()?)?;
        Ok(seen["functions"]["properties"]["kept before"].clone())
    };
    let mut connection = Connection::http1(envoy.address("edge")?).await?;
    assert_eq!(kept_before(&mut connection).await?, json!(null));
    assert_eq!(kept_before(&mut connection).await?, json!("waited"));
    let mut another = Connection::http1(envoy.address("edge")?).await?;
    assert_eq!(kept_before(&mut another).await?, json!(null));
    Ok(())
}

#[tokio::test]
async fn routes_and_access_logs_read_what_a_module_has_set() -> Result<()> {
    let (one, two) = (Upstream::start().await?, Upstream::start().await?);
    let version = |value: &str| {
        json!({ "match": { "filter_state": [
            { "key": "wasm.version", "string_match": { "exact": value } },
        ] } })
    };
    let listener = Listener::new("edge")
        .filter(probe::filter(json!({}))?)
        .route(Route::prefix("/").with(version("2")).to("two"))
        .route(Route::prefix("/").to("one"))
        .log_field("version", "%FILTER_STATE(wasm.version:PLAIN)%")
        .log_field("once", "%CEL(filter_state['wasm.once'])%")
        .log_field("string", "%FILTER_STATE(envoy.string:PLAIN)%");
    let config = Bootstrap::new()
        .listener(listener)
        .cluster(Cluster::new("one", one.address()))
        .cluster(Cluster::new("two", two.address()))
        .build();
    let envoy = Process::start(&config, 1).await?;
    for version in ["1", "2"] {
        client::get(envoy.address("edge")?, "/").header("x-version", version).send().await?;
    }
    assert_eq!((one.count(), two.count()), (1, 1));
    assert_eq!(two.last()?.header("x-version"), [b"2"]);
    let logged = async || envoy.access_log().is_ok_and(|log| log.len() == 2);
    wait::until("both are in the access log", LIMIT, logged).await?;
    for (entry, (version, upstream)) in envoy.access_log()?.iter().zip([("1", "one"), ("2", "two")])
    {
        assert_eq!((&entry["version"], &entry["upstream"]), (&json!(version), &json!(upstream)));
        assert_eq!(entry["once"], "first");
        assert_eq!(entry["string"], "set by the probe");
    }
    Ok(())
}
