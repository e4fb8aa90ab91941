//! Tokens without a signature.

use crate::common::{is_denied_in, present, provider_with, reasons, start};
use crate::forge::{signed, unsigned};
use serde_json::json;
use tollgate_jwt_auth::JwtAuth;
use tollgate_testkit::Proxy;

/// Every way to write it in large and small letters.
fn spellings() -> impl Iterator<Item = String> {
    (0..16_u8).map(|mask| {
        let letters = "none".chars().enumerate();
        letters
            .map(|(at, it)| if mask >> at & 1 == 1 { it.to_ascii_uppercase() } else { it })
            .collect()
    })
}

#[tollgate_testkit::test(JwtAuth)]
fn none_is_refused_in_every_spelling(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    let others = [
        "none ",
        " none",
        "none\0",
        "\u{ff4e}one",
        "n\u{43e}ne",
        "non\u{435}",
        "nonee",
        "null",
        "",
    ];
    for alg in spellings().chain(others.map(str::to_owned)) {
        let header = json!({ "alg": alg });
        is_denied_in(&present(proxy, &format!("{}.", unsigned(&header))), reasons::FORM, &alg);
        let with_some = signed(&header, |_| vec![0; 64]);
        is_denied_in(&present(proxy, &with_some), reasons::UNKNOWN_ALG, &alg);
    }
}

#[tollgate_testkit::test(JwtAuth)]
fn an_empty_signature_is_none(proxy: &mut Proxy) {
    start(proxy, provider_with(json!({})));
    for alg in ["ES256", "RS256", "EdDSA", "HS256", "none"] {
        let unsigned = unsigned(&json!({ "alg": alg }));
        for token in [unsigned.clone(), format!("{unsigned}."), format!("{unsigned}..")] {
            is_denied_in(&present(proxy, &token), reasons::FORM, alg);
        }
    }
}
