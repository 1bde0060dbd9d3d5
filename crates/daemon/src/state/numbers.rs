//! Numbers that the kernel holds and that must mean the same after a restart. Given once, never given again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cofferdam_policy::{
    DefaultProfile, IDENTITY_MIN, Identity, Labels, NamedPort, Opening, PREFIX_MIN, Peer, Subject,
};
use serde::{Deserialize, Serialize};

use identities::{Identities, same};
use loopbacks::Loopbacks;
use subjects::{Record, Subjects};

mod identities;
pub(crate) mod loopbacks;
mod subjects;

/// Identities that no workload has any more are kept up to this many, so that a project that is taken down and brought
/// up again finds its numbers.
const REMEMBERED: usize = 4096;

/// The books of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// Workload key → what it was given last.
    workloads: BTreeMap<String, Given>,
    /// Every identity ever given.
    identities: Identities,
    /// The subjects in use.
    subjects: Subjects,
    last_workload: u32,
    last_identity: u32,
    last_subject: u32,
    /// Loopbacks that several share, by namespace and name.
    #[serde(default)]
    loopbacks: Loopbacks,
    /// Identities that the kernel holds and whose labels nobody has said yet.
    #[serde(skip)]
    nameless: BTreeSet<Peer>,
}

/// The numbers of one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Given {
    number: u32,
    /// Where to look first: with thousands of workloads a search for each would take most of a change's time.
    identity: Peer,
}

// === impl Numbers ===

impl Numbers {
    /// New numbers will be larger than these (workload, identity, subject), which the kernel holds already.
    pub(crate) fn start_above(&mut self, (workload, identity, subject): (u32, u32, u32)) {
        self.last_workload = self.last_workload.max(workload);
        self.last_identity = self.last_identity.max(identity);
        self.last_subject = self.last_subject.max(subject);
    }

    /// The numbers of all workloads in the books.
    pub(crate) fn workload_numbers(&self) -> BTreeSet<u32> {
        self.workloads.values().map(|given| given.number).collect()
    }

    /// A workload of which only the kernel knew the numbers: it keeps them, unless they have another meaning by now.
    pub(crate) fn recover(&mut self, key: &str, number: u32, identity: Peer) {
        let given = Given { number, identity };
        if self.identities.get(identity).is_none() {
            self.nameless.insert(identity);
        }
        self.workloads.entry(key.to_owned()).or_insert(given);
    }

    /// The number of a workload (from 1), and the identity of these labels in this namespace. Ports that policies may name
    /// are part of it: a rule about `http` means another port of another workload.
    pub(crate) fn workload(
        &mut self,
        key: &str,
        namespace: &str,
        identity_labels: Arc<Labels>,
        labels: Arc<Labels>,
        named_ports: Vec<NamedPort>,
    ) -> (u32, Identity) {
        let given = self.workloads.get(key).copied();
        let number = given.map_or(self.last_workload + 1, |given| given.number);
        self.last_workload = self.last_workload.max(number);
        let identity = Identity {
            number: Peer(0),
            namespace: namespace.to_owned(),
            identity_labels,
            labels,
            named_ports,
        };
        let identity = self.identity(identity, given.map(|given| given.identity));
        let now = Given {
            number,
            identity: identity.number,
        };
        if given != Some(now) {
            self.workloads.insert(key.to_owned(), now);
        }
        (number, identity)
    }

    /// The same identity with its number; `hint` is tried before all others.
    fn identity(&mut self, wanted: Identity, hint: Option<Peer>) -> Identity {
        let hinted = hint.and_then(|hint| self.identities.get(hint));
        let hinted = hinted.filter(|known| same(known, &wanted));
        if let Some(known) = hinted.or_else(|| self.identities.like(&wanted)) {
            return known.clone();
        }
        let number = self.free_number(hint);
        let identity = Identity { number, ..wanted };
        self.identities.insert(identity.clone());
        identity
    }

    /// The number that the kernel holds for it, if no other identity has that, or the next one.
    fn free_number(&mut self, hint: Option<Peer>) -> Peer {
        if let Some(hint) = hint.filter(|hint| self.nameless.remove(hint)) {
            return hint;
        }
        self.last_identity = (self.last_identity + 1).max(IDENTITY_MIN);
        debug_assert!(self.last_identity < PREFIX_MIN, "16 million identities");
        Peer(self.last_identity)
    }

    /// The number of the subject with this identity, these openings and this policy; workloads that are alike share it.
    pub(crate) fn subject(
        &mut self,
        identity: Peer,
        profile: DefaultProfile,
        openings: &[Opening],
        policy: u64,
    ) -> u32 {
        if let Some(number) = self.subjects.find(identity, profile, openings, policy) {
            return number;
        }
        self.last_subject += 1;
        let subject = Subject {
            number: self.last_subject,
            identity,
            openings: openings.to_vec(),
            profile: None,
        };
        self.subjects.insert(Record {
            subject,
            profile,
            policy,
        });
        self.last_subject
    }

    /// The number of a loopback that all of a namespace share who give its name.
    pub(crate) fn loopback(&mut self, namespace: &str, name: &str) -> u32 {
        self.loopbacks.of(namespace, name)
    }

    /// Forgets what is in use no more: workloads and subjects at once, identities once there are very many.
    pub(crate) fn retain(
        &mut self,
        workloads: &BTreeSet<&str>,
        subjects: &BTreeSet<u32>,
        identities: &BTreeSet<Peer>,
    ) {
        self.workloads.retain(|key, _| workloads.contains(key.as_str()));
        self.subjects.retain(subjects);
        self.identities.forget(REMEMBERED, identities);
    }
}
