//! What a client reads that is denied: Envoy's words, or what the operator has written.
//!
//! Nothing of a token is in an answer, and what it repeats of a request can neither leave the place
//! where it stands nor change where a redirect leads.

mod redirect;
mod template;

pub use template::{Placeholders, Template};

use crate::authenticator::Denial;
use crate::config::{self, Named};
use crate::output;
use crate::realm::realm;
use crate::status::Failure;
use redirect::Redirect;
use std::collections::BTreeSet;
use std::rc::Rc;
use tollgate::LocalReply;
use tollgate::config::{ConfigError, quoted};
use tollgate::headers::HeaderMap;

/// The deepest nesting of a body that is JSON.
const MAX_JSON_DEPTH: usize = 64;

/// Headers of an answer that are no business of the operator's: other fields set them, or Envoy does.
const RESERVED: &[&str] = &["content-type", "grpc-message", "grpc-status", "location", "refresh"];

const CHALLENGE: &str = "www-authenticate";
const RETRY_AFTER: &str = "retry-after";

/// The answers for the classes of reasons.
#[derive(Debug)]
pub struct Answers {
    /// By the classes that have one.
    written: Named<Answer>,
    /// Whether an answer that nobody has written is empty.
    strip: bool,
    placeholders: Placeholders,
}

/// What the operator has written for a class.
#[derive(Debug)]
struct Answer {
    status: Option<u16>,
    body: Option<Template>,
    content_type: Option<String>,
    headers: Vec<(Rc<str>, Template)>,
    redirect: Option<Redirect>,
}

impl Answers {
    /// Checks what the operator has written.
    ///
    /// # Errors
    ///
    /// The first thing in it that cannot be right, below `denied_response`.
    pub fn new(config: &config::Config) -> Result<Self, ConfigError> {
        let written = match &config.denied_response {
            None => Named::default(),
            Some(written) => compile(&written.0).map_err(|error| error.at("denied_response"))?,
        };
        Ok(Self {
            written,
            strip: config.strip_failure_response,
            placeholders: Placeholders::new(config.providers.values()),
        })
    }

    /// The answer to a request with these headers.
    #[must_use]
    pub fn reply(&self, denial: &Denial, headers: &HeaderMap) -> LocalReply {
        match self.written(denial).filter(|_| !is_grpc(headers)) {
            None => self.plain(denial, headers),
            Some(answer) => self.filled_in(answer, denial, headers),
        }
    }

    fn written(&self, denial: &Denial) -> Option<&Answer> {
        let class = match denial.status() {
            _ if denial.failure == Failure::Missing => "missing",
            403 => "forbidden",
            503 => "unavailable",
            _ => "invalid",
        };
        self.written.get(class).or_else(|| self.written.get("default"))
    }

    /// Envoy's words.
    fn plain(&self, denial: &Denial, headers: &HeaderMap) -> LocalReply {
        let failure = denial.failure;
        let reply = LocalReply::new(denial.status()).details(failure.details());
        let reply = postponed(reply, denial);
        match self.strip {
            true => reply,
            false => challenged(reply, denial, headers).body(failure.message()),
        }
    }

    fn filled_in(&self, answer: &Answer, denial: &Denial, headers: &HeaderMap) -> LocalReply {
        let failure = denial.failure;
        let status = answer.status.unwrap_or_else(|| denial.status());
        let values = self.placeholders.of(status, failure, headers);
        let mut reply = LocalReply::new(status).details(failure.details());
        if !answer.replaces(RETRY_AFTER) {
            reply = postponed(reply, denial);
        }
        if !self.strip && answer.redirect.is_none() && !answer.replaces(CHALLENGE) {
            reply = challenged(reply, denial, headers);
        }
        if let Some(redirect) = &answer.redirect {
            reply = reply.header("location", redirect.fill_in(&values));
        }
        for (name, value) in &answer.headers {
            reply = reply.header(name, value.fill_in(&values));
        }
        match &answer.body {
            Some(body) => {
                if let Some(content_type) = &answer.content_type {
                    reply = reply.header("content-type", content_type);
                }
                reply.body(body.fill_in(&values))
            }
            None if self.strip || answer.redirect.is_some() || has_no_body(status) => reply,
            None => reply.body(failure.message()),
        }
    }
}

/// Checks the answers of all classes.
fn compile(written: &Named<config::Answer>) -> Result<Named<Answer>, ConfigError> {
    if written.is_empty() {
        let allowed = "`missing`, `invalid`, `forbidden`, `unavailable`, `default`";
        return Err(ConfigError::new("", "no answer", allowed));
    }
    written.try_map(|class, answer| Answer::new(answer).map_err(|error| error.at(class)))
}

