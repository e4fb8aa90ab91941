use super::*;
use crate::authenticator::{Authenticator, Verdict};
use crate::testing::{Signer, World, ec_jwk, rsa_jwk};
use serde_json::{Value, json};
use tollgate::abi::Status;
use tollgate::config::ConfigError;

const NOW: u64 = 1_700_000_000;

/// Two providers, each with a header of its own: `a` (EC keys) in `x-a`, `b` (RSA keys) in `x-b`.
fn compile(requires: &Value) -> Result<Authenticator, ConfigError> {
    let provider = |name: &str, key: Value| {
        json!({
            "issuer": name,
            "audiences": ["us"],
            "local_jwks": {"inline_string": json!({"keys": [key]}).to_string()},
            "from_headers": [{"name": format!("x-{name}")}],
            "claim_to_headers": [{"header_name": format!("x-{name}-sub"), "claim_name": "sub"}],
        })
    };
    let config = json!({
        "providers": {"a": provider("a", ec_jwk()), "b": provider("b", rsa_jwk())},
        "rules": [{"match": {"prefix": "/"}, "requires": requires}],
    });
    Authenticator::new(tollgate::config::from_slice(config.to_string().as_bytes())?)
}

fn token_for(issuer: &str, others: Value) -> String {
    let mut claims = json!({"iss": issuer, "aud": "us", "sub": format!("of-{issuer}")});
    claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    if issuer == "b" { Signer::Rs256.token(&claims) } else { Signer::Es256.token(&claims) }
}

fn good(issuer: &str) -> String {
    token_for(issuer, json!({}))
}

fn expired(issuer: &str) -> String {
    token_for(issuer, json!({"exp": 1}))
}

/// The subjects that the upstream learns of, or why the request is denied.
fn decide(requires: &Value, headers: &[(&str, String)]) -> Result<Vec<String>, Failure> {
    let authenticator = compile(requires).unwrap();
    let headers = [(":path", "/".to_owned())].into_iter().chain(headers.iter().cloned());
    let headers = HeaderMap::from_pairs(headers);
    let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
    match decision.verdict {
        Verdict::Denied(denial) => {
            assert!(decision.outcome.accepted.is_empty());
            Err(denial.failure)
        }
        _ => {
            let accepted = decision.outcome.accepted.iter();
            let values = accepted.flat_map(|accepted| accepted.token.written.headers.clone());
            Ok(values.map(|(_, value)| value).collect())
        }
    }
}

fn subjects(names: &[&str]) -> Result<Vec<String>, Failure> {
    Ok(names.iter().map(|name| (*name).to_owned()).collect())
}

fn a() -> Value {
    json!({"provider_name": "a"})
}

fn b() -> Value {
    json!({"provider_name": "b"})
}

fn any(requirements: &[Value]) -> Value {
    json!({"requires_any": {"requirements": requirements}})
}

fn all(requirements: &[Value]) -> Value {
    json!({"requires_all": {"requirements": requirements}})
}

fn missing() -> Value {
    json!({"allow_missing": {}})
}

fn failed() -> Value {
    json!({"allow_missing_or_failed": {}})
}

#[test]
fn a_provider_needs_a_token_at_its_own_places() {
    assert_eq!(decide(&a(), &[("x-a", good("a"))]), subjects(&["of-a"]));
    assert_eq!(decide(&a(), &[("x-b", good("a"))]), Err(Failure::Missing));
    assert_eq!(decide(&a(), &[("x-a", good("b"))]), Err(Failure::UnknownIssuer));
    assert_eq!(decide(&a(), &[("x-a", good("a")), ("x-b", "?".into())]), subjects(&["of-a"]));
}

#[test]
fn every_token_that_is_found_must_be_good_and_the_last_is_tried_first() {
    let good_one = ("x-a", good("a"));
    let late = ("x-a", token_for("a", json!({"nbf": NOW + 1000})));
    assert_eq!(decide(&a(), &[good_one.clone(), good_one.clone()]), subjects(&["of-a", "of-a"]));
    assert_eq!(decide(&a(), &[good_one.clone(), ("x-a", expired("a"))]), Err(Failure::Expired));
    assert_eq!(decide(&a(), &[("x-a", expired("a")), good_one]), Err(Failure::Expired));
    assert_eq!(decide(&a(), &[("x-a", expired("a")), late]), Err(Failure::NotYetValid));
}

