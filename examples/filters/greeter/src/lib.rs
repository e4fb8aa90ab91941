//! Greets every request, and counts how many it greeted.
//!
//! **Shows** the smallest whole filter: a configuration, a header, a counter.
//!
//! ```yaml
//! - name: greeter
//!   typed_config:
//!     "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
//!     config:
//!       name: greeter
//!       failure_policy: FAIL_OPEN
//!       vm_config:
//!         vm_id: greeter
//!         runtime: envoy.wasm.runtime.v8
//!         code: { local: { filename: /etc/envoy/greeter.wasm } }
//!       configuration:
//!         "@type": type.googleapis.com/google.protobuf.StringValue
//!         value: '{ "greeting": "hello" }'
//! ```
#![forbid(unsafe_code)]

use tollgate::prelude::*;

/// What the operator writes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// The value of `x-greeting` that the upstream sees.
    greeting: HeaderValue,
}

/// The filter.
#[derive(Clone, Debug)]
pub struct Greeter {
    greeting: HeaderValue,
    greeted: Counter,
}

#[tollgate::filter(feature = "module")]
impl HttpFilter for Greeter {
    const NAME: &'static str = "greeter";
    const ON_FAILURE: FailurePolicy = FailurePolicy::Open;
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Self, ConfigError> {
        Ok(Self { greeting: config.greeting, greeted: setup.counter("greeted")? })
    }

    async fn request(&self, request: &mut Request<'_>) -> Result<Flow> {
        request.headers_mut().set("x-greeting", &self.greeting)?;
        self.greeted.increment();
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate::config;

    #[test]
    fn a_greeting_is_all_that_is_needed_and_allowed() {
        let config: Config = config::from_slice(br#"{ "greeting": "hello" }"#).unwrap();
        assert_eq!(&*config.greeting, "hello");
        for wrong in [
            "{}",
            r#"{ "greeting": 5 }"#,
            r#"{ "greeting": "two\nlines" }"#,
            r#"{ "greeting": "hello", "colour": "red" }"#,
        ] {
            assert!(config::from_slice::<Config>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
