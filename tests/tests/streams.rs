//! What the SDK makes of streams and calls in stock Envoy: a probe does what each request asks for.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tollgate_e2e::client::raw::{self, RawConnection};
use tollgate_e2e::client::{self, Response};
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::modules;
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::wire::{Step, Wire};

struct Proxy {
    envoy: Process,
    upstream: Upstream,
    side: Upstream,
}

impl Proxy {
    async fn start() -> Result<Self> {
        let upstream = Upstream::start().await?;
        let mut proxy = Self::start_with(upstream.address()).await?;
        proxy.upstream = upstream;
        Ok(proxy)
    }

    async fn start_with(address: std::net::SocketAddr) -> Result<Self> {
        let (upstream, side) = (Upstream::start().await?, Upstream::start().await?);
        let probe = WasmFilter::of_module(modules::probe("streams")?, "streams", json!({}));
        let nobody = { std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()? };
        let trailers = json!({ "http_protocol_options": { "enable_trailers": true } });
        let config = Bootstrap::new()
            .listener(
                Listener::new("probe")
                    .filter(probe)
                    .route(Route::prefix("/").to("upstream"))
                    .with(trailers),
            )
            .cluster(Cluster::new("upstream", address).with(json!({ "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions","explicit_http_config": { "http_protocol_options": {"enable_trailers": true} }}}})))
            .cluster(Cluster::new("side", side.address()))
            .cluster(Cluster::new("side2", side.address()).http2())
            .cluster(Cluster::new("nobody", nobody))
            .cluster(Cluster::new("nobody2", nobody).http2())
            .cluster(
                Cluster::new("empty", nobody)
                    .with(json!({ "load_assignment": { "endpoints": [] } })),
            )
            .build();
        let envoy = Process::start(&config, 1).await?;
        Ok(Self { envoy, upstream, side })
    }

    async fn get(&self, path: &str) -> Result<Response> {
        client::get(self.envoy.address("probe")?, path).send().await
    }
}

#[tokio::test]
async fn explore_calls() -> Result<()> {
    let proxy = Proxy::start().await?;
    for path in [
        "/call?side",
        "/call?nobody",
        "/call?empty",
        "/call?unknown",
        "/retry?nobody",
        "/retry?empty",
    ] {
        println!("{path}: {}", proxy.get(path).await?.text());
    }
    for (name, answer) in [
        ("503", Answer::status(503).body("own")),
        ("504", Answer::status(504).body("own")),
        ("reset", Answer::reset()),
        ("slow", Answer::status(200).after(Duration::from_secs(1))),
    ] {
        proxy.side.respond(move |_| answer.clone());
        println!("{name}: {}", proxy.get("/call?side").await?.text());
        println!("{name} http2: {}", proxy.get("/call?side2").await?.text());
        println!("{name} grpc: {}", proxy.get("/grpc?side2").await?.text());
    }
    for (name, answer) in [
        ("ok", Answer::grpc(b"")),
        ("denied", Answer::grpc_status(7, "no way")),
        ("200 plain", Answer::status(200).body("own")),
        ("two messages", Answer::grpc(b"").body([0u8; 10].to_vec())),
        ("no message", Answer::grpc(b"").body("")),
    ] {
        proxy.side.respond(move |_| answer.clone());
        println!("{name} grpc: {}", proxy.get("/grpc?side2").await?.text());
    }
    for path in ["/grpc?nobody2", "/grpc?empty", "/grpc?unknown"] {
        println!("{path}: {}", proxy.get(path).await?.text());
    }
    println!("{}", proxy.envoy.logs()?);
    Ok(())
}

fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}
const MOMENT: Duration = Duration::from_millis(60);

