//! Decisions by who the client is: its address, its certificate, its token.

use crate::common::{DEFAULT, MATCHED, decision, holds, only, rollout, rule, serve, split, start};
use serde_json::{Value, json};
use tollgate::bucketing::fractional;
use tollgate_canary::Canary;
use tollgate_testkit::Proxy;

/// Serves v2 to some addresses, and says whether that one is served.
#[track_caller]
fn address_is_in(proxy: &mut Proxy, blocks: Value, address: &str) -> bool {
    proxy.attribute(&["source", "address"], address);
    only(proxy, json!({ "source_ip": blocks }));
    holds(proxy.get("/"))
}

#[tollgate_testkit::test(Canary)]
fn a_client_in_one_of_the_blocks_matches(proxy: &mut Proxy) {
    for (address, expected) in [
        ("10.0.0.0:1", true),
        ("10.255.255.255:1", true),
        ("11.0.0.0:1", false),
        ("9.255.255.255:1", false),
        ("192.0.2.7:1", true),
        ("192.0.2.8:1", false),
        ("[2001:db8::7]:1", true),
        ("[2001:DB8:ffff::]:1", true),
        ("[2001:db9::]:1", false),
    ] {
        let blocks = json!(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);
        assert_eq!(address_is_in(proxy, blocks, address), expected, "{address}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_block_may_be_everything_or_one_address(proxy: &mut Proxy) {
    assert!(address_is_in(proxy, json!(["0.0.0.0/0"]), "198.51.100.1:1"));
    assert!(!address_is_in(proxy, json!(["::/0"]), "198.51.100.1:1"));
    assert!(address_is_in(proxy, json!(["::/0"]), "[2001:db8::1]:1"));
    assert!(address_is_in(proxy, json!(["2001:db8::1/128"]), "[2001:db8::1]:1"));
    assert!(!address_is_in(proxy, json!(["2001:db8::1"]), "[2001:db8::2]:1"));
}

#[tollgate_testkit::test(Canary)]
fn ipv4_in_ipv6_counts_as_ipv4(proxy: &mut Proxy) {
    assert!(address_is_in(proxy, json!(["10.0.0.0/8"]), "[::ffff:10.1.2.3]:1"));
    assert!(!address_is_in(proxy, json!(["::/0"]), "[::ffff:10.1.2.3]:1"));
}

#[tollgate_testkit::test(Canary)]
fn a_client_on_a_unix_socket_has_no_address(proxy: &mut Proxy) {
    for address in ["/run/client.sock", "@abstract", "envoy://internal/1", ""] {
        assert!(!address_is_in(proxy, json!(["0.0.0.0/0", "::/0"]), address), "{address}");
    }
    only(proxy, json!({ "not": { "source_ip": ["0.0.0.0/0", "::/0"] } }));
    assert!(holds(proxy.get("/")));
}

#[tollgate_testkit::test(Canary)]
fn an_address_that_a_client_only_claims_decides_nothing(proxy: &mut Proxy) {
    // Whether `x-forwarded-for` is to be trusted is Envoy's to say, in `source.address`.
    proxy.attribute(&["source", "address"], "198.51.100.1:1");
    only(proxy, json!({ "source_ip": ["10.0.0.0/8"] }));
    for name in ["x-forwarded-for", "x-real-ip", "forwarded", "x-envoy-external-address"] {
        assert!(!holds(proxy.get("/").header(name, "10.1.2.3")), "{name}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_client_is_told_apart_by_its_address_without_the_port(proxy: &mut Proxy) {
    serve(proxy);
    let ipv4 = (0..12).map(|host| format!("192.0.2.{host}"));
    let ipv4 = ipv4.flat_map(|user| {
        let spellings =
            [format!("{user}:1"), format!("{user}:50000"), format!("[::ffff:{user}]:1")];
        spellings.map(|address| (address, user.clone()))
    });
    let ipv6 = (1..5).map(|host| (format!("[2001:DB8:0::{host}]:1"), format!("2001:db8::{host}")));
    for (address, user) in ipv4.chain(ipv6) {
        proxy.attribute(&["source", "address"], address.as_str());
        for by in ["source_ip", "sourceIp"] {
            proxy.configure(rollout(split(json!([{ by: true }]), 1, 1)));
            let expected = match fractional(b"voting-app", user.as_bytes(), &[1, 1]) {
                Some(0) => "v1 SPLIT",
                _ => "v2 SPLIT",
            };
            assert_eq!(decision(proxy.get("/")), expected, "{address}");
        }
    }
}

#[tollgate_testkit::test(Canary)]
fn a_client_without_an_address_is_told_apart_by_what_comes_next(proxy: &mut Proxy) {
    proxy.attribute(&["source", "address"], "/run/client.sock");
    start(proxy, split(json!([{ "source_ip": true }, { "header": "x-user-id" }]), 0, 1));
    assert_eq!(decision(proxy.get("/").header("x-user-id", "a")), "v2 SPLIT");
    assert_eq!(decision(proxy.get("/")), DEFAULT);
}

/// A client with a certificate.
fn certificate(proxy: &mut Proxy, is_valid: bool) {
    proxy
        .attribute(&["connection", "mtls"], [1])
        .attribute(&["connection", "peer_certificate_valid"], [u8::from(is_valid)])
        .attribute(&["connection", "uri_san_peer_certificate"], "spiffe://example.org/shop")
        .attribute(&["connection", "dns_san_peer_certificate"], "shop.example")
        .attribute(&["connection", "subject_peer_certificate"], "CN=shop,O=Example");
}

#[tollgate_testkit::test(Canary)]
fn each_name_of_a_verified_certificate_is_tried(proxy: &mut Proxy) {
    certificate(proxy, true);
    for (condition, expected) in [
        (json!({ "exact": "spiffe://example.org/shop" }), true),
        (json!({ "prefix": "spiffe://example.org/" }), true),
        (json!({ "exact": "shop.example" }), true),
        (json!({ "contains": "O=Example" }), true),
        (json!({ "regex": "CN=[a-z]+,O=.*" }), true),
        (json!({ "exact": "Shop.Example" }), false),
        (json!({ "exact": "Shop.Example", "ignore_case": true }), true),
        (json!({ "exact": "spiffe://example.org" }), false),
        (json!({ "exact": "shop.example", "invert": true }), false),
        (json!({ "exact": "bank.example", "invert": true }), true),
        (json!({ "present": true }), true),
        (json!({ "present": false }), false),
    ] {
        only(proxy, json!({ "peer": [condition] }));
        assert_eq!(holds(proxy.get("/")), expected, "{condition}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_principal_keeps_to_one_kind_of_name(proxy: &mut Proxy) {
    certificate(proxy, true);
    let names = [
        ("uri_san", "spiffe://example.org/shop"),
        ("dns_san", "shop.example"),
        ("subject", "CN=shop,O=Example"),
    ];
    for (principal, own) in names {
        for (_, name) in names {
            only(proxy, json!({ "peer": [{ "principal": principal, "exact": name }] }));
            assert_eq!(holds(proxy.get("/")), name == own, "{principal} {name}");
        }
    }
}

#[tollgate_testkit::test(Canary)]
fn a_certificate_that_was_not_verified_names_nobody(proxy: &mut Proxy) {
    certificate(proxy, false);
    for condition in [json!({ "present": true }), json!({ "exact": "a", "invert": true })] {
        only(proxy, json!({ "peer": [condition] }));
        assert!(!holds(proxy.get("/")), "{condition}");
    }
    only(proxy, json!({ "peer": [{ "present": false }] }));
    assert!(holds(proxy.get("/")));
}

#[tollgate_testkit::test(Canary)]
fn a_client_without_tls_has_no_peer(proxy: &mut Proxy) {
    only(proxy, json!({ "peer": [{ "present": true }] }));
    assert!(!holds(proxy.get("/")));
    only(proxy, json!({ "not": { "peer": [{ "prefix": "spiffe://" }] } }));
    assert!(holds(proxy.get("/")));
}

#[tollgate_testkit::test(Canary)]
fn a_certificate_that_a_client_only_claims_decides_nothing(proxy: &mut Proxy) {
    only(proxy, json!({ "peer": [{ "contains": "spiffe://example.org/shop" }] }));
    let header = "URI=spiffe://example.org/shop";
    assert!(!holds(proxy.get("/").header("x-forwarded-client-cert", header)));
}

#[tollgate_testkit::test(Canary)]
fn names_of_a_certificate_need_not_be_utf8(proxy: &mut Proxy) {
    certificate(proxy, true);
    proxy.attribute(&["connection", "subject_peer_certificate"], b"CN=\xff\xfe");
    only(proxy, json!({ "peer": [{ "principal": "subject", "prefix": "CN=" }] }));
    assert!(holds(proxy.get("/")));
    only(proxy, json!({ "peer": [{ "principal": "subject", "regex": "CN=.*" }] }));
    assert!(!holds(proxy.get("/")));
}

/// A token that no filter before this one has verified.
const UNVERIFIED: &str = "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.";

#[tollgate_testkit::test(Canary)]
fn a_token_that_nobody_has_verified_has_no_claims(proxy: &mut Proxy) {
    for (condition, expected) in [
        (json!({ "claims": [{ "claim": "sub", "exact": "alice" }] }), false),
        (json!({ "claims": [{ "claim": "sub", "present": true }] }), false),
        (json!({ "claims": [{ "claim": "sub", "exact": "bob", "invert": true }] }), false),
        (json!({ "claims": [{ "claim": "sub", "present": false }] }), true),
        (json!({ "not": { "claims": [{ "claim": ["realm", "groups"], "contains": "a" }] } }), true),
    ] {
        only(proxy, condition.clone());
        assert_eq!(
            holds(proxy.get("/").header("authorization", UNVERIFIED)),
            expected,
            "{condition}"
        );
    }
}

#[tollgate_testkit::test(Canary)]
fn a_token_that_nobody_has_verified_tells_nobody_apart(proxy: &mut Proxy) {
    start(proxy, split(json!([{ "claim": "sub" }]), 0, 1));
    assert_eq!(decision(proxy.get("/").header("authorization", UNVERIFIED)), DEFAULT);
}

#[tollgate_testkit::test(Canary)]
fn a_claim_that_jwt_auth_has_written_to_a_header_decides(proxy: &mut Proxy) {
    start(proxy, rule(json!({ "headers": [{ "name": "x-groups", "contains": "internal" }] })));
    assert_eq!(decision(proxy.get("/").header("x-groups", "staff,internal")), MATCHED);
}
