//! What is read from a configuration, and what is refused.

use super::*;

fn refusal(change: impl FnOnce(&mut Value)) -> ConfigError {
    let mut config = config();
    change(&mut config);
    compile(&config).unwrap_err()
}

#[test]
fn the_output_headers_of_all_providers_are_known_in_lower_case() {
    let mut config = config();
    config["providers"]["other"] = json!({
        "local_jwks": jwks(&[ec_jwk()]),
        "claim_to_headers": [
            {"header_name": "X-Sub", "claim_name": "sub"},
            {"header_name": "X-Other", "claim_name": "o"},
        ],
    });
    let authenticator = compile(&config).unwrap();
    let headers: Vec<_> = authenticator.output_headers().collect();
    assert_eq!(headers, ["x-deep", "x-jwt-auth-denied", "x-other", "x-payload", "x-sub"]);
}

#[test]
fn wrong_configurations_are_refused_with_the_path_of_the_fault() {
    for (error, path) in [
        (refusal(|c| c["providers"] = json!({})), "providers"),
        (refusal(|c| c["provider"] = json!({})), "provider"),
        (refusal(|c| c["rules"][1]["requirement_name"] = json!("x")), "rules[1]"),
        (refusal(|c| c["rules"][0]["requirement_name"] = json!("x")), "rules[0].requirement_name"),
        (refusal(|c| c["requirement_map"]["x"] = json!({})), "requirement_map.x"),
        (
            refusal(|c| c["requirement_map"]["x"]["provider_name"] = json!("y")),
            "requirement_map.x.provider_name",
        ),
        (refusal(|c| c["filter_state_rules"] = json!({"name": ""})), "filter_state_rules.name"),
        (
            refusal(|c| c["filter_state_rules"] = json!({"name": "x", "requires": {"v": {}}})),
            "filter_state_rules.requires.v",
        ),
        (
            refusal(|c| c["providers"]["main"]["remote_jwks"] = json!({})),
            "providers.main.remote_jwks.http_uri",
        ),
        (
            refusal(|c| c["providers"]["main"]["from_params"] = json!(["a", ""])),
            "providers.main.from_params[1]",
        ),
        (
            refusal(|c| c["providers"]["main"]["from_cookies"] = json!(["a=b"])),
            "providers.main.from_cookies[0]",
        ),
        (
            refusal(|c| c["providers"]["main"]["from_headers"] = json!([{"name": ":path"}])),
            "providers.main.from_headers[0].name",
        ),
        (
            refusal(|c| c["providers"]["main"]["clock_skew_seconds"] = json!(-1)),
            "providers.main.clock_skew_seconds",
        ),
        (
            refusal(|c| c["providers"]["main"]["local_jwks"] = json!({})),
            "providers.main.local_jwks",
        ),
        (
            refusal(|c| c["providers"]["main"]["local_jwks"]["filename"] = json!("/keys")),
            "providers.main.local_jwks.filename",
        ),
        (
            refusal(|c| c["providers"]["main"]["local_jwks"]["inline_string"] = json!("{")),
            "providers.main.local_jwks.inline_string",
        ),
        (
            refusal(|c| {
                c["providers"]["main"]["claim_to_headers"][1]["header_name"] = json!("X-Sub")
            }),
            "providers.main.claim_to_headers[1].header_name",
        ),
        (
            refusal(|c| c["rules"][1]["requires"]["provider_name"] = json!("x")),
            "rules[1].requires.provider_name",
        ),
        (refusal(|c| c["rules"][1]["requires"] = json!({})), "rules[1].requires"),
        (refusal(|c| c["rules"][1]["requires"]["allow_missing"] = json!({})), "rules[1].requires"),
        (
            refusal(|c| c["rules"][1]["requires"] = json!({"requires_any": {"requirements": []}})),
            "rules[1].requires.requires_any.requirements",
        ),
        (
            refusal(|c| {
                c["rules"][1]["requires"] = json!({"requires_all": {"requirements": [
                    {"provider_name": "main"},
                    {"provider_and_audiences": {"provider_name": "x"}},
                ]}});
            }),
            "rules[1].requires.requires_all.requirements[1].provider_and_audiences.provider_name",
        ),
        (refusal(|c| c["rules"][0]["match"] = json!({})), "rules[0].match"),
        (refusal(|c| c["rules"][0]["match"]["path"] = json!("/x")), "rules[0].match"),
        (
            refusal(|c| c["rules"][0]["match"]["safe_regex"] = json!({})),
            "rules[0].match.safe_regex.regex",
        ),
        (refusal(|c| c["rules"][0]["match"]["prefix"] = json!("api")), "rules[0].match.prefix"),
        (refusal(|c| c["rules"][1]["match"]["path"] = json!("/x?y")), "rules[1].match.path"),
        (refusal(|c| c["rules"][1]["match"]["path"] = json!("")), "rules[1].match.path"),
    ] {
        assert_eq!(error.path, path, "{error}");
        assert!(!error.found.is_empty() && !error.allowed.is_empty(), "{error}");
    }
}

