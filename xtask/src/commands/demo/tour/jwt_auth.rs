//! `jwt-auth`: only callers with a good token come in, and the services learn who they are.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tollgate_e2e::client::Response;
use tollgate_e2e::tokens::{self, ec_key, rsa_key, tampered};

use super::{Step, Tour};
use crate::commands::demo::stage::claims;

/// A path that the configuration requires a token for.
const PROTECTED: &str = "/account";
/// A path that anyone may call.
const OPEN: &str = "/headers";
/// The header in which the services find the subject of the token.
const USER: &str = "x-user";

pub(super) async fn show(tour: &mut Tour<'_>) {
    tour.chapter("jwt-auth", "who is calling? /account needs a token, all else is open");
    let why = "the rule for /account requires a token of the demo's issuer";
    tour.step("No token: refused", why, no_token).await;
    let why = "one bit of it was changed, so the issuer's public key does not verify it";
    tour.step("A token whose signature is wrong: refused", why, bad_signature).await;
    let why = "`exp` is a day ago, and 60 seconds are forgiven";
    tour.step("A token from yesterday: refused", why, expired).await;
    let why = "`claim_to_headers` writes the claim `sub` to x-user";
    tour.step("A good token: let in, and the service learns who calls", why, good_token).await;
    let why = "the key set has an RSA and a P-256 key, and the token's `kid` names its own";
    tour.step("The same with an ES256 token", why, es256_token).await;
    let why = "whatever a client sends as x-user is removed first";
    tour.step("A caller who claims to be the admin: the token decides", why, spoofed).await;
    let why = "the client's x-user is removed on every path, also where no token is needed";
    tour.step("The same on an open path", why, spoofed_openly).await;
}

async fn no_token(step: &mut Step<'_>) -> Result<()> {
    let answer = step.send(step.get(PROTECTED)).await?;
    let challenge = answer.header("www-authenticate").to_owned();
    step.saw(format!("www-authenticate: {challenge}"));
    refused(&answer, "Jwt is missing")?;
    let realm = format!("Bearer realm=\"http://{}{PROTECTED}\"", step.stage.host());
    ensure!(challenge == realm, "the challenge should be {realm}");
    Ok(())
}

async fn bad_signature(step: &mut Step<'_>) -> Result<()> {
    let token = tampered(&rsa_key().sign(&claims("alice")));
    let answer = step.send(step.get(PROTECTED).token(&token, "TAMPERED")).await?;
    refused(&answer, "Jwt verification fails")
}

async fn expired(step: &mut Step<'_>) -> Result<()> {
    let mut claims = claims("alice");
    claims["exp"] = json!(tokens::now() - 24 * 3600);
    let token = rsa_key().sign(&claims);
    let answer = step.send(step.get(PROTECTED).token(&token, "EXPIRED")).await?;
    refused(&answer, "Jwt is expired")
}

fn refused(answer: &Response, body: &str) -> Result<()> {
    ensure!(answer.status == 401, "the status should be 401");
    ensure!(answer.text() == body, "the body should be: {body}");
    Ok(())
}

async fn good_token(step: &mut Step<'_>) -> Result<()> {
    let token = rsa_key().sign(&claims("alice"));
    let answer = step.send(step.get(PROTECTED).token(&token, "TOKEN")).await?;
    let user = seen_user(step, &answer)?;
    ensure!(user == "alice", "the service should have seen alice");
    Ok(())
}

async fn es256_token(step: &mut Step<'_>) -> Result<()> {
    let token = ec_key().sign(&claims("bob"));
    let answer = step.send(step.get(PROTECTED).token(&token, "ES256_TOKEN")).await?;
    let user = seen_user(step, &answer)?;
    ensure!(user == "bob", "the service should have seen bob");
    Ok(())
}

async fn spoofed(step: &mut Step<'_>) -> Result<()> {
    let token = rsa_key().sign(&claims("alice"));
    let ask = step.get(PROTECTED).header(USER, "admin").token(&token, "TOKEN");
    let answer = step.send(ask).await?;
    let user = seen_user(step, &answer)?;
    ensure!(user == "alice", "the service should have seen alice, once, and nobody else");
    Ok(())
}

async fn spoofed_openly(step: &mut Step<'_>) -> Result<()> {
    let answer = step.send(step.get(OPEN).header(USER, "admin")).await?;
    let user = seen_user(step, &answer)?;
    ensure!(user.is_null(), "the service should have seen no {USER}");
    Ok(())
}

/// The header as httpbin received it: `null` when absent, a list when there were several.
fn seen_user(step: &mut Step<'_>, answer: &Response) -> Result<Value> {
    ensure!(answer.status == 200, "the status should be 200");
    let user = answer.json()?["headers"][USER].clone();
    step.saw_in_answer(match &user {
        Value::Null => format!("the service saw no {USER}"),
        Value::String(one) => format!("the service saw {USER}: {one}"),
        several => format!("the service saw {USER}: {several}"),
    });
    Ok(user)
}
