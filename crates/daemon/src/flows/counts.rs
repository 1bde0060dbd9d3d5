//! How much was judged: of each workload and of all, since this daemon started. Records are folded, sampled and let go;
//! these numbers are not.

use std::collections::HashMap;

use cofferdam_api::FlowCounts;
use cofferdam_policy::Action;

use super::Key;

/// The sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    all: FlowCounts,
    of: HashMap<u32, FlowCounts>,
}

// === impl Counts ===

impl Counts {
    /// `times` equal ones. What a workload takes for itself is no flow.
    pub(super) fn add(&mut self, key: &Key, times: u64) {
        if key.act.is_some_and(|act| !act.is_about_flows()) {
            return;
        }
        let denied = key.action == Action::Deny;
        count(&mut self.all, denied, times);
        let (from, to) = (key.from.1, key.to.1);
        // 0 is a stranger; who reaches itself is one end.
        if from != 0 {
            count(self.of.entry(from).or_default(), denied, times);
        }
        if to != 0 && to != from {
            count(self.of.entry(to).or_default(), denied, times);
        }
    }

    /// Of all.
    pub(crate) fn all(&self) -> FlowCounts {
        self.all
    }

    /// Of a workload.
    pub(crate) fn of(&self, workload: u32) -> FlowCounts {
        self.of.get(&workload).copied().unwrap_or_default()
    }

    /// Forgets workloads that are gone, once they are the most of what is known.
    pub(crate) fn forget(&mut self, living: impl ExactSizeIterator<Item = u32>) {
        if self.of.len() > 64 + 2 * living.len() {
            let known = living.filter_map(|workload| self.of.remove_entry(&workload));
            self.of = known.collect();
        }
    }
}

fn count(counts: &mut FlowCounts, denied: bool, times: u64) {
    counts.flows += times;
    if denied {
        counts.denials += times;
    }
}
