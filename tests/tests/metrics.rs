//! What the filters count, as Envoy shows it: names in `/stats`, labels in `/stats/prometheus`.

#[path = "metrics/documented.rs"]
mod documented;
#[path = "metrics/probe.rs"]
mod probe;
#[path = "metrics/prometheus.rs"]
mod prometheus;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tollgate_e2e::client;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route, WasmFilter};
use tollgate_e2e::tokens::{self, ec_key};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::{wait, workspace_root};

use probe::Probe;
use prometheus::{Labels, Metric, Scrape, owned};

const LIMIT: Duration = Duration::from_secs(20);
const RULES: &str = "envoy-configs/observability/stats_tags.yaml";

/// Headers, or labels.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn file(path: &str) -> Result<String> {
    fs::read_to_string(workspace_root().join(path)).with_context(|| format!("no {path}"))
}

/// Starts Envoy with the rules as they are shipped, text for text: JSON is YAML too.
async fn start_with_rules(bootstrap: Bootstrap, workers: u32) -> Result<Process> {
    let mut config = file(RULES)?;
    let members = bootstrap.build();
    for (name, member) in members.as_object().context("a bootstrap is an object")? {
        config.push_str(&format!("\n{name}: {member}\n"));
    }
    let path = NamedTempFile::with_suffix(".yaml")?;
    fs::write(&path, config)?;
    Process::start_file(path.path(), workers).await
}

fn jwt_auth() -> Value {
    json!({
        "providers": { "demo": {
            "issuer": "demo",
            "local_jwks": { "inline_string": tokens::jwks(&[ec_key()]).to_string() },
        } },
        "rules": [{ "match": { "prefix": "/account" }, "requires": { "provider_name": "demo" } }],
    })
}

fn canary() -> Value {
    json!({
        "flag": "voting.app",
        "routing_header": "x-variant",
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [{
            "name": "cookie",
            "match": { "cookies": [{ "name": "featureflag", "exact": "on" }] },
            "variant": "v2",
        }],
    })
}

fn fault() -> Value {
    json!({ "abort": { "header_abort": {}, "percentage": { "numerator": 100 } } })
}

fn circuit_breaker() -> Value {
    json!({ "outlierDetection": { "consecutive5xxErrors": 3, "baseEjectionTime": "60s" } })
}

/// All four filters in front of the clusters `reviews.default` and `ratings`.
async fn four_filters(upstream: &Upstream) -> Result<Process> {
    let listener = Listener::new("ingress")
        .filter(WasmFilter::new("jwt-auth", jwt_auth())?)
        .filter(WasmFilter::new("canary", canary())?)
        .filter(WasmFilter::new("fault", fault())?.named("fault: test"))
        .filter(WasmFilter::new("circuit-breaker", circuit_breaker())?)
        .route(Route::prefix("/ratings").to("ratings"))
        .route(Route::prefix("/").to("reviews.default"));
    let clusters = ["reviews.default", "ratings"];
    let bootstrap = clusters.iter().fold(Bootstrap::new().listener(listener), |it, cluster| {
        it.cluster(Cluster::new(cluster, upstream.address()))
    });
    start_with_rules(bootstrap, 2).await
}

