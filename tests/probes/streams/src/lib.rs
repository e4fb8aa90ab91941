//! Does with a stream what its request asks for, so that a test can see what Envoy makes of it.
//!
//! The headers `x-request-body` and `x-response-body` say what happens to a body:
//!
//! | value | what happens |
//! |---|---|
//! | `shout` | chunk by chunk, to capital letters |
//! | `wait` | the same, 20 ms later: each chunk is held over a tick |
//! | `ask` | the same, after a call: each chunk is held over its answer |
//! | `first` | only the first chunk, the rest passes |
//! | `once` | the first chunk is held over a tick, the others are not |
//! | `then` | the first chunk is held over a tick, the rest passes |
//! | `collect` | as a whole of at most 100,000 bytes, in brackets; beyond that 413 |
//! | `late` | the same, and 20 ms later |
//! | `deny` | answered with 403 at the first chunk |
//! | `reset` | reset at the first chunk |
//!
//! Trailers get `x-probe: seen`, 20 ms later where the body is `wait` or `late`. These paths are
//! answered at once, with what came of a call:
//!
//! | path | what happens |
//! |---|---|
//! | `/call?CLUSTER` | an HTTP call with 200 ms to answer |
//! | `/retry?CLUSTER` | the same, up to two times more |
//! | `/grpc?CLUSTER` | a gRPC call with 200 ms to answer |
//! | `/deny` | 403 |
//!
//! How streams end is counted by `complete`, `client_left` and `reset`.

use std::cell::RefCell;
use std::time::Duration;
use tollgate::callout::{Answer, CallError, GrpcCall, GrpcError, HttpCall, Retry};
use tollgate::prelude::*;
use tollgate::{Chunk, time};

/// How long calls may take.
const TIMEOUT: Duration = Duration::from_millis(200);
/// How long what waits for a tick waits.
const PAUSE: Duration = Duration::from_millis(20);
/// How much of a body is collected.
const LIMIT: usize = 100_000;

/// Nothing to configure.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub struct Config {}

/// What happens to the two bodies.
#[derive(Debug, Default)]
pub struct Plan {
    request: RefCell<Vec<u8>>,
    response: RefCell<Vec<u8>>,
}

/// The filter.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    complete: Counter,
    client_left: Counter,
    reset: Counter,
}

/// An empty message, which is all that the test's service takes and gives.
#[derive(Clone, Copy, prost::Message)]
struct Nothing {}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Streams {
    const NAME: &'static str = "streams";
    type Config = Config;
    type State = Plan;

    fn configure(_config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self {
            complete: setup.counter("complete")?,
            client_left: setup.counter("client_left")?,
            reset: setup.counter("reset")?,
        })
    }

    async fn request(&self, request: &mut Request<'_, Plan>) -> Result<Flow> {
        let header =
            |name| Ok::<_, HostError>(request.headers()?.get(name).unwrap_or_default().to_vec());
        request.state().request.replace(header("x-request-body")?);
        request.state().response.replace(header("x-response-body")?);
        let cluster = String::from_utf8_lossy(request.query()?).into_owned();
        let answer = match &*request.path()?.to_vec() {
            b"/call" => told(call(&cluster).send().await),
            b"/retry" => told(call(&cluster).retry(Retry::times(2)).send().await),
            b"/grpc" => told_by_grpc(&cluster).await,
            b"/deny" => return Ok(Flow::Reply(LocalReply::new(403))),
            _ => {
                request.headers_mut().remove("content-length")?;
                return Ok(Flow::Continue);
            }
        };
        Ok(Flow::Reply(LocalReply::new(200).body(answer)))
    }

    async fn request_body(&self, body: &mut Body<'_, Plan>) -> Result<Flow> {
        let plan = body.state().request.borrow().clone();
        rewrite(&plan, body).await
    }

    async fn request_trailers(&self, trailers: &mut Trailers<'_, Plan>) -> Result<Flow> {
        let plan = trailers.state().request.borrow().clone();
        mark(&plan, trailers).await
    }

    async fn response(&self, response: &mut Response<'_, Plan>) -> Result<Flow> {
        if !response.state().response.borrow().is_empty() {
            response.headers_mut().remove("content-length")?;
        }
        Ok(Flow::Continue)
    }

    async fn response_body(&self, body: &mut Body<'_, Plan>) -> Result<Flow> {
        let plan = body.state().response.borrow().clone();
        rewrite(&plan, body).await
    }

    async fn response_trailers(&self, trailers: &mut Trailers<'_, Plan>) -> Result<Flow> {
        let plan = trailers.state().response.borrow().clone();
        mark(&plan, trailers).await
    }

    fn end(&self, end: &End<'_, Plan>) {
        match end.ending() {
            Ending::Complete => self.complete.increment(),
            Ending::ClientLeft => self.client_left.increment(),
            Ending::Reset => self.reset.increment(),
        }
    }
}

async fn rewrite(plan: &[u8], body: &mut Body<'_, Plan>) -> Result<Flow> {
    match plan {
        b"" => return Ok(Flow::Continue),
        b"collect" | b"late" => {
            let Collected::Whole(mut whole) = body.collect(LIMIT).await else {
                return Ok(Flow::Reply(LocalReply::new(413)));
            };
            if plan == b"late" {
                time::sleep(PAUSE).await;
            }
            let bytes = whole.bytes()?;
            whole.replace([b"[", &bytes[..], b"]"].concat())?;
            return Ok(Flow::Continue);
        }
        _ => {}
    }
    let mut chunks = 0u32;
    while let Some(mut chunk) = body.chunk().await {
        chunks = chunks.saturating_add(1);
        match plan {
            b"deny" => return Ok(Flow::Reply(LocalReply::new(403))),
            b"reset" => return Ok(Flow::Reset),
            b"wait" => time::sleep(PAUSE).await,
            b"once" | b"then" if chunks == 1 => time::sleep(PAUSE).await,
            b"ask" => drop(call("side").send().await),
            _ => {}
        }
        shout(&mut chunk)?;
        if matches!(plan, b"first" | b"then") {
            break;
        }
    }
    Ok(Flow::Continue)
}

fn shout(chunk: &mut Chunk<'_>) -> Result<()> {
    let bytes = chunk.bytes()?;
    if bytes.is_empty() { Ok(()) } else { chunk.replace(bytes.to_ascii_uppercase()) }
}

async fn mark(plan: &[u8], trailers: &mut Trailers<'_, Plan>) -> Result<Flow> {
    if matches!(plan, b"wait" | b"late") {
        time::sleep(PAUSE).await;
    }
    trailers.get_mut().set("x-probe", "seen")?;
    Ok(Flow::Continue)
}

fn call(cluster: &str) -> HttpCall {
    HttpCall::get(cluster, "side.test", "/").timeout(TIMEOUT)
}

/// What came of a call, in a word.
fn told(answer: Result<Answer, CallError>) -> String {
    match answer {
        Ok(answer) => {
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            format!("answered {} {body}", answer.status())
        }
        Err(error) => format!("{error:?}"),
    }
}

async fn told_by_grpc(cluster: &str) -> String {
    let call = GrpcCall::new(cluster, "probe.Side", "Ask").timeout(TIMEOUT);
    match call.unary::<Nothing>(&Nothing {}).await {
        Ok(Nothing {}) => "answered".to_owned(),
        Err(GrpcError::Status { code, message }) => format!("status {code} {message}"),
        Err(error) => format!("{error:?}"),
    }
}
