//! Decisions by cookie.

use crate::common::{self, DEFAULT, FLAG, MATCHED, decision, holds, only, with_cookie};
use serde_json::json;
use std::path::Path;
use tollgate_canary::Canary;
use tollgate_testkit::Proxy;

/// Serves v2 to who has the cookie.
fn start(proxy: &mut Proxy) {
    only(proxy, json!({ "cookies": [{ "name": "featureflag", "exact": "on" }] }));
}

fn truncated(proxy: &Proxy) -> u64 {
    proxy.counter(&format!("tollgate.canary.flag={FLAG}.cookies_truncated"))
}

#[tollgate_testkit::test(Canary)]
fn the_feature_flag_cookie_gives_the_canary(proxy: &mut Proxy) {
    start(proxy);
    assert_eq!(decision(with_cookie(proxy, "featureflag=on")), MATCHED);
}

#[tollgate_testkit::test(Canary)]
fn a_request_without_cookies_gets_the_default_variant(proxy: &mut Proxy) {
    start(proxy);
    assert_eq!(decision(proxy.get("/")), DEFAULT);
    assert_eq!(decision(with_cookie(proxy, "")), DEFAULT);
}

#[tollgate_testkit::test(Canary)]
fn another_value_of_the_cookie_does_not_give_the_canary(proxy: &mut Proxy) {
    start(proxy);
    for value in ["off", "", "ON", "On", "on2", "xon", "o", "o n", "%6fn", "on,", "\"", "\"on"] {
        assert!(!holds(with_cookie(proxy, format!("featureflag={value}"))), "{value}");
    }
}

