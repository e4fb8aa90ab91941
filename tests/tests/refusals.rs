//! A wrong configuration makes stock Envoy refuse to start, with one line of ours that says which
//! filter, which field, what was found and what is allowed, and that gives no secret away.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tollgate_e2e::envoy::{Bootstrap, Listener, Process, WasmFilter};
use tollgate_e2e::modules::FILTERS;
use tollgate_e2e::tokens::{self, base64url, ec_key};

/// One mistake in a configuration that is right otherwise.
type Mistake = fn(&mut Value);

fn bootstrap(filters: impl IntoIterator<Item = WasmFilter>) -> Value {
    let listener = filters.into_iter().fold(Listener::new("ingress"), Listener::filter);
    Bootstrap::new().listener(listener).build()
}

/// The configuration of the canary's README, shortened.
fn canary() -> Value {
    json!({
        "flag": "voting-app",
        "routing_header": "x-tollgate-variant",
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [
            {
                "name": "feature-flag-cookie",
                "match": { "cookies": [{ "name": "featureflag", "exact": "on" }] },
                "variant": "v2",
            },
            {
                "name": "ten-percent",
                "split": { "by": [{ "cookie": "uid" }], "weights": { "v1": 90, "v2": 10 } },
            },
        ],
    })
}

fn fault() -> Value {
    json!({
        "delay": { "fixed_delay": "0.25s", "percentage": { "numerator": 50 } },
        "abort": { "http_status": 503, "percentage": { "numerator": 1, "denominator": "MILLION" } },
    })
}

fn circuit_breaker() -> Value {
    json!({
        "connectionPool": {
            "tcp": { "maxConnections": 1 },
            "http": { "http1MaxPendingRequests": 1 },
        },
        "outlierDetection": { "consecutive5xxErrors": 5, "baseEjectionTime": "30s" },
    })
}

fn jwt_auth() -> Value {
    json!({
        "providers": { "demo": {
            "issuer": "https://issuer.example",
            "local_jwks": { "inline_string": tokens::jwks(&[ec_key()]).to_string() },
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "demo" } }],
    })
}

/// Starts an Envoy that must refuse this filter. Gives the message of the one line that the filter
/// logged, and the whole log.
async fn refusal(filter: &str, configured: WasmFilter) -> Result<(String, String)> {
    let log = Process::start_expecting_refusal(&bootstrap([configured])).await?;
    let ours: Vec<_> = log.lines().filter(|line| line.contains("wasm log")).collect();
    ensure!(ours.len() == 1, "{} lines of {filter} instead of one:\n{log}", ours.len());
    let introduction = format!(": tollgate {}: configuration refused: ", filter.replace('-', "_"));
    let (_, message) =
        ours[0].split_once(&introduction).with_context(|| format!("no refusal: {}", ours[0]))?;
    Ok((message.to_owned(), log))
}

/// Each mistake is refused with a message that starts as it says.
async fn all_are_refused(filter: &str, right: fn() -> Value, cases: &[(Mistake, &str)]) {
    for (mistake, expected) in cases {
        let mut config = right();
        mistake(&mut config);
        let configured = WasmFilter::new(filter, config.clone()).unwrap();
        let (message, _) = refusal(filter, configured)
            .await
            .unwrap_or_else(|error| panic!("{filter} with {config}: {error:#}"));
        assert!(message.starts_with(expected), "expected {expected}\n     got {message}");
        assert!(message.contains(": found ") && message.contains(", allowed: "), "{message}");
    }
}

#[tokio::test]
async fn without_the_mistake_they_are_accepted() -> Result<()> {
    let right = [jwt_auth as fn() -> Value, canary, fault, circuit_breaker].map(|config| config());
    let filters = FILTERS.iter().zip(right);
    let filters: Result<Vec<_>> =
        filters.map(|(filter, config)| WasmFilter::new(filter.name, config)).collect();
    let envoy = Process::start(&bootstrap(filters?), 1).await?;
    assert!(!envoy.logs()?.contains("refused"));
    Ok(())
}

