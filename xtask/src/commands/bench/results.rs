//! What came out, and its JSON.

use serde_json::{Value, json};

use super::cases::{Case, SMALLEST, STOCK_NOOP};
use super::measure::SLICE;
use super::statistics::{Estimate, Spread};
use super::targets::Verdict;
use super::wrk::CONNECTIONS;

/// What was seen of one case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) case: Case,
    /// µs of processor time of the whole Envoy per request, above the baseline.
    pub(super) cost: Spread,
    /// The same with all that Envoy does anyway.
    pub(super) total: f64,
    pub(super) requests_per_second: f64,
    /// Latencies, in µs.
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) resident_bytes: u64,
}

/// What was seen of all.
#[derive(Debug, Clone)]
pub(super) struct Results {
    pub(super) envoy: String,
    pub(super) processor: String,
    pub(super) rounds: usize,
    pub(super) measured: Vec<Measured>,
}

impl Results {
    /// What a case costs, if it was measured.
    pub(super) fn cost(&self, name: &str) -> Option<&Spread> {
        self.measured.iter().find(|measured| measured.case.name == name).map(|found| &found.cost)
    }

    /// What a case costs, in terms of what another does; nothing if that is the case itself.
    pub(super) fn ratio(&self, measured: &Measured, reference: &str) -> Option<Estimate> {
        let other = self.cost(reference).filter(|_| measured.case.name != reference)?;
        Some(measured.cost.over(other))
    }

    /// To the smallest module, to the stock crate's no-op, and to Envoy's own filter.
    pub(super) fn ratios(&self, measured: &Measured) -> [Option<Estimate>; 3] {
        let peer = measured.case.peer.and_then(|peer| self.ratio(measured, peer));
        [self.ratio(measured, SMALLEST), self.ratio(measured, STOCK_NOOP), peer]
    }

    /// What `bench.json` holds.
    pub(super) fn to_json(&self, verdicts: &[Verdict]) -> Value {
        let cases = self.measured.iter().map(|measured| self.case_to_json(measured));
        json!({
            "envoy": self.envoy,
            "processor": self.processor,
            "rounds": self.rounds,
            "slice_ms": SLICE.as_millis() as u64,
            "connections": CONNECTIONS,
            "cases": cases.collect::<Vec<_>>(),
            "targets": verdicts.iter().copied().map(Verdict::to_json).collect::<Vec<_>>(),
        })
    }

    fn case_to_json(&self, measured: &Measured) -> Value {
        let Measured { case, cost, .. } = measured;
        let [smallest, stock, native] = self.ratios(measured);
        json!({
            "name": case.name,
            "group": case.group.title(),
            "title": case.title,
            "cpu_us_above_none": {
                "median": cost.median,
                "lower_quartile": cost.lower_quartile,
                "upper_quartile": cost.upper_quartile,
                "standard_error": cost.standard_error,
            },
            "cpu_us": measured.total,
            "requests_per_second": measured.requests_per_second,
            "p50_us": measured.p50,
            "p99_us": measured.p99,
            "resident_bytes": measured.resident_bytes,
            "to_smallest": smallest.map(Estimate::to_json),
            "to_stock_no_op": stock.map(Estimate::to_json),
            "to_native": native.map(Estimate::to_json),
            "native": case.peer,
        })
    }
}

impl Estimate {
    /// The number with its standard error.
    pub(super) fn to_json(self) -> Value {
        json!({ "value": self.value, "standard_error": self.standard_error })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::cases::{self, CASES};
    use super::super::targets;
    use super::*;

    /// Results in which each case costs what is said, give or take a tenth.
    pub(in super::super) fn results(costs: &[(&str, f64)]) -> Results {
        let measured = costs.iter().map(|&(name, median)| Measured {
            case: *CASES.iter().find(|case| case.name == name).unwrap(),
            cost: Spread {
                median,
                lower_quartile: median * 0.9,
                upper_quartile: median * 1.1,
                standard_error: median * 0.05,
            },
            total: median + 20.0,
            requests_per_second: 30_000.0,
            p50: 250.0,
            p99: 900.0,
            resident_bytes: 60 << 20,
        });
        let (envoy, processor) = ("1.40.0".to_owned(), "a processor".to_owned());
        Results { envoy, processor, rounds: 3, measured: measured.collect() }
    }

    #[test]
    fn the_json_has_costs_and_their_ratios_to_what_was_measured() {
        let results = results(&[("smallest", 2.0), ("native-fault", 1.0), ("fault", 3.0)]);
        let json = results.to_json(&targets::verdicts(&results));
        let fault = &json["cases"][2];
        assert_eq!(fault["name"], "fault");
        assert_eq!(fault["cpu_us_above_none"]["median"], 3.0);
        assert_eq!(fault["to_smallest"]["value"], 1.5);
        assert_eq!(fault["to_native"]["value"], 3.0);
        assert_eq!(fault["native"], "native-fault");
        assert_eq!(fault["to_stock_no_op"], Value::Null);
        assert_eq!(json["cases"][0]["to_smallest"], Value::Null);
        assert_eq!(json["targets"][0]["met"], false);
    }

    #[test]
    fn what_was_not_measured_has_no_cost() {
        let results = results(&[("smallest", 2.0)]);
        assert!(results.cost(cases::CANARY).is_none());
        assert_eq!(results.cost("smallest").unwrap().median, 2.0);
    }
}
