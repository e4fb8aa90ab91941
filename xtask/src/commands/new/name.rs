//! What a filter may be called.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, bail, ensure};

/// So long may a name be: it is part of file names and metrics.
const MAX_LENGTH: usize = 64;

/// Words that Rust keeps for itself, and crates that are always there: no crate can be called so.
const RESERVED: &str = "abstract alloc as async await become box break const continue core crate do dyn \
    else enum extern false final fn for gen if impl in let loop macro match mod move mut override priv \
    proc_macro pub ref return self static std struct super test tollgate trait true try type typeof \
    unsafe unsized use virtual where while yield";

/// Types and traits that a filter's code uses: its own type cannot be called so.
const TAKEN: &str = "Answer Body Box Cell Clone Collected Config ConfigError Copy Counter Debug Default \
    Deserialize Drop End Ending Err FailurePolicy Flow Gauge HeaderValue Histogram HostError HttpFilter \
    Iterator JsonSchema LocalReply None Ok Option Proxy Request Response Result Setup Some String Trailers Vec";

/// A name that a crate can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl FromStr for Name {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        ensure!(
            begins_well && name.chars().all(is_allowed) && name.len() <= MAX_LENGTH,
            "a filter's name has small letters, digits, `-` and `_`, begins with a letter, and is at most \
             {MAX_LENGTH} long, such as `rate-limit`"
        );
        let crate_name = name.replace('-', "_");
        if RESERVED.split(' ').any(|word| word == crate_name) {
            bail!("no crate can be called {name}: Rust, or the SDK, needs it");
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Name {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes sure that no crate of a lock file is called so: cargo could not tell the two apart.
    pub(super) fn ensure_unused(&self, lock: &str) -> Result<()> {
        let entry = format!("name = \"{self}\"");
        let is_used = lock.lines().any(|line| line == entry);
        ensure!(!is_used, "there is a crate {self} already, which the workspace uses");
        Ok(())
    }

    /// The greeter's code and texts, under this name.
    pub(super) fn put_into(&self, greeter: &str) -> String {
        let snake = self.0.replace('-', "_");
        greeter
            .replace("tollgate-example-greeter", &self.0)
            .replace("tollgate_example_greeter", &snake)
            .replace("target/examples/greeter.wasm", &format!("dist/{self}.wasm"))
            .replace("tollgate.greeter.", &format!("tollgate.{snake}."))
            .replace("str = \"greeter\"", &format!("str = \"{snake}\""))
            .replace("Greeter", &self.type_name())
            .replace("greeter", &self.0)
    }

    /// Its words, each with a capital letter.
    fn type_name(&self) -> String {
        let words = self.0.split(['-', '_']).filter(|word| !word.is_empty());
        let name: String = words.map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        let is_taken = TAKEN.split(' ').any(|taken| taken == name);
        if is_taken { name + "Filter" } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_crate_could_have_is_refused_with_what_is_allowed() {
        for name in
            ["", "1st", "-a", "_a", "Hello", "hello world", "héllo", "a/b", "..", "a.b", "a\n"]
        {
            let error = name.parse::<Name>().unwrap_err().to_string();
            assert!(error.contains("small letters"), "{name}: {error}");
        }
        assert!("a".repeat(65).parse::<Name>().is_err());
        for name in ["match", "self", "test", "std", "proc-macro", "proc_macro", "tollgate"] {
            let error = name.parse::<Name>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("no crate can be called {name}")), "{error}");
        }
    }

    #[test]
    fn a_type_has_the_words_of_the_name_and_no_name_that_is_taken() {
        for (name, type_name) in [
            ("hello", "Hello"),
            ("rate-limit2", "RateLimit2"),
            ("a_b-c", "ABC"),
            ("request", "RequestFilter"),
            ("config", "ConfigFilter"),
            ("a--b", "AB"),
        ] {
            assert_eq!(name.parse::<Name>().unwrap().type_name(), type_name);
        }
    }

    #[test]
    fn the_name_of_a_crate_in_use_is_refused() {
        let lock = "[[package]]\nname = \"serde\"\nversion = \"1\"\n";
        assert!("serde".parse::<Name>().unwrap().ensure_unused(lock).is_err());
        assert!("serd".parse::<Name>().unwrap().ensure_unused(lock).is_ok());
    }
}
