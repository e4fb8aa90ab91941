//! The scripted tour: real requests, what came back, and whether that is as it should be.

mod ask;
mod canary;
mod circuit_breaker;
mod fault;
mod jwt_auth;
mod step;

use anyhow::Result;

use super::stage::Stage;
use crate::ui;
use ask::Ask;
use step::Step;

/// The tour so far.
pub(super) struct Tour<'a> {
    stage: &'a Stage,
    passed: usize,
    failed: Vec<String>,
}

impl<'a> Tour<'a> {
    /// Shows all four filters.
    pub(super) async fn of(stage: &'a Stage) -> Self {
        let mut tour = Self { stage, passed: 0, failed: Vec::new() };
        jwt_auth::show(&mut tour).await;
        canary::show(&mut tour).await;
        fault::show(&mut tour).await;
        circuit_breaker::show(&mut tour).await;
        tour
    }

    /// Whether every step did what it should.
    pub(super) fn is_good(&self) -> bool {
        self.failed.is_empty()
    }

    /// Says how it went.
    pub(super) fn print_summary(&self) {
        println!();
        if self.is_good() {
            println!("{} All {} steps did what they should.", ui::good(ui::TICK), self.passed);
            return;
        }
        let steps = self.passed + self.failed.len();
        println!("{} {} of {steps} steps went wrong:", ui::bad(ui::CROSS), self.failed.len());
        self.failed.iter().for_each(|title| println!("    {title}"));
    }

    /// Begins the steps of a filter.
    fn chapter(&self, filter: &str, job: &str) {
        println!("\n{}  {}", ui::title(filter), ui::faint(job));
    }

    /// Does one step and prints it, with the reason for what comes back. An error is how `act`
    /// says that something is not as it should be; the tour goes on.
    async fn step(
        &mut self,
        title: &str,
        why: &str,
        act: impl AsyncFnOnce(&mut Step<'a>) -> Result<()>,
    ) {
        let mut step = Step::new(self.stage);
        let outcome = {
            let _spinner = ui::spinner(title);
            act(&mut step).await
        };
        step.print(title, why, &outcome);
        match outcome {
            Ok(()) => self.passed += 1,
            Err(_) => self.failed.push(title.to_owned()),
        }
    }
}
