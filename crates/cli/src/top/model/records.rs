//! The newest records, each once: a bounded number, and denials in a room of their own, so that no flood of what is
//! allowed washes them away.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use cofferdam_api::{FlowEnd, FlowView, Timestamp, Verdict};

/// Which record: a first time and what else does not change.
pub(crate) type Id = (Timestamp, u64);

/// Of all records, of denials, of those that were fetched for one workload.
const NEWEST: usize = 2000;
const DENIALS: usize = 1000;
const FETCHED: usize = 500;

/// Who asked for records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lot {
    /// The stream of what happens.
    Newest,
    /// The stream of denials.
    Denials,
    /// A workload's past.
    Fetched,
}

/// What is held.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    lots: [BTreeMap<Id, Arc<FlowView>>; 3],
    /// The last denial of each workload, by its name.
    denials: HashMap<String, Arc<FlowView>>,
}

// === impl Records ===

impl Records {
    pub(super) fn take(&mut self, lot: Lot, flow: FlowView) {
        let room = match lot {
            Lot::Newest => NEWEST,
            Lot::Denials => DENIALS,
            Lot::Fetched => FETCHED,
        };
        let flow = Arc::new(flow);
        if flow.verdict == Verdict::Deny {
            self.remember(&flow);
        }
        let records = &mut self.lots[lot as usize];
        records.insert(id(&flow), flow);
        if records.len() > room {
            records.pop_first();
        }
    }

    fn remember(&mut self, flow: &Arc<FlowView>) {
        for name in names(flow) {
            match self.denials.get_mut(name) {
                Some(last) if last.time > flow.time => {}
                Some(last) => *last = Arc::clone(flow),
                None => {
                    self.denials.insert(name.to_owned(), Arc::clone(flow));
                }
            }
        }
    }

    /// Another filter: what passed the one before is no answer to this one.
    pub(super) fn forget(&mut self, lot: Lot) {
        self.lots[lot as usize].clear();
    }

    /// Keeps last denials of these names only.
    pub(super) fn keep_names(&mut self, lives: impl Fn(&str) -> bool) {
        self.denials.retain(|name, _| lives(name));
    }

    pub(super) fn last_denial(&self, name: &str) -> Option<&Arc<FlowView>> {
        self.denials.get(name)
    }

    /// The last denial of all.
    pub(super) fn newest_denial(&self) -> Option<&Arc<FlowView>> {
        self.lots[Lot::Denials as usize]
            .values()
            .max_by_key(|flow| flow.time)
    }

    /// How often who was denied between two times, as far as records tell.
    pub(super) fn denied_within(&self, after: Timestamp, before: Timestamp) -> HashMap<String, u64> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let records = self.lots[Lot::Denials as usize].values();
        for flow in records.filter(|flow| flow.time >= after && flow.time < before) {
            *counts.entry(String::new()).or_default() += flow.repeats;
            for name in names(flow) {
                *counts.entry(name.to_owned()).or_default() += flow.repeats;
            }
        }
        counts
    }

    /// All, the newest first, those with more repeats where two lots have one.
    pub(super) fn newest_first(&self) -> Vec<Arc<FlowView>> {
        let mut all: BTreeMap<Id, &Arc<FlowView>> = BTreeMap::new();
        for (id, flow) in self.lots.iter().flatten() {
            let one = all.entry(*id).or_insert(flow);
            let more = |flow: &FlowView| (flow.repeats, flow.totals.map(|totals| totals.connections));
            if more(flow) > more(one) {
                *one = flow;
            }
        }
        all.into_values().rev().cloned().collect()
    }
}

/// What tells a record from all others.
pub(super) fn id(flow: &FlowView) -> Id {
    let mut hasher = DefaultHasher::new();
    let end = |end: &FlowEnd, hasher: &mut DefaultHasher| {
        (end.class, &end.name, &end.namespace, end.identity).hash(hasher);
    };
    end(&flow.from, &mut hasher);
    end(&flow.to, &mut hasher);
    (
        flow.destination,
        &flow.protocol,
        &flow.hook,
        flow.verdict.as_str(),
    )
        .hash(&mut hasher);
    (flow.start.unwrap_or(flow.time), hasher.finish())
}

/// The names of its ends, each once.
fn names(flow: &FlowView) -> impl Iterator<Item = &str> {
    let from = flow.from.name.as_deref();
    let to = flow.to.name.as_deref().filter(|to| Some(*to) != from);
    from.into_iter().chain(to)
}

/// Whether the workload of this name is an end of it.
pub(super) fn is_of(flow: &FlowView, name: &str) -> bool {
    names(flow).any(|one| one == name)
}