/// A request of each kind that the filters count; several, so that both workers see some.
async fn send_some_of_everything(envoy: &Process) -> Result<()> {
    let requests: [(&str, Pairs<'_>, u16, usize); 5] = [
        ("/", &[], 200, 5),
        ("/", &[("cookie", "featureflag=on")], 200, 3),
        ("/account", &[], 401, 4),
        ("/", &[("x-envoy-fault-abort-request", "418")], 418, 2),
        ("/ratings", &[], 500, 3),
    ];
    for (path, headers, status, times) in requests {
        for _ in 0..times {
            let request = client::get(envoy.address("ingress")?, path);
            let request = headers.iter().fold(request, |it, (name, value)| it.header(name, *value));
            assert_eq!(request.send().await?.status, status, "{path} {headers:?}");
        }
    }
    Ok(())
}

async fn reviews_and_broken_ratings() -> Result<Upstream> {
    let upstream = Upstream::start().await?;
    upstream.respond(|request| match request.path.as_str() {
        "/ratings" => Answer::status(500),
        _ => Answer::status(200),
    });
    Ok(upstream)
}

#[tokio::test]
async fn the_shipped_rules_turn_tags_into_labels_with_their_values() -> Result<()> {
    let upstream = reviews_and_broken_ratings().await?;
    let envoy = four_filters(&upstream).await?;
    send_some_of_everything(&envoy).await?;

    let scrape = Scrape::of(&envoy).await?;
    let decisions = |variant, reason| {
        let labels = [("flag", "voting_app"), ("reason", reason), ("variant", variant)];
        scrape.value("tollgate_canary_decisions", &labels)
    };
    assert_eq!(decisions("v1", "default"), Some(10.0));
    assert_eq!(decisions("v2", "targeting_match"), Some(3.0));
    assert_eq!(decisions("v2", "error"), Some(0.0));
    let expected: [(&str, Pairs<'_>, f64); 9] = [
        ("canary_cookies_truncated", &[("flag", "voting_app")], 0.0),
        ("fault_active_faults", &[("plugin", "fault__test")], 0.0),
        ("fault_aborts_injected", &[], 2.0),
        ("jwt_auth_denied", &[], 4.0),
        ("jwt_auth_denied_missing", &[], 4.0),
        ("jwt_auth_allowed", &[], 13.0),
        ("circuit_breaker_state", &[("key", "ratings")], 2.0),
        ("circuit_breaker_opened", &[("key", "ratings")], 1.0),
        ("circuit_breaker_state", &[("key", "reviews_default")], 0.0),
    ];
    for (stat, labels, value) in expected {
        let name = format!("tollgate_{stat}");
        assert_eq!(scrape.value(&name, labels), Some(value), "{stat} {labels:?}");
    }
    Ok(())
}

/// What there is, by name: also that no value is left in a name, and that no stat has the labels of
/// another filter.
#[tokio::test]
async fn the_readmes_list_exactly_the_stats_that_envoy_shows() -> Result<()> {
    let upstream = reviews_and_broken_ratings().await?;
    let envoy = four_filters(&upstream).await?;
    send_some_of_everything(&envoy).await?;

    let names_of = |labels: &Labels| labels.keys().cloned().collect::<BTreeSet<_>>();
    let form = |metric: Metric| {
        let mut labels = metric.series.keys().map(names_of);
        let first = labels.next().context("a metric without a series")?;
        ensure!(labels.all(|other| other == first), "a metric with different labels");
        Ok((metric.kind, first))
    };
    let shown = Scrape::of(&envoy).await?.0.into_iter();
    let shown: BTreeMap<_, _> =
        shown.map(|(name, metric)| Ok((name, form(metric)?))).collect::<Result<_>>()?;
    let documented = documented::stats()?;
    for (name, form) in &shown {
        assert_eq!(documented.get(name), Some(form), "{name}");
    }
    for name in documented.keys() {
        assert!(shown.contains_key(name), "{name} is in a README, but Envoy does not show it");
    }
    Ok(())
}

#[tokio::test]
async fn names_hold_tags_and_values_in_stats() -> Result<()> {
    let upstream = reviews_and_broken_ratings().await?;
    let envoy = four_filters(&upstream).await?;
    send_some_of_everything(&envoy).await?;
    let stats = envoy.stats().await?;
    for (name, value) in [
        ("canary.flag=voting_app.reason=targeting_match.variant=v2.decisions", 3),
        ("fault.plugin=fault__test.active_faults", 0),
        ("circuit_breaker.ratings.opened", 1),
        ("circuit_breaker.reviews_default.in_flight", 0),
        ("jwt_auth.denied_missing", 4),
    ] {
        assert_eq!(stats.get(&format!("wasmcustom.tollgate.{name}"))?, value, "{name}");
    }
    Ok(())
}

/// The tags that have a rule.
fn tags_with_rules() -> Result<Vec<String>> {
    let rules = file(RULES)?;
    let rules = rules.lines().filter_map(|line| line.trim().strip_prefix("- { tag_name: "));
    let mut tags = Vec::new();
    for rule in rules {
        let (tag, regex) = rule.split_once(", regex: ").context("a rule without a regex")?;
        if tag != "key" {
            let form = format!(r"'^wasmcustom\.tollgate\..*?(\.{tag}=([^.]+))' }}");
            ensure!(regex == form, "the rule of {tag} is not made like the others");
            tags.push(tag.to_owned());
        }
    }
    Ok(tags)
}

#[tokio::test]
async fn every_rule_holds_for_a_filter_that_it_does_not_know() -> Result<()> {
    let tags = tags_with_rules()?;
    assert!(tags.len() >= 10, "{tags:?}");
    let values: BTreeMap<_, _> = tags.iter().map(|tag| (tag, format!("{tag}-1"))).collect();
    let probe = Probe::start(json!(values), 1).await?;
    let expected: Labels = values.into_iter().map(|(tag, value)| (tag.clone(), value)).collect();
    let scrape = probe.scrape().await?;
    let series: Vec<_> = scrape.0["tollgate_probe_tagged"].series.keys().collect();
    assert_eq!(series, [&expected]);
    Ok(())
}

#[tokio::test]
async fn a_tag_without_a_rule_stays_in_the_name() -> Result<()> {
    let probe = Probe::start(json!({ "colour": "red", "flag": "f" }), 1).await?;
    let scrape = probe.scrape().await?;
    assert_eq!(scrape.value("tollgate_probe_colour_red_tagged", &[("flag", "f")]), Some(0.0));
    Ok(())
}

#[tokio::test]
async fn values_are_cleaned_and_those_that_are_then_the_same_count_together() -> Result<()> {
    let probe = Probe::start(json!({}), 1).await?;
    let long = "x".repeat(500);
    for value in ["a.b", "a%b", "a=b", "", &long, &format!("{long}y"), "key=1.flag=2.z"] {
        probe.ask(&format!("/count?{value}")).await?;
    }
    let scrape = probe.scrape().await?;
    let requests = |outcome| scrape.value("tollgate_probe_requests", &[("outcome", outcome)]);
    assert_eq!(requests("a_b"), Some(3.0));
    assert_eq!(requests("_"), Some(1.0));
    assert_eq!(requests("key_1_flag_2_z"), Some(1.0));
    let series = &scrape.0["tollgate_probe_requests"].series;
    let outcomes: Vec<_> = series.keys().map(|labels| &labels["outcome"]).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.starts_with("xxx")).count(), 2);
    assert!(outcomes.iter().all(|outcome| outcome.len() <= 128), "{outcomes:?}");
    Ok(())
}

