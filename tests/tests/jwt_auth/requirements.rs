//! What requests need: the algebra of requirements.

use serde_json::{Value, json};
use tollgate_e2e::oracle::Pair;

use crate::comparison::{Case, Theme, case};
use crate::differences::*;
use crate::fixtures::{provider, reasons, token, token_of, with};
use crate::keys::{signature_of, with_signature};

const A: &str = "https://a.example";
const B: &str = "https://b.example";

pub(crate) fn theme() -> Theme {
    let a = json!({ "provider_name": "a" });
    let b = json!({ "provider_name": "b" });
    let c = json!({ "provider_name": "c" });
    let missing = json!({ "allow_missing": {} });
    let failed = json!({ "allow_missing_or_failed": {} });
    let any = |requirements: &[&Value]| json!({ "requires_any": { "requirements": requirements } });
    let all = |requirements: &[&Value]| json!({ "requires_all": { "requirements": requirements } });
    let for_audiences = |audiences: Value| {
        json!({ "provider_and_audiences": {
        "provider_name": "a", "audiences": audiences,
    } })
    };
    let rules = [
        ("/a", a.clone()),
        ("/none", json!({})),
        ("/web", for_audiences(json!(["web", "https://app.example/"]))),
        ("/own", for_audiences(json!([]))),
        ("/any", any(&[&a, &b])),
        ("/all", all(&[&a, &b])),
        ("/a-or-missing", any(&[&a, &missing])),
        ("/missing-or-a", any(&[&missing, &a])),
        ("/a-or-failed", any(&[&a, &failed])),
        ("/any-or-missing", any(&[&a, &b, &missing])),
        ("/missing-or-failed", any(&[&missing, &failed])),
        ("/all-and-missing", all(&[&a, &missing])),
        ("/missing", missing.clone()),
        ("/failed", failed.clone()),
        ("/nested-any", any(&[&all(&[&a, &b]), &c])),
        ("/nested-all", all(&[&any(&[&a, &b]), &c])),
        ("/deep", any(&[&all(&[&any(&[&a, &b]), &c]), &missing])),
        ("/extract", json!({ "extract_only_without_validation": {} })),
        (
            "/marked",
            json!({ "extract_only_without_validation": { "verification_status_header": "X-Checked" } }),
        ),
        (
            "/unmarked",
            json!({ "extract_only_without_validation": { "verification_status_header": "-" } }),
        ),
        ("/a-or-extract", any(&[&a, &json!({ "extract_only_without_validation": {} })])),
    ];
    let rules: Vec<_> = rules
        .into_iter()
        .map(|(path, requires)| json!({ "match": { "path": path }, "requires": requires }))
        .collect();
    let of = |issuer: &str, header: &str, fields: Value| {
        let claims = json!([{ "header_name": header, "claim_name": "sub" }]);
        provider(with(json!({ "issuer": issuer, "claim_to_headers": claims }), fields))
    };
    let configuration = json!({
        "providers": {
            "a": of(A, "x-a-sub", json!({ "audiences": ["api"], "from_headers": [{ "name": "x-a" }] })),
            "b": of(B, "x-b-sub", json!({ "from_headers": [{ "name": "x-b" }] })),
            "c": of("https://c.example", "x-c-sub", json!({ "from_params": ["c"], "from_headers": [{ "name": "x-c" }] })),
        },
        "rules": rules,
    });
    let mut ours = configuration.clone();
    // A requirement without a field is no requirement: ours refuses it, and has a rule without one.
    if let Some(rule) = ours["rules"].as_array_mut().and_then(|rules| rules.get_mut(1)) {
        *rule = json!({ "match": { "path": "/none" } });
    }
    let cases = [single(), audiences(), any_of(), all_of(), lenient(), nested(), extracted()];
    let pair = Pair::new("requirements", configuration).ours(ours);
    Theme { pair, cases: cases.into_iter().flatten().collect() }
}

fn a() -> String {
    token_of(A, "anna")
}

fn b() -> String {
    token_of(B, "bert")
}

fn c() -> String {
    token_of("https://c.example", "carl")
}

fn stale(issuer: &str) -> String {
    token(json!({ "iss": issuer, "exp": 1000 }))
}

fn forged(issuer: &str) -> String {
    let good = token_of(issuer, "mallory");
    let mut signature = signature_of(&good);
    signature[9] ^= 1;
    with_signature(&good, signature)
}

/// A request with tokens in `x-a`, `x-b`, `x-c`.
fn at(path: &str, what: &str, tokens: &[(&str, String)]) -> Case {
    let request = case(format!("{path} with {what}"), path);
    tokens.iter().fold(request, |request, (name, token)| request.header(name, token))
}

