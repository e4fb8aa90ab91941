//! What Envoy gives a VM as environment variables arrives in the configuration: `key_values` and
//! `host_env_keys`, and nothing else of Envoy's own environment.

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_e2e::client;
use tollgate_e2e::envoy::{Bootstrap, Listener, Process, Route, WasmFilter};
use tollgate_e2e::tokens::{self, ec_key};

/// A listener with `jwt-auth`, whose keys are in a variable of its VM.
fn bootstrap(variable: &str, environment_variables: Value) -> Result<Value> {
    let filter = WasmFilter::new(
        "jwt-auth",
        json!({
            "providers": { "main": { "local_jwks": { "environment_variable": variable } } },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "main" } }],
        }),
    )?;
    let mut filter = Value::from(filter);
    filter["typed_config"]["config"]["vm_config"]["environment_variables"] = environment_variables;
    let listener = Listener::new("ingress")
        .filter(filter)
        .route(Route::prefix("/").direct_response(200, "in"));
    Ok(Bootstrap::new().listener(listener).build())
}

#[tokio::test]
async fn keys_in_key_values_verify_tokens() -> Result<()> {
    let jwks = tokens::jwks(&[ec_key()]).to_string();
    let bootstrap = bootstrap("JWKS", json!({ "key_values": { "JWKS": jwks } }))?;
    let envoy = Process::start(&bootstrap, 2).await?;
    let address = envoy.address("ingress")?;
    let token = ec_key().sign(&json!({ "exp": tokens::now() + 600 }));
    assert_eq!(client::get(address, "/").bearer(&token).send().await?.status, 200);
    let wrong = tokens::tampered(&token);
    assert_eq!(client::get(address, "/").bearer(&wrong).send().await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_variable_that_the_vm_does_not_have_is_named_with_what_to_do() -> Result<()> {
    // Envoy has a PATH, but does not pass it on unasked.
    let log = Process::start_expecting_refusal(&bootstrap("PATH", json!({}))?).await?;
    let refusal = "configuration refused: `providers.main.local_jwks.environment_variable`: \
                   found `PATH`, which the VM does not have, allowed: a variable that Envoy gives \
                   to the VM by `vm_config.environment_variables`, in `key_values` or `host_env_keys`";
    assert!(log.contains(refusal), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_variable_of_envoys_own_arrives_and_is_not_repeated() -> Result<()> {
    let bootstrap = bootstrap("PATH", json!({ "host_env_keys": ["PATH"] }))?;
    let log = Process::start_expecting_refusal(&bootstrap).await?;
    let refusal = "configuration refused: `providers.main.local_jwks.environment_variable`: \
                   found Jwks is an invalid JSON";
    let line = log.lines().find(|line| line.contains(refusal)).unwrap_or_else(|| panic!("{log}"));
    assert!(!line.contains("/bin"), "{line}");
    Ok(())
}