#[tokio::test]
async fn the_canary_refuses_what_cannot_be_meant() {
    all_are_refused("canary", canary, &[
        (
            |c| c["rules"][0]["match"]["queries"] = json!([]),
            "`rules[0].match.queries`: found an unknown field, allowed: `headers`, `cookies`",
        ),
        (|c| c["enabled"] = json!("yes"), "`enabled`: found \"yes\", allowed: true or false"),
        (
            |c| c["rules"][0]["match"]["cookies"][0]["exact"] = json!(true),
            "`rules[0].match.cookies[0].exact`: found true, allowed: a string (put it in quotes)",
        ),
        (
            |c| drop(c.as_object_mut().unwrap().remove("routing_header")),
            "`routing_header`: found nothing, allowed: a value, since the field is required",
        ),
        (
            |c| c["default_variant"] = json!("v3"),
            "`default_variant`: found \"v3\", allowed: one of the variants: \"v1\", \"v2\"",
        ),
        (
            |c| c["rules"][1]["split"]["weights"] = json!({ "v1": 0, "v2": 0 }),
            "`rules[1].split.weights`: found a sum of 0, allowed: a sum from 1 to 2147483647",
        ),
        (
            |c| c["rules"][1]["split"]["weights"]["v1"] = json!(-1),
            "`rules[1].split.weights.v1`: found -1, allowed: a whole number from 0 to 4294967295",
        ),
        (
            |c| c["rules"][1]["variant"] = json!("v2"),
            "`rules[1]`: found both, allowed: exactly one of `variant`, `split`",
        ),
    ])
    .await;
}

