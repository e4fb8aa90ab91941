//! What libFuzzer says, in numbers.

use std::fmt;
use std::path::PathBuf;

/// What became of a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    runs: u64,
    runs_a_second: u64,
    /// How many edges of the program were reached.
    coverage: u64,
    /// How many inputs differ in what they reach.
    corpus: u64,
    pub(super) finding: Option<Finding>,
}

/// An input that breaks a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    /// What happened, in the words of the panic where there was one.
    pub(super) reason: String,
    /// Where the input is.
    pub(super) input: Option<PathBuf>,
}

impl Report {
    /// Of the columns of [`Display`](fmt::Display).
    pub(super) const HEADINGS: &str = "        runs   runs/s  coverage  corpus";

    /// Reads what a program wrote.
    pub(super) fn read(success: bool, output: &str) -> Self {
        let stat = |name: &str| {
            let lines = output.lines().rev();
            let value = lines.into_iter().find_map(|line| line.strip_prefix(name));
            value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
        };
        // `#1234 REDUCE cov: 320 ft: 1024 corp: 70/2048b lim: 4096 ...`
        let last =
            output.lines().rev().find(|line| line.starts_with('#') && line.contains(" cov: "));
        let after = |name: &str| {
            let (_, value) = last?.split_once(name)?;
            value.split([' ', '/']).next()?.parse().ok()
        };
        Self {
            runs: stat("stat::number_of_executed_units:"),
            runs_a_second: stat("stat::average_exec_per_sec:"),
            coverage: after(" cov: ").unwrap_or_default(),
            corpus: after(" corp: ").unwrap_or_default(),
            finding: (!success).then(|| Finding::read(output)),
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.finding.is_none()
    }
}

impl Finding {
    fn read(output: &str) -> Self {
        let lines = || output.lines();
        // The message of a panic is in the lines after the one that says where it was.
        let panic = lines().skip_while(|line| !line.contains("panicked at"));
        let panic: Vec<_> = panic.take_while(|line| !line.starts_with("note:")).take(4).collect();
        let error = || lines().find(|line| line.contains("ERROR: libFuzzer")).map(str::to_owned);
        let reason = match panic.is_empty() {
            false => panic.join("\n    "),
            true => error().unwrap_or_else(|| "the program failed".to_owned()),
        };
        let written = lines().find_map(|line| line.split_once("Test unit written to "));
        Self { reason, input: written.map(|(_, path)| PathBuf::from(path.trim())) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, runs_a_second, coverage, corpus, .. } = self;
        write!(f, "{runs:>12} {runs_a_second:>8} {coverage:>9} {corpus:>7}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_run_are_read() {
        let output = "#0\tREAD units: 7\n\
            #64\tINITED cov: 95 ft: 96 corp: 7/90b exec/s: 0 rss: 28Mb\n\
            #524288\tREDUCE cov: 320 ft: 1024 corp: 70/2048b lim: 4096 exec/s: 170000 rss: 28Mb\n\
            Done 1070668 runs in 6 second(s)\n\
            stat::number_of_executed_units: 1070668\n\
            stat::average_exec_per_sec:     178444\n";
        let expected = Report {
            runs: 1_070_668,
            runs_a_second: 178_444,
            coverage: 320,
            corpus: 70,
            finding: None,
        };
        assert_eq!(Report::read(true, output), expected);
    }

    #[test]
    fn a_finding_has_its_panic_and_its_input() {
        let output = "#9\tINITED cov: 95 ft: 96 corp: 7/90b\n\
            thread '<unnamed>' (17) panicked at fuzz/src/sdk/headers.rs:10:5:\n\
            other pairs\n\
            note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n\
            ==17== ERROR: libFuzzer: deadly signal\n\
            artifact_prefix='/t/headers-'; Test unit written to /t/headers-crash-00ff\n";
        let finding = Report::read(false, output).finding.unwrap();
        assert!(finding.reason.ends_with("other pairs"), "{}", finding.reason);
        assert_eq!(finding.input, Some(PathBuf::from("/t/headers-crash-00ff")));
    }

    #[test]
    fn a_time_limit_is_a_finding_in_libfuzzers_words() {
        let output = "==17== ERROR: libFuzzer: timeout after 20 seconds\n";
        let finding = Report::read(false, output).finding.unwrap();
        assert!(finding.reason.contains("timeout after 20 seconds"));
        assert_eq!(finding.input, None);
    }
}
