//! Where tokens are found, and what is left of them.

use serde_json::json;
use tollgate_e2e::oracle::Pair;

use crate::comparison::{Case, Theme, case};
use crate::differences::*;
use crate::fixtures::{by_path, expired, provider, reasons, token};

pub(crate) fn theme() -> Theme {
    let configuration = by_path([
        ("default", provider(json!({}))),
        ("forward", provider(json!({ "forward": true }))),
        ("header", provider(json!({ "from_headers": [{ "name": "X-Token" }] }))),
        (
            "prefix",
            provider(json!({
                "from_headers": [{ "name": "x-token", "value_prefix": "jwt=" }],
            })),
        ),
        (
            "headers",
            provider(json!({
                "from_headers": [{ "name": "x-a" }, { "name": "x-b", "value_prefix": "Token " }],
            })),
        ),
        ("params", provider(json!({ "from_params": ["t", "u"] }))),
        ("cookies", provider(json!({ "from_cookies": ["session", "Sid"] }))),
        (
            "kept",
            provider(json!({
                "forward": true, "from_headers": [{ "name": "x-token" }], "from_params": ["t"],
                "from_cookies": ["session"],
            })),
        ),
        (
            "authorization",
            provider(json!({
                "from_headers": [{ "name": "authorization", "value_prefix": "Token " }],
            })),
        ),
    ]);
    let cases = [authorization(), headers(), parameters(), cookies(), several()];
    Theme { pair: Pair::new("places", configuration), cases: cases.into_iter().flatten().collect() }
}

fn authorization() -> Vec<Case> {
    let good = token(json!({}));
    let mut cases = vec![
        case("empty", "/default").header("authorization", "").denied(reasons::MISSING),
        case("another scheme", "/default")
            .header("authorization", "Basic YTpi")
            .denied(reasons::MISSING),
        case("only Bearer", "/default").header("authorization", "Bearer").denied(reasons::MISSING),
        case("no scheme", "/default").header("authorization", &good).denied(reasons::MISSING),
        case("Bearer and what is no token", "/default")
            .header("authorization", "Bearer !!!")
            .denied(reasons::FORM),
        case("Bearer thrice", "/default")
            .header("authorization", "Bearer Bearer Bearer")
            .denied(reasons::FORM),
        case("the name in capitals", "/default")
            .header("AUTHORIZATION", format!("Bearer {good}"))
            .same(200),
        case("another scheme on its own line", "/default")
            .header("authorization", "Basic YTpi")
            .bearer(&good)
            .differs(&TWO_AUTHORIZATIONS),
        case("twice the same", "/default").bearer(&good).bearer(&good).denied(reasons::FORM),
        case("a good and a bad one", "/default")
            .bearer(&good)
            .bearer(expired())
            .denied(reasons::FORM),
        case("forwarded", "/forward")
            .bearer(&good)
            .same(200)
            .says("upstream authorization", format!("Bearer {good}")),
        case("not forwarded", "/default")
            .bearer(&good)
            .same(200)
            .says("upstream authorization", ""),
        case("another prefix", "/authorization")
            .header("authorization", format!("Token {good}"))
            .same(200),
        case("Bearer where another prefix is wanted", "/authorization")
            .bearer(&good)
            .denied(reasons::MISSING),
    ];
    for scheme in ["bearer", "BEARER", "bEARER"] {
        let value = format!("{scheme} {good}");
        cases
            .push(case(scheme, "/default").header("authorization", value).denied(reasons::MISSING));
    }
    for before in
        ["xBearer ", "Basic YTpi Bearer ", "Bearer    ", "Bearer !$", "Bearer \"", "Bearer ="]
    {
        let value = format!("{before}{good}");
        cases
            .push(case(format!("{before:?}"), "/default").header("authorization", value).same(200));
    }
    for behind in [";", "\""] {
        let value = format!("Bearer {good}{behind}");
        cases.push(
            case(format!("behind it {behind:?}"), "/default")
                .header("authorization", value)
                .denied(reasons::SIGNATURE_BASE64),
        );
    }
    cases
}

fn headers() -> Vec<Case> {
    let good = token(json!({}));
    let other = token(json!({ "sub": "bob" }));
    vec![
        case("a header of its own", "/header")
            .header("x-token", &good)
            .same(200)
            .says("upstream x-token", ""),
        case("authorization where it is not looked at", "/header")
            .bearer(&good)
            .denied(reasons::MISSING),
        case("a header without its prefix", "/prefix")
            .header("x-token", &good)
            .denied(reasons::MISSING),
        case("a prefix", "/prefix").header("x-token", format!("jwt={good}")).same(200),
        case("a prefix in the middle", "/prefix")
            .header("x-token", format!("a=b jwt={good}"))
            .same(200),
        case("something behind", "/prefix")
            .header("x-token", format!("jwt={good},x=y"))
            .denied(reasons::SIGNATURE_BASE64),
        case("an empty header", "/header").header("x-token", "").same(401),
        case("blanks in front", "/header").header("x-token", format!("   {good}")).same(200),
        case("two lines", "/header").header("x-token", &good).header("x-token", &other).same(200),
        case("a bad second line", "/header")
            .header("x-token", &good)
            .header("x-token", "x")
            .same(401),
        case("two headers", "/headers")
            .header("x-a", &good)
            .header("x-b", format!("Token {other}"))
            .same(200),
        case("a second header that is bad", "/headers")
            .header("x-a", &good)
            .header("x-b", "Token x")
            .denied(reasons::FORM),
        case("a second header without its prefix", "/headers")
            .header("x-a", &good)
            .header("x-b", "x")
            .same(200)
            .says("upstream x-b", "x"),
        case("a header that is forwarded", "/kept")
            .header("x-token", &good)
            .same(200)
            .says("upstream x-token", &good),
    ]
}