#[test]
fn audiences_of_a_requirement_replace_those_of_the_provider() {
    let with = |audiences: Value| json!({"provider_and_audiences": {"provider_name": "a", "audiences": audiences}});
    let other = token_for("a", json!({"aud": "them"}));
    assert_eq!(decide(&with(json!(["them"])), &[("x-a", other.clone())]), subjects(&["of-a"]));
    let failure = Err(Failure::AudienceNotAllowed);
    assert_eq!(decide(&with(json!(["them"])), &[("x-a", good("a"))]), failure);
    assert_eq!(decide(&with(json!([])), &[("x-a", other)]), failure);
    assert_eq!(decide(&with(json!([])), &[("x-a", good("a"))]), subjects(&["of-a"]));
}

#[test]
fn one_of_several_is_enough_and_the_first_that_holds_counts() {
    let either = any(&[a(), b()]);
    assert_eq!(decide(&either, &[("x-a", good("a"))]), subjects(&["of-a"]));
    assert_eq!(decide(&either, &[("x-b", good("b"))]), subjects(&["of-b"]));
    let both = [("x-b", good("b")), ("x-a", good("a"))];
    assert_eq!(decide(&either, &both), subjects(&["of-a"]));
    let bad_first = [("x-a", expired("a")), ("x-b", good("b"))];
    assert_eq!(decide(&either, &bad_first), subjects(&["of-b"]));
}

#[test]
fn what_a_part_that_fails_has_learnt_is_forgotten() {
    let requires = any(&[all(&[a(), b()]), b()]);
    let headers = [("x-a", good("a")), ("x-b", good("b"))];
    assert_eq!(decide(&requires, &headers), subjects(&["of-a", "of-b"]));
    let requires = any(&[
        all(&[
            a(),
            json!({"provider_and_audiences": {
                "provider_name": "b", "audiences": ["others"],
            }}),
        ]),
        b(),
    ]);
    assert_eq!(decide(&requires, &headers), subjects(&["of-b"]));
}

#[test]
fn the_reason_is_the_one_that_says_most() {
    let either = any(&[a(), b()]);
    let (unknown_a, unknown_b) = (("x-a", good("b")), ("x-b", good("a")));
    let forbidden = |name| token_for(name, json!({"aud": "them"}));
    for (headers, expected) in [
        (vec![], Failure::Missing),
        (vec![unknown_a.clone()], Failure::UnknownIssuer),
        (vec![unknown_b.clone()], Failure::UnknownIssuer),
        (vec![("x-a", expired("a"))], Failure::Expired),
        (vec![("x-a", expired("a")), unknown_b], Failure::Expired),
        (vec![unknown_a, ("x-b", expired("b"))], Failure::Expired),
        (vec![("x-a", expired("a")), ("x-b", forbidden("b"))], Failure::AudienceNotAllowed),
        (vec![("x-a", forbidden("a")), ("x-b", expired("b"))], Failure::Expired),
    ] {
        assert_eq!(decide(&either, &headers), Err(expected), "{headers:?}");
    }
}

#[test]
fn all_of_several_are_needed_and_the_first_that_fails_is_the_reason() {
    let both = all(&[a(), b()]);
    let headers = [("x-a", good("a")), ("x-b", good("b"))];
    assert_eq!(decide(&both, &headers), subjects(&["of-a", "of-b"]));
    assert_eq!(decide(&both, &headers[..1]), Err(Failure::Missing));
    let headers = [("x-a", expired("a")), ("x-b", "?".into())];
    assert_eq!(decide(&both, &headers), Err(Failure::Expired));
}

#[test]
fn a_token_that_several_of_all_meet_becomes_headers_once() {
    let headers = [("x-a", good("a")), ("x-b", good("b"))];
    let twice = all(&[a(), json!({"provider_and_audiences": {"provider_name": "a"}})]);
    assert_eq!(decide(&twice, &headers), subjects(&["of-a"]));
    assert_eq!(decide(&all(&[a(), missing()]), &headers), subjects(&["of-a", "of-b"]));
    // Two tokens that say the same are two.
    let two = [("x-a", good("a")), ("x-a", good("a"))];
    assert_eq!(decide(&all(&[a(), missing()]), &two), subjects(&["of-a", "of-a"]));
}

