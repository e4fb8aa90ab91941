use super::*;
use crate::abi::Status;
use crate::cookies::Cookies;
use crate::headers::HeaderMap;
use crate::{HostError, Result};
use proptest::prelude::*;
use std::net::IpAddr;

fn holds(condition: Value, headers: &[(&str, &str)]) -> bool {
    let headers = HeaderMap::from_pairs(headers.iter().copied());
    matcher(condition).matches(&KnownFacts::new(&headers)).unwrap()
}

fn holds_from(condition: Value, address: Option<&str>) -> bool {
    let headers = HeaderMap::default();
    let mut facts = KnownFacts::new(&headers);
    if let Some(address) = address {
        facts = facts.with_source_ip(address.parse().unwrap());
    }
    matcher(condition).matches(&facts).unwrap()
}

fn holds_for_claims(condition: Value, claims: Value) -> bool {
    let headers = HeaderMap::default();
    let Value::Object(claims) = claims else { panic!("claims are an object") };
    matcher(condition).matches(&KnownFacts::new(&headers).with_claims(&claims)).unwrap()
}

#[test]
fn each_header_line_is_tried_by_itself() {
    let headers = [("x-canary", "never, always"), ("x-canary", "always"), ("a", "b")];
    let entry = |entry: Value| holds(json!({ "headers": [entry] }), &headers);
    assert!(entry(json!({"name": "x-canary", "exact": "always"})));
    assert!(!entry(json!({"name": "x-canary", "exact": "never"})));
    assert!(!entry(json!({"name": "x-canary", "exact": "always", "invert": true})));
    assert!(entry(json!({"name": "x-canary", "exact": "maybe", "invert": true})));
    assert!(entry(json!({"name": "x-none", "present": false})));
    assert!(!entry(json!({"name": "x-none", "exact": "a", "invert": true})));
}

#[test]
fn header_names_have_no_case_and_may_be_pseudo_headers() {
    let headers = [(":path", "/beta/1?a"), (":authority", "vote.example"), ("x-user", "a")];
    assert!(holds(json!({"headers": [{"name": "X-User", "exact": "a"}]}), &headers));
    assert!(holds(json!({"headers": [{"name": ":path", "suffix": "?a"}]}), &headers));
    assert!(holds(json!({"headers": [{"name": "Host", "exact": "vote.example"}]}), &headers));
}

#[test]
fn the_first_cookie_of_a_name_counts() {
    let cookie = |entry: Value| {
        holds(json!({ "cookies": [entry] }), &[("cookie", "f=off; f=on; F=x; sign=\"a=b\"")])
    };
    assert!(cookie(json!({"name": "f", "exact": "off"})));
    assert!(!cookie(json!({"name": "f", "exact": "on"})));
    assert!(cookie(json!({"name": "F", "exact": "x"})));
    assert!(cookie(json!({"name": "sign", "exact": "a=b"})));
    assert!(cookie(json!({"name": "g", "present": false})));
}

#[test]
fn a_pointer_leads_into_the_json_of_a_cookie() {
    let prefs = r#"{"beta":true,"n":7,"a":{"b~/c":["x","y"]},"none":null}"#;
    let encoded: String = prefs.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for value in [prefs, &encoded] {
        let cookie = |pointer: &str, test: &str, text: Value| {
            let entry = json!({ "name": "prefs", "pointer": pointer, test: text });
            holds(json!({ "cookies": [entry] }), &[("cookie", &format!("a=b; prefs={value}"))])
        };
        assert!(cookie("/beta", "exact", json!("true")));
        assert!(cookie("/n", "range", json!({"start": 0, "end": 8})));
        assert!(cookie("/a/b~0~1c/1", "exact", json!("y")));
        assert!(cookie("/a/b~0~1c", "contains", json!("x")));
        assert!(!cookie("/a/b~0~1c", "contains", json!("z")));
        assert!(cookie("/none", "present", json!(false)));
        assert!(cookie("/nowhere", "present", json!(false)));
        assert!(cookie("", "present", json!(true)));
    }
}

#[test]
fn a_cookie_that_is_no_json_has_no_value_behind_a_pointer() {
    for value in
        ["beta", "{", "{\"beta\":true,\"beta\":false}", "%7B", &"[".repeat(40), "", "\u{e9}"]
    {
        for (test, expected) in [
            (json!({"exact": "true"}), false),
            (json!({"exact": "true", "invert": true}), false),
            (json!({"present": false}), true),
        ] {
            let mut entry = test;
            entry["name"] = json!("prefs");
            entry["pointer"] = json!("/beta");
            let cookie = format!("prefs={value}");
            assert_eq!(
                holds(json!({ "cookies": [entry] }), &[("cookie", &cookie)]),
                expected,
                "{value}"
            );
        }
    }
}

