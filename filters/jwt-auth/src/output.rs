//! What the upstream learns from a verified token: headers made of its claims and its payload.

use crate::claims::{self, Ambiguous};
use crate::config::{self, ClaimToHeader, Provider};
use crate::extract::Locations;
use crate::status::Failure;
use crate::token::{Claims, Token};
use serde_json::Value;
use std::collections::BTreeSet;
use std::rc::Rc;
use tollgate::config::{ConfigError, exactly_one, quoted};
use tollgate::host::Property;

/// Headers that no claim may become. Envoy or a filter acts on them: a claim there could rewrite the
/// request or its framing, and an `authorization` or `cookie` that is removed first leaves no token to
/// read.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "transfer-encoding",
    "upgrade",
];

/// What a provider's tokens become on their way to the upstream.
#[derive(Debug)]
pub struct Output {
    claims: Vec<ClaimHeader>,
    payload: Option<PayloadHeader>,
    payload_property: Option<Rc<str>>,
    space_delimited: Vec<String>,
    header_property: Option<Rc<str>>,
    failure_property: Option<Rc<str>>,
    clear_route_cache: bool,
}

#[derive(Debug)]
struct ClaimHeader {
    header: Rc<str>,
    path: Vec<String>,
    join: Option<String>,
}

#[derive(Debug)]
struct PayloadHeader {
    header: Rc<str>,
    padded: bool,
}

/// What a token becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Headers to add.
    pub headers: Vec<(Rc<str>, String)>,
    /// How many claims could not become a header.
    pub unwritable: u64,
    /// What to leave in the filter state.
    pub properties: Vec<(Rc<str>, String)>,
    /// Whether Envoy has to choose the route again.
    pub clear_route_cache: bool,
}

impl Output {
    /// Checks what the configuration of a provider says about its output.
    ///
    /// # Errors
    ///
    /// A name that cannot be a header, may not be one here, or is there twice.
    pub fn new(config: &Provider) -> Result<Self, ConfigError> {
        let mut names = BTreeSet::new();
        let mut claims = Vec::new();
        for (index, entry) in config.claim_to_headers.iter().enumerate() {
            let claim = ClaimHeader::new(entry, &mut names)
                .map_err(|error| error.at(format!("claim_to_headers[{index}]")))?;
            claims.push(claim);
        }
        let payload = match config.forward_payload_header.as_str() {
            "" => None,
            name => Some(PayloadHeader {
                header: header_name(name, &mut names)
                    .map_err(|error| error.at("forward_payload_header"))?,
                padded: config.pad_forward_payload_header,
            }),
        };
        let property = |field: &str, name: &str| match name {
            "" => Ok(None),
            name => property(name).map(Some).map_err(|error| error.at(field)),
        };
        Ok(Self {
            claims,
            payload,
            payload_property: property("payload_in_metadata", &config.payload_in_metadata)?,
            space_delimited: config.normalize_payload_in_metadata.space_delimited_claims.clone(),
            header_property: property("header_in_metadata", &config.header_in_metadata)?,
            failure_property: property(
                "failed_status_in_metadata",
                &config.failed_status_in_metadata,
            )?,
            clear_route_cache: config.clear_route_cache,
        })
    }

    /// Every header this output may set, in lower case.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        let claims = self.claims.iter().map(|claim| &*claim.header);
        claims.chain(self.payload.iter().map(|payload| &*payload.header))
    }

    /// What a token that may be believed becomes.
    #[must_use]
    pub fn write(&self, token: &Token<'_>) -> Written {
        let mut written = Written::default();
        // With no more room than they take: they are kept.
        written.headers.reserve_exact(self.headers().count());
        if let Some(PayloadHeader { header, padded }) = &self.payload {
            let padding = if *padded { padding(token.payload()) } else { "" };
            written.headers.push((header.clone(), [token.payload(), padding].concat()));
        }
        let payload_headers = written.headers.len();
        for claim in &self.claims {
            match claim.value(token) {
                Ok(Some(text)) => written.headers.push((claim.header.clone(), text)),
                Ok(None) => {}
                Err(Ambiguous) => written.unwritable = written.unwritable.saturating_add(1),
            }
        }
        let claims_written = written.headers.len() > payload_headers;
        if let Some(name) = &self.header_property {
            written.properties.push((name.clone(), json(token.header())));
        }
        if let Some(name) = &self.payload_property {
            written.properties.push((name.clone(), self.payload_json(token.claims())));
        }
        written.clear_route_cache =
            self.clear_route_cache && (claims_written || self.payload_property.is_some());
        written
    }

    /// Every property in the filter state that this output may set.
    pub fn properties(&self) -> impl Iterator<Item = &Rc<str>> {
        [&self.payload_property, &self.header_property, &self.failure_property]
            .into_iter()
            .flatten()
    }

    /// The property in which the reason of a failure is left.
    #[must_use]
    pub fn failure_property(&self) -> Option<&Rc<str>> {
        self.failure_property.as_ref()
    }

    /// The payload, with lists in the place of texts that are lists.
    fn payload_json(&self, claims: &Claims) -> String {
        if self.space_delimited.is_empty() {
            return json(claims);
        }
        let mut claims = claims.clone();
        for name in &self.space_delimited {
            let Some(claim) = claims.get_mut(name) else { continue };
            let words = claim.as_str().unwrap_or_default().split(' ');
            let words: Vec<_> = words.filter(|word| !word.is_empty()).map(Value::from).collect();
            // A text without words stays as it is, as in Envoy.
            if !words.is_empty() {
                *claim = Value::Array(words);
            }
        }
        json(&claims)
    }
}

