use super::*;
use crate::config::Config;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Answers of a filter whose provider looks for tokens in `authorization` and in the parameter `t`.
fn configured(fields: Value) -> Result<Answers, ConfigError> {
    let mut config = json!({ "providers": { "p": {
        "local_jwks": { "inline_string": "{}" },
        "from_params": ["t"],
    } } });
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let config: Config = tollgate::config::from_slice(config.to_string().as_bytes())?;
    Answers::new(&config)
}

fn answers(denied_response: Value) -> Answers {
    configured(json!({ "denied_response": denied_response })).unwrap()
}

fn request(path: &str) -> HeaderMap {
    HeaderMap::from_pairs([(":scheme", "https"), (":authority", "shop.example"), (":path", path)])
}

fn header<'r>(reply: &'r LocalReply, name: &str) -> Option<&'r str> {
    let mut values = reply.headers().iter().filter(|(it, _)| it == name);
    let value = values.next().map(|(_, value)| std::str::from_utf8(value).unwrap());
    assert!(values.next().is_none(), "{name} twice");
    value
}

fn text(reply: &LocalReply) -> &str {
    std::str::from_utf8(reply.body_bytes()).unwrap()
}

fn reply(answers: &Answers, failure: Failure, path: &str) -> LocalReply {
    answers.reply(&failure.into(), &request(path))
}

#[test]
fn without_any_answer_the_words_are_envoys() {
    let reply = reply(&configured(json!({})).unwrap(), Failure::Expired, "/a");
    assert_eq!((reply.status(), text(&reply)), (401, "Jwt is expired"));
    assert_eq!(reply.details_text(), "jwt_authn_access_denied{Jwt_is_expired}");
    let expected = r#"Bearer realm="https://shop.example/a", error="invalid_token""#;
    assert_eq!(header(&reply, "www-authenticate"), Some(expected));
}

#[test]
fn each_class_has_its_answer_and_the_rest_the_default() {
    let answers = answers(json!({
        "missing": { "body": "m" },
        "forbidden": { "body": "f" },
        "default": { "body": "d" },
    }));
    for (failure, body) in [
        (Failure::Missing, "m"),
        (Failure::AudienceNotAllowed, "f"),
        (Failure::PeerNotAllowed, "f"),
        (Failure::Expired, "d"),
        (Failure::UnknownIssuer, "d"),
    ] {
        let reply = reply(&answers, failure, "/");
        assert_eq!((reply.status(), text(&reply)), (failure.status(), body), "{failure:?}");
        assert_eq!(reply.details_text(), failure.details());
    }
}

#[test]
fn a_class_without_an_answer_keeps_envoys_words() {
    let answers = answers(json!({ "forbidden": { "status": 404 } }));
    let forbidden = reply(&answers, Failure::ScopesNotSufficient, "/");
    assert_eq!((forbidden.status(), text(&forbidden)), (404, "Scopes in Jwt are not sufficient"));
    let missing = reply(&answers, Failure::Missing, "/");
    assert_eq!((missing.status(), text(&missing)), (401, "Jwt is missing"));
}

#[test]
fn placeholders_are_filled_in() {
    let body = "{status} {reason} {message} {realm} {path} {original_url}";
    let answers = answers(json!({ "default": {
        "status": 418, "body": body, "headers": [{ "name": "X-Why", "value": "{reason};{path}" }],
    } }));
    let reply = reply(&answers, Failure::NotYetValid, "/a?b=c#d");
    assert_eq!(
        text(&reply),
        "418 not_yet_valid Jwt not yet valid https://shop.example/a /a https://shop.example/a?b=c"
    );
    assert_eq!(header(&reply, "x-why"), Some("not_yet_valid;/a"));
    assert!(header(&reply, "www-authenticate").is_some());
}

#[test]
fn braces_that_hold_no_name_are_text() {
    let body = r#"{"a":{},"b":"{reason}"} p{color:red} { reason } {} { {{status}} {"#;
    let answers = answers(json!({ "default": { "body": body } }));
    let expected = r#"{"a":{},"b":"missing"} p{color:red} { reason } {} { {401} {"#;
    assert_eq!(text(&reply(&answers, Failure::Missing, "/")), expected);
}

#[test]
fn a_redirect_takes_the_client_along_and_back() {
    let redirect = "https://login.example/start?back={original_url}&why={reason}#top";
    let answers = answers(json!({ "missing": { "redirect": redirect } }));
    let reply = reply(&answers, Failure::Missing, "/a b?x=1&y=%2F");
    assert_eq!((reply.status(), text(&reply)), (302, ""));
    assert_eq!(
        header(&reply, "location"),
        Some(
            "https://login.example/start?back=https%3A%2F%2Fshop.example%2Fa%2520b%3Fx%3D1%26y\
            %3D%252F&why=missing#top"
        )
    );
    assert_eq!(header(&reply, "www-authenticate"), None);
}

