//! The harness itself, with a plain Envoy: what the other tests rely on must be true.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tollgate_e2e::client::{self, Connection, raw};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, native_filter};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::wait;

const LIMIT: Duration = Duration::from_secs(10);

/// A proxy in front of `upstream`, and a second listener that answers by itself.
async fn proxy(upstream: &Upstream, workers: u32) -> Result<Process> {
    let direct = Listener::new("direct").route(Route::prefix("/").direct_response(200, "hello"));
    let routes = Listener::new("proxy")
        .route(Route::prefix("/nowhere").to("nowhere"))
        .route(Route::prefix("/").header("x-version", "2").to("http2"))
        .route(Route::prefix("/").to("http1"));
    let config = Bootstrap::new()
        .listener(direct)
        .listener(routes)
        .cluster(Cluster::new("http1", upstream.address()))
        .cluster(Cluster::new("http2", upstream.address()).http2())
        .cluster(Cluster::new("nowhere", "127.0.0.1:1".parse()?))
        .build();
    Process::start(&config, workers).await
}

#[tokio::test]
async fn a_direct_response_arrives_over_http1_http2_and_raw() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = proxy(&upstream, 1).await?;
    let address = envoy.address("direct")?;

    let one = client::get(address, "/").send().await?;
    assert_eq!((one.status, one.text().as_str()), (200, "hello"));
    let mut connection = Connection::http2(address).await?;
    for _ in 0..2 {
        let two = connection.get("/").send().await?;
        assert_eq!((two.status, two.text().as_str()), (200, "hello"));
    }
    let raw = raw::exchange(address, raw::get_request(b"/", &[(b"x", b"\xff\xfe")])).await?;
    assert_eq!((raw.status, &raw.body[..]), (200, &b"hello"[..]));

    assert_eq!(envoy.counter("http.direct.downstream_rq_2xx").await?, 4);
    assert_eq!(upstream.count(), 0);
    Ok(())
}

#[tokio::test]
async fn the_upstream_records_bytes_and_answers_by_its_script() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = proxy(&upstream, 2).await?;
    let address = envoy.address("proxy")?;
    upstream.respond(|request| match request.path.as_str() {
        "/teapot?a=b" => Answer::status(418).body("short and stout").header("x-lid", [0xff]),
        _ => Answer::reset(),
    });

    for version in ["1", "2"] {
        let answer = client::post(address, "/teapot?a=b")
            .header("x-version", version)
            .header("x-bytes", [0x80, 0xff])
            .header("x-bytes", "second")
            .body("water")
            .send()
            .await?;
        assert_eq!((answer.status, answer.text().as_str()), (418, "short and stout"));
        assert_eq!(answer.headers["x-lid"].as_bytes(), [0xff]);
        let received = upstream.last()?;
        assert_eq!((received.method.as_str(), &received.body[..]), ("POST", &b"water"[..]));
        assert_eq!(received.header("x-bytes"), [&[0x80, 0xff][..], &b"second"[..]]);
        assert_eq!(received.version == hyper::Version::HTTP_2, version == "2");

        let reset = client::get(address, "/").header("x-version", version).send().await?;
        assert_eq!(reset.status, 503);
    }
    assert_eq!(upstream.count(), 4);
    Ok(())
}

#[tokio::test]
async fn held_requests_are_in_flight_until_released_or_their_client_hangs_up() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = proxy(&upstream, 2).await?;
    let address = envoy.address("proxy")?;

    upstream.hold();
    let patient = tokio::spawn(client::get(address, "/patient").send());
    let leaving = tokio::spawn(client::get(address, "/leaving").send());
    let mut raw = raw::RawConnection::open(address).await?;
    raw.write(raw::get_request(b"/raw", &[])).await?;
    wait::until("three requests wait", LIMIT, async || upstream.in_flight() == 3).await?;

    leaving.abort();
    drop(raw);
    wait::until("two have hung up", LIMIT, async || upstream.in_flight() == 1).await?;
    assert!(!patient.is_finished());
    upstream.release();
    assert_eq!(patient.await??.status, 200);
    wait::until("none is left", LIMIT, async || upstream.in_flight() == 0).await?;
    assert_eq!(upstream.max_in_flight(), 3);

    upstream.forget();
    assert_eq!((upstream.count(), upstream.max_in_flight()), (0, 0));
    Ok(())
}

#[tokio::test]
async fn the_access_log_tells_why_a_request_was_answered_so() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = proxy(&upstream, 1).await?;

    let answer = client::get(envoy.address("proxy")?, "/nowhere").send().await?;
    assert_eq!(answer.status, 503);
    let logged = async || envoy.access_log().is_ok_and(|log| !log.is_empty());
    wait::until("the request is logged", LIMIT, logged).await?;

    let entry = &envoy.access_log()?[0];
    assert_eq!((entry["path"].as_str(), entry["status"].as_u64()), (Some("/nowhere"), Some(503)));
    assert_eq!(entry["flags"], "UF");
    let details = entry["details"].as_str().unwrap_or_default();
    assert!(details.starts_with("upstream_reset_before_response_started"), "{details}");
    Ok(())
}

#[tokio::test]
async fn a_misspelt_stat_is_an_error_and_not_a_zero() -> Result<()> {
    let upstream = Upstream::start().await?;
    let envoy = proxy(&upstream, 2).await?;

    assert_eq!(envoy.gauge("server.concurrency").await?, 2);
    assert!(envoy.counter("server.concurrency").await.is_err());
    let error = envoy.counter("http.misspelt.downstream_rq_total").await.unwrap_err().to_string();
    assert!(error.contains("http.proxy.downstream_rq_total"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_refused_configuration_is_told_from_an_accepted_one() -> Result<()> {
    let buffer = "envoy.extensions.filters.http.buffer.v3.Buffer";
    let config = |limit: u32| {
        let filter = native_filter("buffer", buffer, json!({ "max_request_bytes": limit }));
        Bootstrap::new().listener(Listener::new("only").filter(filter)).build()
    };

    let logs = Process::start_expecting_refusal(&config(0)).await?;
    assert!(logs.contains("MaxRequestBytes"), "{logs}");
    let error = Process::start_expecting_refusal(&config(1)).await.unwrap_err().to_string();
    assert!(error.contains("Envoy accepted the configuration"), "{error}");
    let error = Process::start(&config(0), 1).await.unwrap_err().to_string();
    assert!(error.contains("MaxRequestBytes"), "{error}");
    Ok(())
}

#[tokio::test]
async fn envoy_ends_when_asked_and_when_dropped() -> Result<()> {
    let upstream = Upstream::start().await?;
    let mut envoy = proxy(&upstream, 1).await?;
    let address = envoy.address("direct")?;
    assert!(envoy.is_running());
    drop(envoy);
    assert!(Connection::http1(address).await.is_err());

    let status = proxy(&upstream, 1).await?.stop().await?;
    assert!(status.success(), "{status}");
    Ok(())
}
