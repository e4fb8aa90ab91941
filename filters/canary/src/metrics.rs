//! What the filter counts, tagged with its flag.

use tollgate::metrics::{Counter, MetricError};
use tollgate::prelude::Setup;

use crate::decision::{Decision, Reason};
use crate::rollout::Rollout;

/// A counter for each variant and reason, all defined before the first request.
#[derive(Debug)]
pub(crate) struct Decisions {
    /// By variant, and of each by reason in the order of [`Reason::ALL`].
    counters: Vec<Counter>,
    cookies_truncated: Counter,
}

impl Decisions {
    pub(crate) fn define(rollout: &Rollout, setup: &Setup) -> Result<Self, MetricError> {
        let of_flag = setup.metrics().tagged("flag", &rollout.flag);
        let mut counters = Vec::new();
        for variant in &rollout.variants {
            let of_variant = of_flag.tagged("variant", variant);
            for reason in Reason::ALL {
                let reason = reason.as_str().to_ascii_lowercase();
                counters.push(of_variant.tagged("reason", reason).counter("decisions")?);
            }
        }
        Ok(Self { counters, cookies_truncated: of_flag.counter("cookies_truncated")? })
    }

    pub(crate) fn count(&self, decision: Decision) {
        let of_variant = self.counters.chunks(Reason::ALL.len()).nth(decision.variant);
        let index = Reason::ALL.iter().position(|reason| *reason == decision.reason);
        if let Some(counter) = of_variant.zip(index).and_then(|(all, index)| all.get(index)) {
            counter.increment();
        }
        if decision.cookies_truncated {
            self.cookies_truncated.increment();
        }
    }
}