#[test]
fn a_missing_token_can_be_allowed_and_a_bad_one_still_is_not() {
    let optional = any(&[a(), missing()]);
    assert_eq!(decide(&optional, &[]), subjects(&[]));
    assert_eq!(decide(&optional, &[("x-a", good("a"))]), subjects(&["of-a"]));
    assert_eq!(decide(&optional, &[("x-a", expired("a"))]), Err(Failure::Expired));
    assert_eq!(decide(&optional, &[("x-a", good("b"))]), Err(Failure::UnknownIssuer));
    assert_eq!(decide(&optional, &[("x-b", "?".into())]), subjects(&[]));
}

#[test]
fn a_failed_token_can_be_allowed_and_becomes_nothing() {
    let lenient = any(&[a(), failed()]);
    assert_eq!(decide(&lenient, &[]), subjects(&[]));
    assert_eq!(decide(&lenient, &[("x-a", expired("a"))]), subjects(&[]));
    assert_eq!(decide(&lenient, &[("x-a", "?".into())]), subjects(&[]));
    assert_eq!(decide(&lenient, &[("x-a", good("a"))]), subjects(&["of-a"]));
}

#[test]
fn allowing_a_missing_token_alone_looks_at_the_places_of_all_providers() {
    for requires in [missing(), any(&[missing(), missing()])] {
        assert_eq!(decide(&requires, &[]), subjects(&[]));
        let both = [("x-a", good("a")), ("x-b", good("b"))];
        assert_eq!(decide(&requires, &both), subjects(&["of-b", "of-a"]));
        assert_eq!(decide(&requires, &[("x-b", good("a"))]), Err(Failure::UnknownIssuer));
        assert_eq!(decide(&requires, &[("x-a", expired("a"))]), Err(Failure::Expired));
        for bad in ["x-a", "x-b"] {
            let headers = [("x-a", good("a")), ("x-b", good("b")), (bad, "?".into())];
            assert_eq!(decide(&requires, &headers), Err(Failure::BadFormat), "{bad}");
        }
    }
}

#[test]
fn allowing_failed_tokens_alone_takes_what_is_good() {
    for requires in [failed(), any(&[failed(), missing()])] {
        assert_eq!(decide(&requires, &[]), subjects(&[]));
        let headers = [("x-a", expired("a")), ("x-b", good("b")), ("x-b", "?".into())];
        assert_eq!(decide(&requires, &headers), subjects(&["of-b"]));
    }
}

#[test]
fn requirements_nest() {
    let requires = any(&[all(&[a(), any(&[b(), missing()])]), failed()]);
    assert_eq!(decide(&requires, &[("x-a", good("a"))]), subjects(&["of-a"]));
    let headers = [("x-a", good("a")), ("x-b", expired("b"))];
    assert_eq!(decide(&requires, &headers), subjects(&[]));
}

#[test]
fn extracting_only_believes_what_can_be_read_and_marks_it() {
    let extract = json!({"extract_only_without_validation": {}});
    let authenticator = compile(&extract).unwrap();
    let outputs: Vec<_> = authenticator.output_headers().collect();
    assert_eq!(outputs, ["x-a-sub", "x-b-sub", "x-jwt-auth-denied", "x-jwt-signature-verified"]);
    let forged = format!("{}AAAA", expired("a"));
    let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*forged), ("x-b", "?")]);
    let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
    assert_eq!(decision.verdict, Verdict::Allowed);
    assert_eq!(decision.outcome.accepted[0].token.written.headers[0].1, "of-a");
    assert_eq!(decision.outcome.accepted.len(), 1);
    assert_eq!(decision.outcome.unverified, Some(Some("x-jwt-signature-verified")));
    assert!(decision.outcome.accepted[0].provider.cache().borrow().is_empty());
    let none = HeaderMap::from_pairs([(":path", "/"), ("x-b", "?")]);
    let decision = authenticator.decide(&none, NOW, &World::default()).unwrap();
    assert_eq!(decision.outcome.unverified, None);
}