/// An object as compact JSON.
fn json(object: &Claims) -> String {
    // Its members are texts, so that it cannot fail.
    serde_json::to_string(object).unwrap_or_default()
}

/// What the filter state is told about a failure, as Envoy's metadata has it.
#[must_use]
pub fn failure_json(failure: Failure) -> String {
    format!(r#"{{"code":{},"message":"{}"}}"#, failure.code(), failure.message())
}

/// The name of a property, if it can be one.
fn property(name: &str) -> Result<Rc<str>, ConfigError> {
    match Property::undeclared(name) {
        Ok(_) => Ok(name.into()),
        Err(_) => Err(ConfigError::new(
            "",
            quoted(name),
            "a name for the filter state that is not the one of an attribute",
        )),
    }
}

impl ClaimHeader {
    fn new(config: &ClaimToHeader, names: &mut BTreeSet<String>) -> Result<Self, ConfigError> {
        let header =
            header_name(&config.header_name, names).map_err(|error| error.at("header_name"))?;
        exactly_one(&[
            ("claim_name", config.claim_name.is_some()),
            ("claim_path", config.claim_path.is_some()),
        ])?;
        let (field, path) = match (&config.claim_name, &config.claim_path) {
            (Some(name), _) => ("claim_name", name.split('.').map(str::to_owned).collect()),
            (None, path) => ("claim_path", config::names(path.as_deref())),
        };
        if path.iter().all(String::is_empty) {
            return Err(ConfigError::new(field, "an empty name", "the name of a claim"));
        }
        if config.join.as_deref().is_some_and(|join| !claims::may_stand_in_header(join)) {
            let allowed = "a text without control characters that is not empty";
            return Err(ConfigError::new("join", "another text", allowed));
        }
        Ok(Self { header, path, join: config.join.clone() })
    }

    /// The value of the header; none if there is nothing to say.
    fn value(&self, token: &Token<'_>) -> Result<Option<String>, Ambiguous> {
        let text = match (claims::find(token.claims(), &self.path), &self.join) {
            (Some(Value::Array(list)), Some(join)) => {
                Some(claims::joined(list, join)?).filter(|text| !text.is_empty())
            }
            (claim, _) => claim.and_then(claims::text),
        };
        match text {
            Some(text) if !claims::fits_header(&text) => Err(Ambiguous),
            text => Ok(text),
        }
    }
}

/// A header name in lower case, if it may be used and is not in `names` yet.
pub(crate) fn header_name(
    name: &str,
    names: &mut BTreeSet<String>,
) -> Result<Rc<str>, ConfigError> {
    let refuse = |allowed: &str| Err(ConfigError::new("", quoted(name), allowed));
    if name.is_empty() || !name.bytes().all(is_token_character) {
        return refuse("a header name (RFC 9110, 5.1), not empty and not a pseudo-header");
    }
    let name = name.to_ascii_lowercase();
    if RESERVED.contains(&name.as_str()) {
        return refuse("a header that neither HTTP nor this filter itself needs");
    }
    if !names.insert(name.clone()) {
        return refuse("each header once in a provider");
    }
    Ok(name.into())
}

/// Refuses output headers that are places of tokens, of whichever provider: they are removed before
/// anybody looks for a token.
///
/// # Errors
///
/// The first one.
pub fn check_places(config: &Provider, places: &Locations) -> Result<(), ConfigError> {
    for (index, entry) in config.claim_to_headers.iter().enumerate() {
        not_a_place(&entry.header_name, places)
            .map_err(|error| error.at(format!("claim_to_headers[{index}].header_name")))?;
    }
    not_a_place(&config.forward_payload_header, places)
        .map_err(|error| error.at("forward_payload_header"))
}

/// Refuses a header in which tokens may be.
pub(crate) fn not_a_place(header: &str, places: &Locations) -> Result<(), ConfigError> {
    match places.have_header(&header.to_ascii_lowercase()) {
        true => Err(ConfigError::new("", quoted(header), "a header that no `from_headers` names")),
        false => Ok(()),
    }
}

/// `tchar` of RFC 9110, 5.6.2.
fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What completes base64 without padding.
fn padding(base64: &str) -> &'static str {
    match base64.len() % 4 {
        2 => "==",
        3 => "=",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::b64;
    use serde_json::{Value, json};

    fn output(config: Value) -> Result<Output, ConfigError> {
        let mut provider = json!({"local_jwks": {"inline_string": "{}"}});
        provider.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        tollgate::config::from_slice(provider.to_string().as_bytes())
            .and_then(|provider| Output::new(&provider))
    }

    fn claim_headers(entries: &[(&str, &str)]) -> Value {
        let entries: Vec<_> = entries
            .iter()
            .map(|(header, claim)| json!({"header_name": header, "claim_name": claim}))
            .collect();
        json!({ "claim_to_headers": entries })
    }

    fn pairs(written: &Written) -> Vec<(&str, &str)> {
        written.headers.iter().map(|(name, value)| (&**name, &**value)).collect()
    }

    fn token(claims: &Value) -> String {
        format!("{}.{}.c2ln", b64(r#"{"alg":"RS256"}"#), b64(claims.to_string()))
    }

    #[test]
    fn claims_become_headers_and_absent_ones_nothing() {
        let output =
            output(claim_headers(&[("X-Sub", "sub"), ("x-deep", "a.b"), ("x-no", "no")])).unwrap();
        let token = token(&json!({"sub": "s", "a": {"b": -1}}));
        let written = output.write(&Token::parse(token.as_bytes()).ok().unwrap());
        assert_eq!(pairs(&written), [("x-sub", "s"), ("x-deep", "-1")]);
        assert_eq!(written.unwritable, 0);
    }

    #[test]
    fn a_claim_that_would_break_the_header_is_left_out_and_counted() {
        let output = output(claim_headers(&[("x-a", "a"), ("x-b", "b"), ("x-c", "c")])).unwrap();
        let token = token(&json!({"a": "x\r\nhost: evil", "b": "y\0", "c": "good"}));
        let written = output.write(&Token::parse(token.as_bytes()).ok().unwrap());
        assert_eq!(pairs(&written), [("x-c", "good")]);
        assert_eq!(written.unwritable, 2);
    }

    #[test]
    fn the_payload_is_forwarded_as_it_came_and_padded_on_demand() {
        for (claims, padding) in
            [(json!({"sub": "a"}), "="), (json!({"sub": "ab"}), ""), (json!({"sub": "abc"}), "==")]
        {
            let token = token(&claims);
            let token = Token::parse(token.as_bytes()).ok().unwrap();
            let plain = output(json!({"forward_payload_header": "x-jwt"})).unwrap();
            let expected = b64(claims.to_string());
            assert_eq!(pairs(&plain.write(&token)), [("x-jwt", &*expected)]);
            let padded = output(json!({
                "forwardPayloadHeader": "X-Jwt",
                "padForwardPayloadHeader": true,
            }));
            let expected = format!("{}{padding}", b64(claims.to_string()));
            assert_eq!(pairs(&padded.unwrap().write(&token)), [("x-jwt", &*expected)]);
        }
    }

    #[test]
    fn names_that_cannot_be_output_headers_are_refused() {
        for name in [
            "",
            "a b",
            "a:",
            ":path",
            ":authority",
            "é",
            "a\r\n",
            "Host",
            "authorization",
            "Cookie",
        ] {
            let error = output(claim_headers(&[("x-ok", "sub"), (name, "sub")])).unwrap_err();
            assert_eq!(error.path, "claim_to_headers[1].header_name", "{name}");
        }
        let error = output(json!({"forward_payload_header": "transfer-encoding"})).unwrap_err();
        assert_eq!(error.path, "forward_payload_header");
    }

    #[test]
    fn a_claim_must_have_a_name() {
        let error = output(claim_headers(&[("x-a", "")])).unwrap_err();
        assert_eq!(error.path, "claim_to_headers[0].claim_name");
    }

    #[test]
    fn a_header_cannot_be_made_twice() {
        let error = output(claim_headers(&[("x-a", "a"), ("X-A", "b")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`claim_to_headers[1].header_name`: found \"x-a\", allowed: each header once in a provider"
        );
        let mut both = claim_headers(&[("x-a", "a")]);
        both["forward_payload_header"] = json!("x-a");
        assert_eq!(output(both).unwrap_err().path, "forward_payload_header");
    }
}
