//! How a stream ended, as the filter is told once it is over.

use super::*;
use tollgate_e2e::client::{self, Connection};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::wire::Wire;

/// How many streams ended completely, by the client, and by a reset.
async fn until_ended(proxy: &Proxy, complete: u64, client_left: u64, reset: u64) -> Result<()> {
    proxy.until_stat("complete", complete).await?;
    proxy.until_stat("client_left", client_left).await?;
    proxy.until_stat("reset", reset).await
}

#[tokio::test]
async fn a_whole_response_is_complete_whoever_made_it() -> Result<()> {
    let upstream = Upstream::start().await?;
    let upstreams = [("up", upstream.address()), ("down", nobody()?)];
    let proxy = Proxy::start(upstreams, []).await?;
    let mut http2 = Connection::http2(proxy.address()?).await?;
    for (count, (path, status)) in
        [("/up", 200), ("/down", 503), ("/deny", 403), ("/direct", 200)].into_iter().enumerate()
    {
        assert_eq!(client::get(proxy.address()?, path).send().await?.status, status);
        assert_eq!(http2.get(path).send().await?.status, status);
        until_ended(&proxy, count as u64 * 2 + 2, 0, 0).await?;
    }
    upstream.respond(|_| Answer::reset());
    assert_eq!(client::get(proxy.address()?, "/up").send().await?.status, 503);
    until_ended(&proxy, 9, 0, 0).await
}

#[tokio::test]
async fn a_response_that_the_upstream_cuts_off_is_a_reset() -> Result<()> {
    let begin = || send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    let broken = Wire::start([begin(), Step::Pause(Duration::from_millis(20))]).await?;
    let proxy = Proxy::start([("up", broken.address())], []).await?;
    assert!(client::get(proxy.address()?, "/up").send().await.is_err());
    until_ended(&proxy, 0, 0, 1).await?;
    let mut http2 = Connection::http2(proxy.address()?).await?;
    // Some versions of Envoy reset it with NO_ERROR, which looks like an end to the client.
    drop(http2.get("/up").send().await);
    until_ended(&proxy, 0, 0, 2).await
}

#[tokio::test]
async fn a_client_that_goes_away_has_left() -> Result<()> {
    let pause = || Step::Pause(Duration::from_secs(60));
    let begin = || send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    let (silent, stalled) = (Wire::start([pause()]).await?, Wire::start([begin(), pause()]).await?);
    let upstreams = [("silent", silent.address()), ("stalled", stalled.address())];
    let proxy = Proxy::start(upstreams, []).await?;
    let soon = Duration::from_millis(50);
    for (count, path) in ["/silent", "/stalled"].into_iter().enumerate() {
        assert!(client::get(proxy.address()?, path).limit(soon).send().await.is_err());
        let mut http2 = Connection::http2(proxy.address()?).await?;
        assert!(http2.get(path).limit(soon).send().await.is_err());
        until_ended(&proxy, 0, count as u64 * 2 + 2, 0).await?;
    }
    Ok(())
}