#[test]
fn the_mark_of_what_was_only_extracted_can_be_renamed_and_turned_off() {
    for (name, mark) in [("X-Checked", Some("x-checked")), ("-", None)] {
        let extract =
            json!({"extract_only_without_validation": {"verification_status_header": name}});
        let authenticator = compile(&extract).unwrap();
        let outputs: Vec<_> = authenticator.output_headers().collect();
        assert!(outputs.contains(&"x-jwt-signature-verified"), "{outputs:?}");
        assert_eq!(outputs.contains(&"x-checked"), mark.is_some());
        let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*good("a"))]);
        let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
        assert_eq!(decision.outcome.unverified, Some(mark));
    }
}

#[test]
fn the_mark_of_what_was_only_extracted_is_no_header_that_is_needed() {
    for name in ["authorization", "Host", "content-length", "a b", ""] {
        let extract =
            json!({"extract_only_without_validation": {"verification_status_header": name}});
        let error = compile(&extract).unwrap_err().to_string();
        assert!(error.contains("verification_status_header"), "{name}: {error}");
    }
}

#[test]
fn what_was_only_extracted_in_a_part_that_fails_marks_nothing() {
    let extract = json!({"extract_only_without_validation": {}});
    let requires = any(&[all(&[extract, a()]), b()]);
    let authenticator = compile(&requires).unwrap();
    let (bad, good) = (expired("a"), good("b"));
    let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*bad), ("x-b", &*good)]);
    let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
    assert_eq!(decision.verdict, Verdict::Allowed);
    assert_eq!(decision.outcome.accepted.len(), 1);
    assert_eq!(decision.outcome.unverified, None);
}

#[test]
fn what_nobody_has_verified_does_not_stand_beside_what_was_verified() {
    let requires = all(&[a(), json!({"extract_only_without_validation": {}})]);
    let authenticator = compile(&requires).unwrap();
    let (verified, forged) = (good("a"), format!("{}AAAA", expired("a")));
    let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*verified), ("x-b", &*forged)]);
    let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
    assert_eq!(decision.verdict, Verdict::Allowed);
    assert_eq!(decision.outcome.accepted.len(), 1);
}

/// Requirements by the filter state, for a request that no rule matches.
fn by_filter_state(world: &World) -> Result<Verdict, HostError> {
    let jwks = json!({"keys": [ec_jwk()]}).to_string();
    let config = json!({
        "providers": {"a": {"local_jwks": {"inline_string": jwks}}},
        "rules": [{"match": {"prefix": "/open"}}],
        "filter_state_rules": {"name": "wasm.tenant", "requires": {"strict": a()}},
    });
    let config = tollgate::config::from_slice(config.to_string().as_bytes()).unwrap();
    let authenticator = Authenticator::new(config).unwrap();
    assert!(authenticator.has_rules());
    let open = HeaderMap::from_pairs([(":path", "/open")]);
    assert_eq!(authenticator.decide(&open, NOW, world).unwrap().verdict, Verdict::Allowed);
    let other = HeaderMap::from_pairs([(":path", "/")]);
    authenticator.decide(&other, NOW, world).map(|decision| decision.verdict)
}

#[test]
fn the_filter_state_says_what_a_request_without_a_rule_needs() {
    let world = |value| World { filter_state: [("wasm.tenant", value)].into(), ..World::default() };
    let denied = Verdict::Denied(Failure::Missing.into());
    assert_eq!(by_filter_state(&world("strict")), Ok(denied));
    assert_eq!(by_filter_state(&world("other")), Ok(Verdict::Allowed));
    assert_eq!(by_filter_state(&World::default()), Ok(Verdict::Allowed));
}

#[test]
fn a_filter_state_that_cannot_be_read_lets_nothing_pass() {
    let error = HostError::new("proxy_get_property", Status::InternalFailure);
    let world = World { fails: Some(error), ..World::default() };
    assert_eq!(by_filter_state(&world), Err(error));
}

