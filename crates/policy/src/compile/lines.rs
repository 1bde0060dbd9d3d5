//! Clauses in numbers: whom and which ports each is about, with every selector resolved.
//!
//! A [`Body`] holds all that rows depend on, and equal bodies are one: so lists of lines can be compared by a few
//! numbers, and rows are made again only where something about them has changed.

use std::collections::BTreeSet;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::classes::canonical;
use crate::clauses::{Clause, Condition, Stage, named};
use crate::documents::{NetPeer, Rule, RulePeer, RulePort};
use crate::{Direction, Effect, Identity, Opening, OpeningPeer, Peer, PeerClass, PortRange, Protocol};

use super::sets::Sets;

/// One clause of a list; its place there is its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) body: usize,
    pub(crate) rule: u32,
    pub(crate) effect: Effect,
    pub(crate) stage: Stage,
    pub(crate) observe: bool,
}

/// Whom and which ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Body {
    /// A bit for each class of unprotected peers, and that of `Workload`: every protected one.
    pub(crate) classes: u8,
    /// Protected peers beside that, ascending.
    pub(crate) members: Vec<Peer>,
    pub(crate) nets: Vec<NetPeer>,
    /// The nets are about protected peers too.
    pub(crate) beside: bool,
    /// `None`: every port.
    pub(crate) ports: Option<Vec<PortRange>>,
    /// Ports that peers gave the name that the rule names.
    pub(crate) named: Vec<(Peer, PortRange)>,
}

const CLASSES: [PeerClass; 5] = [
    PeerClass::Host,
    PeerClass::Lan,
    PeerClass::Metadata,
    PeerClass::Multicast,
    PeerClass::World,
];

/// The bit of a class.
pub(crate) const fn bit(class: PeerClass) -> u8 {
    1 << class as u32
}

/// Every class, protected workloads included.
const EVERYBODY: u8 = 0b1011_1110;

/// All bodies that were seen.
#[derive(Default)]
pub(crate) struct Bodies {
    numbers: FxHashMap<Rc<Body>, usize>,
    list: Vec<Rc<Body>>,
}

/// Bodies of rules, for one world.
pub(crate) struct Resolver<'s, 'i, 'w> {
    pub(crate) sets: &'s Sets<'i, 'w>,
    pub(crate) bodies: &'s mut Bodies,
    /// Those that are the same for every subject, by the rule's address, which is in one direction of one document.
    known: FxHashMap<*const Rule, usize>,
    everything: usize,
}

// === impl Bodies ===

impl Bodies {
    pub(crate) fn get(&self, number: usize) -> &Body {
        &self.list[number]
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    fn number(&mut self, body: Body) -> usize {
        if let Some(number) = self.numbers.get(&body) {
            return *number;
        }
        let body = Rc::new(body);
        self.list.push(Rc::clone(&body));
        self.numbers.insert(body, self.list.len() - 1);
        self.list.len() - 1
    }
}

// === impl Resolver ===

impl<'s, 'i, 'w> Resolver<'s, 'i, 'w> {
    pub(crate) fn new(sets: &'s Sets<'i, 'w>, bodies: &'s mut Bodies) -> Self {
        let everything = bodies.number(Body {
            classes: EVERYBODY,
            ..Body::default()
        });
        Self {
            sets,
            bodies,
            known: FxHashMap::default(),
            everything,
        }
    }

    /// The body of a clause of a subject that is `own`.
    pub(crate) fn body(&mut self, clause: &Clause<'_>, own: &Identity, direction: Direction) -> usize {
        match clause.condition {
            Condition::Isolation => self.everything,
            Condition::Opening(opening) => {
                let body = self.opening(opening, own);
                self.bodies.number(body)
            }
            Condition::Rule(rule) => {
                if let Some(known) = self.known.get(&std::ptr::from_ref(rule)) {
                    return *known;
                }
                let body = self.rule(rule, own, direction);
                let number = self.bodies.number(body);
                if !depends(rule, direction) {
                    self.known.insert(rule, number);
                }
                number
            }
        }
    }

    fn rule(&self, rule: &Rule, own: &Identity, direction: Direction) -> Body {
        let mut body = Body::default();
        let mut places: BTreeSet<usize> = BTreeSet::new();
        for peer in &rule.peers {
            match peer {
                RulePeer::Anyone => body.classes |= EVERYBODY,
                RulePeer::Workloads => body.classes |= bit(PeerClass::Workload),
                RulePeer::Pods(selection) if selection.is_everything() => {
                    body.classes |= bit(PeerClass::Workload)
                }
                RulePeer::Pods(selection) => places.extend(self.sets.selected(selection).iter()),
                RulePeer::SameLabels => places.extend(self.sets.same(own)),
                RulePeer::SameNamespace => places.extend(self.sets.in_namespace(&own.namespace)),
                RulePeer::Class(class) => body.classes |= bit(*class),
                RulePeer::Net(net) => body.nets.push(net.clone()),
                RulePeer::Opened => {}
            }
        }
        body.beside = !body.nets.is_empty();
        let all = body.classes & bit(PeerClass::Workload) != 0;
        self.ports(rule, own, direction, &mut body, |place| {
            all || places.contains(&place)
        });
        if !all {
            body.members = self.numbers(places);
        }
        body
    }

