use super::*;
use serde_json::{Value, json};

fn compile(config: Value) -> Result<RuleMatch, ConfigError> {
    RuleMatch::new(&tollgate::config::from_slice(config.to_string().as_bytes())?)
}

fn matches(config: Value, headers: &[(&str, &str)]) -> bool {
    compile(config).unwrap().matches(&HeaderMap::from_pairs(headers.iter().copied()))
}

fn path(config: Value, path: &str) -> bool {
    matches(config, &[(":method", "GET"), (":path", path)])
}

#[test]
fn a_prefix_is_compared_from_the_start() {
    assert!(path(json!({"prefix": "/a"}), "/abc"));
    assert!(!path(json!({"prefix": "/a"}), "/A"));
    assert!(!path(json!({"prefix": "/a"}), "/b/a"));
    assert!(!path(json!({"prefix": "/health"}), "/admin?/health"));
    let prefix = compile(json!({"prefix": "/"})).unwrap();
    assert!(prefix.matches(&HeaderMap::from_pairs([(&b":path"[..], &b"/\xff"[..])])));
}

#[test]
fn an_exact_path_matches_with_any_query_or_fragment() {
    for target in ["/a", "/a?x=1#y", "/a#y?x=1"] {
        assert!(path(json!({"path": "/a"}), target), "{target}");
    }
    assert!(!path(json!({"path": "/a"}), "/a/"));
    assert!(!path(json!({"path": "/a"}), "/"));
}

#[test]
fn the_rule_for_everything_holds_for_a_request_without_a_path() {
    let connect = &[(":method", "CONNECT"), (":authority", "h:443")];
    assert!(matches(json!({"prefix": "/"}), connect));
    assert!(matches(json!({"prefix": ""}), connect));
    assert!(!matches(json!({"prefix": "/a"}), connect));
    assert!(!matches(json!({"path": "/"}), connect));
    assert!(path(json!({"prefix": "/"}), "?x"));
}

#[test]
fn case_can_be_ignored_in_plain_paths() {
    for field in ["prefix", "path", "path_separated_prefix"] {
        assert!(!path(json!({field: "/Api"}), "/aPI"), "{field}");
        assert!(!path(json!({field: "/Api", "case_sensitive": true}), "/aPI"), "{field}");
        assert!(path(json!({field: "/Api", "caseSensitive": false}), "/aPI"), "{field}");
    }
    let error = compile(json!({"safe_regex": {"regex": "/a"}, "case_sensitive": false}));
    assert_eq!(error.unwrap_err().path, "case_sensitive");
}

#[test]
fn a_separated_prefix_ends_at_a_slash() {
    let rule = || json!({"path_separated_prefix": "/api"});
    for good in ["/api", "/api/", "/api/users", "/api?x", "/api#x"] {
        assert!(path(rule(), good), "{good}");
    }
    for bad in ["/apis", "/api-v2", "/ap", "/"] {
        assert!(!path(rule(), bad), "{bad}");
    }
    for wrong in ["/", "/api/", "api", "/a?b"] {
        let error = compile(json!({"path_separated_prefix": wrong})).unwrap_err();
        assert_eq!(error.path, "path_separated_prefix", "{wrong}");
    }
}

#[test]
fn an_expression_must_match_the_whole_path_and_nothing_of_the_query() {
    let rule = || json!({"safe_regex": {"google_re2": {}, "regex": "/v[0-9]+/.*"}});
    assert!(path(rule(), "/v12/x?y"));
    assert!(!path(rule(), "/a/v1/x"));
    assert!(!path(rule(), "/v?/1/"));
    let error = compile(json!({"safe_regex": {"regex": "/("}})).unwrap_err();
    assert_eq!(error.path, "safe_regex.regex");
}

#[test]
fn a_template_matches_paths_of_its_form() {
    let rule = |template: &str| {
        json!({"path_match_policy": {
            "name": "envoy.path.match.uri_template.uri_template_matcher",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                "path_template": template,
            },
        }})
    };
    assert!(path(rule("/users/{id}/**"), "/users/7/orders/8?x=y"));
    assert!(!path(rule("/users/{id}/**"), "/users"));
    let error = compile(rule("/{a}{b}")).unwrap_err();
    assert_eq!(error.path, "path_match_policy.typed_config.path_template");
    let mut other = rule("/a");
    other["path_match_policy"]["typed_config"]["@type"] = json!("type.googleapis.com/other");
    assert_eq!(compile(other).unwrap_err().path, "path_match_policy.typed_config.@type");
}

#[test]
fn a_connect_matcher_matches_connect_alone() {
    assert!(matches(json!({"connect_matcher": {}}), &[(":method", "CONNECT")]));
    assert!(!path(json!({"connect_matcher": {}}), "/"));
}

#[test]
fn exactly_one_condition_on_the_path_is_needed() {
    for config in [json!({}), json!({"prefix": "/", "path": "/"}), json!({"headers": []})] {
        let error = compile(config).unwrap_err().to_string();
        assert!(error.contains("exactly one of `prefix`, `path`, `safe_regex`"), "{error}");
    }
}

