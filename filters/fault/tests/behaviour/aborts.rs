//! Requests that are answered in the upstream's stead.

use super::*;
use tollgate_fault::Fault;
use tollgate_testkit::{AccessLogEntry, Route};

const BODY: &str = "fault filter abort";

fn grpc_abort(status: impl Into<Value>) -> Value {
    json!({ "abort": { "grpc_status": status.into(), "percentage": always() } })
}

#[tollgate_testkit::test(Fault)]
fn an_abort_is_answered_at_once_and_spares_the_upstream(proxy: &mut Proxy) {
    proxy.configure(aborted(503));
    let response = proxy.get("/").send().response();
    assert_eq!((response.status, response.text().as_str()), (503, BODY));
    assert_eq!(response.header("content-type").as_deref(), Some("text/plain"));
    assert_eq!(response.header("content-length").as_deref(), Some("18"));
    assert_eq!(response.header("grpc-status"), None);
    assert_eq!((arrived(proxy), injected(proxy), active(proxy)), (0, [0, 1, 0], 0));
}

#[tollgate_testkit::test(Fault)]
fn an_abort_names_itself_in_the_access_log(proxy: &mut Proxy) {
    proxy.configure(by_header());
    let aborted = abort_with(proxy, 418).send();
    assert_eq!(aborted.details(), "fault_filter_abort");
    assert_eq!(proxy.get("/").send().details(), "via_upstream");
    let entry =
        |status, details: &str| AccessLogEntry { status, details: details.into(), flags: "" };
    assert_eq!(proxy.access_log(), [entry(418, "fault_filter_abort"), entry(200, "via_upstream")]);
}

#[tollgate_testkit::test(Fault)]
fn every_configurable_http_status_is_answered(proxy: &mut Proxy) {
    for status in [200, 201, 301, 400, 404, 418, 429, 500, 503, 504, 598, 599] {
        proxy.configure(aborted(status));
        assert_eq!(proxy.get("/").send().status(), status);
    }
}

#[tollgate_testkit::test(Fault)]
fn every_http_status_can_be_asked_for(proxy: &mut Proxy) {
    proxy.configure(by_header());
    for status in 200..600 {
        assert_eq!(abort_with(proxy, status).send().status(), status);
    }
    assert_eq!((injected(proxy), arrived(proxy)), ([0, 400, 0], 0));
}

#[tollgate_testkit::test(Fault)]
fn a_grpc_caller_gets_the_grpc_status_and_no_body(proxy: &mut Proxy) {
    for status in 0..=16u32 {
        proxy.configure(grpc_abort(status));
        let response = proxy.post("/").grpc("ping").send().response();
        assert_eq!((response.status, response.text().as_str()), (200, ""));
        assert_eq!(response.header("grpc-status"), Some(status.to_string()));
        assert_eq!(response.header("grpc-message").as_deref(), Some(BODY));
        assert_eq!(response.header("content-type").as_deref(), Some("application/grpc"));
        assert_eq!(response.details, "fault_filter_abort");
    }
}

#[tollgate_testkit::test(Fault)]
fn a_grpc_status_is_known_by_its_name(proxy: &mut Proxy) {
    for (status, name) in [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ]
    .into_iter()
    .enumerate()
    {
        proxy.configure(grpc_abort(name));
        let response = proxy.post("/").grpc("").send().response();
        assert_eq!(response.header("grpc-status"), Some(status.to_string()), "{name}");
    }
}

/// As Envoy's own filter.
#[tollgate_testkit::test(Fault)]
fn a_plain_caller_of_a_grpc_abort_gets_200_with_the_body(proxy: &mut Proxy) {
    proxy.configure(grpc_abort("UNAVAILABLE"));
    let response = proxy.get("/").send().response();
    assert_eq!((response.status, response.text().as_str()), (200, BODY));
    assert_eq!(response.header("grpc-status"), None);
    assert_eq!((arrived(proxy), injected(proxy)), (0, [0, 1, 0]));
}

