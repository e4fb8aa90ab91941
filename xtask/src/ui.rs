//! What the terminal shows: colour where it is wanted (`NO_COLOR` is respected), a spinner where
//! someone is looking.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::{OwoColorize, Stream, Style};

/// Means "as it should be".
pub(crate) const TICK: &str = "✓";

/// Means "not as it should be".
pub(crate) const CROSS: &str = "✗";

fn styled(text: impl Display, style: Style) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.style(style)).to_string()
}

/// A heading.
pub(crate) fn title(text: impl Display) -> String {
    styled(text, Style::new().bold())
}

/// Something that is as it should be.
pub(crate) fn good(text: impl Display) -> String {
    styled(text, Style::new().green().bold())
}

/// Something that is not as it should be.
pub(crate) fn bad(text: impl Display) -> String {
    styled(text, Style::new().red().bold())
}

/// Something that the user can type.
pub(crate) fn typed(text: impl Display) -> String {
    styled(text, Style::new().cyan())
}

/// Something less important than what is around it.
pub(crate) fn faint(text: impl Display) -> String {
    styled(text, Style::new().dimmed())
}

/// Says that a long step has begun: a spinner on a terminal, else a line. Dropping it ends it.
#[derive(Debug)]
#[must_use = "the spinner ends when this is dropped"]
pub(crate) struct Busy(Option<ProgressBar>);

/// Begins a long step.
pub(crate) fn busy(message: &str) -> Busy {
    if !std::io::stderr().is_terminal() {
        eprintln!("{message} ...");
    }
    spinner(message)
}

/// Begins a step that is no news by itself: only a spinner, where someone is looking.
pub(crate) fn spinner(message: &str) -> Busy {
    if !std::io::stderr().is_terminal() {
        return Busy(None);
    }
    let spinner = ProgressBar::new_spinner().with_message(message.to_owned());
    spinner.set_style(
        ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    spinner.enable_steady_tick(Duration::from_millis(100));
    Busy(Some(spinner))
}

/// Shows how many of some steps are done, and when the rest will be. Dropping it ends it.
#[derive(Debug)]
#[must_use = "it ends when this is dropped"]
pub(crate) struct Progress(ProgressBar);

/// Begins so many steps, called so.
pub(crate) fn progress(steps: usize, name: &str) -> Progress {
    // It draws on a terminal only.
    let bar = ProgressBar::new(steps as u64).with_message(name.to_owned());
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_secs(1));
    Progress(bar)
}

impl Progress {
    /// One step is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(spinner) = &self.0 {
            spinner.finish_and_clear();
        }
    }
}
