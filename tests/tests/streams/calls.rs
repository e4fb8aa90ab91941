//! What came of a call, when the service answers, fails, or is not there.

use super::*;
use tollgate_e2e::client;
use tollgate_e2e::upstream::{Answer, Upstream};

struct Calls {
    proxy: Proxy,
    service: Upstream,
}

impl Calls {
    async fn start() -> Result<Self> {
        let service = Upstream::start().await?;
        let no_hosts = json!({ "load_assignment": { "endpoints": [] } });
        let services = [
            Cluster::new("side", service.address()),
            Cluster::new("side2", service.address()).http2(),
            Cluster::new("down", nobody()?),
            Cluster::new("down2", nobody()?).http2(),
            Cluster::new("empty", nobody()?).with(no_hosts),
        ];
        Ok(Self { proxy: Proxy::start([], services).await?, service })
    }

    /// What came of the call that a path asks for, when the service answers so.
    async fn outcome(&self, path: &str, answer: Answer) -> Result<String> {
        self.service.respond(move |_| answer.clone());
        Ok(client::get(self.proxy.address()?, path).send().await?.text())
    }
}

#[tokio::test]
async fn what_the_service_answers_is_an_answer_whatever_its_status() -> Result<()> {
    let calls = Calls::start().await?;
    for status in [200, 404, 500, 502, 503, 504] {
        for path in ["/call?side", "/call?side2"] {
            let answer = Answer::status(status).body("own");
            let outcome = calls.outcome(path, answer).await?;
            assert_eq!(outcome, format!("answered {status} own"), "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_told_from_one_that_is_too_slow() -> Result<()> {
    let calls = Calls::start().await?;
    let slow = || Answer::status(200).after(Duration::from_secs(5));
    for (path, answer, outcome) in [
        ("/call?side", Answer::reset(), "Unreachable"),
        ("/call?side2", Answer::reset(), "Unreachable"),
        ("/call?down", slow(), "Unreachable"),
        ("/call?empty", slow(), "Unreachable"),
        ("/call?side", slow(), "TimedOut"),
        ("/call?side2", slow(), "TimedOut"),
    ] {
        assert_eq!(calls.outcome(path, answer).await?, outcome, "{path}");
    }
    let unknown = calls.outcome("/call?unknown", slow()).await?;
    assert!(unknown.starts_with("Refused"), "{unknown}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_stalls_is_none() -> Result<()> {
    use tollgate_e2e::wire::Wire;
    let begin = || send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    let broken = Wire::start([begin()]).await?;
    let stalled = Wire::start([begin(), Step::Pause(Duration::from_secs(5))]).await?;
    let services =
        [Cluster::new("broken", broken.address()), Cluster::new("stalled", stalled.address())];
    let proxy = Proxy::start([], services).await?;
    for (path, outcome) in [("/call?broken", "Unreachable"), ("/call?stalled", "TimedOut")] {
        assert_eq!(client::get(proxy.address()?, path).send().await?.text(), outcome);
    }
    Ok(())
}

#[tokio::test]
async fn a_call_is_made_again_as_often_as_was_said_and_no_more() -> Result<()> {
    let calls = Calls::start().await?;
    for (answer, outcome, count) in [
        (Answer::status(200).body("own"), "answered 200 own", 1),
        (Answer::status(404), "answered 404 ", 1),
        (Answer::status(500), "answered 500 ", 3),
    ] {
        calls.service.forget();
        assert_eq!(calls.outcome("/retry?side", answer).await?, outcome);
        assert_eq!(calls.service.count(), count, "{outcome}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_grpc_service_says_is_told_from_what_envoy_says() -> Result<()> {
    let calls = Calls::start().await?;
    for (answer, outcome) in [
        (Answer::grpc(b""), "answered"),
        (Answer::grpc_status(7, "no way"), "status 7 no way"),
        (Answer::grpc_status(14, "{response_timeout}"), "status 14 {response_timeout}"),
        (Answer::status(503), "status 14 "),
        (Answer::status(200).body("no gRPC"), "status 13 "),
        (Answer::grpc(b"").after(Duration::from_secs(5)), "status 4 upstream request timeout"),
    ] {
        let shown = format!("{answer:?}");
        assert_eq!(calls.outcome("/grpc?side2", answer).await?, outcome, "{shown}");
    }
    for path in ["/grpc?side2", "/grpc?down2", "/grpc?empty", "/grpc?unknown"] {
        let outcome = calls.outcome(path, Answer::reset()).await?;
        assert!(outcome.starts_with("status 14 "), "{path}: {outcome}");
    }
    Ok(())
}