/// With the time after which it is worth to come again, if there is one.
fn postponed(reply: LocalReply, denial: &Denial) -> LocalReply {
    match denial.retry_after {
        Some(seconds) => reply.header(RETRY_AFTER, seconds.to_string()),
        None => reply,
    }
}

fn challenged(reply: LocalReply, denial: &Denial, headers: &HeaderMap) -> LocalReply {
    // Where it is worth to come again with the same token, no other one is asked for.
    if denial.retry_after.is_some() {
        return reply;
    }
    match denial.failure.challenge(&realm(headers), denial.scope.as_deref()) {
        Some(challenge) => reply.header(CHALLENGE, challenge),
        None => reply,
    }
}

/// As Envoy's `Grpc::Common::isGrpcRequestHeaders`: such a caller reads a `grpc-status` that Envoy makes of
/// the HTTP status, and neither bodies nor redirects.
fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = headers.get("content-type").and_then(|it| it.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// RFC 9110, 15.3.5, 15.3.6 and 15.4.5.
fn has_no_body(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

impl Answer {
    fn new(config: &config::Answer) -> Result<Self, ConfigError> {
        let redirect = match &config.redirect {
            None => None,
            Some(target) => Some(Redirect::new(target).map_err(|error| error.at("redirect"))?),
        };
        let answer = Self {
            status: status(config)?,
            body: body(config)?,
            content_type: config.content_type.as_ref().map(|it| it.to_string()),
            headers: headers(config.headers.as_deref())?,
            redirect,
        };
        let is_empty =
            answer.status.is_none() && answer.body.is_none() && answer.headers.is_empty();
        match is_empty {
            true => Err(ConfigError::new(
                "",
                "an empty answer",
                "`status`, `body`, `headers` or `redirect`",
            )),
            false => Ok(answer),
        }
    }

    fn replaces(&self, header: &str) -> bool {
        self.headers.iter().any(|(name, _)| **name == *header)
    }
}

fn status(config: &config::Answer) -> Result<Option<u16>, ConfigError> {
    let status = config.status.map(|status| status.code());
    match (&config.redirect, status) {
        (Some(_), None) => Ok(Some(302)),
        (Some(_), Some(status)) if !matches!(status, 301 | 302 | 303 | 307 | 308) => {
            let found = format!("{status} with `redirect`");
            Err(ConfigError::new("status", found, "301, 302, 303, 307 or 308"))
        }
        _ => Ok(status),
    }
}

fn body(config: &config::Answer) -> Result<Option<Template>, ConfigError> {
    let Some(text) = &config.body else {
        return match &config.content_type {
            None => Ok(None),
            Some(_) => {
                Err(ConfigError::new("content_type", "a type without `body`", "both or neither"))
            }
        };
    };
    if let Some(status) = config.status.filter(|status| has_no_body(status.code())) {
        let found = format!("a body with `status` {status}");
        return Err(ConfigError::new("body", found, "none: such a response has no body"));
    }
    let template = Template::new(text).map_err(|error| error.at("body"))?;
    let is_json = config.content_type.as_ref().is_some_and(|it| is_json(it));
    match is_json && tollgate::json::parse(template.sample().as_bytes(), MAX_JSON_DEPTH).is_err() {
        true => Err(ConfigError::new(
            "body",
            "a text that is not JSON",
            "JSON, as `content_type` says, with placeholders inside of strings (`{status}` anywhere)",
        )),
        false => Ok(Some(template)),
    }
}

/// `application/json`, `application/problem+json` and the like.
fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

fn headers(
    config: Option<&[config::AnswerHeader]>,
) -> Result<Vec<(Rc<str>, Template)>, ConfigError> {
    let Some(config) = config else { return Ok(Vec::new()) };
    if config.is_empty() {
        return Err(ConfigError::new("headers", "an empty list", "at least one header"));
    }
    let mut headers = Vec::new();
    for (index, header) in config.iter().enumerate() {
        let header =
            answer_header(header).map_err(|error| error.at(format!("headers[{index}]")))?;
        headers.push(header);
    }
    Ok(headers)
}

fn answer_header(config: &config::AnswerHeader) -> Result<(Rc<str>, Template), ConfigError> {
    // Several of one name are no mistake here: `set-cookie`.
    let name = output::header_name(&config.name, &mut BTreeSet::new())
        .map_err(|error| error.at("name"))?;
    if RESERVED.contains(&&*name) {
        let allowed = "a header that neither another field nor Envoy sets";
        return Err(ConfigError::new("name", quoted(&name), allowed));
    }
    let value = Template::new(&config.value).map_err(|error| error.at("value"))?;
    Ok((name, value))
}

#[cfg(test)]
mod tests;
