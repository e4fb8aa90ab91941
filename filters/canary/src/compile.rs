//! From what the operator wrote to what runs: every cross-check of a configuration.

use tollgate::bucketing::MAX_TOTAL_WEIGHT;
use tollgate::config::{ConfigError, HeaderName, quoted};
use tollgate::matching::{Match, Matcher, Needs};
use tollgate::metrics::segment;

use crate::config::{Bucketing, Config, Key, Response, Rule, Split, Weights};
use crate::rollout::{self, Outcome, ResponseHeaders, Rollout};

/// Headers that mean something to Envoy or to a connection, and are not free to carry a variant.
const RESERVED: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "set-cookie",
    "te",
    "transfer-encoding",
    "upgrade",
];

impl TryFrom<Config> for Rollout {
    type Error = ConfigError;

    fn try_from(config: Config) -> Result<Self, ConfigError> {
        compile(&config)
    }
}

/// By reference: to move parts out of a value that is dropped on an error takes much more code.
fn compile(config: &Config) -> Result<Rollout, ConfigError> {
    check_name("flag", &config.flag)?;
    check_free("routing_header", &config.routing_header)?;
    check_variants(&config.variants)?;
    let names: Vec<_> = config.rules.iter().map(|rule| rule.name.as_str()).collect();
    unique(|index| format!("rules[{index}].name"), &names)?;
    let context = Context {
        variants: &config.variants,
        routing: &config.routing_header,
        bucketing: config.bucketing,
    };
    let default = context.variant("default_variant", &config.default_variant)?;
    let rules = config.rules.iter().enumerate().map(|(index, rule)| {
        context.rule(rule).map_err(|error| error.at(format!("rules[{index}]")))
    });
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    Ok(Rollout {
        default,
        needs: rules.iter().fold(Needs::default(), |needs, rule| needs.union(rule.needs())),
        rules,
        response: response(&config.response)?,
        flag: config.flag.clone(),
        routing_header: config.routing_header.clone(),
        variants: config.variants.clone(),
        enabled: config.enabled,
    })
}

/// What the rules refer to.
struct Context<'a> {
    variants: &'a [String],
    routing: &'a HeaderName,
    bucketing: Bucketing,
}

impl Context<'_> {
    /// The index of a variant.
    fn variant(&self, path: &str, name: &str) -> Result<usize, ConfigError> {
        self.variants
            .iter()
            .position(|variant| variant == name)
            .ok_or_else(|| ConfigError::new(path, quoted(name), self.names()))
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.variants.iter().map(|variant| quoted(variant)).collect();
        format!("one of the variants: {}", names.join(", "))
    }

    fn rule(&self, rule: &Rule) -> Result<rollout::Rule, ConfigError> {
        check_name("name", &rule.name)?;
        let condition = rule.condition.as_ref().map(|condition| self.condition(condition));
        let condition = condition.transpose().map_err(|error| error.at("match"))?;
        let outcome = match (&rule.variant, &rule.split) {
            (Some(name), None) => Outcome::Variant(self.variant("variant", name)?),
            (None, Some(split)) => {
                Outcome::Split(self.split(split).map_err(|error| error.at("split"))?)
            }
            (variant, _) => {
                let found = if variant.is_some() { "both" } else { "neither" };
                return Err(ConfigError::new("", found, "exactly one of `variant`, `split`"));
            }
        };
        Ok(rollout::Rule { name: rule.name.clone(), condition, outcome })
    }

    fn condition(&self, condition: &Match) -> Result<Matcher, ConfigError> {
        self.check_headers(condition)?;
        condition.compile()
    }

    fn check_headers(&self, condition: &Match) -> Result<(), ConfigError> {
        for (index, header) in condition.headers.iter().enumerate() {
            let name = header.name.to_ascii_lowercase();
            self.check_source(&format!("headers[{index}].name"), &name)?;
        }
        for (index, alternative) in condition.any.iter().enumerate() {
            self.check_headers(alternative).map_err(|error| error.at(format!("any[{index}]")))?;
        }
        match &condition.not {
            Some(unwanted) => self.check_headers(unwanted).map_err(|error| error.at("not")),
            None => Ok(()),
        }
    }

    /// The routing header is ours: what a client sends in it decides nothing.
    fn check_source(&self, path: &str, header: &str) -> Result<(), ConfigError> {
        match header == &**self.routing {
            true => Err(ConfigError::new(path, "the routing header", "any other header")),
            false => Ok(()),
        }
    }

    fn split(&self, split: &Split) -> Result<rollout::Split, ConfigError> {
        self.check_keys(&split.by)?;
        let weights = self.weights(&split.weights)?;
        Ok(rollout::Split { by: split.by.clone(), weights, bucketing: self.bucketing })
    }

    fn check_keys(&self, keys: &[Key]) -> Result<(), ConfigError> {
        if keys.is_empty() {
            let allowed = "at least one of `cookie`, `header`, `claim`, `source_ip`, `random`";
            return Err(ConfigError::new("by", "an empty list", allowed));
        }
        for (index, key) in keys.iter().enumerate() {
            let path = format!("by[{index}]");
            match key {
                Key::Random(false) => {
                    return Err(ConfigError::new(format!("{path}.random"), "false", "true"));
                }
                Key::SourceIp(false) => {
                    return Err(ConfigError::new(format!("{path}.source_ip"), "false", "true"));
                }
                Key::Random(true) if index.saturating_add(1) < keys.len() => {
                    let found = "something after `random`, which always decides";
                    return Err(ConfigError::new("by", found, "`random` last"));
                }
                Key::Header(name) => self.check_source(&format!("{path}.header"), name)?,
                Key::Random(true) | Key::SourceIp(true) | Key::Cookie(_) | Key::Claim(_) => {}
            }
        }
        Ok(())
    }

    /// The weights in the order of the variants.
    fn weights(&self, named: &Weights) -> Result<Vec<u32>, ConfigError> {
        let known = |name: &str| self.variants.iter().any(|variant| variant == name);
        if let Some((name, _)) = named.iter().find(|(name, _)| !known(name)) {
            let found = format!("a weight of {}", quoted(name));
            return Err(ConfigError::new("weights", found, self.names()));
        }
        let total: u64 = named.iter().map(|(_, weight)| u64::from(weight)).sum();
        if total == 0 || total > u64::from(MAX_TOTAL_WEIGHT) {
            let allowed = format!("a sum from 1 to {MAX_TOTAL_WEIGHT}");
            return Err(ConfigError::new("weights", format!("a sum of {total}"), allowed));
        }
        Ok(self.variants.iter().map(|variant| named.of(variant)).collect())
    }
}