#[test]
fn a_requirement_has_a_name_that_several_rules_share() {
    let jwks = json!({"keys": [ec_jwk()]}).to_string();
    let config = json!({
        "providers": {"a": {"issuer": "a", "local_jwks": {"inline_string": jwks}}},
        "requirement_map": {"strict": a()},
        "rules": [
            {"match": {"prefix": "/x"}, "requirement_name": "strict"},
            {"match": {"prefix": "/y"}, "requirementName": "strict"},
        ],
    });
    let config = tollgate::config::from_slice(config.to_string().as_bytes()).unwrap();
    let authenticator = Authenticator::new(config).unwrap();
    for (path, allowed) in [("/x", false), ("/y", false), ("/z", true)] {
        let headers = HeaderMap::from_pairs([(":path", path)]);
        let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
        assert_eq!(decision.verdict == Verdict::Allowed, allowed, "{path}");
    }
}

/// Decides twice about the same token, the second time at `then`.
fn twice(token: &str, then: u64) -> (Verdict, u64, u32) {
    twice_as(&a(), token, then)
}

fn twice_as(requires: &Value, token: &str, then: u64) -> (Verdict, u64, u32) {
    let authenticator = compile(requires).unwrap();
    let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", token)]);
    let world = World::default();
    let first = authenticator.decide(&headers, NOW, &world).unwrap();
    assert_eq!((first.outcome.cache_hits, first.outcome.cache_misses), (0, 1));
    let second = authenticator.decide(&headers, then, &world).unwrap();
    (second.verdict, second.outcome.cache_hits, world.verified.get())
}

#[test]
fn a_token_that_was_verified_is_not_verified_again() {
    assert_eq!(twice(&good("a"), NOW + 1), (Verdict::Allowed, 1, 1));
}

#[test]
fn a_token_is_not_verified_again_where_any_provider_may_have_issued_it() {
    for requires in [missing(), failed()] {
        assert_eq!(twice_as(&requires, &good("a"), NOW + 1), (Verdict::Allowed, 1, 1));
    }
    let token = token_for("a", json!({"exp": NOW + 10}));
    let expired = Verdict::Denied(Failure::Expired.into());
    assert_eq!(twice_as(&missing(), &token, NOW + 71), (expired, 1, 1));
    assert_eq!(twice_as(&failed(), &token, NOW + 71), (Verdict::Allowed, 1, 1));
}

/// What a token of `issuer` brings where any provider may have issued it, before and after the provider
/// `any`, which takes tokens of every issuer and has the same key, has kept it.
fn before_and_after_another_has_kept_it(issuer: &str) -> [(Verdict, Option<String>); 2] {
    let provider = |issuer: Value, header: &str| {
        json!({
            "issuer": issuer,
            "local_jwks": {"inline_string": json!({"keys": [ec_jwk()]}).to_string()},
            "claim_to_headers": [{"header_name": header, "claim_name": "sub"}],
        })
    };
    let config = json!({
        "providers": {"a": provider(json!("a"), "x-a"), "any": provider(json!(""), "x-any")},
        "rules": [
            {"match": {"prefix": "/any"}, "requires": {"provider_name": "any"}},
            {"match": {"prefix": "/"}, "requires": missing()},
        ],
    });
    let config = tollgate::config::from_slice(config.to_string().as_bytes()).unwrap();
    let authenticator = Authenticator::new(config).unwrap();
    let claims = json!({"iss": issuer, "sub": "s"});
    let authorization = format!("Bearer {}", Signer::Es256.token(&claims));
    let decide = |path: &str| {
        let headers = HeaderMap::from_pairs([(":path", path), ("authorization", &*authorization)]);
        let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
        let accepted = decision.outcome.accepted.first();
        let header = accepted.and_then(|it| it.token.written.headers.first().cloned());
        (decision.verdict, header.map(|(name, _)| name.to_string()))
    };
    let before = decide("/");
    assert_eq!(decide("/any"), (Verdict::Allowed, Some("x-any".to_owned())));
    [before, decide("/")]
}

#[test]
fn a_token_that_another_provider_has_kept_brings_what_it_would_without() {
    for (issuer, header) in [("a", "x-a"), ("z", "x-any"), ("", "x-any")] {
        let expected = (Verdict::Allowed, Some(header.to_owned()));
        let found = before_and_after_another_has_kept_it(issuer);
        assert_eq!(found, [expected.clone(), expected], "{issuer}");
    }
}