#[test]
fn every_parameter_of_a_name_is_tried_decoded() {
    let headers = [(":path", "/vote?flag=off&%66lag=o%6E&q=a+b")];
    let query = |entry: Value| holds(json!({ "query": [entry] }), &headers);
    assert!(query(json!({"name": "flag", "exact": "off"})));
    assert!(query(json!({"name": "flag", "exact": "on"})));
    assert!(!query(json!({"name": "flag", "exact": "on", "invert": true})));
    assert!(query(json!({"name": "q", "exact": "a b"})));
    assert!(query(json!({"name": "FLAG", "present": false})));
    assert!(!holds(
        json!({"query": [{"name": "flag", "present": true}]}),
        &[(":path", "/vote#?flag")]
    ));
    assert!(holds(json!({"query": [{"name": "flag", "present": false}]}), &[]));
}

#[test]
fn the_path_is_matched_without_the_query() {
    let path = |test: &str, text: &str, target: &str| {
        holds(json!({ "path": [{ test: text }] }), &[(":path", target)])
    };
    assert!(path("exact", "/vote", "/vote?a=b"));
    assert!(path("suffix", "/vote", "/api/vote#top"));
    assert!(!path("contains", "a=b", "/vote?a=b"));
    assert!(path("exact", "/a%2fb", "/a%2fb"));
    assert!(!path("exact", "/a/b", "/a%2fb"));
    assert!(!holds(json!({"path": [{"prefix": "/", "invert": true}]}), &[(":method", "CONNECT")]));
}

#[test]
fn the_method_has_its_case() {
    let method = |entry: Value| holds(json!({ "method": [entry] }), &[(":method", "GET")]);
    assert!(method(json!({"any_of": ["GET", "HEAD"]})));
    assert!(!method(json!({"exact": "get"})));
    assert!(method(json!({"exact": "get", "ignore_case": true})));
}

#[test]
fn the_host_has_neither_port_nor_case() {
    let host = |entry: Value, authority: &str| {
        holds(json!({ "host": [entry] }), &[(":authority", authority)])
    };
    for authority in ["vote.example", "vote.example:8080", "VOTE.Example"] {
        assert!(host(json!({"exact": "Vote.example"}), authority), "{authority}");
        assert!(host(json!({"suffix": ".EXAMPLE"}), authority), "{authority}");
        assert!(host(json!({"regex": "vote[.].*"}), authority), "{authority}");
        assert!(!host(json!({"exact": "vote.example", "invert": true}), authority), "{authority}");
    }
    assert!(host(json!({"exact": "[2001:DB8::1]"}), "[2001:db8::1]:443"));
    assert!(host(json!({"present": true}), ""));
    assert!(holds(json!({"host": [{"present": false}]}), &[]));
}

#[test]
fn the_source_is_in_one_of_the_blocks() {
    let blocks = json!({"source_ip": ["10.0.0.0/8", "2001:db8::/32"]});
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"] {
        assert!(holds_from(blocks.clone(), Some(address)), "{address}");
    }
    for address in ["11.0.0.1", "::ffff:11.0.0.1", "2001:db9::1", "::a01:203"] {
        assert!(!holds_from(blocks.clone(), Some(address)), "{address}");
    }
    assert!(!holds_from(blocks.clone(), None));
    assert!(holds_from(json!({ "not": blocks }), None));
}

#[test]
fn claims_are_found_by_their_path() {
    let claims = json!({
        "sub": "alice", "admin": true, "age": 42, "none": null,
        "realm": {"groups": ["beta", "internal"], "name": "a"},
        "https://example.com/roles": ["owner"], "a.b": "dotted", "a": {"b": "nested"},
    });
    let claim = |entry: Value| holds_for_claims(json!({ "claims": [entry] }), claims.clone());
    for entry in [
        json!({"claim": "sub", "exact": "alice"}),
        json!({"claim": "admin", "exact": "true"}),
        json!({"claim": "age", "gte": 18}),
        json!({"claim": "realm.groups", "contains": "internal"}),
        json!({"claim": ["realm", "groups"], "contains": "internal"}),
        json!({"claim": ["https://example.com/roles"], "exact": "owner"}),
        json!({"claim": "a.b", "exact": "nested"}),
        json!({"claim": ["a.b"], "exact": "dotted"}),
        json!({"claim": "realm", "present": true}),
        json!({"claim": "none", "present": false}),
        json!({"claim": "realm.none", "present": false}),
        json!({"claim": "sub.x", "present": false}),
        json!({"claim": "realm.groups.0", "present": false}),
    ] {
        assert!(claim(entry.clone()), "{entry}");
    }
    for entry in [
        json!({"claim": "realm.groups", "contains": "intern"}),
        json!({"claim": "SUB", "present": true}),
        json!({"claim": "none", "exact": "null"}),
        json!({"claim": "missing", "exact": "a", "invert": true}),
        json!({"claim": "realm", "exact": "a"}),
    ] {
        assert!(!claim(entry.clone()), "{entry}");
    }
}

