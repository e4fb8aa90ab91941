use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn locations(providers: &[Value]) -> Locations {
    let providers: Vec<config::Provider> = providers
        .iter()
        .map(|fields| {
            let mut provider = json!({"local_jwks": {"inline_string": "{}"}});
            provider.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            tollgate::config::from_slice(provider.to_string().as_bytes()).unwrap()
        })
        .collect();
    Locations::of(&providers)
}

/// The tokens that a provider with these fields finds, in order.
fn found(fields: Value, headers: &[(&str, &[u8])]) -> Vec<Result<Vec<u8>, Failure>> {
    let headers = HeaderMap::from_pairs(headers.iter().copied());
    let locations = locations(&[fields]);
    locations.find(&headers).into_iter().map(|found| found.token.map(Cow::into_owned)).collect()
}

fn bearer(values: &[&[u8]]) -> Vec<Result<Vec<u8>, Failure>> {
    let headers: Vec<_> = values.iter().map(|value| (AUTHORIZATION, *value)).collect();
    found(json!({}), &headers)
}

fn tokens(expected: &[&str]) -> Vec<Result<Vec<u8>, Failure>> {
    expected.iter().map(|token| Ok(token.as_bytes().to_vec())).collect()
}

#[test]
fn a_bearer_token_follows_the_prefix_to_the_end() {
    for (value, token) in [
        ("Bearer a.b.c", "a.b.c"),
        ("Bearer   a.b.c", "a.b.c"),
        ("Bearer !$a.b.c x", "a.b.c x"),
        ("xBearer a.b.c", "a.b.c"),
        ("Bearer Bearer a.b.c", "Bearer a.b.c"),
        ("Bearer !!!", "Bearer !!!"),
        ("Bearer ", "Bearer "),
    ] {
        assert_eq!(bearer(&[value.as_bytes()]), tokens(&[token]), "{value}");
    }
}

#[test]
fn without_the_prefix_there_is_no_token() {
    for value in ["", "Bearer", "bearer a.b.c", "BEARER a.b.c", "Basic abc", "Digest a=b, c=d"] {
        assert_eq!(bearer(&[value.as_bytes()]), [], "{value}");
    }
    assert_eq!(bearer(&[]), []);
}

#[test]
fn more_than_one_authorization_is_one_bad_token() {
    for values in [
        &[&b"Bearer a.b.c"[..], b"Bearer a.b.c"][..],
        &[b"Basic abc", b"Bearer a.b.c"],
        &[b"", b"Bearer a.b.c"],
        &[b"Basic abc,Bearer a.b.c"],
    ] {
        assert_eq!(bearer(values), [Err(Failure::BadFormat)], "{values:?}");
    }
}