/// Envoy translates (`Grpc::Utility::httpToGrpcStatus`).
#[tollgate_testkit::test(Fault)]
fn a_grpc_caller_of_an_http_abort_gets_the_grpc_status_that_fits(proxy: &mut Proxy) {
    for (http, grpc) in [
        (400, "13"),
        (401, "16"),
        (403, "7"),
        (404, "12"),
        (429, "14"),
        (502, "14"),
        (503, "14"),
        (504, "14"),
        (500, "2"),
        (418, "2"),
    ] {
        proxy.configure(aborted(http));
        let response = proxy.post("/").grpc("ping").send().response();
        assert_eq!((response.status, response.text().as_str()), (200, ""));
        assert_eq!(response.header("grpc-status").as_deref(), Some(grpc), "{http}");
        assert_eq!(response.header("grpc-message").as_deref(), Some(BODY));
    }
}

/// What Envoy takes for gRPC (`Grpc::Common::hasGrpcContentType`).
#[tollgate_testkit::test(Fault)]
fn the_content_type_makes_a_grpc_caller(proxy: &mut Proxy) {
    proxy.configure(grpc_abort(5));
    for (content_type, is_grpc) in [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/grpc;charset=utf-8", true),
        ("application/grpc-web", false),
        ("application/json", false),
        ("application/grpcs", false),
    ] {
        let response = proxy.get("/").header("content-type", content_type).send().response();
        assert_eq!(response.header("grpc-status").is_some(), is_grpc, "{content_type}");
        assert_eq!(response.text(), if is_grpc { "" } else { BODY }, "{content_type}");
    }
}

#[tollgate_testkit::test(Fault)]
fn a_head_request_is_aborted_without_a_body(proxy: &mut Proxy) {
    proxy.configure(aborted(503));
    let response = proxy.request("HEAD", "/").send().response();
    assert_eq!((response.status, response.text().as_str()), (503, ""));
    assert_eq!(response.header("content-length").as_deref(), Some("18"));
}

#[tollgate_testkit::test(Fault)]
fn an_abort_does_not_wait_for_the_body(proxy: &mut Proxy) {
    proxy.configure(aborted(503));
    let exchange = proxy.post("/").begin();
    assert_eq!(exchange.status(), 503);
    exchange.chunk("too late");
    exchange.end();
    assert_eq!((exchange.status(), arrived(proxy)), (503, 0));
}

#[tollgate_testkit::test(Fault)]
fn a_request_with_body_and_trailers_is_aborted_as_any_other(proxy: &mut Proxy) {
    proxy.configure(aborted(503));
    let with_body = proxy.post("/").body(vec![b'x'; 100_000]).send();
    let with_trailers = proxy.post("/").http2().chunk("x").trailers([("t", "1")]).send();
    assert_eq!((with_body.status(), with_trailers.status()), (503, 503));
    assert_eq!((arrived(proxy), injected(proxy)), (0, [0, 2, 0]));
}

#[tollgate_testkit::test(Fault)]
fn http2_and_http1_are_aborted_alike(proxy: &mut Proxy) {
    proxy.configure(aborted(404));
    let (one, two) = (proxy.get("/").send(), proxy.get("/").http2().send());
    assert_eq!(one.response(), two.response());
}

#[tollgate_testkit::test(Fault)]
fn what_has_no_route_or_no_cluster_is_aborted_too(proxy: &mut Proxy) {
    proxy.route(Route::to("nowhere").prefix("/known"));
    proxy.configure(by_header());
    for path in ["/known", "/unknown"] {
        let exchange = proxy.get(path).header(ABORT, "418").send();
        assert_eq!(exchange.status(), 418, "{path}");
    }
    assert_eq!(proxy.get("/known").send().status(), 503);
    assert_eq!(proxy.get("/unknown").send().status(), 404);
}

#[tollgate_testkit::test(Fault)]
fn every_worker_aborts(proxy: &mut Proxy) {
    proxy.workers(4).configure(aborted(503));
    for _ in 0..12 {
        assert_eq!(proxy.get("/").send().status(), 503);
    }
    assert_eq!(injected(proxy), [0, 12, 0]);
}
