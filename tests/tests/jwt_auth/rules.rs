//! Which requests a rule is about.

use serde_json::{Value, json};
use tollgate_e2e::envoy::Route;
use tollgate_e2e::oracle::Pair;

use crate::comparison::{Case, Theme, case};
use crate::fixtures::{provider, reasons, token};

const TEMPLATE: &str =
    "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig";

pub(crate) fn theme() -> Theme {
    let needs =
        |matcher: Value| json!({ "match": matcher, "requires": { "provider_name": "main" } });
    let template = |path_template: &str| {
        json!({ "path_match_policy": {
        "name": "envoy.path.match.uri_template.uri_template_matcher",
        "typed_config": { "@type": TEMPLATE, "path_template": path_template },
    } })
    };
    let headed = |prefix: &str, header: Value| json!({ "prefix": prefix, "headers": [header] });
    let asked = |prefix: &str, parameter: Value| json!({ "prefix": prefix, "query_parameters": [parameter] });
    let configuration = json!({
        "providers": { "main": provider(json!({})) },
        "rules": [
            { "match": { "path": "/prefix/open" } },
            needs(json!({ "prefix": "/prefix" })),
            needs(json!({ "path": "/path" })),
            needs(json!({ "path_separated_prefix": "/separated" })),
            needs(json!({ "safe_regex": { "regex": "/regex/v[0-9]+(/.*)?" } })),
            needs(json!({ "safe_regex": { "google_re2": {}, "regex": "/re2/(a|bc)+" } })),
            needs(json!({ "prefix": "/AnyCase", "case_sensitive": false })),
            needs(json!({ "path": "/AnyPath", "case_sensitive": false })),
            needs(json!({ "path_separated_prefix": "/AnySeparated", "case_sensitive": false })),
            needs(template("/users/{id}/orders/*")),
            needs(template("/films/{path=**}.m3u8")),
            needs(json!({ "connect_matcher": {} })),
            needs(headed("/method", json!({ "name": ":method", "exact_match": "POST" }))),
            needs(headed("/present", json!({ "name": "X-Kind" }))),
            needs(headed("/absent", json!({ "name": "x-kind", "present_match": false }))),
            needs(headed("/not-present", json!({ "name": "x-kind", "present_match": true, "invert_match": true }))),
            needs(headed("/exact", json!({ "name": "x-kind", "string_match": { "exact": "a" } }))),
            needs(headed("/begins", json!({ "name": "x-kind", "string_match": { "prefix": "a", "ignore_case": true } }))),
            needs(headed("/ends", json!({ "name": "x-kind", "suffix_match": "z" }))),
            needs(headed("/has", json!({ "name": "x-kind", "contains_match": "m" }))),
            needs(headed("/like", json!({ "name": "x-kind", "safe_regex_match": { "regex": "[a-c]+" } }))),
            needs(headed("/starts", json!({ "name": "x-kind", "prefix_match": "a" }))),
            needs(headed("/range", json!({ "name": "x-kind", "range_match": { "start": -5, "end": 10 } }))),
            needs(headed("/other", json!({ "name": "x-kind", "exact_match": "a", "invert_match": true }))),
            needs(headed("/empty", json!({ "name": "x-kind", "string_match": { "exact": "" }, "treat_missing_header_as_empty": true }))),
            needs(headed("/missing-other", json!({ "name": "x-kind", "exact_match": "a", "invert_match": true,
                "treat_missing_header_as_empty": true }))),
            needs(headed("/authority", json!({ "name": ":authority", "string_match": { "suffix": ".example" } }))),
            needs(json!({ "prefix": "/both", "headers": [{ "name": "x-kind" }, { "name": "x-more" }] })),
            needs(asked("/asked", json!({ "name": "q" }))),
            needs(asked("/not-asked", json!({ "name": "q", "present_match": false }))),
            needs(asked("/value-exact", json!({ "name": "q", "string_match": { "exact": "a b" } }))),
            needs(asked("/value-like", json!({ "name": "q", "string_match": { "safe_regex": { "regex": "[0-9]+" } } }))),
            needs(asked("/value-prefix", json!({ "name": "q", "string_match": { "prefix": "A", "ignore_case": true } }))),
        ],
    });
    let upgrades = json!({ "upgrade_configs": [{ "upgrade_type": "CONNECT" }] });
    let connect = Route::prefix("/")
        .with(json!({ "match": { "prefix": null, "connect_matcher": {} } }))
        .direct_response(200, "connected");
    let cases =
        [paths(), regexes(), headers(), queries(), others()].into_iter().flatten().collect();
    Theme { pair: Pair::new("rules", configuration).with(upgrades).route(connect), cases }
}