    /// Ports by number, and those by name: the subject's own where it is reached, the peer's where it reaches.
    fn ports(
        &self,
        rule: &Rule,
        own: &Identity,
        direction: Direction,
        body: &mut Body,
        is_peer: impl Fn(usize) -> bool,
    ) {
        if rule.ports.is_empty() {
            return;
        }
        let mut ranges = Vec::new();
        for port in &rule.ports {
            match (port, direction) {
                (RulePort::Range(range), _) => ranges.push(*range),
                (RulePort::Named(protocol, name), Direction::Ingress) => {
                    ranges.extend(named(own, *protocol, name))
                }
                (RulePort::Named(protocol, name), Direction::Egress) => {
                    for place in self.sets.naming(name).iter().filter(|place| is_peer(**place)) {
                        let identity = &self.sets.all[*place];
                        let ports = named(identity, *protocol, name);
                        body.named.extend(ports.map(|range| (identity.number, range)));
                    }
                }
            }
        }
        body.named.sort_unstable();
        body.named.dedup();
        body.ports = (!ranges.contains(&PortRange::EVERYTHING)).then_some(ranges);
    }

    fn opening(&self, opening: &Opening, own: &Identity) -> Body {
        let mut body = Body {
            ports: opening
                .ports
                .filter(|ports| *ports != PortRange::EVERYTHING)
                .map(|ports| vec![ports]),
            ..Body::default()
        };
        match &opening.peer {
            OpeningPeer::Class(class) => body.classes = bit(*class),
            OpeningPeer::Labels(wanted) => {
                body.members = self.numbers(self.sets.carrying(&own.namespace, wanted));
            }
            OpeningPeer::Prefix(net) => body.nets.push(NetPeer {
                net: canonical(*net),
                except: Vec::new(),
            }),
        }
        body
    }

    fn numbers(&self, places: impl IntoIterator<Item = usize>) -> Vec<Peer> {
        let mut numbers: Vec<Peer> = places.into_iter().map(|place| self.sets.number(place)).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// Whether two subjects may see different peers or ports in a clause.
pub(super) fn differs(clause: &Clause<'_>, direction: Direction) -> bool {
    match clause.condition {
        Condition::Isolation => false,
        Condition::Opening(opening) => matches!(opening.peer, OpeningPeer::Labels(_)),
        Condition::Rule(rule) => depends(rule, direction),
    }
}

/// The same of a rule.
fn depends(rule: &Rule, direction: Direction) -> bool {
    let peers = rule
        .peers
        .iter()
        .any(|peer| matches!(peer, RulePeer::SameLabels | RulePeer::SameNamespace));
    let ports = rule.ports.iter().any(|port| matches!(port, RulePort::Named(..)));
    peers || ports && direction == Direction::Ingress
}

// === impl Body ===

impl Body {
    /// Whether it is about unprotected peers of a class that no named prefix surrounds.
    pub(crate) fn has_class(&self, class: PeerClass) -> bool {
        self.classes & bit(class) != 0
    }

    /// The classes of unprotected peers that can be told apart.
    pub(crate) const fn outside() -> [PeerClass; 5] {
        CLASSES
    }

    /// Whether some of its nets is about a region with these prefixes around it.
    pub(crate) fn has_region(&self, chain: &[ipnet::IpNet]) -> bool {
        self.nets.iter().any(|peer| {
            chain.contains(&canonical(peer.net))
                && !peer.except.iter().any(|net| chain.contains(&canonical(*net)))
        })
    }

    /// The ports that it is about at a peer; `None` is every port.
    pub(crate) fn ports_at(&self, peer: Option<Peer>) -> Option<Vec<PortRange>> {
        let mut ports = self.ports.clone()?;
        if let Some(peer) = peer {
            let first = self.named.partition_point(|(one, _)| *one < peer);
            let named = self.named[first..].iter().take_while(|(one, _)| *one == peer);
            ports.extend(named.map(|(_, range)| *range));
        }
        Some(ports)
    }

    /// Protocols that the ports are about, `ANY` spelt out.
    pub(crate) fn protocols(ports: &[PortRange]) -> impl Iterator<Item = Protocol> + '_ {
        ports.iter().flat_map(|range| match range.protocol {
            Protocol::ANY => Protocol::WITH_PORTS.to_vec(),
            protocol => vec![protocol],
        })
    }
}
