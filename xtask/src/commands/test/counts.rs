//! How many tests there were, and how they ended.

use std::ops::AddAssign;
use std::time::Duration;

/// Numbers of tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Counts {
    /// One check that is no test of its own.
    pub(super) fn one(passed: bool) -> Self {
        Self { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 }
    }

    /// Reads the line `test result: ok. 3 passed; 0 failed; 1 ignored; ...` that ends each test
    /// binary's output; other lines are nothing.
    pub(super) fn in_line(line: &str) -> Option<Self> {
        let results = line.strip_prefix("test result: ")?;
        let number_before = |word: &str| {
            let before =
                results.split([';', '.']).find_map(|part| part.trim().strip_suffix(word))?;
            before.trim().parse().ok()
        };
        Some(Self {
            passed: number_before("passed")?,
            failed: number_before("failed")?,
            skipped: number_before("ignored")?,
        })
    }
}

/// How long the tests of a binary took, from the line that ends its output.
pub(super) fn time_in_line(line: &str) -> Option<Duration> {
    let (_, time) = line.strip_prefix("test result: ")?.rsplit_once("finished in ")?;
    Duration::try_from_secs_f64(time.trim().strip_suffix('s')?.parse().ok()?).ok()
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The name in `test some::name ... FAILED`.
pub(super) fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::{Counts, failed_test, time_in_line};
    use std::time::Duration;

    #[test]
    fn the_numbers_of_a_result_line_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; \
                    0 filtered out; finished in 1.15s";
        let counts = Counts { passed: 12, failed: 3, skipped: 1 };
        assert_eq!(Counts::in_line(line), Some(counts));
        assert_eq!(time_in_line(line), Some(Duration::from_millis(1150)));
    }

    #[test]
    fn other_lines_are_no_results() {
        for line in ["running 3 tests", "test result", "  test result: ok. 1 passed", ""] {
            assert_eq!(Counts::in_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_name_of_a_failed_test_is_found() {
        assert_eq!(failed_test("test cookies::tests::a_b ... FAILED"), Some("cookies::tests::a_b"));
        assert_eq!(failed_test("test cookies::tests::a_b ... ok"), None);
    }
}