fn check_variants(variants: &[String]) -> Result<(), ConfigError> {
    if variants.is_empty() {
        return Err(ConfigError::new("variants", "an empty list", "at least one variant"));
    }
    let path = |index| format!("variants[{index}]");
    for (index, variant) in variants.iter().enumerate() {
        check_name(&path(index), variant)?;
    }
    unique(path, &variants.iter().map(String::as_str).collect::<Vec<_>>())?;
    // Each needs counters of its own.
    let segments: Vec<_> = variants.iter().map(|variant| segment(variant)).collect();
    unique(path, &segments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Whether a name can stand in a header and in a metric.
fn check_name(path: &str, name: &str) -> Result<(), ConfigError> {
    match !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        false => {
            let allowed = "a name of visible ASCII characters, at least one, without blanks";
            Err(ConfigError::new(path, quoted(name), allowed))
        }
    }
}

/// `path` is that of a name with its index.
fn unique(path: impl Fn(usize) -> String, names: &[&str]) -> Result<(), ConfigError> {
    for (index, name) in names.iter().enumerate() {
        let first = names.iter().take(index).position(|earlier| earlier == name);
        if let Some(first) = first {
            let found = format!("{}, as in `{}`", quoted(name), path(first));
            return Err(ConfigError::new(path(index), found, "each name once"));
        }
    }
    Ok(())
}

fn check_free(path: &str, header: &HeaderName) -> Result<(), ConfigError> {
    match RESERVED.contains(&&**header) {
        true => {
            let allowed = "a header of your own, such as \"x-tollgate-variant\"";
            Err(ConfigError::new(path, quoted(header), allowed))
        }
        false => Ok(()),
    }
}

fn response(config: &Response) -> Result<ResponseHeaders, ConfigError> {
    let header = |path: &str, name: &str| {
        if name.is_empty() {
            return Ok(None);
        }
        let header = HeaderName::parse(name)
            .ok_or_else(|| ConfigError::new(path, quoted(name), HeaderName::ALLOWED))?;
        check_free(path, &header).map(|()| Some(header))
    };
    let variant = header("response.variant_header", &config.variant_header)?;
    let reason = header("response.reason_header", &config.reason_header)?;
    if variant.is_some() && variant == reason {
        let found = "the same name as `variant_header`";
        return Err(ConfigError::new("response.reason_header", found, "another name"));
    }
    Ok(ResponseHeaders { variant, reason })
}

#[cfg(test)]
mod tests;
