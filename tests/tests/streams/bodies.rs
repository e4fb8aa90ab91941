//! Bodies and trailers, in both directions, however their chunks arrive.

use super::*;
use tollgate_e2e::client::Connection;
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::wire::Wire;

/// The plans of the probe under which a body passes, and what they make of `abcdefghi`. Those that look
/// at the first chunk only may get more with it.
const PLANS: [(&str, &str); 9] = [
    ("", "abcdefghi"),
    ("shout", "ABCDEFGHI"),
    ("wait", "ABCDEFGHI"),
    ("ask", "ABCDEFGHI"),
    ("once", "ABCDEFGHI"),
    ("first", "ABC"),
    ("then", "ABC"),
    ("collect", "[abcdefghi]"),
    ("late", "[abcdefghi]"),
];

/// So long is a pause after which nothing is held any more, and one in which everything still is.
const PAUSES: [(&str, u64); 2] = [("apart", 60), ("close", 5)];

/// The body `abcdefghi` in three chunks with pauses, and perhaps trailers, alone or with the last chunk.
fn arrivals() -> Vec<(String, Vec<Step>)> {
    let mut arrivals = vec![("at-once".to_owned(), vec![send("9\r\nabcdefghi\r\n0\r\n\r\n")])];
    for (name, pause) in PAUSES {
        let pause = || Step::Pause(Duration::from_millis(pause));
        let begin = || vec![send("3\r\nabc\r\n"), pause(), send("3\r\ndef\r\n"), pause()];
        for (end, steps) in [
            ("end-alone", vec![send("3\r\nghi\r\n"), pause(), send("0\r\n\r\n")]),
            ("end-with-data", vec![send("3\r\nghi\r\n0\r\n\r\n")]),
            ("trailers-alone", vec![send("3\r\nghi\r\n"), pause(), send("0\r\nsum: 7\r\n\r\n")]),
            ("trailers-with-data", vec![send("3\r\nghi\r\n0\r\nsum: 7\r\n\r\n")]),
        ] {
            arrivals.push((format!("{name}-{end}"), [begin(), steps].concat()));
        }
    }
    arrivals
}

/// The body of a chunked message, and its trailers.
fn decode(message: &str) -> Option<(String, String)> {
    let (_, mut rest) = message.split_once("\r\n\r\n")?;
    let mut body = String::new();
    loop {
        let (size, chunks) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some((body, chunks.strip_suffix("\r\n")?.to_owned()));
        }
        body.push_str(chunks.get(..size)?);
        rest = chunks.get(size..)?.strip_prefix("\r\n")?;
    }
}

/// Whether a message is the body that a plan makes, with marked trailers if there were any.
fn assert_as_planned(message: &str, (plan, expected): (&str, &str), arrival: &str) {
    let (body, trailers) =
        decode(message).unwrap_or_else(|| panic!("{arrival} {plan}: {message:?}"));
    let is_right = match plan {
        "first" | "then" => body.starts_with(expected) && body.eq_ignore_ascii_case("abcdefghi"),
        _ => body == expected,
    };
    assert!(is_right, "{arrival} {plan}: {body:?}");
    let expected = if arrival.contains("trailers") { "sum: 7\r\nx-probe: seen\r\n" } else { "" };
    assert_eq!(trailers, expected, "{arrival} {plan}");
}

#[tokio::test]
async fn responses_come_out_as_the_filter_left_them_however_their_chunks_arrive() -> Result<()> {
    let side = Upstream::start().await?;
    let mut wires = Vec::new();
    for (name, steps) in arrivals() {
        let head = send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        wires.push((name, Wire::start([vec![head], steps].concat()).await?));
    }
    let upstreams = wires.iter().map(|(name, wire)| (name.as_str(), wire.address()));
    let proxy = Proxy::start(upstreams, [Cluster::new("side", side.address())]).await?;
    for (name, _) in &wires {
        for plan in PLANS {
            let more = format!("x-response-body: {}\r\n", plan.0);
            let answer = proxy.exchange(&[head("GET", &format!("/{name}"), &more)]).await?;
            assert_as_planned(&answer, plan, name);
        }
    }
    assert_eq!((proxy.stat("failures").await?, proxy.stat("reset").await?), (0, 0));
    Ok(())
}

