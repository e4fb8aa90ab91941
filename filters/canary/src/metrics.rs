//! What the filter counts: `tollgate.canary.<flag>.<variant>.<reason>.decisions`.

use tollgate::metrics::{Counter, segment};
use tollgate::prelude::{Result, Setup};

use crate::decision::{Decision, Reason};
use crate::rollout::Rollout;

/// A counter for each variant and reason, all defined before the first request.
#[derive(Debug)]
pub(crate) struct Decisions {
    /// By variant, then by reason in the order of [`Reason::ALL`].
    counters: Vec<[Counter; Reason::ALL.len()]>,
    cookies_truncated: Counter,
}

impl Decisions {
    pub(crate) fn define(rollout: &Rollout, setup: &Setup) -> Result<Self> {
        let flag = segment(&rollout.flag);
        let of_variant = |variant: &String| {
            let define = |reason: Reason| {
                let reason = reason.as_str().to_ascii_lowercase();
                setup.counter(&format!("{flag}.{}.{reason}.decisions", segment(variant)))
            };
            let [a, b, c, d, e, f] = Reason::ALL.map(define);
            Ok([a?, b?, c?, d?, e?, f?])
        };
        Ok(Self {
            counters: rollout.variants.iter().map(of_variant).collect::<Result<_>>()?,
            cookies_truncated: setup.counter(&format!("{flag}.cookies_truncated"))?,
        })
    }

    pub(crate) fn count(&self, decision: Decision) {
        let of_variant = self.counters.get(decision.variant);
        let index = Reason::ALL.iter().position(|reason| *reason == decision.reason);
        if let Some(counter) = of_variant.zip(index).and_then(|(all, index)| all.get(index)) {
            counter.increment();
        }
        if decision.cookies_truncated {
            self.cookies_truncated.increment();
        }
    }
}