#[tokio::test]
async fn fault_refuses_what_cannot_be_meant() {
    all_are_refused("fault", fault, &[
        (
            |c| c["delay"]["fixed\ndelay"] = json!("1s"),
            r#"`delay["fixed\ndelay"]`: found an unknown field, allowed: `fixed_delay`, `header_delay`"#,
        ),
        (
            |c| c["abort"]["http_status"] = json!("503"),
            "`abort.http_status`: found \"503\", allowed: a whole number from 200 to 599",
        ),
        (
            |c| c["delay"]["fixed_delay"] = json!("-1s"),
            "`delay.fixed_delay`: found \"-1s\", allowed: a duration with its unit",
        ),
        (
            |c| c["delay"]["fixed_delay"] = json!(3),
            "`delay.fixed_delay`: found 3, allowed: a duration with its unit",
        ),
        (
            |c| c["delay"]["percentage"]["numerator"] = json!(101),
            "`delay.percentage`: found 101 of 100, allowed: a numerator from 0 to the denominator",
        ),
        (
            |c| c["abort"]["percentage"] = json!({ "value": 100.5 }),
            "`abort.percentage`: found 100.5, allowed: a number of per cent from 0 to 100",
        ),
        (
            |c| c["abort"]["http_status"] = json!(600),
            "`abort.http_status`: found 600, allowed: a whole number from 200 to 599",
        ),
        (
            |c| c["abort"]["header_abort"] = json!({}),
            "`abort`: found `http_status`, `header_abort`, allowed: exactly one of `http_status`",
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_circuit_breaker_refuses_what_cannot_be_meant() {
    all_are_refused("circuit-breaker", circuit_breaker, &[
        (
            |c| c["conectionPool"] = json!({}),
            "`conectionPool`: found an unknown field, allowed: `connection_pool`",
        ),
        (
            |c| c["connectionPool"]["tcp"]["maxConnections"] = json!("1"),
            "`connectionPool.tcp.maxConnections`: found \"1\", allowed: a whole number from 1",
        ),
        (
            |c| c["connectionPool"]["tcp"]["maxConnections"] = json!(0),
            "`connectionPool.tcp.maxConnections`: found 0, allowed: a whole number from 1",
        ),
        (
            |c| c["outlierDetection"]["baseEjectionTime"] = json!("-30s"),
            "`outlierDetection.baseEjectionTime`: found \"-30s\", allowed: a duration",
        ),
        (
            |c| c["outlierDetection"]["base_ejection_time"] = json!("30s"),
            "`outlierDetection.base_ejection_time`: found the field twice, allowed: each field once",
        ),
        (
            |c| c["outlierDetection"]["maxEjectionPercent"] = json!(101),
            "`outlierDetection.maxEjectionPercent`: found 101, allowed: a whole number from 0",
        ),
        (
            |c| c["trafficPolicy"] = json!({}),
            "`traffic_policy`: found `connection_pool` or `outlier_detection` beside it, allowed: ",
        ),
        (
            |c| c["breaker"]["halfOpen"]["maxProbes"] = json!(0),
            "`breaker.halfOpen.maxProbes`: found 0, allowed: a whole number from 1",
        ),
    ])
    .await;
}

#[tokio::test]
async fn jwt_auth_refuses_what_cannot_be_meant() {
    all_are_refused("jwt-auth", jwt_auth, &[
        (|c| c["providers"] = json!({}), "`providers`: found no provider, allowed: at least one"),
        (
            |c| c["providers"]["demo"]["isuer"] = json!("https://issuer.example"),
            "`providers.demo.isuer`: found an unknown field, allowed: `issuer`",
        ),
        (
            |c| c["providers"]["demo"]["audiences"] = json!("web"),
            "`providers.demo.audiences`: found a string, allowed: a list",
        ),
        (
            |c| c["providers"]["demo"]["local_jwks"] = json!({ "filename": "/etc/jwks.json" }),
            "`providers.demo.local_jwks.filename`: found a file name, allowed: ",
        ),
        (
            |c| c["providers"]["demo"]["local_jwks"]["inline_string"] = json!(r#"{"keys":[]}"#),
            "`providers.demo.local_jwks.inline_string`: found ",
        ),
        (
            |c| c["rules"][0]["requires"]["provider_name"] = json!("other"),
            "`rules[0].requires.provider_name`: found \"other\", allowed: \"demo\"",
        ),
        (|c| c["rules"][0]["match"] = json!({}), "`rules[0].match`: found none of them, allowed: "),
        (
            |c| {
                let header = json!({ "header_name": "authorization", "claim_name": "sub" });
                c["providers"]["demo"]["claim_to_headers"] = json!([header]);
            },
            "`providers.demo.claim_to_headers[0].header_name`: found \"authorization\", allowed: ",
        ),
    ])
    .await;
}

/// A key that signs: who reads it in a log can make tokens.
#[tokio::test]
async fn a_refusal_does_not_repeat_a_key() -> Result<()> {
    let secret = base64url(rand::random::<[u8; 32]>());
    let symmetric = json!({ "kty": "oct", "alg": "HS256", "k": secret });
    let private = json!({ "kty": "EC", "crv": "P-521", "d": secret });
    let key_set = json!({ "keys": [symmetric, private] }).to_string();
    let jwks = "`providers.demo.local_jwks.inline_string`: found ";
    for (local_jwks, expected) in [
        (json!({ "inline_string": key_set }), jwks),
        (json!({ "inline_string": key_set[..key_set.len() - 1] }), jwks),
        // In a wrong place.
        (json!({ "inline_string": symmetric }), "`providers.demo.local_jwks.inline_string`: "),
        (json!(secret), "`providers.demo.local_jwks`: found a string, allowed: an object"),
        (json!({ "k": secret }), "`providers.demo.local_jwks.k`: found an unknown field, "),
    ] {
        let mut config = jwt_auth();
        config["providers"]["demo"]["local_jwks"] = local_jwks;
        let configured = WasmFilter::new("jwt-auth", config.clone())?;
        let (message, log) = refusal("jwt-auth", configured).await?;
        assert!(message.starts_with(expected), "expected {expected}\n     got {message}");
        assert!(!log.contains(&secret), "{config} is refused with its secret: {message}");
    }
    Ok(())
}

#[tokio::test]
async fn broken_json_is_refused_by_every_filter() -> Result<()> {
    let secret = base64url(rand::random::<[u8; 32]>());
    let broken = format!("{{\n\"providers\": \"{secret}\" x}}");
    let expected = "(root): found broken JSON (expected `,` or `}` at line 2 column 60), allowed: ";
    for filter in FILTERS {
        let configured = WasmFilter::new(filter.name, Value::Null)?.configured_with_text(&broken);
        let (message, log) = refusal(filter.name, configured).await?;
        assert!(message.starts_with(expected), "{}: {message}", filter.name);
        assert!(!log.contains(&secret), "{}: {message}", filter.name);
    }
    Ok(())
}

#[tokio::test]
async fn a_struct_is_refused_like_json_text() -> Result<()> {
    let mut config = fault();
    config["delay"]["percentage"]["numerator"] = json!(50.5);
    let configured = WasmFilter::new("fault", Value::Null)?.configured_with_struct(config);
    let (message, _) = refusal("fault", configured).await?;
    let expected = "`delay.percentage.numerator`: found 50.5, allowed: a whole number from 0";
    assert!(message.starts_with(expected), "{message}");
    Ok(())
}