#[tokio::test]
async fn the_same_name_in_two_workers_is_one_metric() -> Result<()> {
    let probe = Probe::start(json!({}), 2).await?;
    for worker in [0, 1] {
        let mut connection = probe.connection_to(worker).await?;
        for _ in 0..7 {
            assert_eq!(connection.get("/count?ok").send().await?.status, 200);
        }
    }
    let scrape = probe.scrape().await?;
    assert_eq!(scrape.0["tollgate_probe_requests"].series.len(), 1);
    assert_eq!(scrape.value("tollgate_probe_requests", &[("outcome", "ok")]), Some(14.0));
    let name = "wasmcustom.tollgate.probe.outcome=ok.requests";
    assert_eq!(probe.0.counter(name).await?, 14);
    Ok(())
}

#[tokio::test]
async fn the_same_name_is_one_handle_and_has_one_kind() -> Result<()> {
    let probe = Probe::start(json!({}), 1).await?;
    assert_eq!(probe.ask("/again").await?, "true");
    let error = "tollgate.probe.again is a counter, and cannot be a gauge as well";
    assert_eq!(probe.ask("/kinds").await?, error);
    assert_eq!(probe.scrape().await?.0["tollgate_probe_again"].kind, "counter");
    Ok(())
}

#[tokio::test]
async fn keys_are_bounded_and_the_last_one_is_shared() -> Result<()> {
    let probe = Probe::start(json!({}), 1).await?;
    for key in ["a.b", "c", "d", "e", "c"] {
        probe.ask(&format!("/key?{key}")).await?;
    }
    let scrape = probe.scrape().await?;
    let seen = |key| scrape.value("tollgate_probe_seen", &[("key", key)]);
    assert_eq!([seen("a_b"), seen("c"), seen("_overflow")], [Some(1.0), Some(2.0), Some(2.0)]);
    assert_eq!(scrape.value("tollgate_probe_keys_overflowed", &[]), Some(2.0));
    Ok(())
}

