//! Origin authentication in stock Envoy, Envoy's own `jwt_authn` beside ours as an oracle. What the filter
//! does by itself is tested in the simulated proxy (`filters/jwt-auth/tests`).
//!
//! | file | what it is about |
//! |---|---|
//! | `comparison.rs` | how the two are compared |
//! | `differences.rs` | where they differ on purpose |
//! | `form.rs` | what is a token at all |
//! | `claims.rs` | issuer, audiences, subjects, times |
//! | `algorithms.rs` | algorithms, and which key verifies which token |
//! | `places.rs` | where tokens are found, and what is left of them |
//! | `rules.rs` | which requests a rule is about |
//! | `requirements.rs` | what requests need |
//! | `output.rs` | what the upstream learns |
//! | `whole.rs` | what the filter as a whole is told |
//! | `stats.rs` | what is counted |
//!
//! `keys.rs` and `fixtures.rs` are what they share.

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_e2e::client::Connection;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::upstream::Upstream;

mod algorithms;
mod claims;
mod comparison;
mod differences;
mod fixtures;
mod form;
mod keys;
mod output;
mod places;
mod requirements;
mod rules;
mod stats;
mod whole;

pub(crate) const ENVOYS_OWN: (&str, &str) = (
    "envoy.filters.http.jwt_authn",
    "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
);

/// So many requests at least are compared: more than the 200 that were promised.
const LEAST: usize = 400;

#[tokio::test]
async fn every_request_is_decided_as_in_envoys_own_filter_but_for_the_deliberate_differences()
-> Result<()> {
    let themes = vec![
        form::theme(),
        claims::theme(),
        algorithms::theme(),
        algorithms::hmac(),
        places::theme(),
        rules::theme(),
        rules::normalized(),
        requirements::theme(),
        output::theme(),
        whole::preflights(),
        whole::no_preflights(),
        whole::stripped(),
        whole::realms(),
        whole::named(),
        whole::filter_state(),
        whole::routes(),
        whole::left(),
    ];
    comparison::compare("jwt-auth", ENVOYS_OWN, themes).await?.settle(LEAST);
    Ok(())
}

fn protected() -> Value {
    fixtures::by_path([("private", fixtures::provider(json!({})))])
}

#[tokio::test]
async fn over_http2_and_with_a_struct_it_decides_the_same() -> Result<()> {
    let upstream = Upstream::start().await?;
    let filter = WasmFilter::new("jwt-auth", Value::Null)?.configured_with_struct(protected());
    let config = Bootstrap::new()
        .listener(Listener::new("ours").filter(filter).route(Route::prefix("/").to("backend")))
        .cluster(Cluster::new("backend", upstream.address()).http2())
        .build();
    let envoy = Process::start(&config, 1).await?;
    let mut connection = Connection::http2(envoy.address("ours")?).await?;
    assert_eq!(connection.get("/private").send().await?.text(), "Jwt is missing");
    let token = fixtures::token(json!({}));
    assert_eq!(connection.get("/private").bearer(&token).send().await?.status, 200);
    assert_eq!(upstream.last()?.header("x-sub"), [b"alice"]);
    // Without it everything works as well, many times slower.
    assert!(!envoy.logs()?.contains("the host does not verify"));
    Ok(())
}
