//! Attributes of requests and responses without TLS, and of the configuration they meet.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_e2e::client;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, native_filter};
use tollgate_e2e::upstream::{Answer, Upstream};

use crate::probe::{self, Seen, since};

fn nanoseconds_since_1970() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?)
}

#[tokio::test]
async fn a_request_is_what_the_client_sent() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = probe::start(json!({}), &upstream).await?;
    let address = envoy.address("edge")?;
    let before = nanoseconds_since_1970()?;
    client::post(address, "/shop/cart?item=1&n=2")
        .header("host", "shop.example")
        .header("referer", "https://example.org/")
        .header("user-agent", "test/1.0")
        .header("x-multi", "a")
        .header("x-multi", "b")
        .header("x-bytes", [b'<', 0xff, b'>'])
        .body("four")
        .send()
        .await?;

    let seen = Seen::in_request(&upstream.last()?)?;
    seen.assert_attributes(json!({
        "request.path": "/shop/cart?item=1&n=2",
        "request.url_path": "/shop/cart",
        "request.query": "item=1&n=2",
        "request.host": "shop.example",
        "request.scheme": "http",
        "request.method": "POST",
        "request.referer": "https://example.org/",
        "request.useragent": "test/1.0",
        "request.protocol": "HTTP/1.1",
        "request.size": 4,
        "request.headers.x-multi": "a,b",
        "destination.address": { "ip": "127.0.0.1", "port": address.port() },
        "destination.port": address.port(),
        "connection.mtls": false,
        "connection.peer_certificate_valid": if since(39)? { json!(false) } else { json!(null) },
        "xds.cluster_name": "app",
        "xds.filter_chain_name": "edge",
        "xds.virtual_host_name": "edge",
        "xds.listener_direction": "Unspecified",
        "upstream.num_endpoints": 1,
        "upstream.request_attempt_count": 0,
        "response.flags": "-",
    }));
    let headers = seen.attribute("request.headers");
    assert_eq!((&headers["x-multi"], &headers[":method"]), (&json!("a,b"), &json!("POST")));
    assert_eq!(headers["x-bytes"], json!("<\u{fffd}>"));
    let time = seen.attribute("request.time").as_u64().context("no time")?;
    assert!((before..=nanoseconds_since_1970()?).contains(&time), "{time}");
    let id = seen.attribute("request.id").as_str().context("no id")?;
    assert_eq!(upstream.last()?.header("x-request-id"), [id.as_bytes()]);
    assert_eq!(seen.attribute("source.address")["ip"], "127.0.0.1");
    assert_eq!(seen.attribute("source.address")["port"], *seen.attribute("source.port"));
    assert_eq!(seen.attribute("request.headers_bytes").is_u64(), since(37)?);
    assert!(seen.attribute("connection.id").is_u64());
    seen.assert_absent(&[
        "request.duration",
        "request.headers.absent",
        "response.code",
        "response.code_details",
        "response.headers",
        "response.trailers",
        "response.grpc_status",
        "response.backend_latency",
        "connection.requested_server_name",
        "connection.tls_version",
        "connection.subject_peer_certificate",
        "connection.uri_san_peer_certificate",
        "connection.sha256_peer_certificate_digest",
        "connection.peer_certificate",
        "connection.termination_details",
        "connection.transport_failure_reason",
        "upstream.address",
        "upstream.port",
        "upstream.local_address",
        "upstream.locality",
        "upstream.tls_version",
        "upstream.cx_pool_ready_duration",
        "xds.route_name",
        "xds.route_metadata",
        "xds.upstream_host_metadata",
        "metadata",
    ]);
    Ok(())
}

#[tokio::test]
async fn a_response_tells_where_it_comes_from() -> Result<()> {
    let upstream = Upstream::start().await?;
    upstream.respond(|_| Answer::status(418).header("x-multi", "a").header("x-multi", "b"));
    let envoy = probe::start(json!({}), &upstream).await?;
    let answer = client::get(envoy.address("edge")?, "/").send().await?;

    let seen = Seen::in_response(&answer)?;
    let host = upstream.address();
    seen.assert_attributes(json!({
        "response.code": 418,
        "response.code_details": "via_upstream",
        "response.flags": "-",
        "response.headers.x-multi": "a,b",
        "upstream.address": { "ip": "127.0.0.1", "port": host.port() },
        "upstream.port": host.port(),
        "upstream.request_attempt_count": 1,
        "request.protocol": "HTTP/1.1",
        "xds.cluster_name": "app",
    }));
    assert_eq!(seen.attribute("response.headers")[":status"], "418");
    assert_eq!(seen.attribute("upstream.local_address")["ip"], "127.0.0.1");
    assert!(seen.attribute("upstream.cx_pool_ready_duration").is_u64());
    // Envoy has put the request's headers away by now.
    seen.assert_absent(&[
        "request.path",
        "request.headers",
        "request.method",
        "request.duration",
        "upstream.tls_version",
        "upstream.transport_failure_reason",
        "upstream.locality",
        "xds.upstream_host_metadata",
        "xds.upstream_host_locality_metadata",
    ]);
    Ok(())
}

