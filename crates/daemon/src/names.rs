//! Who a number in a flow record was: workloads by number, unprotected ones by cgroup, the removed ones for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use cofferdam_api::{Class, FlowEnd};
use cofferdam_policy::{IDENTITY_MIN, Labels, PREFIX_MIN, Peer, PeerClass};

/// Removed workloads whose names are kept: records of their last packets may still be under way.
const REMEMBERED: usize = 1024;

/// What people call a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its name.
    pub(crate) name: String,
    /// Its policy namespace.
    pub(crate) namespace: String,
    /// Its labels.
    pub(crate) labels: Arc<Labels>,
    /// The number of its identity, where it is protected.
    pub(crate) identity: Option<u32>,
    /// Its identity in words, where it has one: `shop/app=web`.
    pub(crate) who: String,
    /// Its network, as `ps` shows it.
    pub(crate) network: String,
}

/// The directory of names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    workloads: HashMap<u32, Arc<Named>>,
    cgroups: HashMap<u64, Arc<Named>>,
    /// Key of a live workload → its number and cgroup, 0 where it has none.
    live: HashMap<String, (u32, u64)>,
    /// Numbers and cgroups that no live workload has, the oldest first.
    gone: VecDeque<(u32, u64)>,
}

/// One end of a record: small, and readable after the workload is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// What it is.
    pub(crate) class: Class,
    /// Who, where that is known.
    pub(crate) named: Option<Arc<Named>>,
}

// === impl Names ===

impl Names {
    /// The workload of this key is there: by number where it is protected (not 0), by cgroup where it has one (not 0).
    pub(crate) fn learn(&mut self, key: &str, (number, cgroup): (u32, u64), named: Named) {
        let shared = match self.workloads.get(&number).filter(|known| ***known == named) {
            Some(known) => Arc::clone(known),
            None => Arc::new(named),
        };
        if cgroup != 0 {
            self.cgroups.insert(cgroup, Arc::clone(&shared));
        }
        if number != 0 {
            self.workloads.insert(number, shared);
        }
        let before = self
            .live
            .get_mut(key)
            .map(|known| std::mem::replace(known, (number, cgroup)));
        match before {
            Some(before) if before != (number, cgroup) => self.let_go(before),
            Some(_) => {}
            None => drop(self.live.insert(key.to_owned(), (number, cgroup))),
        }
    }

    /// A workload went; its name is kept until many others have gone.
    pub(crate) fn forget(&mut self, key: &str) {
        if let Some(known) = self.live.remove(key) {
            self.let_go(known);
        }
    }

    /// How many numbers and cgroups have a name.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.workloads.len(), self.cgroups.len())
    }

    fn let_go(&mut self, known: (u32, u64)) {
        self.gone.push_back(known);
        if self.gone.len() > REMEMBERED
            && let Some((number, cgroup)) = self.gone.pop_front()
        {
            // A number outlives its cgroup where a workload starts again.
            if !self.live.values().any(|(live, _)| *live == number) {
                self.workloads.remove(&number);
            }
            if !self.live.values().any(|(_, live)| *live == cgroup) {
                self.cgroups.remove(&cgroup);
            }
        }
    }

    /// Who one end of a flow is; `class` is what its address says, for ends that are a named prefix.
    pub(crate) fn end(
        &self,
        peer: Peer,
        workload: u32,
        cgroup: u64,
        class: impl FnOnce() -> PeerClass,
    ) -> End {
        let class = match peer.0 {
            PREFIX_MIN.. => class().into(),
            IDENTITY_MIN.. => Class::Workload,
            number => class_of(number).map_or_else(|| class().into(), Class::from),
        };
        let named = self.workloads.get(&workload).filter(|_| workload != 0);
        End {
            class,
            named: named.or_else(|| self.cgroups.get(&cgroup)).cloned(),
        }
    }
}

fn class_of(number: u32) -> Option<PeerClass> {
    use PeerClass::{Host, Lan, Metadata, Multicast, Pending, Workload, World};
    [Host, Lan, Metadata, Multicast, World, Pending, Workload]
        .into_iter()
        .find(|class| *class as u32 == number)
}

// === impl End ===

impl End {
    /// Its identity in words, or its class.
    pub(crate) fn who(&self) -> String {
        let named = self.named.as_ref().filter(|_| self.class == Class::Workload);
        named
            .filter(|named| !named.who.is_empty())
            .map_or_else(|| self.class.to_string(), |named| named.who.clone())
    }
}

impl From<&End> for FlowEnd {
    fn from(end: &End) -> Self {
        let mut view = Self::class(end.class);
        if let Some(named) = &end.named {
            view.name = Some(named.name.clone());
            view.namespace = Some(named.namespace.clone());
            view.labels = Labels::clone(&named.labels);
            view.identity = named.identity;
            view.network_mode = (!named.network.is_empty()).then(|| named.network.clone());
        }
        view
    }
}
