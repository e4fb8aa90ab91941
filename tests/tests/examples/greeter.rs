use super::*;

#[tokio::test]
async fn every_upstream_is_greeted_once_and_counted() -> Result<()> {
    let upstream = Upstream::start().await?;
    let config = json!({ "greeting": "hello" });
    let proxy = Proxy::start("greeter", config, upstream.address(), [], 2).await?;
    for _ in 0..3 {
        let answer = proxy.get("/")?.header("x-greeting", "spoofed").send().await?;
        assert_eq!(answer.status, 200);
    }
    for request in upstream.requests() {
        assert_eq!(request.header("x-greeting"), [b"hello"]);
    }
    assert_eq!(proxy.stat("greeted").await?, 3);
    assert_eq!(proxy.stat("failures").await?, 0);
    Ok(())
}