/// Without a token a request that a rule is about is denied, and all others pass.
fn matched(path: &str, is: bool) -> Case {
    let case = case(format!("{path} is {is}"), path);
    match is {
        true if path.contains('?') => case.denied_with_query(),
        true => case.denied(reasons::MISSING),
        false => case.same(200),
    }
}

/// A target that Envoy itself refuses.
fn refused(target: &str, status: u16) -> Case {
    case(format!("{target} is refused"), target).same(status)
}

fn paths() -> Vec<Case> {
    vec![
        matched("/prefix", true),
        matched("/prefix/", true),
        matched("/prefixed", true),
        matched("/prefix/open", false),
        matched("/prefix/open/", true),
        matched("/prefix/open?x", false),
        matched("/Prefix", false),
        matched("//prefix", false),
        matched("/./prefix", false),
        matched("/%70refix", false),
        matched("/prefi%78", false),
        matched("/prefix;x=/public", true),
        matched("/public?x=/prefix", false),
        refused("/public#/prefix", 400),
        refused("/prefix#x", 400),
        matched("/path", true),
        matched("/path?x=1", true),
        matched("/path/", false),
        matched("/path;", false),
        matched("/paths", false),
        matched("/PATH", false),
        matched("/separated", true),
        matched("/separated/", true),
        matched("/separated/x", true),
        matched("/separated?x", true),
        matched("/separateds", false),
        matched("/anycase/x", true),
        matched("/ANYCASE", true),
        matched("/anypath", true),
        matched("/anypath/", false),
        matched("/anyseparated/x", true),
        matched("/ANYSEPARATEDs", false),
        case("a good token for a path", "/path")
            .bearer(token(json!({})))
            .same(200)
            .says("upstream x-sub", "alice"),
        case("a bad token where nothing is needed", "/public")
            .bearer("x")
            .same(200)
            .says("upstream authorization", "Bearer x"),
        case("a good token where nothing is needed", "/prefix/open")
            .bearer(token(json!({})))
            .same(200)
            .says("upstream x-sub", ""),
    ]
}

fn regexes() -> Vec<Case> {
    vec![
        matched("/regex/v1", true),
        matched("/regex/v12/x/y", true),
        matched("/regex/v1?x", true),
        matched("/regex/v", false),
        matched("/regex/v1x", false),
        matched("/x/regex/v1", false),
        matched("/re2/abca", true),
        matched("/re2/abcd", false),
        matched("/users/7/orders/1", true),
        matched("/users/7/orders/1?x", true),
        matched("/users/a%20b/orders/1", true),
        matched("/users/7/orders/", false),
        matched("/users/7/orders/1/2", false),
        matched("/users//orders/1", false),
        matched("/films/a/b.m3u8", true),
        matched("/films/a.mp4", false),
        matched("/films/.m3u8", true),
    ]
}

