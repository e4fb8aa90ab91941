use super::*;
use prost::Message;
use tollgate_e2e::upstream::{Answer, Received};
use tollgate_example_check::{CheckRequest, CheckResponse};

async fn start(cluster: &str, upstream: &Upstream, service: &Upstream) -> Result<Proxy> {
    let services = [
        Cluster::new("checker", service.address()).http2(),
        Cluster::new("down", nobody()?).http2(),
    ];
    let configuration = json!({ "cluster": cluster, "timeout": "0.3s" });
    Proxy::start("check", configuration, upstream.address(), services, 1).await
}

/// What the service was asked: its message is behind five bytes of gRPC's frame.
fn question(request: &Received) -> CheckRequest {
    CheckRequest::decode(&request.body[5..]).expect("a CheckRequest")
}

fn answer(response: &CheckResponse) -> Answer {
    Answer::grpc(&response.encode_to_vec())
}

#[tokio::test]
async fn the_service_decides_who_passes_and_as_whom() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let proxy = start("checker", &upstream, &service).await?;
    service.respond(|request| {
        let allowed = question(request).authorization == b"good";
        let (user, reason) = if allowed { ("alice", "") } else { ("", "not you") };
        answer(&CheckResponse { allowed, user: user.into(), reason: reason.into() })
    });
    let good = proxy.get("/a?b=c")?.header("authorization", "good").header("x-user", "admin");
    assert_eq!(good.send().await?.status, 200);
    assert_eq!(upstream.last()?.header("x-user"), [b"alice"]);
    let asked = service.last()?;
    assert_eq!(asked.path, "/tollgate.example.v1.Checker/Check");
    let asked = question(&asked);
    assert_eq!((asked.method.as_str(), &*asked.path), ("GET", &b"/a?b=c"[..]));

    let denied = proxy.get("/")?.header("authorization", b"b\xe4d").send().await?;
    assert_eq!((denied.status, denied.text().as_str()), (403, "not you"));
    assert_eq!(question(&service.last()?).authorization, b"b\xe4d");
    assert_eq!((proxy.stat("allowed").await?, proxy.stat("denied").await?), (1, 1));
    assert_eq!(upstream.count(), 1);
    Ok(())
}

#[tokio::test]
async fn an_anonymous_user_that_may_pass_has_no_name() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let proxy = start("checker", &upstream, &service).await?;
    service.respond(|_| answer(&CheckResponse { allowed: true, ..CheckResponse::default() }));
    assert_eq!(proxy.get("/")?.header("x-user", "admin").send().await?.status, 200);
    assert_eq!(upstream.last()?.header("x-user"), Vec::<&[u8]>::new());
    Ok(())
}

#[tokio::test]
async fn nobody_passes_while_the_service_cannot_be_asked() -> Result<()> {
    for cluster in ["down", "unknown"] {
        let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
        let proxy = start(cluster, &upstream, &service).await?;
        assert_eq!(proxy.get("/")?.send().await?.status, 503, "{cluster}");
        assert_eq!((upstream.count(), proxy.stat("failed").await?), (0, 1), "{cluster}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_passes_while_the_service_fails_or_says_nothing_that_makes_sense() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let proxy = start("checker", &upstream, &service).await?;
    let allowed = || answer(&CheckResponse { allowed: true, ..CheckResponse::default() });
    for answer in [
        Answer::grpc_status(14, "busy"),
        Answer::grpc_status(16, "who are you?"),
        Answer::status(500),
        Answer::status(200).body("no gRPC"),
        Answer::grpc(b"\xff\xff\xff"),
        Answer::grpc(b"").body(""),
        Answer::reset(),
        allowed().after(Duration::from_secs(5)),
    ] {
        let shown = format!("{answer:?}");
        service.respond(move |_| answer.clone());
        assert_eq!(proxy.get("/")?.send().await?.status, 503, "{shown}");
    }
    assert_eq!((upstream.count(), proxy.stat("failed").await?), (0, 8));
    service.respond(move |_| allowed());
    assert_eq!(proxy.get("/")?.send().await?.status, 200, "and then it works again");
    Ok(())
}

#[tokio::test]
async fn a_grpc_client_is_refused_in_grpc() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let proxy = start("checker", &upstream, &service).await?;
    let reason = "no".to_owned();
    service.respond(move |_| {
        answer(&CheckResponse { reason: reason.clone(), ..CheckResponse::default() })
    });
    let refused = proxy.get("/")?.header("content-type", "application/grpc").send().await?;
    assert_eq!((refused.status, refused.header("grpc-status")), (200, "7"));
    assert_eq!(refused.header("grpc-message"), "no");
    Ok(())
}
