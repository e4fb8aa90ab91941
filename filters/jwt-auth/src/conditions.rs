//! What a requirement asks beyond a good token: conditions on its claims and scopes, and on the client.
//!
//! They are checked last, so that nobody learns anything by a token that is not genuine.

mod claim;
mod number;
mod peer;
mod scope;

pub use claim::ClaimMatch;
pub use number::compare;
pub use peer::{Peer, PeerMatch};
pub use scope::Scopes;

use crate::config;
use crate::requirement::{Refusal, Surroundings};
use crate::status::Failure;
use crate::token::Claims;
use tollgate::config::ConfigError;

/// The checked conditions of a requirement; without one everything fulfils them.
#[derive(Debug, Default)]
pub struct Conditions {
    claims: Vec<ClaimMatch>,
    scopes: Option<Scopes>,
    peer: Vec<PeerMatch>,
}

impl Conditions {
    /// Checks the conditions of a requirement.
    ///
    /// # Errors
    ///
    /// The first one that cannot be meant.
    pub fn new(config: &config::Requirement) -> Result<Self, ConfigError> {
        Ok(Self {
            claims: compile("claims", config.claims.as_deref(), ClaimMatch::new)?,
            scopes: match &config.scopes {
                None => None,
                Some(scopes) => Some(Scopes::new(scopes)?),
            },
            peer: compile("peer", config.peer.as_deref(), PeerMatch::new)?,
        })
    }

    /// The fields of a requirement that are conditions and are there.
    pub fn fields(config: &config::Requirement) -> impl Iterator<Item = &'static str> {
        let fields = [
            ("claims", config.claims.is_some()),
            ("scopes", config.scopes.is_some()),
            ("peer", config.peer.is_some()),
        ];
        fields.into_iter().filter(|(_, there)| *there).map(|(field, _)| field)
    }

    /// Whether the claims of a token must be known.
    #[must_use]
    pub fn need_claims(&self) -> bool {
        !self.claims.is_empty() || self.scopes.is_some()
    }

    /// Whether a token with these claims, which were verified, and its client fulfil all of them. What is
    /// not known fulfils none.
    ///
    /// # Errors
    ///
    /// The first one that does not hold, or that the host does not say who the client is.
    pub fn check(&self, claims: Option<&Claims>, around: &dyn Surroundings) -> Result<(), Refusal> {
        let hold = |condition: &ClaimMatch| claims.is_some_and(|it| condition.matches(it));
        if !self.claims.iter().all(hold) {
            return Err(Failure::ClaimsNotAllowed.into());
        }
        if let Some(scopes) = &self.scopes
            && !claims.is_some_and(|claims| scopes.are_in(claims))
        {
            return Err(scopes.denial().into());
        }
        if !self.peer.is_empty() {
            let peer = around.peer()?;
            if !peer.is_some_and(|peer| self.peer.iter().any(|name| name.matches(&peer))) {
                return Err(Failure::PeerNotAllowed.into());
            }
        }
        Ok(())
    }
}

/// Checks the entries of a list, which is not empty if it is there.
fn compile<C, T>(
    field: &str,
    list: Option<&[C]>,
    new: fn(&C) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let Some(list) = list else { return Ok(Vec::new()) };
    if list.is_empty() {
        return Err(ConfigError::new(field, "an empty list", "at least one entry"));
    }
    let mut compiled = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        compiled.push(new(entry).map_err(|error| error.at(format!("{field}[{index}]")))?);
    }
    Ok(compiled)
}

#[cfg(test)]
mod tests;