#[tollgate_testkit::test(Canary)]
fn the_name_of_a_cookie_is_the_whole_name_in_its_case(proxy: &mut Proxy) {
    start(proxy);
    for name in ["FeatureFlag", "FEATUREFLAG", "xfeatureflag", "featureflag2", "my-featureflag"] {
        assert!(!holds(with_cookie(proxy, format!("{name}=on"))), "{name}");
    }
    for name in ["feature flag", "feature%66lag", "$featureflag", "\"featureflag\"", ""] {
        assert!(!holds(with_cookie(proxy, format!("{name}=on"))), "{name}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_cookie_is_found_wherever_it_stands_among_others(proxy: &mut Proxy) {
    start(proxy);
    for line in [
        "featureflag=on; theme=dark; lang=en",
        "theme=dark; featureflag=on; lang=en",
        "theme=dark; lang=en; featureflag=on",
        "theme=dark;featureflag=on",
        "theme=dark; featureflag=on;",
    ] {
        assert!(holds(with_cookie(proxy, line)), "{line}");
    }
}

#[tollgate_testkit::test(Canary)]
fn the_name_of_a_cookie_in_the_value_of_another_decides_nothing(proxy: &mut Proxy) {
    start(proxy);
    for line in
        ["a=featureflag=on", "a=featureflag; b=on", "a=\"x, featureflag=on\"", "a=x,featureflag=on"]
    {
        assert!(!holds(with_cookie(proxy, line)), "{line}");
    }
}

#[tollgate_testkit::test(Canary)]
fn blanks_and_tabs_around_name_and_value_do_not_count(proxy: &mut Proxy) {
    start(proxy);
    for line in ["featureflag = on", "\tfeatureflag\t=\ton\t", "a=b;\t featureflag=on ;c=d"] {
        assert!(holds(with_cookie(proxy, line)), "{line:?}");
    }
}

#[tollgate_testkit::test(Canary)]
fn double_quotes_around_a_value_are_removed(proxy: &mut Proxy) {
    start(proxy);
    assert!(holds(with_cookie(proxy, "featureflag=\"on\"")));
    assert!(holds(with_cookie(proxy, "a=\"b\"; featureflag= \"on\" ")));
    for value in ["\"\"on\"\"", "'on'", "\"on", "on\"", "\" on\""] {
        assert!(!holds(with_cookie(proxy, format!("featureflag={value}"))), "{value}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_value_may_hold_equals_signs(proxy: &mut Proxy) {
    only(proxy, json!({ "cookies": [{ "name": "token", "exact": "a=b==" }] }));
    assert!(holds(with_cookie(proxy, "token=a=b==")));
    assert!(!holds(with_cookie(proxy, "token=a")));
}

#[tollgate_testkit::test(Canary)]
fn a_cookie_without_an_equals_sign_does_not_bypass_routing(proxy: &mut Proxy) {
    start(proxy);
    for line in ["featureflag", "on", "featureflag; on", "featureflag;on", "featureflag:on"] {
        assert!(!holds(with_cookie(proxy, line)), "{line}");
    }
    // Nor does it hide the one behind it.
    assert!(holds(with_cookie(proxy, "featureflag; featureflag=on")));
}

#[tollgate_testkit::test(Canary)]
fn the_first_cookie_of_a_name_counts(proxy: &mut Proxy) {
    start(proxy);
    assert!(holds(with_cookie(proxy, "featureflag=on; featureflag=off")));
    assert!(!holds(with_cookie(proxy, "featureflag=off; featureflag=on")));
    assert!(!holds(with_cookie(proxy, "featureflag=; featureflag=on")));
}

#[tollgate_testkit::test(Canary)]
fn several_header_lines_are_one_list(proxy: &mut Proxy) {
    start(proxy);
    assert!(holds(with_cookie(proxy, "theme=dark").header("cookie", "featureflag=on")));
    assert!(holds(with_cookie(proxy, "theme=dark").header("Cookie", "a=b; featureflag=on")));
    assert!(!holds(with_cookie(proxy, "featureflag=off").header("cookie", "featureflag=on")));
    assert!(holds(with_cookie(proxy, "featureflag=on").header("cookie", "featureflag=off")));
}

#[tollgate_testkit::test(Canary)]
fn crumbs_of_http2_are_one_list(proxy: &mut Proxy) {
    start(proxy);
    let crumbs = |crumbs: &[&str]| {
        crumbs.iter().fold(proxy.get("/").http2(), |request, crumb| request.header("cookie", crumb))
    };
    assert!(holds(crumbs(&["theme=dark", "featureflag=on", "lang=en"])));
    assert!(!holds(crumbs(&["featureflag=off", "featureflag=on"])));
    assert!(!holds(crumbs(&["featureflag", "=on"])));
    assert!(!holds(crumbs(&["featureflag=", "on"])));
}

#[tollgate_testkit::test(Canary)]
fn cookies_beside_bytes_that_are_not_utf8_are_read(proxy: &mut Proxy) {
    start(proxy);
    assert!(holds(with_cookie(proxy, b"\xff\xfe=\xff; featureflag=on")));
    assert!(holds(with_cookie(proxy, b"featureflag=on; a=\x80")));
    assert!(!holds(with_cookie(proxy, b"featureflag=on\xff")));
    assert!(!holds(with_cookie(proxy, b"\xfffeatureflag=on")));
}

#[tollgate_testkit::test(Canary)]
fn a_cookie_of_any_bytes_is_there(proxy: &mut Proxy) {
    only(proxy, json!({ "cookies": [{ "name": "featureflag", "present": true }] }));
    assert!(holds(with_cookie(proxy, b"featureflag=\xff\xfe")));
    assert!(holds(with_cookie(proxy, "featureflag=")));
    assert!(!holds(with_cookie(proxy, "featureflag")));
    assert!(!holds(with_cookie(proxy, "other=on")));
}

#[tollgate_testkit::test(Canary)]
fn a_cookie_may_be_asked_to_be_absent(proxy: &mut Proxy) {
    only(proxy, json!({ "cookies": [{ "name": "featureflag", "present": false }] }));
    assert!(holds(proxy.get("/")));
    assert!(holds(with_cookie(proxy, "other=on")));
    assert!(!holds(with_cookie(proxy, "featureflag=")));
}

#[tollgate_testkit::test(Canary)]
fn a_malformed_cookie_header_decides_nothing(proxy: &mut Proxy) {
    start(proxy);
    let hostile: [&[u8]; 11] = [
        b";;;",
        b"=",
        b"=;=;;,\"\\\"=",
        b"=on",
        b"==on",
        b"\"",
        b"featureflag=\"on",
        b"\t;\t=\t;",
        b"\xc3\xa9\xf0\x9f\x92\xa9",
        b"%00%0d%0a",
        b"featureflag%3Don",
    ];
    for line in hostile {
        assert!(!holds(with_cookie(proxy, line)), "{}", line.escape_ascii());
        assert!(holds(with_cookie(proxy, "featureflag=on")), "after {}", line.escape_ascii());
    }
    assert_eq!(common::failures(proxy), 0);
}

#[tollgate_testkit::test(Canary)]
fn the_180th_cookie_decides_and_what_follows_does_not(proxy: &mut Proxy) {
    start(proxy);
    let behind = |count: usize| "a=b; ".repeat(count) + "featureflag=on";
    assert!(holds(with_cookie(proxy, behind(179))));
    assert_eq!(truncated(proxy), 0);
    assert!(!holds(with_cookie(proxy, behind(180))));
    assert_eq!(truncated(proxy), 1);
}

#[tollgate_testkit::test(Canary)]
fn cookies_beyond_16_kib_do_not_decide(proxy: &mut Proxy) {
    start(proxy);
    let behind = |length: usize| format!("a={}; featureflag=on", "b".repeat(length));
    // `a=`, `; ` and `featureflag=on` are 18 bytes.
    assert!(holds(with_cookie(proxy, behind(16 * 1024 - 18))));
    assert_eq!(truncated(proxy), 0);
    assert!(!holds(with_cookie(proxy, behind(16 * 1024 - 17))));
    assert_eq!(truncated(proxy), 1);
}

#[tollgate_testkit::test(Canary)]
fn the_limits_hold_for_all_lines_together(proxy: &mut Proxy) {
    start(proxy);
    let line = "a=b; ".repeat(89) + "a=b";
    let request = with_cookie(proxy, &line).header("cookie", &line);
    assert!(!holds(request.header("cookie", "featureflag=on")));
    assert_eq!(truncated(proxy), 1);
}

#[tollgate_testkit::test(Canary)]
fn cookies_that_were_not_needed_are_not_missed(proxy: &mut Proxy) {
    start(proxy);
    assert!(holds(with_cookie(proxy, "featureflag=on; ".to_owned() + &"a=b; ".repeat(500))));
    assert_eq!(truncated(proxy), 0);
}

#[tollgate_testkit::test(Canary)]
fn without_a_rule_on_cookies_none_are_read(proxy: &mut Proxy) {
    only(proxy, json!({ "headers": [{ "name": "x-canary", "exact": "always" }] }));
    assert!(!holds(with_cookie(proxy, "a=b; ".repeat(500))));
    assert_eq!(truncated(proxy), 0);
}

#[tollgate_testkit::test(Canary)]
fn a_cookie_as_long_as_all_headers_may_be_is_survived(proxy: &mut Proxy) {
    start(proxy);
    for line in [
        ";".repeat(60_000),
        "=".repeat(60_000),
        "a=;".repeat(20_000),
        " ".repeat(60_000),
        format!("featureflag=\"{}\"", "x".repeat(60_000)),
    ] {
        assert!(!holds(with_cookie(proxy, &line)), "{line:.20}");
    }
    assert!(holds(with_cookie(proxy, "featureflag=on")));
    assert_eq!(common::failures(proxy), 0);
}

#[tollgate_testkit::test(Canary)]
fn the_upstream_gets_the_cookies_as_they_were_sent(proxy: &mut Proxy) {
    start(proxy);
    let line = b"theme=\xff;;  featureflag = \"on\" ; =";
    let exchange = with_cookie(proxy, line).header("cookie", "a=b").send();
    let seen = exchange.upstream_request();
    let lines: Vec<_> = seen.headers.get_all("cookie").collect();
    assert_eq!(lines, [&line[..], b"a=b"]);
}

#[tollgate_testkit::test(Canary)]
fn a_pointer_leads_into_the_json_of_a_cookie(proxy: &mut Proxy) {
    only(proxy, json!({ "cookies": [{ "name": "prefs", "pointer": "/beta", "exact": "true" }] }));
    for value in [r#"{"beta":true}"#, r#"{"beta":"true"}"#, r#"{"a":[1],"beta":["x","true"]}"#] {
        assert!(holds(with_cookie(proxy, format!("prefs={value}"))), "{value}");
    }
    for value in
        [r#"{"beta":false}"#, r#"{"beta":null}"#, r#"{"Beta":true}"#, "{}", "true", "[true]"]
    {
        assert!(!holds(with_cookie(proxy, format!("prefs={value}"))), "{value}");
    }
}

#[tollgate_testkit::test(Canary)]
fn the_json_of_a_cookie_may_be_percent_encoded(proxy: &mut Proxy) {
    let level = json!({ "name": "prefs", "pointer": "/level", "range": { "start": 3, "end": 5 } });
    only(proxy, json!({ "cookies": [level] }));
    for (level, expected) in [(2, false), (3, true), (4, true), (5, false)] {
        let cookie = format!("prefs=%7B%22level%22%3A{level}%7D");
        assert_eq!(holds(with_cookie(proxy, cookie)), expected, "{level}");
    }
}

#[tollgate_testkit::test(Canary)]
fn a_pointer_may_lead_through_lists_and_to_names_with_slashes(proxy: &mut Proxy) {
    only(proxy, json!({ "cookies": [{ "name": "p", "pointer": "/a~1b/1/c", "exact": "on" }] }));
    assert!(holds(with_cookie(proxy, r#"p={"a/b":[{},{"c":"on"}]}"#)));
    assert!(!holds(with_cookie(proxy, r#"p={"a/b":[{"c":"on"},{}]}"#)));
    assert!(!holds(with_cookie(proxy, r#"p={"a":{"b":[{},{"c":"on"}]}}"#)));
}

#[tollgate_testkit::test(Canary)]
fn a_cookie_that_is_no_json_has_nothing_where_a_pointer_leads(proxy: &mut Proxy) {
    only(
        proxy,
        json!({ "cookies": [{ "name": "p", "pointer": "/a", "exact": "b", "invert": true }] }),
    );
    assert!(holds(with_cookie(proxy, r#"p={"a":"c"}"#)));
    let deep = format!("p={{\"a\":{}1{}}}", "[".repeat(60), "]".repeat(60));
    for line in ["p={", "p=a", "p=", "p=%7", r#"p={"a":}"#, r#"p={"a":"c"}}"#, &deep] {
        assert!(!holds(with_cookie(proxy, line)), "{line}");
    }
    assert!(!holds(with_cookie(proxy, b"p={\"a\":\"\xff\"}")));
}

#[tollgate_testkit::test(Canary)]
fn contains_asks_a_list_in_a_cookie_for_an_element(proxy: &mut Proxy) {
    only(proxy, json!({ "cookies": [{ "name": "p", "pointer": "/in", "contains": "beta" }] }));
    assert!(holds(with_cookie(proxy, r#"p={"in":["a","beta"]}"#)));
    assert!(!holds(with_cookie(proxy, r#"p={"in":["a","beta2"]}"#)));
    assert!(holds(with_cookie(proxy, r#"p={"in":"a beta2"}"#)));
}

/// The vectors are not part of this repository; where `TOLLGATE_VECTORS` does not name them, they are
/// looked for beside the checkout, and else this says so and passes.
#[tollgate_testkit::test(Canary)]
fn the_flag_is_found_among_the_cookies_of_real_sites(proxy: &mut Proxy) {
    let folder = std::env::var_os("TOLLGATE_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        |folder| folder.into(),
    );
    // jshttp/cookie
    let Ok(bytes) = std::fs::read(folder.join("cookies/top-cookie.json")) else {
        return println!("skipped: no cookies/top-cookie.json in {}", folder.display());
    };
    let sites: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let sites = sites.as_object().cloned().unwrap_or_default();
    assert!(!sites.is_empty());
    start(proxy);
    for (site, line) in sites {
        let line = line.as_str().unwrap_or_default();
        assert!(!holds(with_cookie(proxy, line)), "{site}");
        assert!(holds(with_cookie(proxy, format!("featureflag=on; {line}"))), "{site}");
        assert!(holds(with_cookie(proxy, format!("{line}; featureflag=on"))), "{site}");
    }
}