#[test]
fn no_part_of_a_token_is_repeated() {
    let body = "{original_url} {realm} {path}";
    let answers = answers(json!({ "default": { "body": body } }));
    for query in ["t=SECRET", "a=1&access_token=SECRET", "%74=SECRET&t=SECRET", "t=SECRET#t=SECRET"]
    {
        let reply = reply(&answers, Failure::Expired, &format!("/x?{query}"));
        assert!(!text(&reply).contains("SECRET"), "{query}: {}", text(&reply));
        assert!(text(&reply).starts_with("https://shop.example/x"), "{query}");
    }
}

#[test]
fn what_is_very_long_is_left_out() {
    let answers = answers(json!({ "default": { "body": "{original_url} {path}" } }));
    let long = "a".repeat(3000);
    let of = |path: String| text(&reply(&answers, Failure::Missing, &path)).to_owned();
    assert_eq!(of(format!("/x?{long}")), "https://shop.example/x /x");
    assert_eq!(of(format!("/{long}")), "https://shop.example/ /");
}

#[test]
fn a_path_is_no_host_in_a_link() {
    let answers = answers(json!({ "default": { "body": "{path}" } }));
    assert_eq!(text(&reply(&answers, Failure::Missing, "//evil.example/x")), "/");
    assert_eq!(text(&reply(&answers, Failure::Missing, "/\\evil.example")), "/%5Cevil.example");
}

#[test]
fn a_challenge_can_be_replaced() {
    let headers = json!([{ "name": "WWW-Authenticate", "value": "Bearer scope=\"{reason}\"" }]);
    let answers = answers(json!({ "default": { "headers": headers } }));
    let reply = reply(&answers, Failure::Missing, "/");
    assert_eq!(header(&reply, "www-authenticate"), Some("Bearer scope=\"missing\""));
    assert_eq!(text(&reply), "Jwt is missing");
}

#[test]
fn a_stripped_failure_says_what_was_written_and_nothing_else() {
    let fields = json!({
        "strip_failure_response": true,
        "denied_response": {
            "missing": { "body": "log in" },
            "invalid": { "headers": [{ "name": "x-a", "value": "b" }] },
        },
    });
    let answers = configured(fields).unwrap();
    let missing = reply(&answers, Failure::Missing, "/");
    assert_eq!((text(&missing), missing.headers().len()), ("log in", 0));
    let invalid = reply(&answers, Failure::Expired, "/");
    assert_eq!((text(&invalid), header(&invalid, "x-a")), ("", Some("b")));
    assert_eq!(header(&invalid, "www-authenticate"), None);
    let forbidden = reply(&answers, Failure::AudienceNotAllowed, "/");
    assert_eq!((text(&forbidden), forbidden.headers().len()), ("", 0));
}

#[test]
fn a_grpc_caller_gets_envoys_words() {
    let answers =
        answers(json!({ "default": { "status": 200, "redirect": null, "body": "html" } }));
    for (content_type, is_grpc) in [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/grpc-web", false),
        ("text/html", false),
    ] {
        let headers = HeaderMap::from_pairs([(":path", "/"), ("content-type", content_type)]);
        let reply = answers.reply(&Failure::Missing.into(), &headers);
        assert_eq!(reply.status() == 401, is_grpc, "{content_type}");
    }
}

#[test]
fn a_status_that_has_no_body_gets_none() {
    for status in [204, 205, 304] {
        let answers = answers(json!({ "default": { "status": status } }));
        assert_eq!(text(&reply(&answers, Failure::Missing, "/")), "");
    }
}

