//! What a provider can ask of its tokens, and make of them.

use super::*;

fn with(fields: Value) -> Authenticator {
    let mut config = config();
    config["providers"]["main"]
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    compile(&config).unwrap()
}

fn failure_of(authenticator: &Authenticator, others: Value) -> Option<Failure> {
    failure_with(authenticator, &Signer::Es256.token(&claims(others)))
}

/// What is left in the filter state about a request with these claims.
fn properties(authenticator: &Authenticator, others: Value) -> Vec<(String, Value)> {
    let authorization = format!("Bearer {}", Signer::Es256.token(&claims(others)));
    let headers = request("/", &[authorization.as_bytes()]);
    let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
    let accepted = decision.outcome.accepted.iter();
    accepted
        .flat_map(|accepted| accepted.token.written.properties.clone())
        .map(|(name, value)| (name.to_string(), serde_json::from_str(&value).unwrap()))
        .collect()
}

#[test]
fn subjects_can_be_restricted() {
    let authenticator = with(json!({"subjects": {"prefix": "spiffe://a/"}}));
    assert_eq!(failure_of(&authenticator, json!({"sub": "spiffe://a/b"})), None);
    for sub in ["spiffe://b/a", "SPIFFE://a/b", ""] {
        let failure = failure_of(&authenticator, json!({ "sub": sub }));
        assert_eq!(failure, Some(Failure::VerificationFailed), "{sub}");
    }
    let token = Signer::Es256.token(&json!({"iss": ISSUER, "aud": AUDIENCE}));
    assert_eq!(failure_with(&authenticator, &token), Some(Failure::VerificationFailed));
}

#[test]
fn the_lifetime_that_is_left_can_be_restricted() {
    let authenticator = with(json!({"max_lifetime": "100s"}));
    for (claims, good) in [
        (json!({"exp": NOW + 100}), true),
        (json!({"exp": NOW + 101}), false),
        (json!({"exp": NOW - 60}), true),
        (json!({"exp": 0}), false),
        (json!({"exp": u64::MAX}), false),
        (json!({"exp": NOW + 100, "iat": NOW + 60}), true),
        (json!({"exp": NOW + 100, "iat": NOW + 61}), false),
    ] {
        let failure = failure_of(&authenticator, claims.clone());
        assert_eq!(failure, (!good).then_some(Failure::VerificationFailed), "{claims}");
    }
}

#[test]
fn longer_tokens_can_be_allowed_and_shorter_ones_refused() {
    let padding = |bytes: usize| json!({"x": "x".repeat(bytes)});
    assert_eq!(failure_of(&authenticator(), padding(6200)), Some(Failure::BadFormat));
    assert_eq!(failure_of(&with(json!({"max_token_bytes": 10_000})), padding(6200)), None);
    let failure = failure_of(&with(json!({"max_token_bytes": 300})), padding(300));
    assert_eq!(failure, Some(Failure::BadFormat));
}

#[test]
fn a_type_can_be_required() {
    let authenticator = with(json!({"required_type": "at+jwt"}));
    let failure = |typ: Value| {
        let header = json!({"alg": "ES256", "typ": typ});
        let token = Signer::Es256.token_with(&header, &claims(json!({})).to_string());
        failure_with(&authenticator, &token)
    };
    for good in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert_eq!(failure(json!(good)), None, "{good}");
    }
    for bad in [json!("JWT"), json!(""), json!(7), json!(null), json!("application/x/at+jwt")] {
        assert_eq!(failure(bad.clone()), Some(Failure::TypNotAccepted), "{bad}");
    }
    let token = Signer::Es256.token(&claims(json!({})));
    assert_eq!(failure_with(&authenticator, &token), Some(Failure::TypNotAccepted));
}

#[test]
fn algorithms_can_be_restricted() {
    let authenticator = with(json!({"algorithms": ["RS256"]}));
    let token = |signer: Signer| signer.token(&claims(json!({})));
    assert_eq!(failure_with(&authenticator, &token(Signer::Rs256)), None);
    let failure = failure_with(&authenticator, &token(Signer::Es256));
    assert_eq!(failure, Some(Failure::NoMatchingKey));
}

#[test]
fn payload_and_header_are_left_in_the_filter_state() {
    let authenticator = with(json!({"payload_in_metadata": "p", "header_in_metadata": "h"}));
    let claims = claims(json!({"scope": "a b"}));
    let expected = [("h".to_owned(), json!({"alg": "ES256"})), ("p".to_owned(), claims.clone())];
    assert_eq!(properties(&authenticator, json!({"scope": "a b"})), expected);
}

