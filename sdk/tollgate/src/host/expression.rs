//! CEL, evaluated by the host: `expr_create`, `expr_evaluate`, `expr_delete`.

use crate::abi::{HostError, Result, Status};
use crate::config::{ConfigError, quoted};

/// An expression in the Common Expression Language (<https://cel.dev>) over Envoy's
/// [attributes](crate::properties), compiled once by the host.
///
/// It belongs into the filter that [`configure`](crate::HttpFilter::configure) makes, and can be
/// evaluated by requests of the same plugin only. Dropping it frees it in the host.
///
/// ```
/// use tollgate::host::Expression;
/// use tollgate::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Config { when: String }
///
/// struct Gate { when: Expression }
///
/// #[tollgate::filter]
/// impl HttpFilter for Gate {
///     type Config = Config;
///
///     fn configure(config: Config, _setup: &mut Setup) -> Result<Self, ConfigError> {
///         Ok(Self { when: Expression::configured("when", &config.when)? })
///     }
///
///     async fn request(&self, _request: &mut Request<'_>) -> Result<Flow> {
///         Ok(match self.when.evaluate_bool()? {
///             true => Flow::Continue,
///             false => Flow::Reply(LocalReply::new(403)),
///         })
///     }
/// }
/// ```
///
/// # What to know
///
/// - The parser checks syntax and the names of functions; that an attribute is misspelt shows at
///   evaluation.
/// - What is absent is an **error**, not false: `request.headers['x-a'] == '1'` fails without that
///   header. `'x-a' in request.headers && request.headers['x-a'] == '1'` does not.
/// - Evaluate before the first `.await`: after it the host sees no request
///   ([the page on host functions](super)).
/// - 1.5 µs; 4 µs with `matches`, a regular expression that is compiled each time.
#[derive(Debug)]
pub struct Expression {
    token: [u8; 4],
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// *Bad argument* when it is not one; Envoy logs why at level `info`. When the host lacks the
    /// function.
    pub fn compile(source: &str) -> Result<Self> {
        const FUNCTION: &str = "expr_create";
        let token = super::call(FUNCTION, source.as_bytes())?;
        let token = token.try_into().map_err(|_| HostError::new(FUNCTION, Status::Malformed))?;
        Ok(Self { token })
    }

    /// Compiles an expression that an operator wrote in the field `path` of a configuration.
    ///
    /// # Errors
    ///
    /// When it is not one, or the host has no CEL.
    pub fn configured(path: &str, source: &str) -> Result<Self, ConfigError> {
        Self::compile(source).map_err(|error| match error.status() {
            Status::BadArgument => ConfigError::new(
                path,
                quoted(source),
                "a CEL expression (the line `expr_create` in Envoy's log says what is wrong)",
            ),
            _ => ConfigError::new(path, error.to_string(), "a host with CEL (stock Envoy has it)"),
        })
    }

    /// The value of an expression that is true or false.
    ///
    /// # Errors
    ///
    /// When the evaluation fails, for example over something that is absent (*internal failure*); when
    /// the value is of another kind (*malformed*); when the expression was compiled by another plugin
    /// (*not found*).
    pub fn evaluate_bool(&self) -> Result<bool> {
        match *self.evaluate()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(HostError::new(EVALUATE, Status::Malformed)),
        }
    }

    /// The value of an expression that is an `int`; a duration or a timestamp is one of nanoseconds.
    ///
    /// # Errors
    ///
    /// As for [`evaluate_bool`](Self::evaluate_bool).
    pub fn evaluate_integer(&self) -> Result<i64> {
        let value = self.evaluate()?.try_into();
        let value = value.map_err(|_| HostError::new(EVALUATE, Status::Malformed))?;
        Ok(i64::from_le_bytes(value))
    }

    /// The value of an expression that is a `string` or `bytes`. The host does not tell kinds apart: a
    /// value of another kind comes as [`Properties::bytes`](crate::properties::Properties::bytes) would
    /// give it.
    ///
    /// # Errors
    ///
    /// As for [`evaluate_bool`](Self::evaluate_bool); a null cannot be given (*serialization failure*).
    pub fn evaluate_bytes(&self) -> Result<Vec<u8>> {
        self.evaluate()
    }

    fn evaluate(&self) -> Result<Vec<u8>> {
        super::call_raw(EVALUATE, &self.token)
    }
}

const EVALUATE: &str = "expr_evaluate";

impl Drop for Expression {
    fn drop(&mut self) {
        // A host that has forgotten it already has nothing to free.
        let _ = super::call_raw("expr_delete", &self.token);
    }
}

#[cfg(test)]
mod tests;