#[test]
fn the_scopes_that_are_needed_are_in_the_challenge() {
    let answers = configured(json!({})).unwrap();
    let failure = Failure::ScopesNotSufficient;
    let denial = Denial { scope: Some("a b".into()), ..failure.into() };
    let reply = answers.reply(&denial, &request("/"));
    let challenge = header(&reply, "www-authenticate").unwrap();
    assert!(challenge.ends_with(r#", error="insufficient_scope", scope="a b""#), "{challenge}");
}

/// The field that is refused in the answer for missing tokens, and what was found.
#[track_caller]
fn refused(answer: Value) -> String {
    let error = configured(json!({ "denied_response": { "missing": answer } })).unwrap_err();
    let path = error.path.strip_prefix("denied_response.missing").unwrap();
    path.trim_start_matches('.').to_owned()
}

#[test]
fn what_cannot_be_meant_is_refused_by_its_field() {
    for (answer, path) in [
        (json!({}), ""),
        (json!({"statuss": 400}), "statuss"),
        (json!({"status": 199}), "status"),
        (json!({"status": 600}), "status"),
        (json!({"status": "403"}), "status"),
        (json!({"status": 401, "redirect": "/login"}), "status"),
        (json!({"status": 300, "redirect": "/login"}), "status"),
        (json!({"status": 204, "body": "x"}), "body"),
        (json!({"body": "{token}"}), "body"),
        (json!({"body": "{}{nonsense}"}), "body"),
        (json!({"content_type": "text/html"}), "content_type"),
        (json!({"body": "x", "content_type": "a\r\nb"}), "content_type"),
        (json!({"body": "{", "content_type": "application/json"}), "body"),
        (json!({"body": "{\"a\": {path}}", "content_type": "application/json; a=b"}), "body"),
        (json!({"body": "{\"a\": {message}}", "content_type": "application/problem+json"}), "body"),
        (json!({"body": "{\"a\": \"\\{path}\"}", "content_type": "application/json"}), "body"),
        (json!({"headers": []}), "headers"),
        (json!({"headers": [{"name": "x"}]}), "headers[0].value"),
        (json!({"headers": [{"name": "x", "value": "a\nb"}]}), "headers[0].value"),
        (json!({"headers": [{"name": "x", "value": "{no}"}]}), "headers[0].value"),
        (json!({"headers": [{"name": ":status", "value": "a"}]}), "headers[0].name"),
        (json!({"headers": [{"name": "Content-Length", "value": "a"}]}), "headers[0].name"),
        (json!({"headers": [{"name": "transfer-encoding", "value": "a"}]}), "headers[0].name"),
        (json!({"headers": [{"name": "content-type", "value": "a"}]}), "headers[0].name"),
        (json!({"headers": [{"name": "location", "value": "a"}]}), "headers[0].name"),
        (json!({"headers": [{"name": "Refresh", "value": "0"}]}), "headers[0].name"),
        (json!({"headers": [{"name": "grpc-status", "value": "0"}]}), "headers[0].name"),
    ] {
        assert_eq!(refused(answer.clone()), path, "{answer}");
    }
    for (denied_response, path) in
        [(json!({}), "denied_response"), (json!({"expired": {}}), "denied_response.expired")]
    {
        let error = configured(json!({ "denied_response": denied_response })).unwrap_err();
        assert_eq!(error.path, path);
    }
}

#[test]
fn a_target_whose_place_the_operator_has_not_written_is_refused() {
    for target in [
        "",
        "login",
        "//evil.example",
        "/\\evil.example",
        "https://",
        "https:///x",
        "https://?x",
        "https://user@host/",
        "https://{path}/",
        "https://login.example{path}",
        "https://login.example/{path}",
        "https://login.example/?a#{path}",
        "/{path}",
        "{original_url}",
        "javascript:alert(1)",
        "ftp://host/",
        "https://host/a b",
        "https://host/\r\nx: y",
        "https://host/?a=\"",
        "https://host/?{nonsense}",
        "https://host/?a={",
        "https://hóst/",
    ] {
        assert_eq!(refused(json!({ "redirect": target })), "redirect", "{target:?}");
    }
    for target in ["/login", "/login?b={path}#x", "https://[::1]:8443", "http://h?{status}"] {
        assert!(configured(json!({"denied_response": {"missing": {"redirect": target}}})).is_ok());
    }
}

#[test]
fn the_messages_are_safe_wherever_they_stand() {
    for failure in Failure::ALL {
        let text = format!("{}{}", failure.message(), failure.name());
        let harmless = |byte: u8| (b' '..0x7f).contains(&byte) && !b"\"\\<>&;".contains(&byte);
        assert!(text.bytes().all(harmless), "{text}");
    }
}

/// A request that says whatever it wants.
fn hostile(scheme: &[u8], host: &[u8], path: &[u8]) -> HeaderMap {
    HeaderMap::from_pairs([(&b":scheme"[..], scheme), (b":authority", host), (b":path", path)])
}

proptest! {
    #[test]
    fn nothing_in_a_request_leaves_the_place_where_it_stands(
        scheme: Vec<u8>,
        host: Vec<u8>,
        path: Vec<u8>,
        index in 0..Failure::ALL.len(),
    ) {
        let all = "{status} {reason} {message} {realm} {path} {original_url}";
        let json = json!({ "a": all, all: [{ "b": all }] });
        let answers = answers(json!({
            "default": {
                "body": json.to_string(),
                "content_type": "application/json",
                "headers": [{ "name": "x-a", "value": all }],
            },
            "missing": { "redirect": "https://login.example/in?a={original_url}&b={path}&c={realm}" },
        }));
        let headers = hostile(&scheme, &host, &path);
        let failure = Failure::ALL[index];
        let reply = answers.reply(&failure.into(), &headers);
        if failure == Failure::Missing {
            let location = header(&reply, "location").unwrap();
            let query = location.strip_prefix("https://login.example/in?a=").unwrap();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%&=".contains(&byte);
            prop_assert!(query.bytes().all(plain), "{location}");
            prop_assert_eq!(query.matches(['&', '=']).count(), 4);
        } else {
            let read: Value = serde_json::from_slice(reply.body_bytes()).unwrap();
            prop_assert_eq!(read.as_object().unwrap().len(), 2);
            let value = header(&reply, "x-a").unwrap();
            let plain = |byte: u8| (b' '..0x7f).contains(&byte) && !b"\"\\<>;,".contains(&byte);
            prop_assert!(value.bytes().all(plain), "{value}");
        }
    }

    #[test]
    fn a_template_without_names_in_braces_is_what_it_is(text in "[^{]*") {
        prop_assert_eq!(Template::new(&text).unwrap().sample(), text);
    }

    #[test]
    fn any_template_is_read_or_refused(text in "[{}a-z_\"s]{0,12}") {
        let _ = Template::new(&text);
    }
}
