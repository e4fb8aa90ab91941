//! One step of the tour.

use anyhow::Result;
use tollgate_e2e::client::Response;

use super::Ask;
use crate::commands::demo::stage::Stage;
use crate::ui;

/// A step in progress: collects what is to be shown of it.
pub(super) struct Step<'a> {
    pub(super) stage: &'a Stage,
    lines: Vec<Line>,
}

/// A line that was shown so many times in a row.
struct Line {
    text: String,
    times: u32,
}

impl<'a> Step<'a> {
    pub(super) fn new(stage: &'a Stage) -> Self {
        Self { stage, lines: Vec::new() }
    }

    /// A `GET` of this path, through Envoy.
    pub(super) fn get(&self, path: &str) -> Ask {
        Ask::new(self.stage, path)
    }

    /// Sends a request, and shows it and the status and text that come back.
    pub(super) async fn send(&mut self, ask: Ask) -> Result<Response> {
        self.asked(&ask);
        let answer = ask.send().await?;
        self.answered(&answer);
        Ok(answer)
    }

    /// Shows a request as one would type it.
    pub(super) fn asked(&mut self, ask: &Ask) {
        self.show(ui::typed(format!("$ {}", ask.curl())));
    }

    /// Shows an answer in one line. The services answer JSON, of which the steps show what matters.
    pub(super) fn answered(&mut self, answer: &Response) {
        let body = answer.text();
        let is_short_text = !body.is_empty() && !body.starts_with('{') && body.len() < 120;
        let body = if is_short_text { format!("  {}", body.trim_end()) } else { String::new() };
        self.show(format!("{}{body}", ui::title(answer.status)));
    }

    /// Shows what was seen besides the answer.
    pub(super) fn saw(&mut self, what: impl Into<String>) {
        self.show(what.into());
    }

    /// The same, beside the answer in its line.
    pub(super) fn saw_in_answer(&mut self, what: impl AsRef<str>) {
        if let Some(line) = self.lines.last_mut() {
            line.text.push_str("  ");
            line.text.push_str(what.as_ref());
        }
    }

    /// Prints it with its reason and outcome.
    pub(super) fn print(&self, title: &str, why: &str, outcome: &Result<()>) {
        let mark = if outcome.is_ok() { ui::good(ui::TICK) } else { ui::bad(ui::CROSS) };
        println!("  {mark} {title}");
        for Line { text, times } in &self.lines {
            match times {
                1 => println!("      {text}"),
                _ => println!("      {text}   {}", ui::faint(format!("({times} times)"))),
            }
        }
        println!("      {}", ui::faint(format!("why: {why}")));
        if let Err(error) = outcome {
            println!("      {}", ui::bad(format!("not as it should be: {error:#}")));
        }
    }

    fn show(&mut self, text: String) {
        match self.lines.last_mut() {
            Some(line) if line.text == text => line.times += 1,
            _ => self.lines.push(Line { text, times: 1 }),
        }
    }
}