fn header(condition: Value, headers: &[(&str, &str)]) -> bool {
    let mut entry = json!({"name": "X-A"});
    entry.as_object_mut().unwrap().extend(condition.as_object().unwrap().clone());
    matches(json!({"prefix": "", "headers": [entry]}), headers)
}

#[test]
fn headers_are_compared_as_in_the_route_table() {
    for (condition, value, expected) in [
        (json!({}), "", true),
        (json!({"present_match": false}), "1", false),
        (json!({"exact_match": "ab"}), "ab", true),
        (json!({"string_match": {"exact": "AB", "ignore_case": true}}), "ab", true),
        (json!({"string_match": {"prefix": "a"}}), "ab", true),
        (json!({"suffix_match": "a"}), "ab", false),
        (json!({"contains_match": "b"}), "abc", true),
        (json!({"safe_regex_match": {"regex": "a.c"}}), "abc", true),
        (json!({"safe_regex_match": {"regex": "a"}}), "abc", false),
        (json!({"range_match": {"start": -1, "end": 3}}), "2", true),
        (json!({"range_match": {"end": 3}}), "3", false),
        (json!({"range_match": {"end": 3}}), "2.5", false),
        (json!({"exact_match": "ab", "invert_match": true}), "ab", false),
        (json!({"exact_match": "ab", "invert_match": true}), "x", true),
    ] {
        assert_eq!(header(condition.clone(), &[("x-a", value)]), expected, "{condition} {value}");
    }
}

#[test]
fn an_absent_header_fulfils_no_condition_on_its_value_unless_it_counts_as_empty() {
    assert!(!header(json!({}), &[]));
    assert!(header(json!({"present_match": false}), &[]));
    assert!(header(json!({"invert_match": true}), &[]));
    assert!(!header(json!({"exact_match": "a", "invert_match": true}), &[]));
    let empty = json!({
        "exact_match": "a", "invert_match": true, "treat_missing_header_as_empty": true,
    });
    assert!(header(empty, &[]));
}

#[test]
fn of_a_repeated_header_one_value_is_enough() {
    let headers = &[("x-a", "1"), ("x-a", "2"), ("x-a", "3")];
    for value in ["1", "2", "3"] {
        assert!(header(json!({"exact_match": value}), headers), "{value}");
        assert!(!header(json!({"exact_match": value, "invert_match": true}), headers), "{value}");
    }
    for value in ["4", "1,2,3"] {
        assert!(!header(json!({"exact_match": value}), headers), "{value}");
        assert!(header(json!({"exact_match": value, "invert_match": true}), headers), "{value}");
    }
    assert!(header(json!({"range_match": {"start": 3, "end": 9}}), headers));
}

#[test]
fn query_parameters_are_compared_as_they_stand_and_the_first_counts() {
    let query = |condition: Value, target: &str| {
        let mut entry = json!({"name": "q"});
        entry.as_object_mut().unwrap().extend(condition.as_object().unwrap().clone());
        path(json!({"prefix": "/", "query_parameters": [entry]}), target)
    };
    assert!(query(json!({}), "/?q"));
    assert!(!query(json!({}), "/?p=q"));
    assert!(query(json!({"present_match": false}), "/"));
    assert!(query(json!({"string_match": {"exact": "a%20b"}}), "/?x&q=a%20b&q=c"));
    assert!(!query(json!({"string_match": {"exact": "c"}}), "/?q=b&q=c"));
    assert!(!query(json!({"string_match": {"exact": ""}}), "/?%71="));
}

#[test]
fn conditions_that_cannot_be_meant_are_refused() {
    for (condition, at) in [
        (json!({"headers": [{"name": ""}]}), "headers[0].name"),
        (
            json!({"headers": [{"name": "a", "exact_match": "a", "prefix_match": "a"}]}),
            "headers[0]",
        ),
        (json!({"headers": [{"name": "a", "exact_match": ""}]}), "headers[0].exact_match"),
        (json!({"headers": [{"name": "a", "string_match": {}}]}), "headers[0].string_match"),
        (
            json!({"headers": [{"name": "a", "string_match": {"prefix": ""}}]}),
            "headers[0].string_match.prefix",
        ),
        (
            json!({"headers": [{"name": "a", "string_match": {
                "safe_regex": {"regex": "a"}, "ignore_case": true,
            }}]}),
            "headers[0].string_match.ignore_case",
        ),
        (json!({"query_parameters": [{"name": ""}]}), "query_parameters[0].name"),
        (json!({"runtime_fraction": {}}), "runtime_fraction"),
    ] {
        let mut config = json!({"prefix": "/"});
        config.as_object_mut().unwrap().extend(condition.as_object().unwrap().clone());
        assert_eq!(compile(config).unwrap_err().path, at, "{condition}");
    }
}