#[test]
fn a_token_from_the_cache_still_expires() {
    let token = token_for("a", json!({"exp": NOW + 10}));
    assert_eq!(twice(&token, NOW + 70), (Verdict::Allowed, 1, 1));
    let expired = Verdict::Denied(Failure::Expired.into());
    assert_eq!(twice(&token, NOW + 71), (expired, 1, 1));
}

#[test]
fn a_token_that_fails_is_not_kept() {
    let forged = format!("{}AAAA", good("a").rsplit_once('.').unwrap().0.to_owned() + ".");
    let (verdict, hits, _) = twice(&forged, NOW);
    assert!(matches!(verdict, Verdict::Denied(_)));
    assert_eq!(hits, 0);
    assert_eq!(twice(&expired("a"), NOW).1, 0);
}

#[test]
fn a_token_from_the_cache_must_still_be_for_the_audience_of_the_rule() {
    let authenticator = compile(&any(&[
        json!({"provider_and_audiences": {"provider_name": "a", "audiences": ["them"]}}),
        all(&[a(), b()]),
    ]))
    .unwrap();
    let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*good("a"))]);
    for _ in 0..2 {
        let decision = authenticator.decide(&headers, NOW, &World::default()).unwrap();
        assert_eq!(decision.verdict, Verdict::Denied(Failure::AudienceNotAllowed.into()));
    }
}

#[test]
fn the_tokens_of_one_provider_are_unknown_to_another() {
    let authenticator = compile(&any(&[a(), b()])).unwrap();
    let token = good("a");
    let at = |header: &str| {
        let headers = HeaderMap::from_pairs([(":path", "/"), (header, &*token)]);
        authenticator.decide(&headers, NOW, &World::default()).unwrap().verdict
    };
    assert_eq!(at("x-a"), Verdict::Allowed);
    assert_eq!(at("x-b"), Verdict::Denied(Failure::UnknownIssuer.into()));
}

/// A requirement of provider `a` with conditions.
fn a_with(conditions: Value) -> Value {
    let mut requires = a();
    requires.as_object_mut().unwrap().extend(conditions.as_object().unwrap().clone());
    requires
}

fn role(role: &str) -> Value {
    a_with(json!({"claims": [{"claim": "role", "exact": role}]}))
}

#[test]
fn conditions_are_checked_of_every_token_and_beside_audiences_too() {
    let (admin, user) = (token_for("a", json!({"role": "admin"})), good("a"));
    let failure = Err(Failure::ClaimsNotAllowed);
    assert_eq!(decide(&role("admin"), &[("x-a", admin.clone())]), subjects(&["of-a"]));
    assert_eq!(decide(&role("admin"), &[("x-a", user.clone())]), failure);
    let both = [("x-a", admin.clone()), ("x-a", user)];
    assert_eq!(decide(&role("admin"), &both), failure);
    let requires = json!({
        "provider_and_audiences": {"provider_name": "a", "audiences": ["us"]},
        "claims": [{"claim": "role", "exact": "owner"}],
    });
    assert_eq!(decide(&requires, &[("x-a", admin)]), failure);
}

#[test]
fn nobody_learns_anything_by_a_token_that_is_not_genuine() {
    let admin = token_for("a", json!({"role": "admin", "cnf": 5}));
    let forged =
        format!("{}.AAAA{}", admin.rsplit_once('.').unwrap().0, &admin[admin.len() - 82..]);
    for requires in [role("admin"), role("user"), a()] {
        let forged = decide(&requires, &[("x-a", forged.clone())]);
        assert_eq!(forged, Err(Failure::VerificationFailed));
    }
}

#[test]
fn a_token_from_the_cache_must_still_fulfil_the_conditions_of_the_rule() {
    let requires = any(&[role("owner"), all(&[role("admin"), b()])]);
    let authenticator = compile(&requires).unwrap();
    let admin = token_for("a", json!({"role": "admin"}));
    let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*admin), ("x-b", &*good("b"))]);
    let world = World::default();
    for _ in 0..2 {
        let decision = authenticator.decide(&headers, NOW, &world).unwrap();
        assert_eq!(decision.verdict, Verdict::Allowed);
    }
    assert_eq!(world.verified.get(), 2, "one token of each provider");
    let alone = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*admin)]);
    let decision = authenticator.decide(&alone, NOW, &world).unwrap();
    assert_eq!(decision.verdict, Verdict::Denied(Failure::ClaimsNotAllowed.into()));
}

