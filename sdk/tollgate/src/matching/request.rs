//! Conditions on a request, compiled.

use crate::Result;
use crate::cidr::Cidr;
use crate::config::ConfigError;

use super::config::{Match, ValueMatch};
use super::facts::{Facts, Needs};
use super::subject::Subject;
use super::value::ValueMatcher;

/// A compiled [`Match`].
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The cheap ones first.
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
enum Condition {
    Value(Subject, ValueMatcher),
    SourceIp(Vec<Cidr>),
    Any(Vec<Matcher>),
    Not(Matcher),
}

impl Match {
    /// Checks the conditions, and compiles what there is to compile.
    ///
    /// # Errors
    ///
    /// The first condition that cannot be meant, with its path; a match, be it the outermost or
    /// one in `any` or `not`, without any condition.
    pub fn compile(&self) -> Result<Matcher, ConfigError> {
        let mut all = Conditions(Vec::new());
        all.add("method", &mut self.method.iter().map(|entry| Ok((Subject::Method, entry))))?;
        all.add("host", &mut self.host.iter().map(|entry| Ok((Subject::Host, entry))))?;
        all.add("path", &mut self.path.iter().map(|entry| Ok((Subject::Path, entry))))?;
        all.add(
            "headers",
            &mut self.headers.iter().map(|entry| Ok((Subject::header(entry)?, &entry.value))),
        )?;
        all.add(
            "query",
            &mut self.query.iter().map(|entry| Ok((Subject::query(entry)?, &entry.value))),
        )?;
        all.add(
            "cookies",
            &mut self.cookies.iter().map(|entry| Ok((Subject::cookie(entry)?, &entry.value))),
        )?;
        all.add(
            "claims",
            &mut self
                .claims
                .iter()
                .map(|entry| Ok((Subject::Claim(entry.claim.clone()), &entry.value))),
        )?;
        if !self.source_ip.is_empty() {
            all.0.push(Condition::SourceIp(self.source_ip.clone()));
        }
        all.add(
            "peer",
            &mut self.peer.iter().map(|entry| Ok((Subject::Peer(entry.principal), &entry.value))),
        )?;
        if !self.any.is_empty() {
            let alternatives = self.any.iter().enumerate().map(|(index, alternative)| {
                alternative.compile().map_err(|error| error.at(format!("any[{index}]")))
            });
            all.0.push(Condition::Any(alternatives.collect::<Result<_, _>>()?));
        }
        if let Some(unwanted) = &self.not {
            all.0.push(Condition::Not(unwanted.compile().map_err(|error| error.at("not"))?));
        }
        match all.0.is_empty() {
            true => Err(ConfigError::new("", "no condition", SOME_CONDITION)),
            false => Ok(Matcher { conditions: all.0 }),
        }
    }
}

const SOME_CONDITION: &str = "at least one of `headers`, `cookies`, `query`, `path`, `method`, \
    `host`, `source_ip`, `claims`, `peer`, `any`, `not`";

/// What each entry of a list looks at, and the condition on that.
type Entries<'a> = dyn Iterator<Item = Result<(Subject, &'a ValueMatch), ConfigError>> + 'a;

/// What was compiled so far.
struct Conditions(Vec<Condition>);

impl Conditions {
    /// Compiles every entry of a list, and says in which one an error is. Not generic: there is one copy
    /// for all kinds.
    fn add(&mut self, field: &str, entries: &mut Entries<'_>) -> Result<(), ConfigError> {
        for (index, entry) in entries.enumerate() {
            let added = entry.and_then(|(subject, value)| self.add_one(subject, value));
            added.map_err(|error| error.at(format!("{field}[{index}]")))?;
        }
        Ok(())
    }

    fn add_one(&mut self, subject: Subject, value: &ValueMatch) -> Result<(), ConfigError> {
        let value = match subject {
            // RFC 9110, section 4.2.3.
            Subject::Host => value.ignoring_case().compile()?,
            _ => value.compile()?,
        };
        self.0.push(Condition::Value(subject, value));
        Ok(())
    }
}

impl Matcher {
    /// Whether a request fulfils all conditions. Looks at no more facts than it takes to know.
    ///
    /// # Errors
    ///
    /// When a fact that it looks at cannot be read.
    pub fn matches(&self, request: &dyn Facts) -> Result<bool> {
        for condition in &self.conditions {
            if !condition.holds(request)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Which facts it may look at.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.conditions
            .iter()
            .fold(Needs::default(), |needs, condition| needs.union(condition.needs()))
    }
}

impl Condition {
    fn holds(&self, request: &dyn Facts) -> Result<bool> {
        match self {
            Self::Value(subject, value) => subject.fulfils(value, request),
            Self::SourceIp(blocks) => {
                let inside = |address| blocks.iter().any(|block| block.contains(address));
                Ok(request.source_ip()?.is_some_and(inside))
            }
            Self::Any(alternatives) => {
                for alternative in alternatives {
                    if alternative.matches(request)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(unwanted) => Ok(!unwanted.matches(request)?),
        }
    }

    fn needs(&self) -> Needs {
        let none = Needs::default();
        match self {
            Self::Value(subject, _) => subject.needs(),
            Self::SourceIp(_) => Needs { source_ip: true, ..none },
            Self::Any(alternatives) => {
                alternatives.iter().fold(none, |needs, one| needs.union(one.needs()))
            }
            Self::Not(unwanted) => unwanted.needs(),
        }
    }
}