#[tokio::test]
async fn explore_response_bodies() -> Result<()> {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (name, steps) in [
        (
            "apart",
            vec![
                send(chunked),
                Step::Pause(MOMENT),
                send("3\r\nabc\r\n"),
                Step::Pause(MOMENT),
                send("3\r\ndef\r\n"),
                Step::Pause(MOMENT),
                send("3\r\nghi\r\n"),
                Step::Pause(MOMENT),
                send("0\r\n\r\n"),
            ],
        ),
        (
            "close",
            vec![
                send(chunked),
                send("3\r\nabc\r\n"),
                Step::Pause(MOMENT / 6),
                send("3\r\ndef\r\n"),
                Step::Pause(MOMENT / 6),
                send("3\r\nghi\r\n"),
                Step::Pause(MOMENT / 6),
                send("0\r\n\r\n"),
            ],
        ),
        (
            "mixed",
            vec![
                send(chunked),
                send("3\r\nabc\r\n"),
                Step::Pause(MOMENT / 6),
                send("3\r\ndef\r\n"),
                Step::Pause(MOMENT),
                send("3\r\nghi\r\n0\r\n\r\n"),
            ],
        ),
        (
            "trailers",
            vec![
                send(chunked),
                send("3\r\nabc\r\n"),
                Step::Pause(MOMENT),
                send("3\r\ndef\r\n"),
                Step::Pause(MOMENT / 6),
                send("0\r\nt: 1\r\n\r\n"),
            ],
        ),
        (
            "trailers late",
            vec![
                send(chunked),
                send("3\r\nabc\r\n"),
                Step::Pause(MOMENT),
                send("0\r\nt: 1\r\n\r\n"),
            ],
        ),
        ("trailers only", vec![send(chunked), Step::Pause(MOMENT), send("0\r\nt: 1\r\n\r\n")]),
        ("at once", vec![send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabcdef")]),
        ("broken", vec![send(chunked), send("3\r\nabc\r\n"), Step::Pause(MOMENT)]),
    ] {
        let wire = Wire::start(steps).await?;
        let proxy = Proxy::start_with(wire.address()).await?;
        for plan in [
            "", "shout", "wait", "ask", "first", "once", "then", "collect", "late", "deny", "reset",
        ] {
            let mut connection = RawConnection::open(proxy.envoy.address("probe")?).await?;
            connection
                .write(raw::get_request(
                    b"/",
                    &[
                        (b"x-response-body", plan.as_bytes()),
                        (b"te", b"trailers"),
                        (b"connection", b"close"),
                    ],
                ))
                .await?;
            let answer = connection.rest().await;
            let answer =
                answer.map(|it| it.split_once("\r\n\r\n").map(|it| it.1.to_owned()).unwrap_or(it));
            println!("{name} / {plan}: {answer:?}");
        }
        println!("{:?}", proxy.envoy.stats().await?.below("wasmcustom.").collect::<Vec<_>>());
    }
    Ok(())
}

#[tokio::test]
async fn explore_request_bodies() -> Result<()> {
    for (name, steps, end) in [
        ("apart", vec![("3\r\nabc\r\n"), ("3\r\ndef\r\n"), ("3\r\nghi\r\n"), ("0\r\n\r\n")], 60),
        ("close", vec![("3\r\nabc\r\n"), ("3\r\ndef\r\n"), ("3\r\nghi\r\n"), ("0\r\n\r\n")], 10),
        ("pairs", vec![("3\r\nabc\r\n"), ("3\r\ndef\r\n"), ("3\r\nghi\r\n0\r\n\r\n")], 60),
        (
            "trailers",
            vec![("3\r\nabc\r\n"), ("3\r\ndef\r\n"), ("3\r\nghi\r\n"), ("0\r\nt: 1\r\n\r\n")],
            60,
        ),
        (
            "trailers close",
            vec![("3\r\nabc\r\n"), ("3\r\ndef\r\n"), ("3\r\nghi\r\n"), ("0\r\nt: 1\r\n\r\n")],
            10,
        ),
        ("trailers with", vec![("3\r\nabc\r\n"), ("3\r\ndef\r\n0\r\nt: 1\r\n\r\n")], 30),
        ("at once", vec![("3\r\nabc\r\n0\r\n\r\n")], 10),
    ] {
        let last = if steps.last().unwrap().contains("t: 1") { "\r\n\r\n" } else { "0\r\n\r\n" };
        let wire = Wire::start([
            Step::Until(b"0\r\n".to_vec()),
            Step::Pause(Duration::from_millis(1)),
            send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        ])
        .await?;
        let wire = if last == "0\r\n\r\n" {
            Wire::start([
                Step::Until(last.into()),
                send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            ])
            .await?
        } else {
            drop(wire);
            Wire::start([
                Step::Until("x-probe: seen\r\n\r\n".into()),
                send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            ])
            .await?
        };
        let proxy = Proxy::start_with(wire.address()).await?;
        for plan in [
            "", "shout", "wait", "ask", "first", "once", "then", "collect", "late", "deny", "reset",
        ] {
            let mut connection = RawConnection::open(proxy.envoy.address("probe")?).await?;
            connection.write(format!("POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-request-body: {plan}\r\ntransfer-encoding: chunked\r\n\r\n")).await?;
            for step in &steps {
                tokio::time::sleep(Duration::from_millis(end)).await;
                let _ = connection.write(step).await;
            }
            let answer = tokio::time::timeout(Duration::from_secs(2), connection.rest()).await;
            let answer = answer.map(|it| {
                it.map(|it| it.split_once("\r\n").map(|it| it.0.to_owned()).unwrap_or(it))
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
            let seen =
                wire.requests().last().map(|it| it.split_once("\r\n\r\n").unwrap().1.to_owned());
            println!("{name} / {plan}: {answer:?} {seen:?}");
        }
        println!("{:?}", proxy.envoy.stats().await?.below("wasmcustom.").collect::<Vec<_>>());
    }
    Ok(())
}

#[tokio::test]
async fn explore_ends() -> Result<()> {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (name, steps) in [
        ("complete", vec![send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabcdef")]),
        ("broken", vec![send(chunked), send("3\r\nabc\r\n"), Step::Pause(MOMENT)]),
        ("broken before", vec![]),
        ("slow", vec![Step::Pause(Duration::from_secs(5))]),
        (
            "slow body",
            vec![send(chunked), send("3\r\nabc\r\n"), Step::Pause(Duration::from_secs(5))],
        ),
    ] {
        let wire = Wire::start(steps).await?;
        let proxy = Proxy::start_with(wire.address()).await?;
        for plan in ["/", "/deny", "reset"] {
            let mut connection = RawConnection::open(proxy.envoy.address("probe")?).await?;
            let (path, body) = if plan == "reset" { ("/", plan) } else { (plan, "") };
            connection
                .write(raw::get_request(
                    path.as_bytes(),
                    &[(b"x-response-body", body.as_bytes()), (b"connection", b"close")],
                ))
                .await?;
            if name.starts_with("slow") {
                tokio::time::sleep(Duration::from_millis(300)).await;
                drop(connection);
                tokio::time::sleep(Duration::from_millis(100)).await;
            } else {
                let _ = connection.rest().await;
            }
            println!("{name} / {plan}");
        }
        println!("{:?}", proxy.envoy.stats().await?.below("wasmcustom.").collect::<Vec<_>>());
        println!(
            "{}",
            proxy
                .envoy
                .logs()?
                .lines()
                .filter(|l| l.contains("END") || l.contains("access_log"))
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
    Ok(())
}
