//! The rules of one subject in one direction, in the order in which they are asked.
//!
//! A profile's rule becomes one clause; its `opened` peer becomes one clause for each opening of the subject. All of
//! [`crate::decide`], [`crate::compile`] and [`crate::explain`] read the same list; they differ in how they search it.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::classes::{canonical, class_of, class_prefixes};
use crate::document::{Profile, RulePeer, default_profile};
use crate::{
    Action, Direction, End, Identity, Labels, Opening, OpeningPeer, Peer, PeerClass, PortRange, PortValue,
    Protocol, RuleText, Subject, World,
};

/// Where the Baseline tier begins among the `u16` priorities; the tiers above it will need room.
const BASELINE_PRIORITY: u16 = 0x8000;

/// A world, indexed by its numbers.
pub(crate) struct Index<'w> {
    pub(crate) world: &'w World,
    /// `None` fails closed: no clause, no policy.
    pub(crate) profile: Option<&'static Profile>,
    pub(crate) classes: BTreeMap<IpNet, PeerClass>,
    identities: HashMap<Peer, &'w Identity>,
    subjects: HashMap<u32, &'w Subject>,
}

/// A peer as rules see it.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    /// A protected workload.
    Identity(&'a Identity),
    /// A protected workload that no rule names by its labels.
    AnyWorkload,
    /// Somebody unprotected.
    Outside(PeerClass, Around<'a>),
}

/// The prefixes around a peer that is no workload.
#[derive(Clone, Copy)]
pub(crate) enum Around<'a> {
    /// All those that contain this address.
    Address(IpAddr),
    /// These.
    Nets(&'a [IpNet]),
}

/// One rule, as it stands for one subject.
pub(crate) struct Clause<'w> {
    pub(crate) rule: RuleText,
    pub(crate) action: Action,
    pub(crate) priority: u16,
    pub(crate) condition: Condition<'w>,
}

/// Whom and which ports a clause is about.
#[derive(Clone, Copy)]
pub(crate) enum Condition<'w> {
    /// A rule of the profile: any of its peers, every port.
    Peers(&'static [RulePeer]),
    /// An opening of the subject.
    Opening(&'w Opening),
}

// === impl Index ===

impl<'w> Index<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self {
            world,
            profile: default_profile(world.profile),
            classes: class_prefixes(world),
            identities: world
                .identities
                .iter()
                .map(|identity| (identity.number, identity))
                .collect(),
            subjects: world
                .subjects
                .iter()
                .map(|subject| (subject.number, subject))
                .collect(),
        }
    }

    /// A subject and who it is; `None` if the world does not have both.
    pub(crate) fn subject(&self, number: u32) -> Option<(&'w Subject, &'w Identity)> {
        let subject = *self.subjects.get(&number)?;
        Some((subject, *self.identities.get(&subject.identity)?))
    }

    /// The class of an address.
    pub(crate) fn class(&self, address: IpAddr) -> PeerClass {
        class_of(&self.classes, address)
    }

    /// How rules see an end. A subject that the world does not have is some workload.
    pub(crate) fn view(&self, end: End) -> View<'w> {
        match end {
            End::Subject(number) => self
                .subject(number)
                .map_or(View::AnyWorkload, |(_, identity)| View::Identity(identity)),
            End::Address(address) => View::Outside(
                class_of(&self.classes, address),
                Around::Address(address.to_canonical()),
            ),
            End::Pending => View::AnyWorkload,
        }
    }

    /// The clauses of a subject in one direction, first asked first.
    pub(crate) fn clauses(&self, subject: &'w Subject, direction: Direction) -> Vec<Clause<'w>> {
        let rules = self.profile.map_or(&[][..], |profile| profile.rules(direction));
        let mut clauses = Vec::with_capacity(rules.len() + subject.openings.len());
        for (rule, priority) in rules.iter().zip(BASELINE_PRIORITY..) {
            let clause = |source: &str, condition| Clause {
                rule: RuleText {
                    name: rule.name.clone(),
                    source: source.to_owned(),
                },
                action: rule.action,
                priority,
                condition,
            };
            if rule.peers.iter().any(|peer| *peer != RulePeer::Opened) {
                clauses.push(clause(BUILT_IN, Condition::Peers(&rule.peers)));
            }
            if rule.peers.contains(&RulePeer::Opened) {
                let openings = subject
                    .openings
                    .iter()
                    .filter(|opening| opening.direction == direction);
                clauses.extend(openings.map(|opening| clause(&opening.source, Condition::Opening(opening))));
            }
        }
        clauses
    }
}

/// The source of rules that the user did not write.
pub(crate) const BUILT_IN: &str = "built-in";

// === impl Around ===

impl Around<'_> {
    fn covered_by(self, net: IpNet) -> bool {
        match self {
            Self::Address(address) => canonical(net).contains(&address),
            Self::Nets(nets) => nets.contains(&canonical(net)),
        }
    }
}

// === impl Clause ===

impl Clause<'_> {
    /// Whether it is about this peer, for a subject that is `own`.
    pub(crate) fn matches_peer(&self, own: &Identity, peer: View<'_>) -> bool {
        match self.condition {
            Condition::Peers(peers) => peers.iter().any(|one| rule_peer_matches(*one, own, peer)),
            Condition::Opening(opening) => opening_matches(&opening.peer, own, peer),
        }
    }

    /// Whether it is about this port.
    pub(crate) fn matches_port(&self, protocol: Protocol, port: u16) -> bool {
        self.ports().contains(protocol, port)
    }

    pub(crate) fn ports(&self) -> PortRange {
        match self.condition {
            Condition::Peers(_) => PortRange::EVERYTHING,
            Condition::Opening(opening) => opening.ports.unwrap_or(PortRange::EVERYTHING),
        }
    }

    /// Its verdict under a rule number.
    pub(crate) fn value(&self, rule: u32) -> PortValue {
        PortValue {
            action: self.action,
            observe: false,
            rule,
            priority: self.priority,
        }
    }
}

fn rule_peer_matches(rule: RulePeer, own: &Identity, peer: View<'_>) -> bool {
    match (rule, peer) {
        (RulePeer::SameLabels, View::Identity(other)) => same_labels(own, other),
        (RulePeer::Workloads, View::Identity(_) | View::AnyWorkload) => true,
        (RulePeer::Class(class), View::Outside(other, _)) => class == other,
        // `opened` stands as clauses of its own.
        _ => false,
    }
}

fn opening_matches(opened: &OpeningPeer, own: &Identity, peer: View<'_>) -> bool {
    match (opened, peer) {
        (OpeningPeer::Labels(wanted), View::Identity(other)) => {
            own.namespace == other.namespace && carries(&other.labels, wanted)
        }
        (OpeningPeer::Class(PeerClass::Workload), View::Identity(_) | View::AnyWorkload) => true,
        (OpeningPeer::Class(class), View::Outside(other, _)) => *class == other,
        (OpeningPeer::Prefix(net), View::Outside(_, around)) => around.covered_by(*net),
        _ => false,
    }
}

/// Equal, non-empty identity labels in one namespace.
fn same_labels(one: &Identity, other: &Identity) -> bool {
    !one.identity_labels.is_empty()
        && one.namespace == other.namespace
        && one.identity_labels == other.identity_labels
}

fn carries(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}
