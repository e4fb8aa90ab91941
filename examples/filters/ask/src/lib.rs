//! Asks an HTTP service whether a request may pass, by its `authorization` header.
//!
//! **Shows** a call that is awaited, with a timeout and retries; answers that are remembered per worker;
//! and work that many requests wait for together, so that a hundred of one user make one call.
//!
//! The service gets `GET <path>` with the request's `authorization`. With 2xx the request passes, with
//! 401 or 403 it is answered the same, and with all else, or no answer, with 503: nobody gets in because
//! the service is down.
//!
//! ```yaml
//! - name: ask
//!   typed_config:
//!     "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
//!     config:
//!       name: ask
//!       failure_policy: FAIL_CLOSED
//!       vm_config:
//!         vm_id: ask
//!         runtime: envoy.wasm.runtime.v8
//!         code: { local: { filename: /etc/envoy/ask.wasm } }
//!       configuration:
//!         "@type": type.googleapis.com/google.protobuf.StringValue
//!         value: |
//!           {
//!             "cluster": "auth",
//!             "authority": "auth.internal",
//!             "path": "/verify",
//!             "timeout": "0.5s",
//!             "retries": 1,
//!             "cache_for": "10s"
//!           }
//! ```
#![forbid(unsafe_code)]

mod cache;

use cache::Cache;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tollgate::callout::{CallError, HttpCall, Retry};
use tollgate::config::{Duration, PositiveDuration};
use tollgate::prelude::*;
use tollgate::task::SingleFlight;
use tollgate::time::Instant;

/// So many users are remembered in a worker, with up to [`MAX_CREDENTIALS`] bytes each.
const MAX_USERS: usize = 1000;
/// An `authorization` longer than this, in bytes, is refused.
const MAX_CREDENTIALS: usize = 8192;

/// What the operator writes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// The cluster of the service.
    cluster: String,
    /// The service's `host`.
    authority: String,
    /// Where it answers.
    path: String,
    /// How long each try may take.
    timeout: PositiveDuration,
    /// How often a call that failed is made again; not by default.
    #[serde(default)]
    retries: u32,
    /// How long its yes or no is remembered; not by default.
    cache_for: Option<Duration>,
}

/// The filter.
#[derive(Debug)]
pub struct Ask {
    call: HttpCall,
    /// Shared with the calls under way, which go on when the request that began one is gone.
    known: Rc<Known>,
    allowed: Counter,
    denied: Counter,
    failed: Counter,
}

/// What a worker knows, by credentials.
#[derive(Debug)]
struct Known {
    verdicts: RefCell<Cache<Verdict>>,
    calls: RefCell<HashMap<Vec<u8>, Call>>,
}

/// One for all who ask meanwhile.
type Call = SingleFlight<Result<Verdict, CallError>>;

/// What the service said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allowed,
    /// With this status.
    Denied(u16),
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Ask {
    const NAME: &'static str = "ask";
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        let Config { cluster, authority, path, timeout, retries, cache_for } = config;
        let cache_for = cache_for.map(Duration::get).unwrap_or_default();
        let verdicts = RefCell::new(Cache::new(cache_for, MAX_USERS));
        Ok(Self {
            call: HttpCall::get(&cluster, &authority, &path)
                .timeout(timeout.get())
                .retry(Retry::times(retries)),
            known: Rc::new(Known { verdicts, calls: RefCell::default() }),
            allowed: setup.counter("allowed")?,
            denied: setup.counter("denied")?,
            failed: setup.counter("failed")?,
        })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        let mut credentials = request.headers()?.get_all("authorization");
        let (one, more) = (credentials.next().unwrap_or_default(), credentials.next());
        if more.is_some() || one.len() > MAX_CREDENTIALS {
            // The upstream might believe another one than the service was asked about.
            return Ok(self.deny(400));
        }
        Ok(match self.verdict(one.to_vec()).await? {
            Ok(Verdict::Allowed) => {
                self.allowed.increment();
                Flow::Continue
            }
            Ok(Verdict::Denied(status)) => self.deny(status),
            Err(error) => {
                self.failed.increment();
                tollgate::warn!("ask: {error}");
                Flow::Reply(LocalReply::new(503).details("ask_failed"))
            }
        })
    }
}

impl Ask {
    fn deny(&self, status: u16) -> Flow {
        self.denied.increment();
        Flow::Reply(LocalReply::new(status).details("ask_denied"))
    }

    /// What is remembered, or else what the service says.
    async fn verdict(&self, credentials: Vec<u8>) -> Result<Result<Verdict, CallError>> {
        let remembered = self.known.verdicts.borrow().get(&credentials, Instant::now()?);
        if let Some(verdict) = remembered {
            return Ok(Ok(verdict));
        }
        let call = self.known.calls.borrow_mut().entry(credentials.clone()).or_default().clone();
        Ok(call.run(|| ask(self.call.clone(), credentials, Rc::clone(&self.known))).await)
    }
}

/// Asks the service, and remembers what it says; not that it could not be asked.
async fn ask(call: HttpCall, credentials: Vec<u8>, known: Rc<Known>) -> Result<Verdict, CallError> {
    let call = match credentials.is_empty() {
        true => call,
        false => call.header("authorization", &credentials),
    };
    let verdict = call.send().await.and_then(|answer| judge(answer.status()));
    known.calls.borrow_mut().remove(&credentials);
    if let (Ok(verdict), Ok(now)) = (&verdict, Instant::now()) {
        known.verdicts.borrow_mut().insert(credentials, *verdict, now);
    }
    verdict
}

/// What a status means.
fn judge(status: u16) -> Result<Verdict, CallError> {
    match status {
        200..=299 => Ok(Verdict::Allowed),
        401 | 403 => Ok(Verdict::Denied(status)),
        _ => Err(CallError::Status(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_or_no_is_a_verdict() {
        assert_eq!(judge(204), Ok(Verdict::Allowed));
        assert_eq!(judge(401), Ok(Verdict::Denied(401)));
        assert_eq!(judge(403), Ok(Verdict::Denied(403)));
        for status in [100, 302, 400, 404, 429, 500, 503] {
            assert_eq!(judge(status), Err(CallError::Status(status)));
        }
    }
}
