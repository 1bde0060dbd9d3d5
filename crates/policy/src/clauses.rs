//! The rules of one subject in one direction, in the order in which they are asked: the Admin tier by priority,
//! NetworkPolicies, the Baseline tier by priority, the default profile.
//!
//! All of [`crate::decide`], [`crate::compile`] and [`crate::explain`] read the same list; they differ in how they search
//! it. A rule's `opened` peer becomes one clause for each opening of the subject.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::documents::{Document, Rule, RulePeer, RulePort, Tier};
use crate::{
    Direction, Effect, Identity, Labels, Opening, OpeningPeer, PeerClass, PortRange, Protocol, RuleText,
};

mod index;
mod walk;

pub(crate) use index::{Index, in_order, selects, selects_namespace};
pub(crate) use walk::{Outcome, outcome};

use crate::classes::canonical;

/// A peer as rules see it, and its address where that is known.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    /// A protected workload; `None`: one that no rule names by its labels.
    Workload(Option<&'a Identity>, Option<IpAddr>),
    /// Somebody unprotected.
    Outside(PeerClass, IpAddr),
}

/// Which tier a clause is of. A denial or an allowance ends the list, [`Effect::Pass`] leads to the next stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    Admin = 0,
    NetworkPolicy = 1,
    Baseline = 2,
    Default = 3,
}

/// One rule, as it stands for one subject.
pub(crate) struct Clause<'w> {
    pub(crate) rule: Cow<'w, RuleText>,
    pub(crate) effect: Effect,
    pub(crate) stage: Stage,
    /// Its place in the list.
    pub(crate) priority: u16,
    /// Its policy is only observed.
    pub(crate) observe: bool,
    /// Its policy does not cut what was open.
    pub(crate) keep: bool,
    pub(crate) condition: Condition<'w>,
}

/// Whom and which ports a clause is about.
#[derive(Clone, Copy)]
pub(crate) enum Condition<'w> {
    /// A rule's peers but for `opened`, and its ports.
    Rule(&'w Rule),
    /// An opening of the subject.
    Opening(&'w Opening),
    /// Everything: what no NetworkPolicy allows to a subject that one of them selects.
    Isolation,
}

// === impl Index ===

impl<'w> Index<'w> {
    /// The clauses of a subject in one direction, first asked first. `selected` are the documents that select it, in
    /// order.
    pub(crate) fn clauses_of(
        &self,
        subject: &'w crate::Subject,
        selected: &[&'w Document],
        direction: Direction,
    ) -> Vec<Clause<'w>> {
        let mut list = List {
            subject,
            direction,
            clauses: Vec::new(),
        };
        let about = |tier| {
            selected
                .iter()
                .copied()
                .filter(move |document| document.tier == tier)
        };
        about(Tier::Admin).for_each(|document| list.document(document, Stage::Admin));
        let policies: Vec<&Document> = about(Tier::NetworkPolicy)
            .filter(|document| document.rules(direction).is_some())
            .collect();
        policies
            .iter()
            .for_each(|document| list.document(document, Stage::NetworkPolicy));
        list.isolation(&policies);
        about(Tier::Baseline).for_each(|document| list.document(document, Stage::Baseline));
        if policies.iter().all(|document| document.observe)
            && let Some(profile) = self.profile(subject)
        {
            list.document(profile, Stage::Default);
        }
        list.clauses
    }
}

/// A list while it is made.
struct List<'w> {
    subject: &'w crate::Subject,
    direction: Direction,
    clauses: Vec<Clause<'w>>,
}

// === impl List ===

impl<'w> List<'w> {
    fn document(&mut self, document: &'w Document, stage: Stage) {
        for rule in document.rules(self.direction).unwrap_or_default() {
            if rule.peers.iter().any(|peer| *peer != RulePeer::Opened) {
                self.push(
                    document,
                    stage,
                    rule,
                    Cow::Borrowed(&rule.text),
                    Condition::Rule(rule),
                );
            }
            if rule.peers.contains(&RulePeer::Opened) {
                let (subject, direction) = (self.subject, self.direction);
                for opening in subject
                    .openings
                    .iter()
                    .filter(|opening| opening.direction == direction)
                {
                    let text = RuleText {
                        name: rule.text.name.clone(),
                        source: opening.source.clone(),
                    };
                    self.push(
                        document,
                        stage,
                        rule,
                        Cow::Owned(text),
                        Condition::Opening(opening),
                    );
                }
            }
        }
    }

    fn push(
        &mut self,
        document: &Document,
        stage: Stage,
        rule: &Rule,
        text: Cow<'w, RuleText>,
        condition: Condition<'w>,
    ) {
        self.clauses.push(Clause {
            rule: text,
            effect: rule.effect,
            stage,
            priority: self.next(),
            observe: document.observe,
            keep: document.keep,
            condition,
        });
    }

    /// Whoever is selected by a NetworkPolicy is denied what none of them allows.
    fn isolation(&mut self, policies: &[&Document]) {
        if policies.is_empty() {
            return;
        }
        let enforced: Vec<&Document> = policies
            .iter()
            .copied()
            .filter(|document| !document.observe)
            .collect();
        let by = if enforced.is_empty() { policies } else { &enforced };
        self.clauses.push(Clause {
            rule: Cow::Owned(isolation_text(by)),
            effect: Effect::Deny,
            stage: Stage::NetworkPolicy,
            priority: self.next(),
            observe: enforced.is_empty(),
            keep: by.iter().all(|document| document.keep),
            condition: Condition::Isolation,
        });
    }

