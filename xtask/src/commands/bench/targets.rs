//! What the project promises, held against what was measured.

use serde_json::{Value, json};

use super::cases::{
    BREAKER, CANARY, CHAIN, FAULT, HEADERS, JWT, JWT_NEW, LUA, NATIVE_JWT, NATIVE_JWT_CACHED,
    NATIVE_JWT_NEW, NOOP, NOOP_20, SMALLEST, STOCK_NOOP,
};
use super::results::Results;
use super::statistics::Estimate;

/// How much a case may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limit {
    /// So many times what another costs.
    Times(f64),
    /// So many µs more than another.
    More(f64),
}

/// One promise: a case, the other one that it is held against, and the limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) case: &'static str,
    pub(super) limit: Limit,
    pub(super) reference: &'static str,
}

const fn times(case: &'static str, limit: f64, reference: &'static str) -> Target {
    Target { case, limit: Limit::Times(limit), reference }
}

const TARGETS: [Target; 11] = [
    times(NOOP, 1.15, SMALLEST),
    times(NOOP, 0.8, STOCK_NOOP),
    times(CHAIN, 1.3, NOOP),
    Target { case: HEADERS, limit: Limit::More(2.5), reference: NOOP_20 },
    times(CANARY, 1.3, SMALLEST),
    times(CANARY, 1.0, LUA),
    times(FAULT, 1.2, SMALLEST),
    times(JWT, 1.3, NATIVE_JWT_CACHED),
    times(JWT, 0.2, NATIVE_JWT),
    times(JWT_NEW, 0.75, NATIVE_JWT_NEW),
    times(BREAKER, 1.6, SMALLEST),
];

/// A target and what was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub(super) target: Target,
    pub(super) measured: Estimate,
}

impl Verdict {
    pub(super) fn is_met(&self) -> bool {
        let (Limit::Times(limit) | Limit::More(limit)) = self.target.limit;
        self.measured.value <= limit
    }

    pub(super) fn to_json(self) -> Value {
        let Target { case, limit, reference } = self.target;
        let (unit, limit) = match limit {
            Limit::Times(limit) => ("times", limit),
            Limit::More(limit) => ("us_more", limit),
        };
        json!({
            "case": case,
            "reference": reference,
            "unit": unit,
            "at_most": limit,
            "measured": self.measured.to_json(),
            "met": self.is_met(),
        })
    }
}

/// The verdicts on all targets of which both sides were measured.
pub(super) fn verdicts(results: &Results) -> Vec<Verdict> {
    let verdict = |target: &Target| {
        let (case, reference) = (results.cost(target.case)?, results.cost(target.reference)?);
        let measured = match target.limit {
            Limit::Times(_) => case.over(reference),
            Limit::More(_) => case.minus(reference),
        };
        Some(Verdict { target: *target, measured })
    };
    TARGETS.iter().filter_map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cases::CASES;
    use super::super::results::tests::results;
    use super::*;

    #[test]
    fn every_target_is_about_cases_that_exist() {
        for target in TARGETS {
            for name in [target.case, target.reference] {
                assert!(CASES.iter().any(|case| case.name == name), "{name}");
            }
        }
    }

    #[test]
    fn a_target_is_met_up_to_its_limit() {
        let met = |costs: &[(&str, f64)]| {
            verdicts(&results(costs)).iter().map(Verdict::is_met).collect::<Vec<_>>()
        };
        assert_eq!(met(&[(NOOP, 2.3), (SMALLEST, 2.0)]), [true]);
        assert_eq!(met(&[(NOOP, 2.4), (SMALLEST, 2.0)]), [false]);
        assert_eq!(met(&[(HEADERS, 5.5), (NOOP_20, 3.0)]), [true]);
        assert_eq!(met(&[(HEADERS, 5.6), (NOOP_20, 3.0)]), [false]);
    }

    #[test]
    fn nothing_is_said_about_what_was_not_measured() {
        assert!(verdicts(&results(&[(NOOP, 2.3)])).is_empty());
    }
}
