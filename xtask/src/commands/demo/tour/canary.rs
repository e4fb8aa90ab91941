//! `canary`: who gets which version of the voting application.

use anyhow::{Result, ensure};
use serde_json::json;
use tollgate_e2e::client::{Connection, Response};
use tollgate_services::voting::ROUTING_HEADER;

use super::{Step, Tour};

/// How many users take part in the split.
const USERS: u32 = 1000;
/// How many of them v2 may get: 100 are expected, and 35 are 3.7 standard deviations.
const V2_RANGE: std::ops::RangeInclusive<u32> = 65..=135;
/// How many are asked a second time.
const RETURNING: u32 = 100;

pub(super) async fn show(tour: &mut Tour<'_>) {
    tour.chapter(
        "canary",
        "which version of the voting app? v2 for testers and a tenth of the users",
    );
    let why = "no rule decides, so it is the default variant";
    tour.step("No cookie: the stable version", why, no_cookie).await;
    let why = "the rule feature-flag-cookie matches";
    tour.step("The feature flag's cookie: the new version", why, flag_cookie).await;
    let why = "client copies of the routing header are removed first";
    tour.step("A client that writes the routing header itself: ignored", why, spoofed).await;
    let why = "the variant is a hash of flag and user: nothing is stored, and nobody moves";
    tour.step("1,000 users at 90/10", why, split).await;
}

async fn no_cookie(step: &mut Step<'_>) -> Result<()> {
    let answer = step.send(step.get("/vote")).await?;
    served_by(step, &answer, "v1")
}

async fn flag_cookie(step: &mut Step<'_>) -> Result<()> {
    let ask = step.get("/vote").header("cookie", "theme=dark; featureflag=on");
    let answer = step.send(ask).await?;
    served_by(step, &answer, "v2")
}

async fn spoofed(step: &mut Step<'_>) -> Result<()> {
    let answer = step.send(step.get("/vote").header(ROUTING_HEADER, "v2")).await?;
    served_by(step, &answer, "v1")
}

fn served_by(step: &mut Step<'_>, answer: &Response, version: &str) -> Result<()> {
    ensure!(answer.status == 200, "the status should be 200");
    let vote = answer.json()?;
    let (served, header) = (&vote["version"], &vote[ROUTING_HEADER]);
    step.saw_in_answer(format!("served by {served}, which saw {ROUTING_HEADER}: {header}"));
    ensure!(served == version, "it should have been {version}");
    ensure!(*header == json!([version]), "it should have seen exactly one {ROUTING_HEADER}");
    Ok(())
}

async fn split(step: &mut Step<'_>) -> Result<()> {
    step.asked(&step.get("/vote").header("cookie", "uid=user-N"));
    let before = (step.stage.voting_v1.requests(), step.stage.voting_v2.requests());
    let mut connection = Connection::http1(step.stage.traffic).await?;
    let mut versions = Vec::new();
    for user in 1..=USERS {
        versions.push(version_for(&mut connection, user).await?);
    }
    let v1 = step.stage.voting_v1.requests() - before.0;
    let v2 = step.stage.voting_v2.requests() - before.1;
    step.saw(format!("of users 1 to {USERS}, v1 served {v1} and v2 {v2}"));

    let mut moved = 0;
    for (user, first) in (1..=RETURNING).zip(&versions) {
        moved += u32::from(version_for(&mut connection, user).await? != *first);
    }
    step.saw(format!("of users 1 to {RETURNING}, who came back, {moved} got the other version"));

    let counted = versions.iter().filter(|version| *version == "v2").count();
    ensure!(v1 + v2 == u64::from(USERS), "every user should have been served once");
    ensure!(v2 == counted as u64, "v2 should have served those who were told v2");
    ensure!(u32::try_from(v2).is_ok_and(|v2| V2_RANGE.contains(&v2)), "v2 should have about 100");
    ensure!(moved == 0, "nobody should have moved");
    Ok(())
}

async fn version_for(connection: &mut Connection, user: u32) -> Result<String> {
    let answer =
        connection.get("/vote").header("cookie", format!("uid=user-{user}")).send().await?;
    ensure!(answer.status == 200, "the status should be 200, not {}", answer.status);
    Ok(answer.json()?["version"].as_str().unwrap_or_default().to_owned())
}