fn headers() -> Vec<Case> {
    let kind = |path: &str, value: &str, is: bool| matched(path, is).header("x-kind", value);
    vec![
        matched("/method", true).method("POST").header("content-length", "0"),
        matched("/method", false),
        kind("/present", "x", true),
        kind("/present", "", true),
        matched("/present", false),
        matched("/absent", true),
        kind("/absent", "x", false),
        matched("/not-present", true),
        kind("/not-present", "x", false),
        kind("/exact", "a", true),
        kind("/exact", "A", false),
        matched("/exact", false),
        kind("/begins", "Abc", true),
        kind("/begins", "bac", false),
        kind("/starts", "ab", true),
        kind("/starts", "Ab", false),
        kind("/ends", "a-z", true),
        kind("/ends", "z-a", false),
        kind("/has", "ama", true),
        kind("/has", "aa", false),
        kind("/like", "abc", true),
        kind("/like", "abcd", false),
        kind("/range", "-5", true),
        kind("/range", "9", true),
        kind("/range", "10", false),
        kind("/range", "1.5", false),
        kind("/range", "x", false),
        kind("/range", "", false),
        kind("/range", "+5", true),
        kind("/range", "05", true),
        kind("/other", "b", true),
        kind("/other", "a", false),
        matched("/other", false),
        matched("/empty", true),
        kind("/empty", "", true),
        kind("/empty", "x", false),
        matched("/missing-other", true),
        kind("/missing-other", "a", false),
        matched("/authority", true),
        kind("/both", "a", false),
        kind("/both", "a", true).header("x-more", "b"),
        // Each value by itself.
        kind("/exact", "a", true).header("x-kind", "b"),
        kind("/exact", "b", true).header("x-kind", "a"),
        kind("/exact", "b,a", false),
        kind("/has", "a", true).header("x-kind", "m"),
        kind("/ends", "a", true).header("x-kind", "z"),
        kind("/other", "a", false).header("x-kind", "b"),
        kind("/other", "c", true).header("x-kind", "b"),
        kind("/range", "1", true).header("x-kind", "20"),
        kind("/present", "a", true).header("x-kind", "b"),
        kind("/absent", "a", false).header("x-kind", "b"),
    ]
}

fn queries() -> Vec<Case> {
    vec![
        matched("/asked?q", true),
        matched("/asked?q=", true),
        matched("/asked?a&q=1", true),
        matched("/asked", false),
        matched("/asked?Q", false),
        matched("/asked?qq=1", false),
        matched("/asked?%71=1", false),
        refused("/asked#?q", 400),
        matched("/not-asked", true),
        matched("/not-asked?q", false),
        refused("/value-exact?q=a b", 400),
        matched("/value-exact?q=a%20b", false),
        matched("/value-exact?q=a+b", false),
        matched("/value-like?q=12", true),
        matched("/value-like?q=12x", false),
        matched("/value-like?q=x&q=12", false),
        matched("/value-like?q=12&q=x", true),
        matched("/value-prefix?q=abc", true),
        matched("/value-prefix?q=bac", false),
    ]
}

fn others() -> Vec<Case> {
    vec![
        matched("/path", true).method("PUT").header("content-length", "0"),
        matched("/path", true).method("DELETE"),
        matched("/path", true).method("OPTIONS"),
        refused("*", 404).method("OPTIONS"),
        matched("service.example:443", true).method("CONNECT"),
        case("CONNECT with a token", "service.example:443")
            .method("CONNECT")
            .bearer(token(json!({})))
            .same(200),
    ]
}

/// Where Envoy normalises paths before the filters see them, as the README advises.
pub(crate) fn normalized() -> Theme {
    let configuration = json!({
        "providers": { "main": provider(json!({})) },
        "rules": [{ "match": { "prefix": "/admin" }, "requires": { "provider_name": "main" } }],
    });
    let manager = json!({
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    });
    let denied = |path: &str| case(path, path).denied(reasons::MISSING);
    let passes = |path: &str| case(path, path).same(200);
    let cases = vec![
        denied("/admin"),
        denied("//admin"),
        denied("///admin"),
        denied("/./admin"),
        denied("/x/../admin"),
        denied("/%61dmin"),
        denied("/admi%6E"),
        denied("/%2fadmin"),
        denied("/x%2f..%2fadmin"),
        denied("/%2e/admin"),
        denied("/x/%2e%2e/admin"),
        denied("/%5cadmin"),
        denied("/.;/admin"),
        // These stay what they are.
        passes("/ADMIN"),
        passes("/;/admin"),
        passes("/%252e/admin"),
        passes("/%2561dmin"),
        passes("/admin/../public"),
        passes("/public"),
    ];
    Theme { pair: Pair::new("normalized", configuration).with(manager), cases }
}