#[tokio::test]
async fn a_histogram_appears_with_its_labels_in_both_forms() -> Result<()> {
    let probe = Probe::start(json!({}), 2).await?;
    for wait in [1, 20, 300] {
        probe.ask(&format!("/wait?{wait}")).await?;
    }
    let labels = owned(&[("key", "queue"), ("method", "GET")]);
    // Envoy collects them from its workers every five seconds.
    wait::until("Envoy shows the histogram", LIMIT, async || {
        let count = |(part, with, value): &(String, Labels, f64)| {
            part == "_count" && *with == labels && *value == 3.0
        };
        let scrape = probe.scrape().await;
        scrape.is_ok_and(|it| it.0["tollgate_probe_wait_ms"].parts.iter().any(count))
    })
    .await?;
    let metric = &probe.scrape().await?.0["tollgate_probe_wait_ms"];
    assert_eq!(metric.kind, "histogram");
    let up_to = |le: &str| {
        let mut with = labels.clone();
        with.insert("le".to_owned(), le.to_owned());
        let of = |(part, labels, _): &&(String, Labels, f64)| part == "_bucket" && *labels == with;
        metric.parts.iter().find(of).map(|(_, _, value)| *value)
    };
    assert_eq!([up_to("5"), up_to("50"), up_to("+Inf")], [Some(1.0), Some(2.0), Some(3.0)]);

    let stats = client::get(probe.0.admin(), "/stats?format=json&type=Histograms").send().await?;
    let name = "wasmcustom.tollgate.probe.queue.method=GET.wait_ms";
    let stats = stats.json()?;
    let histograms = stats["stats"][0]["histograms"]["computed_quantiles"].as_array().cloned();
    let mut names = histograms.iter().flatten().map(|histogram| &histogram["name"]);
    assert!(names.any(|other| other == name), "{stats}");
    Ok(())
}

#[tokio::test]
async fn what_the_sdk_counts_for_itself_is_no_metric_of_prometheus() -> Result<()> {
    let probe = Probe::start(json!({}), 1).await?;
    assert_eq!(probe.ask("/hold").await?, "1");
    let stats = probe.0.stats().await?;
    assert_ne!(stats.below("wasmcustom.0.tollgate_leases.probe.").count(), 0);
    let text = client::get(probe.0.admin(), "/stats/prometheus").send().await?.text();
    assert!(!text.contains("leases"), "{text}");
    assert_eq!(
        probe.scrape().await?.value("tollgate_probe_held", &[("cluster", "a_b")]),
        Some(0.0)
    );
    Ok(())
}

/// Without the gauges there would be no limit and no state, and nothing would tell.
#[tokio::test]
async fn filters_that_decide_by_gauges_refuse_a_stats_matcher_that_excludes_them() -> Result<()> {
    for (filter, config) in [("fault", fault()), ("circuit-breaker", circuit_breaker())] {
        let listener = Listener::new("ingress")
            .filter(WasmFilter::new(filter, config)?)
            .route(Route::prefix("/").direct_response(200, ""));
        let excluded = json!({ "patterns": [{ "prefix": "wasmcustom." }] });
        let matcher =
            json!({ "stats_config": { "stats_matcher": { "exclusion_list": excluded } } });
        let config = Bootstrap::new().listener(listener).with(matcher).build();
        let logs = Process::start_expecting_refusal(&config).await?;
        let found =
            "found `stats_matcher` in Envoy's bootstrap excludes wasmcustom.0.tollgate_leases";
        assert!(logs.contains(found), "{filter}: {logs}");
    }
    Ok(())
}

#[test]
fn the_demo_has_the_shipped_rules() -> Result<()> {
    let block = |path: &str| {
        let text = file(path)?;
        let from = text.find("\nstats_config:\n").with_context(|| format!("none in {path}"))?;
        let lines = text[from + 1..].lines();
        let of_block = |line: &&str| line.is_empty() || line.starts_with(' ');
        let rest = lines.skip(1).take_while(of_block).filter(|line| !line.is_empty());
        anyhow::Ok(rest.map(str::to_owned).collect::<Vec<_>>())
    };
    let shipped = block(RULES)?;
    assert!(!shipped.is_empty());
    assert_eq!(block("envoy-configs/demo.yaml")?, shipped);
    Ok(())
}
