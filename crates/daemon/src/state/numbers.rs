//! Numbers that the kernel holds and that must mean the same after a restart. Given once, never given again.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_policy::{
    DefaultProfile, IDENTITY_MIN, Identity, Labels, NamedPort, Opening, PREFIX_MIN, Peer, Subject,
};
use serde::{Deserialize, Serialize};

/// Identities that no workload has any more are kept up to this many, so that a project that is taken down and brought
/// up again finds its numbers.
const REMEMBERED: usize = 4096;

/// The books of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// Workload key → what it was given last.
    workloads: BTreeMap<String, Given>,
    /// Every identity ever given, the oldest (the smallest number) first.
    identities: Vec<Identity>,
    /// The subjects in use.
    subjects: Vec<SubjectRecord>,
    last_workload: u32,
    last_identity: u32,
    last_subject: u32,
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

/// What makes a subject: another profile or other documents are another policy, and so another number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SubjectRecord {
    #[serde(flatten)]
    subject: Subject,
    profile: DefaultProfile,
    /// What the documents that select it say, as one number; 0 where none does.
    #[serde(default)]
    policy: u64,
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
        if self.find_number(identity).is_none() {
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
        identity_labels: Labels,
        labels: Labels,
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
        self.workloads.insert(
            key.to_owned(),
            Given {
                number,
                identity: identity.number,
            },
        );
        (number, identity)
    }

    /// The same identity with its number; `hint` is tried before all others.
    fn identity(&mut self, wanted: Identity, hint: Option<Peer>) -> Identity {
        let same = |known: &&Identity| {
            known.namespace == wanted.namespace
                && known.identity_labels == wanted.identity_labels
                && known.labels == wanted.labels
                && known.named_ports == wanted.named_ports
        };
        let hinted = hint.and_then(|hint| self.find_number(hint)).filter(same);
        if let Some(known) = hinted.or_else(|| self.identities.iter().find(same)) {
            return known.clone();
        }
        let number = self.free_number(hint);
        let identity = Identity { number, ..wanted };
        let at = self.identities.partition_point(|known| known.number < number);
        self.identities.insert(at, identity.clone());
        identity
    }

    fn find_number(&self, number: Peer) -> Option<&Identity> {
        let at = self
            .identities
            .binary_search_by_key(&number, |known| known.number);
        self.identities.get(at.ok()?)
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

    /// The subject with this identity, these openings and this policy; workloads that are alike share it.
    pub(crate) fn subject(
        &mut self,
        identity: Peer,
        profile: DefaultProfile,
        openings: Vec<Opening>,
        policy: u64,
    ) -> Subject {
        let known = self.subjects.iter().find(|record| {
            record.subject.identity == identity
                && record.profile == profile
                && record.policy == policy
                && record.subject.openings == openings
        });
        if let Some(record) = known {
            return record.subject.clone();
        }
        self.last_subject += 1;
        let subject = Subject {
            number: self.last_subject,
            identity,
            openings,
            profile: None,
        };
        self.subjects.push(SubjectRecord {
            subject: subject.clone(),
            profile,
            policy,
        });
        subject
    }

    /// Forgets what is in use no more: workloads and subjects at once, identities once there are very many.
    pub(crate) fn retain(
        &mut self,
        workloads: &BTreeSet<String>,
        subjects: &BTreeSet<u32>,
        identities: &BTreeSet<Peer>,
    ) {
        self.workloads.retain(|key, _| workloads.contains(key));
        self.subjects
            .retain(|record| subjects.contains(&record.subject.number));
        let mut excess = self.identities.len().saturating_sub(REMEMBERED);
        self.identities.retain(|identity| {
            let drop = excess > 0 && !identities.contains(&identity.number);
            excess -= usize::from(drop);
            !drop
        });
    }
}
