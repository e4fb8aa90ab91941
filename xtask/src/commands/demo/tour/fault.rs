//! `fault`: what callers see when a service is slow or broken.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Step, Tour};

/// The delay that is asked for, and how much later than that an answer may come.
const DELAY: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_millis(200);

pub(super) async fn show(tour: &mut Tour<'_>) {
    tour.chapter("fault", "what if the service were slow, or broken? Callers ask for it by header");
    let why = "nobody asked for a fault";
    tour.step("No header: no fault", why, nothing).await;
    let why = "`header_delay` obeys the header; the worker serves others meanwhile";
    tour.step("A delay of 300 ms", why, delay).await;
    let why = "`header_abort` obeys the header, and answers in the service's place";
    tour.step("An abort with 503", why, abort).await;
}

async fn nothing(step: &mut Step<'_>) -> Result<()> {
    let took = timed(step, &[]).await?;
    ensure!(took < DELAY, "it should be faster than with a delay");
    Ok(())
}

async fn delay(step: &mut Step<'_>) -> Result<()> {
    let took = timed(step, &[("x-envoy-fault-delay-request", "300")]).await?;
    ensure!(took >= DELAY, "it should not be faster than the delay");
    ensure!(took < DELAY + LATE, "it should not be slower than the delay and {LATE:?}");
    Ok(())
}

/// How long the answer took; it must be good.
async fn timed(step: &mut Step<'_>, headers: &[(&'static str, &str)]) -> Result<Duration> {
    let ask =
        headers.iter().fold(step.get("/anything"), |ask, (name, value)| ask.header(name, value));
    let start = Instant::now();
    let answer = step.send(ask).await?;
    let took = start.elapsed();
    step.saw_in_answer(format!("after {:.1} ms", took.as_secs_f64() * 1000.0));
    ensure!(answer.status == 200, "the status should be 200");
    Ok(took)
}

async fn abort(step: &mut Step<'_>) -> Result<()> {
    let before = step.stage.httpbin.requests();
    let answer =
        step.send(step.get("/anything").header("x-envoy-fault-abort-request", "503")).await?;
    let arrived = step.stage.httpbin.requests() - before;
    step.saw(format!("{arrived} requests arrived at the service"));
    ensure!(answer.status == 503, "the status should be 503");
    ensure!(answer.text() == "fault filter abort", "the body should be: fault filter abort");
    ensure!(arrived == 0, "none should have arrived");
    Ok(())
}