#[test]
fn what_was_joined_behind_a_token_makes_it_a_bad_one() {
    let locations = locations(&[json!({})]);
    let check = |headers: &[(&str, &str)]| {
        let headers = HeaderMap::from_pairs(headers.iter().copied());
        let found = locations.find(&headers);
        found.into_iter().map(|it| it.location.check(&it.token.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(check(&[(AUTHORIZATION, "Bearer a.b.c")]), [Ok(())]);
    for joined in ["Bearer a.b.c,Bearer a.b.c", "Bearer a.b.c, Basic abc", "Bearer a.b.c,d"] {
        assert_eq!(check(&[(AUTHORIZATION, joined)]), [Err(Failure::BadFormat)], "{joined}");
    }
    assert_eq!(check(&[(":path", "/?access_token=a,b")]), [Ok(())]);
}

#[test]
fn bytes_outside_utf_8_are_taken_as_they_are() {
    assert_eq!(bearer(&[b"\xffBearer \xfea.b.c\xfd"]), [Ok(b"a.b.c\xfd".to_vec())]);
}

#[test]
fn by_default_authorization_and_access_token_are_looked_at() {
    let headers: &[(&str, &[u8])] = &[
        (":path", b"/?a=b&access_token=from.the.query"),
        (AUTHORIZATION, b"Bearer from.the.header"),
        ("cookie", b"access_token=from.a.cookie"),
    ];
    assert_eq!(found(json!({}), headers), tokens(&["from.the.header", "from.the.query"]));
}

#[test]
fn one_configured_place_replaces_the_default_ones() {
    let headers: &[(&str, &[u8])] = &[
        (":path", b"/?access_token=a.a.a&t=b.b.b"),
        (AUTHORIZATION, b"Bearer c.c.c"),
        ("x-token", b"d.d.d"),
        ("cookie", b"t=e.e.e"),
    ];
    for (fields, token) in [
        (json!({"from_params": ["t"]}), "b.b.b"),
        (json!({"from_headers": [{"name": "X-Token"}]}), "d.d.d"),
        (json!({"from_cookies": ["t"]}), "e.e.e"),
    ] {
        assert_eq!(found(fields.clone(), headers), tokens(&[token]), "{fields}");
    }
}

#[test]
fn headers_come_before_parameters_and_cookies_each_by_name() {
    let fields = json!({
        "from_cookies": ["d", "c"],
        "from_params": ["z", "a"],
        "from_headers": [{"name": "y"}, {"name": "b", "value_prefix": "Q "}, {"name": "b"}],
    });
    let headers: &[(&str, &[u8])] =
        &[("cookie", b"c=7; d=8"), (":path", b"/?a=5&z=6"), ("y", b"4"), ("b", b"Q 3")];
    assert_eq!(found(fields, headers), tokens(&["Q 3", "3", "4", "5", "6", "7", "8"]));
}

#[test]
fn every_value_of_a_repeated_header_or_parameter_is_a_token() {
    let fields = json!({"from_headers": [{"name": "x-token"}], "from_params": ["t"]});
    let headers: &[(&str, &[u8])] =
        &[("x-token", b"1"), ("x-token", b"2"), (":path", b"/?t=3&t=4")];
    assert_eq!(found(fields, headers), tokens(&["1", "2", "3", "4"]));
}

#[test]
fn a_parameter_is_decoded_and_an_empty_one_is_a_token() {
    let fields = json!({"from_params": ["my token"]});
    assert_eq!(found(fields.clone(), &[(":path", b"/?my+token=a%2Eb.c")]), tokens(&["a.b.c"]));
    assert_eq!(found(fields.clone(), &[(":path", b"/?my%20token")]), tokens(&[""]));
    assert_eq!(found(fields.clone(), &[(":path", b"/?x#?my%20token=1")]), []);
    assert_eq!(found(fields, &[(":method", b"CONNECT")]), []);
}

#[test]
fn every_cookie_of_a_name_is_a_token_over_all_lines() {
    let fields = json!({"from_cookies": ["t"]});
    let headers: &[(&str, &[u8])] = &[("cookie", b"x=1"), ("cookie", b"t=\"a.b.c\"; t=d.e.f")];
    assert_eq!(found(fields, headers), tokens(&["a.b.c", "d.e.f"]));
}

#[test]
fn more_than_eight_tokens_are_eight_and_a_bad_one() {
    let fields = json!({"from_params": ["t"]});
    let path = format!("/?{}", "t=1&".repeat(150));
    let tokens = found(fields.clone(), &[(":path", path.as_bytes())]);
    assert_eq!(tokens.len(), 9);
    assert_eq!(tokens[8], Err(Failure::BadFormat));
    let path = format!("/?{}", "t=1&".repeat(8));
    assert!(found(fields, &[(":path", path.as_bytes())]).iter().all(Result::is_ok));
}

#[test]
fn a_second_token_cookie_cannot_hide_behind_too_many_others() {
    let fields = json!({"from_cookies": ["t"]});
    let many = format!("t=a.b.c; {}t=d.e.f", "x=1; ".repeat(5000));
    let headers: &[(&str, &[u8])] = &[("cookie", many.as_bytes())];
    assert_eq!(found(fields, headers), [Ok(b"a.b.c".to_vec()), Err(Failure::BadFormat)]);
}

#[test]
fn a_token_cookie_cannot_hide_behind_too_many_others() {
    let fields = json!({"from_cookies": ["t"]});
    let many = format!("{}t=a.b.c", "x=1; ".repeat(5000));
    let headers: &[(&str, &[u8])] = &[("cookie", many.as_bytes())];
    assert_eq!(found(fields, headers), [Err(Failure::BadFormat)]);
}

#[test]
fn a_place_knows_the_issuers_that_use_it() {
    let shared = json!([{"name": "x-token"}]);
    let locations = locations(&[
        json!({"issuer": "a", "from_headers": shared}),
        json!({"issuer": "b", "from_headers": shared, "from_params": ["t"]}),
        json!({"from_cookies": ["t"]}),
    ]);
    let headers = HeaderMap::from_pairs([("x-token", "1"), (":path", "/?t=2"), ("cookie", "t=3")]);
    let allowed: Vec<_> = locations
        .find(&headers)
        .into_iter()
        .map(|found| ["a", "b", ""].map(|issuer| found.location.allows_issuer(issuer)))
        .collect();
    assert_eq!(allowed, [[true, true, false], [false, true, false], [true, true, true]]);
}

#[test]
fn removing_a_parameter_leaves_the_others_as_they_were() {
    for (target, expected) in [
        ("/?t=1", "/"),
        ("/a?t", "/a"),
        ("/a?t=1&t=2&%74=3", "/a"),
        ("/a?x=%2f&t=1&y=a+b&z", "/a?x=%2f&y=a+b&z"),
        ("/a?tt=1&T=2", "/a?tt=1&T=2"),
        ("/a", "/a"),
        ("/a#?t=1", "/a#?t=1"),
        ("/a?t=1#t=1", "/a#t=1"),
    ] {
        assert_eq!(without_param(target.as_bytes(), "t"), expected.as_bytes(), "{target}");
    }
}

proptest! {
    #[test]
    fn any_headers_give_an_answer(values: Vec<Vec<u8>>, path: Vec<u8>) {
        let headers = values.iter().map(|value| (&b"authorization"[..], value.as_slice()));
        let headers = HeaderMap::from_pairs(headers.chain([(&b":path"[..], path.as_slice())]));
        let locations = locations(&[json!({"from_cookies": ["c"]}), json!({})]);
        let _ = locations.find(&headers);
    }

    #[test]
    fn a_removed_parameter_is_gone(path in "(/[a-z]{0,2})?(\\?([at%74+=&#]){0,12})?") {
        let rest = without_param(path.as_bytes(), "t");
        prop_assert!(Query::of(&rest).get(b"t").is_none());
    }
}