#[tokio::test]
async fn requests_come_out_as_the_filter_left_them_however_their_chunks_arrive() -> Result<()> {
    let side = Upstream::start().await?;
    let ok = || send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let plain = Wire::start([Step::Until("0\r\n\r\n".into()), ok()]).await?;
    let trailed = Wire::start([Step::Until("x-probe: seen\r\n\r\n".into()), ok()]).await?;
    let upstreams = [("plain", plain.address()), ("trailed", trailed.address())];
    let proxy = Proxy::start(upstreams, [Cluster::new("side", side.address())]).await?;
    for (name, steps) in arrivals() {
        let (path, wire) = match name.contains("trailers") {
            true => ("/trailed", &trailed),
            false => ("/plain", &plain),
        };
        for plan in PLANS {
            let more = format!("x-request-body: {}\r\ntransfer-encoding: chunked\r\n", plan.0);
            let request = [vec![head("POST", path, &more)], steps.clone()].concat();
            let answer = proxy.exchange(&request).await?;
            assert!(answer.starts_with("HTTP/1.1 200"), "{name} {}: {answer:?}", plan.0);
            let seen = wire.requests().pop().unwrap_or_default();
            assert_as_planned(&seen, plan, &name);
        }
    }
    assert_eq!((proxy.stat("failures").await?, proxy.stat("reset").await?), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_grpc_answer_keeps_its_status_whatever_happens_to_its_message() -> Result<()> {
    let (upstream, side) = (Upstream::start().await?, Upstream::start().await?);
    upstream.respond(|_| Answer::grpc(b"abcdefghi"));
    let services = [Cluster::new("side", side.address())];
    let proxy = Proxy::start([("grpc-up", upstream.address())], services).await?;
    let mut connection = Connection::http2(proxy.address()?).await?;
    for (plan, expected) in PLANS {
        let request = connection.get("/grpc-up").header("te", "trailers");
        let answer = request.header("x-response-body", plan).send().await?;
        assert!(answer.text().contains(expected.trim_matches(['[', ']'])), "{plan}: {answer:?}");
        let trailer = |name: &str| answer.trailers.get(name).map(|value| value.as_bytes());
        assert_eq!(trailer("grpc-status"), Some(&b"0"[..]), "{plan}");
        assert_eq!(trailer("x-probe"), Some(&b"seen"[..]), "{plan}");
    }
    Ok(())
}

#[tokio::test]
async fn a_large_body_passes_through_every_plan() -> Result<()> {
    let upstream = Upstream::start().await?;
    let side = Upstream::start().await?;
    let proxy =
        Proxy::start([("up", upstream.address())], [Cluster::new("side", side.address())]).await?;
    let body = "abcdefgh".repeat(50_000);
    for plan in ["", "shout", "wait", "ask", "once"] {
        let request = tollgate_e2e::client::post(proxy.address()?, "/up")
            .header("x-request-body", plan)
            .body(body.clone());
        assert_eq!(request.send().await?.status, 200, "{plan}");
        let expected = if plan.is_empty() { body.clone() } else { body.to_ascii_uppercase() };
        assert!(upstream.last()?.body == expected, "{plan}: another body");
    }
    Ok(())
}

#[tokio::test]
async fn a_request_body_that_is_refused_is_answered_and_goes_no_further() -> Result<()> {
    let wire = Wire::start([Step::Until("0\r\n\r\n".into())]).await?;
    let proxy = Proxy::start([("up", wire.address())], []).await?;
    let request = |plan: &str, chunk: &str| {
        let more = format!("x-request-body: {plan}\r\ntransfer-encoding: chunked\r\n");
        [head("POST", "/up", &more), send(format!("{:x}\r\n{chunk}\r\n", chunk.len()))]
    };
    let answer = proxy.exchange(&request("deny", "secret")).await?;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer:?}");
    let answer = proxy.exchange(&request("collect", &"secret".repeat(20_000))).await?;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer:?}");
    let answer = proxy.exchange(&request("reset", "secret")).await?;
    assert_eq!(answer, "");
    proxy.until_stat("reset", 1).await?;
    proxy.until_stat("complete", 2).await?;
    assert!(wire.requests().iter().all(|request| !request.contains("secret")));
    Ok(())
}

#[tokio::test]
async fn a_response_body_that_is_refused_is_cut_off_since_its_headers_are_on_their_way()
-> Result<()> {
    let upstream = Upstream::start().await?;
    upstream.respond(|_| Answer::status(200).body("secret"));
    let proxy = Proxy::start([("up", upstream.address())], []).await?;
    for plan in ["deny", "reset"] {
        let more = format!("x-response-body: {plan}\r\n");
        let answer = proxy.exchange(&[head("GET", "/up", &more)]).await?;
        assert!(!answer.contains("secret") && decode(&answer).is_none(), "{plan}: {answer:?}");
    }
    proxy.until_stat("reset", 2).await?;
    assert_eq!(proxy.stat("failures").await?, 0);
    Ok(())
}

/// The host has no body there that could be written to.
#[tokio::test]
async fn writing_a_body_that_has_no_bytes_and_ends_with_trailers_is_a_failure() -> Result<()> {
    let head_alone = send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let trailers = send("0\r\nsum: 7\r\n\r\n");
    let wire = Wire::start([head_alone, Step::Pause(Duration::from_millis(30)), trailers]).await?;
    let proxy = Proxy::start([("up", wire.address())], []).await?;
    let answer = proxy.exchange(&[head("GET", "/up", "x-response-body: wait\r\n")]).await?;
    assert_eq!(decode(&answer).unwrap_or_default().1, "sum: 7\r\nx-probe: seen\r\n");
    let answer = proxy.exchange(&[head("GET", "/up", "x-response-body: collect\r\n")]).await?;
    assert_eq!(decode(&answer), None);
    assert_eq!(proxy.stat("failures").await?, 1);
    Ok(())
}