    /// A list that is longer is refused by `compile`.
    fn next(&self) -> u16 {
        u16::try_from(self.clauses.len()).unwrap_or(u16::MAX)
    }
}

/// `shop/web/not-allowed`; where several policies select, the first few by name.
fn isolation_text(by: &[&Document]) -> RuleText {
    const NAMED: usize = 3;
    let mut names: Vec<String> = by
        .iter()
        .take(NAMED)
        .map(|document| document.full_name())
        .collect();
    let mut places: Vec<&str> = by
        .iter()
        .take(NAMED)
        .map(|document| document.place.as_str())
        .collect();
    let more;
    if by.len() > NAMED {
        more = format!("{} more", by.len() - NAMED);
        names.push(more.clone());
        places.push(&more);
    }
    RuleText {
        name: format!("{}/not-allowed", names.join("+")),
        source: places.join(", "),
    }
}

// === impl View ===

impl<'a> View<'a> {
    fn identity(self) -> Option<&'a Identity> {
        match self {
            Self::Workload(identity, _) => identity,
            Self::Outside(..) => None,
        }
    }
}

// === impl Clause ===

impl Clause<'_> {
    /// Whether it is about this peer, for a subject that is `own`.
    pub(crate) fn matches_peer(&self, index: &Index<'_>, own: &Identity, peer: View<'_>) -> bool {
        match self.condition {
            Condition::Rule(rule) => rule
                .peers
                .iter()
                .any(|one| rule_peer_matches(index, one, own, peer)),
            Condition::Opening(opening) => opening_matches(&opening.peer, own, peer),
            Condition::Isolation => true,
        }
    }

    /// Whether it is about this port. A port that a rule names is the one that the reached end gave that name.
    pub(crate) fn matches_port(
        &self,
        (direction, own, peer): (Direction, &Identity, View<'_>),
        protocol: Protocol,
        port: u16,
    ) -> bool {
        let reached = match direction {
            Direction::Ingress => Some(own),
            Direction::Egress => peer.identity(),
        };
        match self.condition {
            Condition::Rule(rule) if rule.ports.is_empty() => true,
            Condition::Rule(rule) => rule.ports.iter().any(|one| match one {
                RulePort::Range(range) => range.contains(protocol, port),
                RulePort::Named(wanted, name) => reached.is_some_and(|reached| {
                    named(reached, *wanted, name).any(|range| range.contains(protocol, port))
                }),
            }),
            Condition::Opening(opening) => opening
                .ports
                .unwrap_or(PortRange::EVERYTHING)
                .contains(protocol, port),
            Condition::Isolation => true,
        }
    }
}

/// The ports to which a workload gave a name.
pub(crate) fn named<'a>(
    identity: &'a Identity,
    wanted: Protocol,
    name: &'a str,
) -> impl Iterator<Item = PortRange> + 'a {
    let ports = identity.named_ports.iter();
    let ports =
        ports.filter(move |port| port.name == name && (wanted == Protocol::ANY || wanted == port.protocol));
    ports.map(|port| PortRange {
        protocol: port.protocol,
        first: port.port,
        last: port.port,
    })
}

fn rule_peer_matches(index: &Index<'_>, rule: &RulePeer, own: &Identity, peer: View<'_>) -> bool {
    match (rule, peer) {
        (RulePeer::Net(net), View::Workload(_, Some(address)) | View::Outside(_, address)) => {
            net.contains(address)
        }
        (RulePeer::Anyone, _) | (RulePeer::Workloads, View::Workload(..)) => true,
        (RulePeer::Pods(selection), View::Workload(Some(other), _)) => selects(
            selection,
            &other.namespace,
            index.namespace(&other.namespace),
            &other.labels,
        ),
        (RulePeer::Pods(selection), View::Workload(None, _)) => selection.is_everything(),
        (RulePeer::SameLabels, View::Workload(Some(other), _)) => same_labels(own, other),
        (RulePeer::SameNamespace, View::Workload(Some(other), _)) => own.namespace == other.namespace,
        (RulePeer::Class(class), View::Outside(other, _)) => *class == other,
        // `opened` stands as clauses of its own.
        _ => false,
    }
}

/// Openings by address are for unprotected peers; protected ones are opened by their labels.
fn opening_matches(opened: &OpeningPeer, own: &Identity, peer: View<'_>) -> bool {
    match (opened, peer) {
        (OpeningPeer::Labels(wanted), View::Workload(Some(other), _)) => {
            own.namespace == other.namespace && carries(&other.labels, wanted)
        }
        (OpeningPeer::Class(PeerClass::Workload), View::Workload(..)) => true,
        (OpeningPeer::Class(class), View::Outside(other, _)) => *class == other,
        (OpeningPeer::Prefix(net), View::Outside(_, address)) => {
            canonical(*net).contains(&address.to_canonical())
        }
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