#[test]
fn a_header_that_is_removed_first_is_no_place_of_tokens() {
    let with_place = |change: fn(&mut Value)| {
        refusal(|c| {
            c["providers"]["other"] = json!({
                "local_jwks": jwks(&[ec_jwk()]),
                "from_headers": [{"name": "X-Token"}, {"name": "X-Other"}],
            });
            change(c);
        })
    };
    for (error, path) in [
        (
            with_place(|c| {
                c["providers"]["main"]["claim_to_headers"][1]["header_name"] = json!("x-token");
            }),
            "providers.main.claim_to_headers[1].header_name",
        ),
        (
            with_place(|c| {
                c["providers"]["other"]["forward_payload_header"] = json!("x-OTHER");
            }),
            "providers.other.forward_payload_header",
        ),
        (
            with_place(|c| {
                c["rules"][1]["requires"] = json!({
                    "extract_only_without_validation": {"verification_status_header": "x-token"},
                });
            }),
            "rules[1].requires.extract_only_without_validation.verification_status_header",
        ),
        (with_place(|c| c["report_header"] = json!("x-token")), "report_header"),
    ] {
        assert_eq!(error.path, path, "{error}");
        assert_eq!(error.allowed, "a header that no `from_headers` names", "{error}");
    }
}

#[test]
fn the_header_for_reports_is_one_that_nothing_else_sets() {
    for header in ["X-Sub", "x-payload", "host", "cookie", "authorization"] {
        let error = refusal(|c| c["report_header"] = json!(header));
        assert_eq!(error.path, "report_header", "{error}");
    }
    let error = refusal(|c| c["mode"] = json!("observe"));
    assert_eq!(error.path, "mode", "{error}");
}

#[cfg(not(target_arch = "wasm32"))] // `with_environment` is native
#[test]
fn keys_may_come_from_an_environment_variable_of_the_vm() {
    let variable = json!({ "environment_variable": "JWKS" });
    let mut config = config();
    let keys = config["providers"]["main"]["local_jwks"]["inline_string"].clone();
    config["providers"]["main"]["local_jwks"] = variable;
    let compile_with =
        |jwks: &str| tollgate::config::with_environment([("JWKS", jwks)], || compile(&config));
    assert!(compile_with(keys.as_str().unwrap()).is_ok());
    let error = compile_with("{").unwrap_err();
    assert_eq!(error.path, "providers.main.local_jwks.environment_variable");
    assert!(error.found.starts_with("Jwks is an invalid JSON"), "{error}");
    assert_eq!(compile(&config).unwrap_err().path, error.path);
}

#[test]
fn a_refusal_names_the_providers_there_are() {
    let error = refusal(|c| c["rules"][1]["requires"]["provider_name"] = json!("mian"));
    assert_eq!(
        error.to_string(),
        r#"`rules[1].requires.provider_name`: found "mian", allowed: "main""#
    );
}

#[test]
fn every_field_is_read_in_both_spellings() {
    let camel = json!({
        "providers": {"p": {
            "localJwks": {"inlineString": json!({"keys": [ec_jwk()]}).to_string()},
            "clockSkewSeconds": 5,
            "requireExpiration": true,
            "claimToHeaders": [{"headerName": "x-sub", "claimName": "sub"}],
            "forwardPayloadHeader": "x-payload",
            "padForwardPayloadHeader": true,
        }},
        "rules": [{"match": {"prefix": ""}, "requires": {"providerName": "p"}}],
        "bypassCorsPreflight": true,
        "stripFailureResponse": true,
    });
    let authenticator = compile(&camel).unwrap();
    assert!(authenticator.has_rules());
    assert_eq!(
        authenticator.output_headers().collect::<Vec<_>>(),
        ["x-jwt-auth-denied", "x-payload", "x-sub"]
    );
}
