//! From what the operator writes to requirements.

use super::{AnyOf, Everyone, ExtractOnly, OfProvider, Requirement};
use crate::conditions::Conditions;
use crate::config::{self, Named};
use crate::output;
use crate::provider::{Audiences, Provider};
use std::collections::BTreeSet;
use std::rc::Rc;
use tollgate::config::{ConfigError, exactly_one, quoted};

/// The header that says that a token was not verified, as in Envoy.
pub(crate) const STATUS_HEADER: &str = "x-jwt-signature-verified";

/// Compiles requirements.
#[derive(Debug)]
pub struct Compiler<'a> {
    providers: &'a Named<Rc<Provider>>,
    everyone: Rc<Everyone>,
    /// The headers that say that a token was not verified.
    status_headers: Vec<String>,
}

impl<'a> Compiler<'a> {
    /// For requirements that are about these providers.
    #[must_use]
    pub fn new(providers: &'a Named<Rc<Provider>>, everyone: Everyone) -> Self {
        Self { providers, everyone: Rc::new(everyone), status_headers: Vec::new() }
    }

    /// The headers by which tokens that are not verified are told.
    #[must_use]
    pub fn status_headers(self) -> Vec<String> {
        self.status_headers
    }

    /// Checks a requirement.
    ///
    /// # Errors
    ///
    /// The first thing in it that cannot be right.
    pub fn compile(&mut self, config: &config::Requirement) -> Result<Requirement, ConfigError> {
        exactly_one(&[
            ("provider_name", config.provider_name.is_some()),
            ("provider_and_audiences", config.provider_and_audiences.is_some()),
            ("requires_any", config.requires_any.is_some()),
            ("requires_all", config.requires_all.is_some()),
            ("allow_missing", config.allow_missing.is_some()),
            ("allow_missing_or_failed", config.allow_missing_or_failed.is_some()),
            ("extract_only_without_validation", config.extract_only_without_validation.is_some()),
        ])?;
        if let Some(name) = &config.provider_name {
            return self.of_provider(name, None, Conditions::new(config)?);
        }
        if let Some(provider) = &config.provider_and_audiences {
            let names = Some(&provider.audiences).filter(|names| !names.is_empty());
            let audiences = names.map(|names| Audiences::new(names));
            return self
                .of_provider(&provider.provider_name, audiences, Conditions::new(config)?)
                .map_err(|error| error.at("provider_and_audiences"));
        }
        if let Some(field) = Conditions::fields(config).next() {
            let allowed =
                "nothing: conditions stand beside `provider_name` or `provider_and_audiences`";
            return Err(ConfigError::new(field, "conditions on no provider", allowed));
        }
        if let Some(config) = &config.requires_any {
            return self.any(config).map_err(|error| error.at("requires_any"));
        }
        if let Some(config) = &config.requires_all {
            let all = self.list(&config.requirements, |_| true);
            return all.map(Requirement::All).map_err(|error| error.at("requires_all"));
        }
        if config.allow_missing.is_some() {
            return Ok(Requirement::AllowMissing(self.everyone.clone()));
        }
        Ok(match &config.extract_only_without_validation {
            Some(extract) => self
                .extract_only(extract)
                .map(Requirement::ExtractOnly)
                .map_err(|error| error.at("extract_only_without_validation"))?,
            None => Requirement::AllowMissingOrFailed(self.everyone.clone()),
        })
    }

    fn of_provider(
        &self,
        name: &str,
        audiences: Option<Audiences>,
        conditions: Conditions,
    ) -> Result<Requirement, ConfigError> {
        match self.providers.get(name) {
            Some(provider) => {
                if audiences.is_some() || conditions.need_claims() {
                    provider.keep_claims();
                }
                let provider = provider.clone();
                Ok(Requirement::Provider(OfProvider { provider, audiences, conditions }))
            }
            None => {
                let names: Vec<_> = self.providers.iter().map(|(name, _)| quoted(name)).collect();
                Err(ConfigError::new("provider_name", quoted(name), names.join(", ")))
            }
        }
    }

    /// `allow_missing` and `allow_missing_or_failed` are about the others of the list; only alone they
    /// are requirements of their own.
    fn any(&mut self, config: &config::Requirements) -> Result<Requirement, ConfigError> {
        let lenient = |config: &config::Requirement| {
            config.allow_missing.is_some() || config.allow_missing_or_failed.is_some()
        };
        let mut children = self.list(&config.requirements, |config| !lenient(config))?;
        let has = |is: fn(&config::Requirement) -> bool| config.requirements.iter().any(is);
        let allow_missing = has(|config| config.allow_missing.is_some());
        let allow_failed = has(|config| config.allow_missing_or_failed.is_some());
        if children.is_empty() {
            children.push(match allow_failed {
                true => Requirement::AllowMissingOrFailed(self.everyone.clone()),
                false => Requirement::AllowMissing(self.everyone.clone()),
            });
        }
        Ok(Requirement::Any(AnyOf { children, allow_missing, allow_failed }))
    }

    /// Checks all of at least two requirements, and keeps some.
    fn list(
        &mut self,
        configs: &[config::Requirement],
        keep: impl Fn(&config::Requirement) -> bool,
    ) -> Result<Vec<Requirement>, ConfigError> {
        if configs.len() < 2 {
            let found = format!("{} of them", configs.len());
            return Err(ConfigError::new("requirements", found, "at least two"));
        }
        let mut kept = Vec::new();
        for (index, config) in configs.iter().enumerate() {
            let compiled =
                self.compile(config).map_err(|error| error.at(format!("requirements[{index}]")))?;
            if keep(config) {
                kept.push(compiled);
            }
        }
        Ok(kept)
    }

    fn extract_only(&mut self, config: &config::ExtractOnly) -> Result<ExtractOnly, ConfigError> {
        let name = config.verification_status_header.as_deref().unwrap_or(STATUS_HEADER);
        // `-` turns the mark off, as in Envoy.
        let status_header = match name {
            "-" => None,
            name => Some(
                output::header_name(name, &mut BTreeSet::new())
                    .map_err(|error| error.at("verification_status_header"))?
                    .to_string(),
            ),
        };
        for header in status_header.iter().map(String::as_str).chain([STATUS_HEADER]) {
            output::not_a_place(header, &self.everyone.locations)
                .map_err(|error| error.at("verification_status_header"))?;
        }
        self.status_headers.push(STATUS_HEADER.to_owned());
        self.status_headers.extend(status_header.clone());
        Ok(ExtractOnly { everyone: self.everyone.clone(), status_header })
    }
}