#[test]
fn claims_with_blanks_become_lists_where_they_are_left() {
    let authenticator = with(json!({
        "payload_in_metadata": "p",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope", "n", "absent"]},
    }));
    for without in ["", " "] {
        let left = properties(&authenticator, json!({"scope": without}));
        assert_eq!(left[0].1["scope"], json!(without));
    }
    let left = properties(&authenticator, json!({"scope": " a  b ", "n": 7, "other": "c d"}));
    let payload = &left[0].1;
    assert_eq!((&payload["scope"], &payload["n"]), (&json!(["a", "b"]), &json!(7)));
    assert_eq!((&payload["other"], payload.get("absent")), (&json!("c d"), None));
}

#[test]
fn the_reason_of_a_failure_is_left_in_the_filter_state() {
    let authenticator = with(json!({"failed_status_in_metadata": "f"}));
    let failed = |authorization: &str| {
        let headers = request("/", &[authorization.as_bytes()]);
        let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
        decision
            .outcome
            .failed
            .into_iter()
            .map(|(name, it)| (name.to_owned(), it))
            .collect::<Vec<_>>()
    };
    let expired = Signer::Es256.token(&claims(json!({"exp": 1})));
    assert_eq!(failed(&format!("Bearer {expired}")), [("f".to_owned(), Failure::Expired)]);
    assert_eq!(failed(""), []);
    let json = crate::output::failure_json(Failure::Expired);
    assert_eq!(json, r#"{"code":3,"message":"Jwt is expired"}"#);
}

#[test]
fn lists_are_joined_where_that_is_clear() {
    let authenticator = with(json!({"claim_to_headers": [
        {"header_name": "x-roles", "claim_path": [{"key": "https://a.b/roles"}], "join": ","},
        {"header_name": "x-raw", "claim_name": "raw"},
    ]}));
    let headers = |roles: Value| {
        let claims = claims(json!({"https://a.b/roles": roles, "raw": ["a"]}));
        let authorization = format!("Bearer {}", Signer::Es256.token(&claims));
        let written = written(&authenticator, &request("/", &[authorization.as_bytes()]));
        written.into_iter().find(|(name, _)| name == "x-roles").map(|(_, value)| value)
    };
    assert_eq!(headers(json!(["a", 7, true])).as_deref(), Some("a,7,true"));
    assert_eq!(headers(json!("a,b")).as_deref(), Some("a,b"));
    for unclear in
        [json!(["a,b"]), json!(["a", ["b"]]), json!(["a", {}]), json!([""]), json!(["\n"])]
    {
        assert_eq!(headers(unclear.clone()), None, "{unclear}");
    }
    assert_eq!(headers(json!([])), None);
}

#[test]
fn the_route_is_chosen_again_only_if_something_changed() {
    for (fields, expected) in [
        (json!({"clear_route_cache": true}), true),
        (json!({"clear_route_cache": false}), false),
        (json!({"clear_route_cache": true, "claim_to_headers": []}), false),
        (
            json!({"clear_route_cache": true, "claim_to_headers": [], "payload_in_metadata": "p"}),
            true,
        ),
    ] {
        let authenticator = with(fields.clone());
        let authorization = format!("Bearer {}", Signer::Es256.token(&claims(json!({}))));
        let headers = request("/", &[authorization.as_bytes()]);
        let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
        let clears = decision.outcome.accepted[0].token.written.clear_route_cache;
        assert_eq!(clears, expected, "{fields}");
    }
}

#[test]
fn fields_that_cannot_be_meant_are_refused() {
    for (fields, at) in [
        (json!({"subjects": {}}), "subjects"),
        (json!({"subjects": {"prefix": ""}}), "subjects.prefix"),
        (json!({"max_lifetime": "0s"}), "max_lifetime"),
        (json!({"max_token_bytes": 0}), "max_token_bytes"),
        (json!({"required_type": ""}), "required_type"),
        (json!({"algorithms": []}), "algorithms"),
        (json!({"algorithms": ["RS256", "none"]}), "algorithms[1]"),
        (json!({"payload_in_metadata": "request"}), "payload_in_metadata"),
        (json!({"header_in_metadata": "a\0"}), "header_in_metadata"),
        (json!({"claim_to_headers": [{"header_name": "x"}]}), "claim_to_headers[0]"),
        (
            json!({"claim_to_headers": [{"header_name": "x", "claim_path": []}]}),
            "claim_to_headers[0].claim_path",
        ),
        (
            json!({"claim_to_headers": [{"header_name": "x", "claim_name": "y", "join": ""}]}),
            "claim_to_headers[0].join",
        ),
        (json!({"jwt_cache_config": {"jwt_cache_size": -1}}), "jwt_cache_config.jwt_cache_size"),
    ] {
        let mut config = config();
        let main = config["providers"]["main"].as_object_mut().unwrap();
        main.extend(fields.as_object().unwrap().clone());
        let error = compile(&config).unwrap_err();
        assert_eq!(error.path, format!("providers.main.{at}"), "{error}");
    }
}