fn single() -> Vec<Case> {
    vec![
        at("/a", "its token", &[("x-a", a())]).same(200).says("upstream x-a-sub", "anna"),
        at("/a", "nothing", &[]).denied(reasons::MISSING),
        at("/a", "the token of another", &[("x-a", b())]).denied(reasons::ISSUER),
        at("/a", "its token elsewhere", &[("x-b", a())]).denied(reasons::MISSING),
        at("/a", "its token and a bad one elsewhere", &[("x-a", a()), ("x-b", "x".into())])
            .same(200)
            .says("upstream x-b", "x"),
        at("/none", "nothing", &[]).same(200),
        at("/none", "a bad token", &[("x-a", "x".into())]).same(200),
    ]
}

fn audiences() -> Vec<Case> {
    let for_audience = |aud: &str| token(json!({ "iss": A, "aud": aud }));
    vec![
        at("/web", "the audience", &[("x-a", for_audience("web"))]).same(200),
        at("/web", "another form of one", &[("x-a", for_audience("http://app.example"))]).same(200),
        at("/web", "the provider's audience", &[("x-a", a())]).denied(reasons::AUDIENCE),
        at("/own", "the provider's audience", &[("x-a", a())]).same(200),
        at("/own", "another audience", &[("x-a", for_audience("web"))]).denied(reasons::AUDIENCE),
        at("/a", "a token seen at another audience", &[("x-a", for_audience("web"))])
            .denied(reasons::AUDIENCE),
    ]
}

fn any_of() -> Vec<Case> {
    vec![
        at("/any", "the first", &[("x-a", a())]).same(200).says("upstream x-a-sub", "anna"),
        at("/any", "the second", &[("x-b", b())]).same(200).says("upstream x-b-sub", "bert"),
        at("/any", "both", &[("x-a", a()), ("x-b", b())]).same(200).says("upstream x-b-sub", ""),
        at("/any", "nothing", &[]).denied(reasons::MISSING),
        at("/any", "a bad first", &[("x-a", stale(A)), ("x-b", b())]).same(200),
        at("/any", "a bad first alone", &[("x-a", stale(A))]).denied(reasons::EXPIRED),
        at("/any", "a bad second alone", &[("x-b", stale(B))]).denied(reasons::EXPIRED),
        at("/any", "two bad ones", &[("x-a", stale(A)), ("x-b", "x".into())]).denied(reasons::FORM),
        at("/any", "two bad ones the other way round", &[("x-a", "x".into()), ("x-b", stale(B))])
            .denied(reasons::EXPIRED),
        at("/any", "a foreign first", &[("x-a", c())]).denied(reasons::ISSUER),
        at("/any", "a foreign second", &[("x-b", c())]).denied(reasons::ISSUER),
        at("/any", "a foreign and a bad one", &[("x-a", c()), ("x-b", stale(B))])
            .denied(reasons::EXPIRED),
        at("/any", "a bad and a foreign one", &[("x-a", stale(A)), ("x-b", c())])
            .denied(reasons::EXPIRED),
    ]
}

fn all_of() -> Vec<Case> {
    vec![
        at("/all", "both", &[("x-a", a()), ("x-b", b())])
            .same(200)
            .says("upstream x-a-sub", "anna"),
        at("/all", "the first", &[("x-a", a())]).denied(reasons::MISSING),
        at("/all", "the second", &[("x-b", b())]).denied(reasons::MISSING),
        at("/all", "a bad first", &[("x-a", stale(A)), ("x-b", b())]).denied(reasons::EXPIRED),
        at("/all", "a bad second", &[("x-a", a()), ("x-b", forged(B))]).denied(reasons::WRONG),
        at("/all", "two bad ones", &[("x-a", stale(A)), ("x-b", forged(B))])
            .denied(reasons::EXPIRED),
        at("/all", "nothing", &[]).denied(reasons::MISSING),
    ]
}

fn lenient() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in ["/a-or-missing", "/missing-or-a", "/any-or-missing"] {
        cases.extend([
            at(path, "nothing", &[]).same(200),
            at(path, "its token", &[("x-a", a())]).same(200).says("upstream x-a-sub", "anna"),
            at(path, "a bad token", &[("x-a", stale(A))]).denied(reasons::EXPIRED),
            at(path, "a foreign token", &[("x-a", c())]).denied(reasons::ISSUER),
            at(path, "a token elsewhere", &[("x-c", "x".into())]).same(200),
        ]);
    }
    for path in ["/a-or-failed", "/failed", "/missing-or-failed"] {
        cases.extend([
            at(path, "nothing", &[]).same(200),
            at(path, "a good token", &[("x-a", a())]).same(200).says("upstream x-a-sub", "anna"),
            at(path, "a bad token", &[("x-a", stale(A))]).same(200),
            at(path, "a forged token", &[("x-a", forged(A))])
                .same(200)
                .says("upstream x-a-sub", ""),
        ]);
    }
    cases.extend([
        at("/failed", "a good and a bad token", &[("x-a", a()), ("x-b", stale(B))]).same(200),
        at("/failed", "a bad and a good token", &[("x-a", stale(A)), ("x-b", b())]).same(200),
        at("/missing", "nothing", &[]).same(200),
        at("/missing", "a good token", &[("x-a", a())]).same(200).says("upstream x-a-sub", "anna"),
        at("/missing", "two good tokens", &[("x-a", a()), ("x-b", b())]).same(200),
        at("/missing", "a bad token", &[("x-a", stale(A))]).denied(reasons::EXPIRED),
        at("/missing", "a token of nobody", &[("x-a", token_of("https://x.example", "x"))])
            .denied(reasons::ISSUER),
        at("/missing", "a good token and a bad one behind", &[("x-a", a()), ("x-b", stale(B))])
            .differs(&ALLOW_MISSING_ALONE),
        at("/missing", "a bad token and a good one behind", &[("x-a", stale(A)), ("x-b", b())])
            .denied(reasons::EXPIRED),
        at("/all-and-missing", "its token", &[("x-a", a())]).differs(&ALL_AND_MISSING),
        at("/all-and-missing", "nothing", &[]).denied(reasons::MISSING),
        at("/all-and-missing", "a bad token elsewhere", &[("x-a", a()), ("x-b", stale(B))])
            .same(401),
    ]);
    cases
}

