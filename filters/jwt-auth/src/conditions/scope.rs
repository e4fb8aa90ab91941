//! Scopes that a token must have (RFC 6749, 3.3).

use crate::authenticator::Denial;
use crate::status::Failure;
use crate::token::Claims;
use serde_json::Value;
use std::rc::Rc;
use tollgate::config::{ConfigError, quoted};

/// Scopes, all of which are needed.
#[derive(Debug)]
pub struct Scopes {
    needed: Vec<String>,
    /// With blanks between them, as the challenge names them.
    joined: Rc<str>,
}

impl Scopes {
    /// Checks names of scopes.
    ///
    /// # Errors
    ///
    /// None at all, or one that no `scope` can hold and no challenge name.
    pub fn new(names: &[String]) -> Result<Self, ConfigError> {
        if names.is_empty() {
            return Err(ConfigError::new("scopes", "an empty list", "at least one scope"));
        }
        if let Some(index) = names.iter().position(|name| !is_scope(name)) {
            let found = names.get(index).map(|name| quoted(name)).unwrap_or_default();
            let allowed = "a scope: visible ASCII but `\"` and `\\` (RFC 6749, 3.3)";
            return Err(ConfigError::new(format!("scopes[{index}]"), found, allowed));
        }
        Ok(Self { needed: names.to_vec(), joined: names.join(" ").into() })
    }

    /// Whether claims have all of them, in `scope` or `scp`: a text with blanks between them, or a list.
    #[must_use]
    pub fn are_in(&self, claims: &Claims) -> bool {
        let held = [claims.get("scope"), claims.get("scp")];
        let has = |name: &String| held.iter().flatten().any(|claim| holds(claim, name));
        self.needed.iter().all(has)
    }

    /// What a client without them is told.
    #[must_use]
    pub fn denial(&self) -> Denial {
        Denial { scope: Some(self.joined.clone()), ..Failure::ScopesNotSufficient.into() }
    }
}

fn holds(claim: &Value, name: &str) -> bool {
    match claim {
        Value::String(text) => text.split(' ').any(|scope| scope == name),
        Value::Array(list) => list.iter().any(|scope| scope == name),
        _ => false,
    }
}

/// `scope-token` of RFC 6749, 3.3.
fn is_scope(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !name.is_empty() && name.bytes().all(allowed)
}