fn parameters() -> Vec<Case> {
    let good = token(json!({}));
    let at = |name: &str, path: String| case(name, path);
    vec![
        at("access_token", format!("/default?access_token={good}"))
            .same(200)
            .says("path", "/default"),
        at("access_token beside others", format!("/default?a=1&access_token={good}&b=2"))
            .same(200)
            .says("path", "/default?a=1&b=2"),
        at("access_token that is forwarded", format!("/forward?access_token={good}&x=1"))
            .same(200)
            .says("path", format!("/forward?access_token={good}&x=1")),
        at("another name", format!("/default?token={good}")).denied_with_query(),
        at("a parameter of its own", format!("/params?t={good}")).same(200).says("path", "/params"),
        at("two parameters", format!("/params?t={good}&u={good}"))
            .same(200)
            .says("path", "/params"),
        at("a bad parameter", "/params?t=a.b&x=1".to_owned()).denied_with_query(),
        at("an empty parameter", "/params?t=".to_owned()).denied_with_query(),
        at("a parameter without a value", "/params?t".to_owned()).denied_with_query(),
        at("a parameter in another case", format!("/params?T={good}")).denied_with_query(),
        at("access_token where it is not looked at", format!("/params?access_token={good}"))
            .denied_with_query(),
        at("an escaped name", format!("/params?%74={good}")).same(200),
        at("an escaped value", format!("/params?t={}", good.replace('.', "%2E")))
            .same(200)
            .says("path", "/params"),
        at("twice", format!("/params?t={good}&t={good}")).differs(&TWICE),
        at("a bad second one", format!("/params?t={good}&t=x")).differs(&SECOND_PARAMETER),
        at("a fragment", format!("/params?t={good}#x")).same(400),
        at("a token in the fragment", format!("/params#?t={good}")).same(400),
        at("others with escapes", format!("/params?x=%2f+&t={good}&y=%2B"))
            .differs(&QUERY_AS_WRITTEN)
            .with("path", "/params?x=%2f+&y=%2B", "/params?x=/+&y=+"),
        at("a blank in others", format!("/params?x=a%20b&t={good}")).differs(&QUERY_OF_BLANKS),
        at("bytes in others", format!("/params?x=%C3%A9&t={good}"))
            .differs(&QUERY_AS_WRITTEN)
            .with("path", "/params?x=%C3%A9", "/params?x=\u{e9}"),
        at("others without values", format!("/params?a&t={good}&b="))
            .differs(&QUERY_AS_WRITTEN)
            .with("path", "/params?a&b=", "/params?a=&b="),
        at("empty pieces", format!("/params?&&t={good}&")).differs(&QUERY_AS_WRITTEN).with(
            "path",
            "/params",
            "/params?=&=",
        ),
        at("a semicolon", format!("/params?a=1;t={good}")).denied_with_query(),
        at("a forwarded parameter", format!("/kept?t={good}"))
            .same(200)
            .says("path", format!("/kept?t={good}")),
    ]
}

fn cookies() -> Vec<Case> {
    let good = token(json!({}));
    let cookie = |name: &str, value: String| case(name, "/cookies").header("cookie", value);
    vec![
        cookie("a cookie", format!("session={good}"))
            .same(200)
            .says("upstream cookie", format!("session={good}")),
        cookie("a cookie among others", format!("a=b; session={good}; c=d")).same(200),
        cookie("another cookie", format!("Sid={good}")).same(200),
        cookie("a cookie in another case", format!("Session={good}")).denied(reasons::MISSING),
        cookie("both cookies", format!("session={good}; Sid={good}")).same(200),
        cookie("a second cookie that is bad", format!("session={good}; Sid=x"))
            .denied(reasons::FORM),
        cookie("a cookie in quotes", format!("session=\"{good}\"")).same(200),
        cookie("an empty cookie", "session=".to_owned()).same(401),
        cookie("a cookie without a blank", format!("a=b;session={good}")).same(200),
        cookie("a cookie twice", format!("session={good}; session={good}")).differs(&TWICE),
        cookie("a bad second cookie of the name", format!("session={good}; session=x"))
            .differs(&SECOND_COOKIE),
        cookie("two lines of cookies", "a=b".to_owned())
            .header("cookie", format!("session={good}"))
            .same(200),
        cookie("expired", format!("session={}", expired())).denied(reasons::EXPIRED),
        case("authorization where only cookies count", "/cookies")
            .bearer(&good)
            .denied(reasons::MISSING),
    ]
}

fn several() -> Vec<Case> {
    let good = token(json!({}));
    let bob = token(json!({ "sub": "bob" }));
    vec![
        case("header, parameter and cookie", format!("/kept?t={good}"))
            .header("x-token", &bob)
            .header("cookie", format!("session={good}"))
            .same(200),
        case("a bad header beside a good cookie", "/kept")
            .header("x-token", "a.b")
            .header("cookie", format!("session={good}"))
            .denied(reasons::FORM),
        case("a bad cookie beside a good header", "/kept")
            .header("x-token", &good)
            .header("cookie", format!("session={}", expired()))
            .denied(reasons::EXPIRED),
        case("two bad ones", "/kept")
            .header("x-token", "a.b")
            .header("cookie", format!("session={}", expired()))
            .denied(reasons::EXPIRED),
    ]
}
