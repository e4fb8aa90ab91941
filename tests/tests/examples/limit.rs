use super::*;
use tokio::task::JoinSet;
use tollgate_e2e::client::Connection;
use tollgate_e2e::client::raw::{self, RawConnection};
use tollgate_e2e::upstream::Answer;

const IN_FLIGHT: &str = "plugin=limit.in_flight";

async fn start(max_in_flight: u64, upstream: &Upstream) -> Result<Proxy> {
    let configuration = json!({ "max_in_flight": max_in_flight });
    Proxy::start("limit", configuration, upstream.address(), [], 2).await
}

#[tokio::test]
async fn places_are_given_back_when_requests_end() -> Result<()> {
    let upstream = Upstream::start().await?;
    let proxy = start(1, &upstream).await?;
    for status in [200, 500] {
        upstream.respond(move |_| Answer::status(status));
        for _ in 0..5 {
            assert_eq!(proxy.get("/")?.send().await?.status, status);
            proxy.until_stat(IN_FLIGHT, 0).await?;
        }
    }
    upstream.respond(|_| Answer::reset());
    assert_eq!(proxy.get("/")?.send().await?.status, 503);
    proxy.until_stat(IN_FLIGHT, 0).await
}

#[tokio::test]
async fn one_too_many_gets_429_and_clients_that_hang_up_give_their_places_back() -> Result<()> {
    let upstream = Upstream::start().await?;
    let proxy = start(3, &upstream).await?;
    upstream.hold();
    let mut waiting = Vec::new();
    for count in 1..=3 {
        let mut connection = RawConnection::open(proxy.address()?).await?;
        connection.write(raw::get_request(b"/", &[])).await?;
        waiting.push(connection);
        proxy.until_stat(IN_FLIGHT, count).await?;
    }
    for _ in 0..10 {
        let answer = proxy.get("/")?.send().await?;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
    }
    assert_eq!((proxy.stat(IN_FLIGHT).await?, proxy.stat("rejected").await?), (3, 10));
    drop(waiting);
    proxy.until_stat(IN_FLIGHT, 0).await?;
    upstream.release();
    assert_eq!(proxy.get("/")?.send().await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn http2_streams_that_are_reset_give_their_places_back() -> Result<()> {
    let upstream = Upstream::start().await?;
    let proxy = start(2, &upstream).await?;
    upstream.hold();
    let mut connection = Connection::http2(proxy.address()?).await?;
    for _ in 0..10 {
        let impatient = connection.get("/").limit(Duration::from_millis(20)).send().await;
        assert!(impatient.is_err());
        proxy.until_stat(IN_FLIGHT, 0).await?;
    }
    upstream.release();
    assert_eq!(connection.get("/").send().await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_together_never_let_more_in_than_the_limit() -> Result<()> {
    let upstream = Upstream::start().await?;
    let proxy = start(3, &upstream).await?;
    upstream.respond(|_| Answer::status(200).after(Duration::from_millis(2)));
    let mut clients = JoinSet::new();
    for _ in 0..20 {
        let address = proxy.address()?;
        clients.spawn(async move {
            let mut connection = Connection::http1(address).await?;
            let mut passed = 0u64;
            for _ in 0..50 {
                match connection.get("/").send().await?.status {
                    200 => passed += 1,
                    429 => {}
                    status => anyhow::bail!("status {status}"),
                }
            }
            Ok(passed)
        });
    }
    let mut passed = 0;
    while let Some(client) = clients.join_next().await {
        passed += client??;
    }
    assert!((1..=3).contains(&upstream.max_in_flight()), "{}", upstream.max_in_flight());
    assert_eq!(upstream.count() as u64, passed);
    assert_eq!(proxy.stat("rejected").await?, 1000 - passed);
    proxy.until_stat(IN_FLIGHT, 0).await
}

#[tokio::test]
async fn a_limit_of_nothing_is_refused_by_name() -> Result<()> {
    let upstream = Upstream::start().await?;
    let error = start(0, &upstream).await.err().context("it was accepted")?.to_string();
    assert!(error.contains("`max_in_flight`: found 0"), "{error}");
    Ok(())
}
