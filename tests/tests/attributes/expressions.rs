//! CEL, evaluated by the host.

use anyhow::Result;
use serde_json::{Value, json};
use tollgate_e2e::client;
use tollgate_e2e::envoy::{Bootstrap, Listener, Process};
use tollgate_e2e::upstream::Upstream;

use crate::probe::{self, Seen};

const MALFORMED: &str = "expr_evaluate: malformed answer";
const FAILED: &str = "expr_evaluate: internal failure";

fn error(text: &str) -> Value {
    json!({ "error": text })
}

#[tokio::test]
async fn expressions_have_the_values_of_the_request() -> Result<()> {
    let upstream = Upstream::start().await?;
    let sources = json!({
        "true": "request.path.startsWith('/a')",
        "false": "request.method == 'POST'",
        "regex": "request.path.matches('^/a[0-9]+$')",
        "list": "['x', 'y'].exists(item, item == request.headers['x-item'])",
        "guarded": "'x-absent' in request.headers && request.headers['x-absent'] == '1'",
        "bytes": "request.host",
        "integer": "destination.port",
        "negative": "-5",
        "duration": "duration('1.5s')",
        "plugin": "plugin_name",
        "absent": "request.headers['x-absent'] == '1'",
        "misspelt": "request.paht == '/a'",
        "too early": "response.code == 200",
        "null": "null",
    });
    let envoy = probe::start(json!({ "expressions": sources }), &upstream).await?;
    let address = envoy.address("edge")?;
    let request = client::get(address, "/a1").header("host", "shop.example").header("x-item", "y");
    request.send().await?;

    let seen = Seen::in_request(&upstream.last()?)?;
    let value = |name: &str, kind: &str| seen["functions"]["expressions"][name][kind].clone();
    for name in ["true", "regex", "list"] {
        assert_eq!(value(name, "bool"), json!(true), "{name}");
    }
    for name in ["false", "guarded"] {
        assert_eq!(value(name, "bool"), json!(false), "{name}");
    }
    assert_eq!(value("bytes", "bytes"), json!("shop.example"));
    assert_eq!(value("plugin", "bytes"), json!("probe"));
    assert_eq!(value("integer", "integer"), json!(address.port()));
    assert_eq!(value("negative", "integer"), json!(-5));
    assert_eq!(value("duration", "integer"), json!(1_500_000_000));
    assert_eq!(value("bytes", "bool"), error(MALFORMED));
    assert_eq!(value("true", "integer"), error(MALFORMED));
    for name in ["absent", "misspelt", "too early"] {
        assert_eq!(value(name, "bool"), error(FAILED), "{name}");
    }
    assert_eq!(value("null", "bytes"), error("expr_evaluate: serialization failure"));
    Ok(())
}

#[tokio::test]
async fn after_waiting_an_expression_sees_no_request_and_says_so() -> Result<()> {
    let upstream = Upstream::start().await?;
    let sources = json!({ "request": "request.path == '/'", "constant": "1 == 1" });
    let envoy = probe::start(json!({ "expressions": sources }), &upstream).await?;
    client::get(envoy.address("edge")?, "/").send().await?;

    let seen = Seen::in_request(&upstream.last()?)?;
    assert_eq!(seen["functions"]["expressions"]["request"]["bool"], json!(true));
    let waited = &seen["waited"]["functions"]["expressions"];
    assert_eq!(waited["request"]["bool"], error(FAILED));
    assert_eq!(waited["constant"]["bool"], json!(true));
    assert_eq!(seen["waited"]["path"], json!("/"));
    Ok(())
}

#[tokio::test]
async fn a_wrong_expression_makes_envoy_refuse_the_configuration() -> Result<()> {
    for source in ["request.path ==", "request.path.begins_with('/a')", ""] {
        let filter = probe::filter(json!({ "expressions": { "when": source } }))?;
        let config = Bootstrap::new().listener(Listener::new("edge").filter(filter)).build();
        let log = Process::start_expecting_refusal(&config).await?;
        let complaint = format!("`expressions.when`: found {source:?}, allowed: a CEL expression");
        assert!(log.contains(&complaint), "{log}");
        assert!(log.contains("expr_create"), "{log}");
    }
    Ok(())
}
