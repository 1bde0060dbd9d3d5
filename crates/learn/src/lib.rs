//! Policies written from what was seen: flows in, the smallest NetworkPolicies that allow them out.
//!
//! PURE: no I/O. What a flow's ends are is settled by whoever asks; what the documents mean is `crates/policy`'s, and
//! `tests/replay.rs` holds the two against each other.

use std::net::IpAddr;

use cofferdam_policy::documents::LabelSelector;
use cofferdam_policy::{Direction, Labels, PeerClass, Protocol};
use jiff::Timestamp;

mod edges;
mod evidence;
pub mod identity;
pub mod openings;
mod ports;
mod rules;
mod selector;
#[cfg(test)]
mod tests;
mod yaml;

pub use evidence::Evidence;
pub use ports::Ports;

/// A workload as flows and listings know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Its policy namespace.
    pub namespace: String,
    /// The labels that say who it is.
    pub identity: Labels,
    /// Every label that selectors see, those of the identity included.
    pub visible: Labels,
    /// It has a policy already.
    pub protected: bool,
}

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A protected workload.
    Workload(Workload),
    /// Somebody else.
    Outside(Outside),
}

/// Somebody who is no protected workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Where it is.
    pub class: PeerClass,
    /// Its address.
    pub address: IpAddr,
    /// What people call it, where that is known.
    pub name: Option<String>,
}

/// Somebody talked to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who started.
    pub from: End,
    /// Who was reached.
    pub to: End,
    /// The protocol.
    pub protocol: Protocol,
    /// The port that was reached; of ICMP, the type.
    pub port: u16,
    /// How often.
    pub times: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

/// What there is to learn from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// What was let through.
    pub passed: &'a [Flow],
    /// What was not: it is allowed nowhere, and whoever took part in it gets a policy.
    pub refused: &'a [Flow],
    /// Everybody who is there, so that selectors take nobody for somebody else.
    pub there: &'a [Workload],
}

/// When a rule says more than was seen. More of it makes shorter documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At most so many addresses of a class on one port are named one by one; of more the class is named.
    pub addresses: usize,
    /// At most so many ports of a peer are named one by one; of more the nearest ones are joined to ranges.
    pub ports: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// One for each subject, by namespace and name.
    pub policies: Vec<Policy>,
    /// What no document says.
    pub left_out: Vec<LeftOut>,
}

/// What one subject may do: whoever has these labels in this namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its namespace.
    pub namespace: String,
    /// The document's name.
    pub name: String,
    /// The workloads that were seen or listed, by name.
    pub workloads: Vec<String>,
    /// The labels that say who they are.
    pub identity: Labels,
    /// What tells them from all others of the namespace.
    pub selector: LabelSelector,
    /// Who reaches them.
    pub ingress: Vec<Rule>,
    /// Whom they reach.
    pub egress: Vec<Rule>,
    /// In which way the selector says more than was seen.
    pub generalised: Vec<String>,
    /// All that was seen of them.
    pub evidence: Evidence,
    /// How often they were refused, or refused somebody.
    pub refused: u64,
    /// What somebody should look at before this is enforced, beside what stands at single peers.
    pub risks: Vec<String>,
}

/// Peers that use the same ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whom it is about.
    pub peers: Vec<Peer>,
    /// On which ports.
    pub ports: Vec<Ports>,
}

/// A peer, and why it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who.
    pub who: Who,
    /// What was seen of it.
    pub evidence: Evidence,
    /// In which way the rule says more than was seen.
    pub generalised: Vec<String>,
    /// What somebody should look at.
    pub risks: Vec<String>,
}

/// Whom a rule names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Protected workloads by labels; the namespace where it is not the subject's.
    Workloads(Option<String>, LabelSelector),
    /// Everybody of a class.
    Class(PeerClass),
    /// One address.
    Address(IpAddr),
}

/// Flows that no document allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Who started.
    pub from: String,
    /// Who was reached.
    pub to: String,
    /// The protocol and port.
    pub what: String,
    /// Why.
    pub why: String,
    /// How often it was seen.
    pub times: u64,
}

/// Writes what is needed for what has passed, for the subjects that `wanted` names.
#[must_use]
pub fn learn(seen: Seen<'_>, limits: Limits, wanted: impl Fn(&Workload) -> bool) -> Learned {
    let known = selector::Known::new(seen);
    let (subjects, mut left_out) = edges::fold(seen, &known);
    let mut policies: Vec<Policy> = Vec::new();
    // All of them: a name is not to be another one's because that one is not asked for.
    for (key, subject) in &subjects {
        let policy = policy(key, subject, &known, limits, &policies);
        policies.push(policy);
    }
    let is_wanted = |key| known.members(key).into_iter().any(&wanted);
    let mut asked = subjects.keys().map(is_wanted);
    policies.retain(|_| asked.next().unwrap_or(false));
    left_out.sort();
    Learned { policies, left_out }
}

fn policy(
    key: &selector::Key,
    subject: &edges::Subject,
    known: &selector::Known,
    limits: Limits,
    before: &[Policy],
) -> Policy {
    let rules = |direction| rules::write(key, subject.peers(direction), (direction, known), limits);
    let (ingress, egress) = (rules(Direction::Ingress), rules(Direction::Egress));
    let mut risks = rules::scans(subject.peers(Direction::Egress));
    if ingress.is_empty() && egress.is_empty() {
        risks.push("nothing was seen to pass, so everything is denied".to_owned());
    }
    let selector = known.selector(key);
    let mut generalised: Vec<String> = known.taken_too(key, &selector).into_iter().collect();
    if key.labels.is_empty() {
        generalised.push("whoever has none of these labels in the namespace".to_owned());
    }
    Policy {
        namespace: key.namespace.clone(),
        name: selector::name(key, &selector, before),
        workloads: known.names(key),
        identity: key.labels.clone(),
        generalised,
        selector,
        ingress,
        egress,
        evidence: subject.evidence(),
        refused: subject.refused,
        risks,
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            addresses: 4,
            ports: 8,
        }
    }
}

// === impl Policy ===

impl Policy {
    /// `NAMESPACE/NAME`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The name of a file that holds it alone, different for every policy.
    #[must_use]
    pub fn file_name(&self) -> String {
        // A dot cannot be mistaken: the names of policies that are learnt have none.
        format!("{}.{}.yaml", self.namespace, self.name)
    }

    /// The document.
    #[must_use]
    pub fn yaml(&self) -> String {
        yaml::document(self)
    }

    /// All that it says beyond what was seen.
    pub fn generalised(&self) -> impl Iterator<Item = &String> {
        self.generalised
            .iter()
            .chain(self.peers().flat_map(|peer| &peer.generalised))
    }

    /// All that somebody should look at.
    pub fn risks(&self) -> impl Iterator<Item = &String> {
        self.risks.iter().chain(self.peers().flat_map(|peer| &peer.risks))
    }

    /// The peers of all rules.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.ingress
            .iter()
            .chain(&self.egress)
            .flat_map(|rule| &rule.peers)
    }
}