#[test]
fn a_request_without_a_token_has_no_claims() {
    assert!(!holds(json!({"claims": [{"claim": "sub", "exact": "a", "invert": true}]}), &[]));
    assert!(holds(json!({"claims": [{"claim": "sub", "present": false}]}), &[]));
    assert!(holds(json!({"not": {"claims": [{"claim": "sub", "exact": "a"}]}}), &[]));
}

#[test]
fn every_name_of_a_certificate_is_a_principal() {
    let peer = Peer {
        uri_sans: vec![b"spiffe://a/b".to_vec(), b"urn:x".to_vec()],
        dns_sans: vec![b"a.example".to_vec()],
        subject: b"CN=a,O=example".to_vec(),
    };
    let headers = HeaderMap::default();
    let holds = |entry: Value, peer: Option<&Peer>| {
        let facts = KnownFacts::new(&headers);
        let facts = peer.map(|peer| facts.clone().with_peer(peer)).unwrap_or(facts);
        let holds = matcher(json!({ "peer": [entry] })).matches(&facts).unwrap();
        let alone = read::<PeerMatch>(&entry).compile().unwrap().matches(peer);
        assert_eq!(holds, alone, "{entry}");
        holds
    };
    for (entry, expected) in [
        (json!({"exact": "urn:x"}), true),
        (json!({"exact": "a.example"}), true),
        (json!({"exact": "CN=a,O=example"}), true),
        (json!({"principal": "uri_san", "prefix": "spiffe://"}), true),
        (json!({"principal": "dns_san", "prefix": "spiffe://"}), false),
        (json!({"principal": "dns_san", "exact": "a.example"}), true),
        (json!({"principal": "subject", "contains": "O=example"}), true),
        (json!({"principal": "subject", "exact": "a.example"}), false),
        (json!({"prefix": "spiffe://", "invert": true}), false),
        (json!({"principal": "dns_san", "prefix": "spiffe://", "invert": true}), true),
    ] {
        assert_eq!(holds(entry.clone(), Some(&peer)), expected, "{entry}");
        assert!(!holds(entry.clone(), None), "{entry} without a certificate");
        assert!(!holds(entry.clone(), Some(&Peer::default())), "{entry} without a name");
    }
    assert!(holds(json!({"present": false}), None));
    assert!(!holds(json!({"principal": "subject", "present": false}), Some(&peer)));
}

#[test]
fn all_entries_must_hold_in_every_list() {
    let condition = json!({
        "headers": [{"name": "a", "exact": "1"}, {"name": "b", "exact": "2"}],
        "cookies": [{"name": "c", "present": true}],
        "path": [{"prefix": "/x/"}, {"suffix": ".html"}],
        "method": [{"exact": "GET"}],
    });
    let all =
        [("a", "1"), ("b", "2"), ("cookie", "c="), (":path", "/x/y.html"), (":method", "GET")];
    assert!(holds(condition.clone(), &all));
    for missing in 0..all.len() {
        let mut headers = all.to_vec();
        headers.remove(missing);
        assert!(!holds(condition.clone(), &headers), "without {:?}", all[missing]);
    }
    assert!(!holds(condition, &[&all[..3], &[(":path", "/x/y"), (":method", "GET")]].concat()));
}

#[test]
fn one_of_any_is_enough_and_not_turns_it_round() {
    let a = json!({"headers": [{"name": "a", "exact": "1"}]});
    let b = json!({"headers": [{"name": "b", "exact": "1"}]});
    let cases = [
        (vec![], false, false),
        (vec![("a", "1")], true, false),
        (vec![("b", "1")], false, true),
        (vec![("a", "1"), ("b", "1")], true, true),
    ];
    for (headers, a_holds, b_holds) in cases {
        assert_eq!(holds(json!({ "any": [a, b] }), &headers), a_holds || b_holds);
        assert_eq!(holds(json!({ "not": a }), &headers), !a_holds);
        let mut both = a.clone();
        both["not"] = b.clone();
        assert_eq!(holds(both, &headers), a_holds && !b_holds);
        assert_eq!(holds(json!({ "not": { "any": [a, b] } }), &headers), !(a_holds || b_holds));
        assert_eq!(holds(json!({"any": [{ "not": a }, b]}), &headers), !a_holds || b_holds);
    }
}

