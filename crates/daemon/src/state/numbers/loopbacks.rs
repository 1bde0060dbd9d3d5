//! Numbers of loopbacks: half of them are for workloads that have one for themselves, half for those that share one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The first of those that are shared.
const SHARED: u32 = 1 << 21;

/// Namespace and name → number. Few, and a sequel of containers finds its own again: never forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loopbacks(BTreeMap<String, u32>);

/// The number of a loopback that one workload has for itself.
pub(crate) fn private(workload: u32) -> u32 {
    workload % SHARED
}

// === impl Loopbacks ===

impl Loopbacks {
    pub(super) fn of(&mut self, namespace: &str, name: &str) -> u32 {
        let next = self.0.values().max().map_or(SHARED, |last| last + 1);
        *self.0.entry(format!("{namespace}/{name}")).or_insert(next)
    }
}