#[tokio::test]
async fn a_grpc_status_is_read_from_the_response() -> Result<()> {
    let upstream = Upstream::start().await?;
    upstream.respond(|_| Answer::status(200).header("grpc-status", "7"));
    let envoy = probe::start(json!({}), &upstream).await?;
    let answer = client::get(envoy.address("edge")?, "/").send().await?;
    Seen::in_response(&answer)?.assert_attributes(json!({ "response.grpc_status": 7 }));
    Ok(())
}

#[tokio::test]
async fn names_and_metadata_are_those_of_the_configuration() -> Result<()> {
    let upstream = Upstream::start().await?;
    let value =
        json!({ "team": { "name": "core", "size": 3.0 }, "on_call": true, "list": ["a", null] });
    let named = |name: &str| json!({ "name": name });
    let metadata =
        |name: &str| json!({ "metadata": { "filter_metadata": { "probe": { "name": name } } } });
    let typed = json!({ "metadata": { "typed_filter_metadata": { "probe": {
        "@type": "type.googleapis.com/google.protobuf.StringValue",
        "value": "typed",
    } } } });
    let route =
        Route::prefix("/").to("app").named("shop").metadata("probe", value.clone()).with(typed);
    let listener = Listener::new("edge")
        .filter(dynamic_metadata(json!({ "text": "dynamic", "number": 1.5 })))
        .filter(probe::filter(json!({}))?)
        .route(route)
        .metadata("probe", named("listener"))
        .with_virtual_host(metadata("virtual host"))
        .with_listener(json!({ "traffic_direction": "OUTBOUND" }));
    let locality = json!({ "region": "eu", "zone": "eu-1", "sub_zone": "rack-7" });
    let cluster = Cluster::new("app", upstream.address())
        .metadata("probe", named("cluster"))
        .with_host(metadata("host"))
        .with_endpoints(metadata("locality"))
        .with_endpoints(json!({ "locality": locality }));
    let node = json!({
        "id": "gateway-1",
        "cluster": "gateways",
        "locality": { "region": "eu", "zone": "eu-2" },
        "metadata": { "labels": { "app": "gateway" }, "replicas": 2 },
    });
    let config =
        Bootstrap::new().listener(listener).cluster(cluster).with(json!({ "node": node })).build();
    let envoy = Process::start(&config, 1).await?;
    let answer = client::get(envoy.address("edge")?, "/").send().await?;

    let untyped = |value: Value| json!({ "value": value, "typed": null });
    let in_request = Seen::in_request(&upstream.last()?)?;
    let in_response = Seen::in_response(&answer)?;
    let packed = r"\n\x05typed";
    for seen in [&in_request, &in_response] {
        seen.assert_attributes(json!({
            "xds.route_name": "shop",
            "xds.route_metadata": {
                "value": value,
                "typed": ["type.googleapis.com/google.protobuf.StringValue", packed],
            },
            "xds.virtual_host_metadata": untyped(named("virtual host")),
            "xds.cluster_metadata": untyped(named("cluster")),
            "xds.listener_metadata": untyped(named("listener")),
            "xds.listener_direction": "Outbound",
            "metadata": untyped(json!({ "text": "dynamic", "number": 1.5 })),
            "metadata.text": "dynamic",
        }));
    }
    in_response.assert_attributes(json!({
        "xds.upstream_host_metadata": untyped(named("host")),
        "xds.upstream_host_locality_metadata": untyped(named("locality")),
        "upstream.locality": ["eu", "eu-1", "rack-7"],
    }));
    let configured = json!({
        "node.id": "gateway-1",
        "node.cluster": "gateways",
        "node.locality": ["eu", "eu-2", ""],
        "node.user_agent_name": "envoy",
        "node.metadata": { "labels": { "app": "gateway" }, "replicas": 2.0 },
        "node.metadata.labels.app": "gateway",
        "node.metadata.absent": null,
        "plugin_name": "probe",
        "plugin_root_id": "probe",
        "plugin_vm_id": "probe",
        "request.path": null,
        "xds.cluster_name": null,
    });
    assert_eq!(in_request["configured"], configured);
    Ok(())
}

/// A native filter that writes the namespace `probe`.
fn dynamic_metadata(value: Value) -> Value {
    let entry = json!({ "metadata_namespace": "probe", "value": value });
    let message = "envoy.extensions.filters.http.set_metadata.v3.Config";
    native_filter("set_metadata", message, json!({ "metadata": [entry] }))
}