#[test]
fn needs_are_those_of_all_conditions() {
    let none = Needs::default();
    for (condition, needs) in [
        (json!({"path": [{"prefix": "/"}]}), Needs { headers: true, ..none }),
        (json!({"headers": [{"name": "a", "exact": "b"}]}), Needs { headers: true, ..none }),
        (json!({"query": [{"name": "a", "exact": "b"}]}), Needs { headers: true, ..none }),
        (json!({"cookies": [{"name": "a", "exact": "b"}]}), Needs { cookies: true, ..none }),
        (json!({"source_ip": ["::1"]}), Needs { source_ip: true, ..none }),
        (json!({"claims": [{"claim": "a", "exact": "b"}]}), Needs { claims: true, ..none }),
        (json!({"peer": [{"exact": "b"}]}), Needs { peer: true, ..none }),
        (
            json!({"not": {"any": [{"source_ip": ["::1"]}, {"peer": [{"exact": "b"}]}]}}),
            Needs { source_ip: true, peer: true, ..none },
        ),
    ] {
        assert_eq!(matcher(condition.clone()).needs(), needs, "{condition}");
    }
}

/// Facts of which some cannot be read.
struct Broken<'a> {
    headers: &'a HeaderMap,
    cookies: Cookies<'a>,
}

const ERROR: HostError = HostError::new("proxy_get_property", Status::InternalFailure);

impl Facts for Broken<'_> {
    fn headers(&self) -> Result<&HeaderMap> {
        Ok(self.headers)
    }

    fn cookies(&self) -> Result<&Cookies<'_>> {
        Ok(&self.cookies)
    }

    fn source_ip(&self) -> Result<Option<IpAddr>> {
        Err(ERROR)
    }

    fn claims(&self) -> Result<Option<&Claims>> {
        Err(ERROR)
    }

    fn peer(&self) -> Result<Option<&Peer>> {
        Err(ERROR)
    }
}

#[test]
fn a_fact_that_cannot_be_read_is_an_error_and_not_a_missing_value() {
    let headers = HeaderMap::from_pairs([("a", "1")]);
    let facts = Broken { headers: &headers, cookies: Cookies::new(&headers) };
    for condition in [
        json!({"source_ip": ["::1"]}),
        json!({"claims": [{"claim": "a", "present": false}]}),
        json!({"peer": [{"present": false}]}),
        json!({"not": {"source_ip": ["::1"]}}),
        json!({"any": [{"source_ip": ["::1"]}, {"headers": [{"name": "a", "exact": "1"}]}]}),
    ] {
        assert_eq!(matcher(condition.clone()).matches(&facts), Err(ERROR), "{condition}");
    }
}

#[test]
fn a_fact_is_not_read_when_the_answer_is_known_without_it() {
    let headers = HeaderMap::from_pairs([("a", "1")]);
    let facts = Broken { headers: &headers, cookies: Cookies::new(&headers) };
    for (condition, expected) in [
        (json!({"source_ip": ["::1"], "headers": [{"name": "a", "exact": "2"}]}), false),
        (json!({"peer": [{"exact": "b"}], "cookies": [{"name": "a", "exact": "2"}]}), false),
        (json!({"claims": [{"claim": "a", "exact": "b"}], "path": [{"prefix": "/"}]}), false),
        (
            json!({"any": [{"headers": [{"name": "a", "exact": "1"}]}, {"source_ip": ["::1"]}]}),
            true,
        ),
    ] {
        assert_eq!(matcher(condition.clone()).matches(&facts), Ok(expected), "{condition}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_matched_or_not(
        pairs: Vec<(Vec<u8>, Vec<u8>)>, path: Vec<u8>, authority: Vec<u8>, cookie: Vec<u8>, query: Vec<u8>,
    ) {
        let condition = matcher(json!({"any": [
            {"path": [{"regex": ".*x.*"}], "host": [{"suffix": ".example"}]},
            {"query": [{"name": "q", "contains": "a", "ignore_case": true}]},
            {"cookies": [{"name": "c", "pointer": "/a/0", "gte": 3}]},
            {"headers": [{"name": "x", "semver": "<1"}]},
            {"headers": [{"name": "x", "range": {"start": 1, "end": 3}}]},
        ]}));
        let target = [b"/?q=".as_slice(), &query].concat();
        let cookies = [b"c=".as_slice(), &cookie].concat();
        let more = [
            (b":path".to_vec(), path), (b":authority".to_vec(), authority.clone()),
            (b"x".to_vec(), authority), (b"cookie".to_vec(), cookies),
        ];
        for target in [None, Some((b":path".to_vec(), target))] {
            let headers = HeaderMap::from_pairs(target.iter().chain(&more).chain(&pairs).cloned());
            prop_assert!(condition.matches(&KnownFacts::new(&headers)).is_ok());
        }
    }

    #[test]
    fn not_is_the_opposite(value in "[ab]{0,3}", text in "[ab]{1,2}", there: bool) {
        let condition = json!({"headers": [{"name": "x", "prefix": text}]});
        let headers = if there { vec![("x", value.as_str())] } else { vec![] };
        prop_assert_ne!(holds(json!({ "not": condition }), &headers), holds(condition, &headers));
    }
}