#[test]
fn a_condition_that_fails_says_more_than_a_token_that_is_missing_or_unknown() {
    let token = ("x-a", good("a"));
    let (weak, strong) = (Failure::UnknownIssuer, Failure::ClaimsNotAllowed);
    assert_eq!(decide(&any(&[role("x"), b()]), std::slice::from_ref(&token)), Err(strong));
    assert_eq!(decide(&any(&[b(), role("x")]), std::slice::from_ref(&token)), Err(strong));
    let unknown = ("x-b", good("a"));
    assert_eq!(decide(&any(&[role("x"), b()]), &[token.clone(), unknown.clone()]), Err(strong));
    assert_eq!(decide(&any(&[role("x"), b()]), &[unknown]), Err(weak));
    assert_eq!(decide(&any(&[role("x"), missing()]), &[token]), Err(strong));
}

#[test]
fn what_a_condition_refuses_becomes_nothing() {
    let requires = any(&[role("admin"), failed()]);
    assert_eq!(decide(&requires, &[("x-a", good("a"))]), subjects(&[]));
}

#[test]
fn conditions_without_a_provider_are_refused() {
    for (field, condition) in [
        ("claims", json!([{"claim": "a", "exact": 1}])),
        ("scopes", json!(["a"])),
        ("peer", json!([{"uri": {"exact": "u"}}])),
    ] {
        for mut requires in [any(&[a(), b()]), all(&[a(), b()]), missing(), failed()] {
            requires[field] = condition.clone();
            let error = compile(&requires).unwrap_err();
            assert_eq!(error.path, format!("rules[0].requires.{field}"));
        }
    }
}

fn bound_to(certificate: [u8; 32]) -> String {
    token_for("a", json!({"cnf": {"x5t#S256": crate::testing::b64(certificate)}}))
}

#[test]
fn a_bound_token_needs_its_certificate_every_time_it_comes() {
    let token = bound_to([0xab; 32]);
    let world = |digest: Option<&str>| World {
        certificate_digest: digest.map(|digest| digest.repeat(32)),
        ..World::default()
    };
    for requires in [a(), missing()] {
        let authenticator = compile(&requires).unwrap();
        let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*token)]);
        let mismatch = Verdict::Denied(Failure::CertificateMismatch.into());
        for (digest, verdict) in [
            (None, mismatch.clone()),
            (Some("ab"), Verdict::Allowed),
            (Some("ab"), Verdict::Allowed),
            (Some("ac"), mismatch.clone()),
            (None, mismatch),
        ] {
            let decision = authenticator.decide(&headers, NOW, &world(digest)).unwrap();
            assert_eq!(decision.verdict, verdict, "{digest:?}");
        }
    }
}

#[test]
fn a_binding_that_cannot_be_understood_is_refused_and_not_kept() {
    let token = token_for("a", json!({"cnf": {"x5t#S256": "short"}}));
    let world = World { certificate_digest: Some("ab".repeat(32)), ..World::default() };
    let authenticator = compile(&a()).unwrap();
    let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*token)]);
    for _ in 0..2 {
        let decision = authenticator.decide(&headers, NOW, &world).unwrap();
        assert_eq!(decision.verdict, Verdict::Denied(Failure::CnfNotThumbprint.into()));
        assert_eq!(decision.outcome.cache_hits, 0);
    }
}

#[test]
fn the_host_is_asked_about_the_client_only_when_it_matters() {
    let authenticator = compile(&a()).unwrap();
    let world = World::default();
    for token in [good("a"), expired("a")] {
        let headers = HeaderMap::from_pairs([(":path", "/"), ("x-a", &*token)]);
        authenticator.decide(&headers, NOW, &world).unwrap();
    }
    assert_eq!(world.asked.get(), 0);
}

#[test]
fn a_token_that_only_another_requirement_would_look_at_stays_unseen() {
    let headers = [("x-a", good("a")), ("x-b", "no token".to_owned())];
    assert_eq!(decide(&any(&[a(), b()]), &headers), subjects(&["of-a"]));
}
