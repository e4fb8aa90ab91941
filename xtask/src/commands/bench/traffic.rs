//! What the load generator sends.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_e2e::target_dir;
use tollgate_e2e::tokens::{self, rsa_key};

/// The issuer that the measured providers trust.
pub(super) const ISSUER: &str = "https://issuer.example";
/// The audience of the tokens.
pub(super) const AUDIENCE: &str = "api.example";

/// How many tokens take turns where each shall be new: more than come in one go, and more than a filter
/// is configured to remember.
const NEW_TOKENS: usize = 2000;

/// Seconds for which the tokens are good.
const TOKEN_LIFETIME: u64 = 24 * 3600;

/// The requests of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `GET /` with no header but `host`.
    Bare,
    /// With 20 headers, the size of a browser's.
    TwentyHeaders,
    /// With three cookies, of which the last is the flag.
    Cookies,
    /// With one and the same token.
    Token,
    /// With 2,000 tokens in turn.
    NewTokens,
}

/// Requests as the load generator is told of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Traffic {
    pub(super) headers: Vec<(&'static str, String)>,
    /// A file with tokens, one a line, that take turns in `authorization`.
    pub(super) tokens: Option<PathBuf>,
}

impl Kind {
    /// Makes tokens where it needs some.
    pub(super) fn prepare(self) -> Result<Traffic> {
        let headers = match self {
            Self::Bare => Vec::new(),
            Self::TwentyHeaders => {
                BROWSER.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
            }
            Self::Cookies => vec![("cookie", COOKIES.to_owned())],
            Self::Token | Self::NewTokens => {
                vec![("authorization", format!("Bearer {}", token(0)))]
            }
        };
        let tokens = if self == Self::NewTokens { Some(new_tokens()?) } else { None };
        Ok(Traffic { headers, tokens })
    }
}

/// As many cookies as a small site has.
const COOKIES: &str = "session=0f8fad5bd9cb469fa16570867728950e; theme=dark; featureflag=on";

/// Nineteen headers, which `host` makes twenty.
const BROWSER: [(&str, &str); 19] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://shop.example/catalogue?page=3"),
    ("origin", "https://shop.example"),
    ("dnt", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-user", "?1"),
    ("priority", "u=0, i"),
    ("cache-control", "no-cache"),
    ("if-none-match", "\"33a64df551425fcc55e4d42a148795d9\""),
    ("cookie", COOKIES),
    ("x-client-version", "2026.11.3"),
    ("x-tenant", "example"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("tracestate", "vendor=00f067aa0ba902b7"),
];

/// The token with that number; each is good, and no two are the same.
fn token(number: usize) -> String {
    let now = tokens::now();
    rsa_key().sign(&claims(number, now))
}

fn claims(number: usize, now: u64) -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": format!("user-{number:06}"),
        "jti": format!("0f8fad5b-d9cb-469f-a165-{number:012}"),
        "iat": now,
        "exp": now + TOKEN_LIFETIME,
        "scope": "read:orders write:orders",
        "realm": { "groups": ["customers", "beta"] },
    })
}

/// Writes the tokens to a file, one a line.
fn new_tokens() -> Result<PathBuf> {
    let folder = target_dir().join("bench");
    let path = folder.join("tokens");
    let tokens: Vec<_> = (0..NEW_TOKENS).map(token).collect();
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, tokens.join("\n")))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_with_twenty_headers_has_twenty_of_different_names() {
        let mut names: Vec<_> = BROWSER.iter().map(|(name, _)| *name).chain(["host"]).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 20);
    }

    #[test]
    fn no_two_tokens_are_the_same() {
        assert_ne!(claims(1, 0), claims(2, 0));
    }
}
