use super::*;
use tokio::task::JoinSet;
use tollgate_e2e::upstream::Answer;

fn configuration(cluster: &str) -> Value {
    json!({
        "cluster": cluster,
        "authority": "auth.test",
        "path": "/verify",
        "timeout": "0.3s",
        "retries": 1,
        "cache_for": "60s",
    })
}

async fn start(cluster: &str, upstream: &Upstream, service: &Upstream) -> Result<Proxy> {
    let services = [Cluster::new("auth", service.address()), Cluster::new("down", nobody()?)];
    Proxy::start("ask", configuration(cluster), upstream.address(), services, 1).await
}

#[tokio::test]
async fn the_service_decides_who_passes() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let proxy = start("auth", &upstream, &service).await?;
    service.respond(|request| match request.header("authorization").first() {
        Some(&b"good") => Answer::status(204),
        Some(_) => Answer::status(403),
        None => Answer::status(401),
    });
    assert_eq!(proxy.get("/")?.header("authorization", "good").send().await?.status, 200);
    assert_eq!(proxy.get("/")?.header("authorization", "bad").send().await?.status, 403);
    assert_eq!(proxy.get("/")?.send().await?.status, 401);
    assert_eq!(upstream.count(), 1);
    assert_eq!(service.last()?.path, "/verify");
    assert_eq!(service.last()?.header("host"), [b"auth.test"]);
    assert_eq!((proxy.stat("allowed").await?, proxy.stat("denied").await?), (1, 2));
    Ok(())
}

/// Envoy makes one line of two.
#[tokio::test]
async fn the_service_is_asked_about_all_that_the_upstream_gets() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let proxy = start("auth", &upstream, &service).await?;
    let request = proxy.get("/")?.header("authorization", "good").header("authorization", "bad");
    assert_eq!(request.send().await?.status, 200);
    assert_eq!(service.last()?.header("authorization"), [b"good,bad"]);
    assert_eq!(upstream.last()?.header("authorization"), [b"good,bad"]);
    Ok(())
}

#[tokio::test]
async fn a_verdict_is_remembered_and_a_failure_is_not() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let proxy = start("auth", &upstream, &service).await?;
    service.respond(|_| Answer::status(500));
    assert_eq!(proxy.get("/")?.send().await?.status, 503);
    assert_eq!(service.count(), 2, "one retry");
    service.respond(|_| Answer::status(200));
    for _ in 0..5 {
        assert_eq!(proxy.get("/")?.send().await?.status, 200);
    }
    assert_eq!(service.count(), 3);
    assert_eq!(proxy.stat("failed").await?, 1);
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
async fn nobody_passes_while_the_service_answers_strangely_or_too_late() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let proxy = start("auth", &upstream, &service).await?;
    for answer in [
        Answer::status(503),
        Answer::status(302),
        Answer::status(404),
        Answer::reset(),
        Answer::status(200).after(Duration::from_secs(5)),
        Answer::status(200).body(vec![b'x'; 2 * 1024 * 1024]),
    ] {
        let shown = format!("{answer:.60?}");
        service.respond(move |_| answer.clone());
        assert_eq!(proxy.get("/")?.send().await?.status, 503, "{shown}");
    }
    assert_eq!((upstream.count(), proxy.stat("failed").await?), (0, 6));
    wait::until("all are in the access log", LIMIT, async || {
        proxy.envoy.access_log().is_ok_and(|log| {
            log.iter().filter(|entry| entry["details"] == "ask_failed").count() == 6
        })
    })
    .await
}

#[tokio::test]
async fn many_requests_of_one_user_make_one_call_that_outlives_the_first_of_them() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let mut configuration = configuration("auth");
    configuration["timeout"] = json!("10s");
    let services = [Cluster::new("auth", service.address())];
    let proxy = Proxy::start("ask", configuration, upstream.address(), services, 1).await?;
    service.hold();
    let first = tokio::spawn(proxy.get("/")?.send());
    wait::until("the service is asked", LIMIT, async || service.in_flight() == 1).await?;
    let mut clients = JoinSet::new();
    for _ in 0..100 {
        clients.spawn(proxy.get("/")?.send());
    }
    let waiting = "http.example.downstream_rq_active";
    wait::until("all wait", LIMIT, async || {
        proxy.envoy.gauge(waiting).await.is_ok_and(|active| active == 101)
    })
    .await?;
    first.abort();
    wait::until("the first has gone", LIMIT, async || {
        proxy.envoy.gauge(waiting).await.is_ok_and(|active| active == 100)
    })
    .await?;
    service.release();
    while let Some(answer) = clients.join_next().await {
        assert_eq!(answer??.status, 200);
    }
    assert_eq!((service.count(), upstream.count()), (1, 100));
    Ok(())
}

#[tokio::test]
async fn a_verdict_is_forgotten_in_time() -> Result<()> {
    let (upstream, service) = (Upstream::start().await?, Upstream::start().await?);
    let mut configuration = configuration("auth");
    configuration["cache_for"] = json!("0.050s");
    let services = [Cluster::new("auth", service.address())];
    let proxy = Proxy::start("ask", configuration, upstream.address(), services, 1).await?;
    assert_eq!(proxy.get("/")?.send().await?.status, 200);
    service.respond(|_| Answer::status(403));
    wait::until("the service is asked again", LIMIT, async || {
        proxy.get("/").unwrap().send().await.is_ok_and(|answer| answer.status == 403)
    })
    .await
}
