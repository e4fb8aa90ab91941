//! What ten thousand tokens take of a module's memory.

mod common_case;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use serde_json::{Value, json};

use common_case::{CommonCase, Vm};

const TOKENS: u32 = 10_000;
/// Of all memory of a module, with what it has before the first token.
const LIMIT: usize = 16 * 1024 * 1024;

/// `VerifySignatureResult { result: true }`.
const GENUINE: [u8; 2] = [8, 1];

#[test]
fn ten_thousand_tokens_take_less_than_sixteen_mebibytes() -> Result<()> {
    let [case, _] = common_case::ten_thousand_tokens();
    let mut filled = Filled::new(case)?;
    for number in [0, 1, TOKENS / 2, TOKENS - 1] {
        ensure!(filled.knows(number)?, "the token {number} is gone");
    }
    filled.is_within_limit()
}

#[test]
fn with_all_their_claims_as_many_tokens_are_kept_as_the_bound_in_bytes_allows() -> Result<()> {
    let [_, case] = common_case::ten_thousand_tokens();
    let mut filled = Filled::new(case)?;
    ensure!(filled.knows(TOKENS - 1)?, "the last token is gone");
    ensure!(!filled.knows(0)?, "the first token is still there");
    filled.is_within_limit()
}

/// A VM that has seen ten thousand tokens.
struct Filled {
    case: CommonCase,
    vm: Vm,
    /// How many signatures the host was asked about.
    verified: Arc<AtomicU32>,
    header: String,
    claims: Value,
    streams: u32,
}

impl Filled {
    fn new(case: CommonCase) -> Result<Self> {
        let mut vm = case.start(&case.module()?)?;
        let verified = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&verified);
        // As if each were signed with the key: to sign them takes minutes.
        vm.host_mut().set_foreign_function("verify_signature", move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(GENUINE.to_vec())
        });
        let token = case.request_header.1.strip_prefix("Bearer ").context("a token")?;
        let mut parts = token.split('.');
        let header = parts.next().context("a header")?.to_owned();
        let payload = URL_SAFE_NO_PAD.decode(parts.next().context("a payload")?).ok();
        let claims = serde_json::from_slice(&payload.context("base64url")?)?;
        let mut filled = Self { case, vm, verified, header, claims, streams: 1 };
        for number in 0..TOKENS {
            ensure!(!filled.knows(number)?, "the token {number} cannot be known yet");
        }
        Ok(filled)
    }

    /// Lets a request pass with the token of a number; says whether its signature was not looked at.
    fn knows(&mut self, number: u32) -> Result<bool> {
        self.case.request_header.1 = format!("Bearer {}", self.token(number));
        self.streams += 1;
        let before = self.verified.load(Ordering::Relaxed);
        let outcome = self.case.request(&mut self.vm, self.streams)?;
        ensure!(self.case.is_served(&outcome), "token {number}: {outcome:?}");
        Ok(self.verified.load(Ordering::Relaxed) == before)
    }

    /// A token of more than 800 bytes, 342 of which are the signature.
    fn token(&self, number: u32) -> String {
        let mut random = StdRng::seed_from_u64(number.into());
        let mut signature = [0; 256];
        random.fill_bytes(&mut signature);
        let mut claims = self.claims.clone();
        claims["jti"] = json!(format!("{number:084}"));
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("{}.{payload}.{}", self.header, URL_SAFE_NO_PAD.encode(signature))
    }

    fn is_within_limit(&self) -> Result<()> {
        let (filter, size) = (self.case.filter, self.vm.memory_size());
        let (kib, token) = (size / 1024, self.token(0).len());
        println!("{filter}: {kib} KiB after {TOKENS} tokens of {token} bytes");
        ensure!(size < LIMIT, "{filter} has {kib} KiB of memory");
        Ok(())
    }
}