fn nested() -> Vec<Case> {
    vec![
        at("/nested-any", "both of the first", &[("x-a", a()), ("x-b", b())]).same(200),
        at("/nested-any", "the second", &[("x-c", c())]).same(200).says("upstream x-c-sub", "carl"),
        at("/nested-any", "a part of the first", &[("x-a", a())]).denied(reasons::MISSING),
        at(
            "/nested-any",
            "a part of the first and a bad second",
            &[("x-a", a()), ("x-c", "x".into())],
        )
        .denied(reasons::FORM),
        at("/nested-any", "a part of the first and the second", &[("x-a", a()), ("x-c", c())])
            .differs(&FORGOTTEN)
            .with("upstream x-a", a(), ""),
        at("/nested-all", "one and the other", &[("x-b", b()), ("x-c", c())]).same(200),
        at("/nested-all", "one", &[("x-b", b())]).denied(reasons::MISSING),
        at("/nested-all", "the other", &[("x-c", c())]).denied(reasons::MISSING),
        at("/nested-all", "a bad one and the other", &[("x-b", stale(B)), ("x-c", c())])
            .denied(reasons::EXPIRED),
        at("/deep", "nothing", &[]).same(200),
        at("/deep", "what is needed", &[("x-a", a()), ("x-c", c())]).same(200),
        at("/deep", "a bad part", &[("x-a", stale(A)), ("x-c", c())]).denied(reasons::EXPIRED),
        at("/deep", "a part", &[("x-a", a())]).differs(&FORGOTTEN).with("upstream x-a", a(), ""),
    ]
}

fn extracted() -> Vec<Case> {
    let mut cases = Vec::new();
    for (path, mark) in [
        ("/extract", "upstream x-jwt-signature-verified"),
        ("/marked", "upstream x-checked"),
        ("/unmarked", "upstream -"),
    ] {
        // `-` turns the mark off; 1.40 writes a header of that name.
        let marked = if path == "/unmarked" { "" } else { "false" };
        let read = |what: &str, token: String, subject: &str| {
            let native = token.clone();
            at(path, what, &[("x-a", token)])
                .differs(&EXTRACTED)
                .with("upstream x-a-sub", subject, "")
                .with("upstream x-a", "", native)
                .with(mark, marked, "false")
        };
        let good = at(path, "a good token", &[("x-a", a())]);
        let two = at(path, "two tokens", &[("x-a", a()), ("x-b", b())]);
        let agrees = path == "/unmarked";
        cases.extend([
            at(path, "nothing", &[]).same(200).says(mark, ""),
            if agrees { good.same(200) } else { good.differs(&MARK).with(mark, "false", "") },
            if agrees { two.same(200) } else { two.differs(&MARK).with(mark, "false", "") },
            read("a forged token", forged(A), "mallory"),
            read("a stale token", stale(A), "alice"),
            at(path, "no token", &[("x-a", "x".into())]).differs(&MARK).with(mark, "", "false"),
        ]);
    }
    let mark = "upstream x-jwt-signature-verified";
    cases.extend([
        at("/extract", "a token of another issuer", &[("x-a", token_of("https://x.example", "x"))])
            .differs(&MARK)
            .with(mark, "", "false"),
        at("/extract", "a token of another provider", &[("x-a", b())])
            .differs(&MARK)
            .with(mark, "", "false"),
        at("/extract", "a mark of its own", &[("x-jwt-signature-verified", "true".into())])
            .differs(&MARK)
            .with(mark, "", "true"),
        at("/a", "a mark of its own", &[("x-a", a()), ("x-jwt-signature-verified", "true".into())])
            .differs(&MARK)
            .with(mark, "", "true"),
        at("/a-or-extract", "a good token", &[("x-a", a())]).same(200),
        at("/a-or-extract", "a forged token", &[("x-a", forged(A))])
            .differs(&EXTRACTED_BEHIND_A_PROVIDER)
            .with("upstream x-a", "", forged(A))
            .with(mark, "false", "false"),
    ]);
    cases
}
