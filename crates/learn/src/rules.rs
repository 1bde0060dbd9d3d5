//! Edges to rules: who is named how, peers with the same ports together, and what looks risky.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_policy::{Direction, PeerClass};

use crate::edges::{Other, Peers, Port};
use crate::evidence::some;
use crate::ports::join;
use crate::selector::{Key, Known};
use crate::{Evidence, Limits, Peer, Ports, Rule, Who};

/// So many addresses on one port, or ports of one peer, look like somebody who searches.
const SCAN: usize = 16;

/// The rules of one direction.
pub(crate) fn write(
    subject: &Key,
    peers: Option<&Peers>,
    (direction, known): (Direction, &Known),
    limits: Limits,
) -> Vec<Rule> {
    let Some(peers) = peers else {
        return Vec::new();
    };
    let mut taken_too: BTreeMap<Who, String> = BTreeMap::new();
    let named = named(subject, peers, known, limits, &mut taken_too);
    let mut rules: BTreeMap<Vec<(u8, u16, u16)>, Rule> = BTreeMap::new();
    for (who, seen) in named {
        let ports = join(&seen.keys().copied().collect(), limits.ports);
        let same = ports
            .iter()
            .map(|one| (one.protocol.0, one.first, one.last))
            .collect();
        let taken = taken_too.remove(&who);
        let mut peer = peer(who, &seen, &ports, (direction, peers));
        peer.generalised.extend(taken);
        let rule = rules.entry(same).or_insert_with(|| Rule {
            peers: Vec::new(),
            ports,
        });
        rule.peers.push(peer);
    }
    rules.into_values().collect()
}

/// Everybody as rules name them, and what was seen of each. `taken_too` says whom a name means besides.
fn named(
    subject: &Key,
    peers: &Peers,
    known: &Known,
    limits: Limits,
    taken_too: &mut BTreeMap<Who, String>,
) -> BTreeMap<Who, BTreeMap<Port, Evidence>> {
    let mut named: BTreeMap<Who, BTreeMap<Port, Evidence>> = BTreeMap::new();
    for (other, ports) in peers {
        for (port, evidence) in ports {
            let who = match other {
                Other::Workloads(key) => {
                    let namespace = (key.namespace != subject.namespace).then(|| key.namespace.clone());
                    let selector = known.selector(key);
                    let taken = known.taken_too(key, &selector);
                    let who = Who::Workloads(namespace, selector);
                    taken_too.extend(taken.map(|taken| (who.clone(), taken)));
                    who
                }
                // Nothing finer is certain of a process: its addresses are those of all of this host.
                Other::Outside(PeerClass::Host, _) => Who::Class(PeerClass::Host),
                Other::Outside(class, _) if addresses(peers, *class, port) > limits.addresses => {
                    Who::Class(*class)
                }
                Other::Outside(_, address) => Who::Address(*address),
            };
            let seen = named.entry(who).or_default().entry(*port).or_default();
            seen.add(evidence);
        }
    }
    named
}

/// How many addresses of a class were met on a port.
fn addresses(peers: &Peers, class: PeerClass, port: &Port) -> usize {
    let of_class = |other: &Other| matches!(other, Other::Outside(one, _) if *one == class);
    peers
        .iter()
        .filter(|(other, ports)| of_class(other) && ports.contains_key(port))
        .count()
}

fn peer(
    who: Who,
    seen: &BTreeMap<Port, Evidence>,
    ports: &[Ports],
    (direction, peers): (Direction, &Peers),
) -> Peer {
    let mut evidence = Evidence::default();
    seen.values().for_each(|one| evidence.add(one));
    let mut generalised: Vec<String> = Vec::new();
    if let Who::Class(class) = &who {
        generalised.push(format!(
            "{} instead of {}",
            everybody(*class),
            some(evidence.whom.iter())
        ));
    }
    generalised.extend(ports.iter().filter_map(Ports::generalisation));
    let risks = class_of(&who, peers).and_then(|class| risk(class, direction));
    Peer {
        who,
        evidence,
        generalised,
        risks: risks.map(str::to_owned).into_iter().collect(),
    }
}

fn class_of(who: &Who, peers: &Peers) -> Option<PeerClass> {
    match who {
        Who::Workloads(..) => None,
        Who::Class(class) => Some(*class),
        Who::Address(address) => peers.keys().find_map(|other| match other {
            Other::Outside(class, one) if one == address => Some(*class),
            _ => None,
        }),
    }
}

fn everybody(class: PeerClass) -> &'static str {
    match class {
        PeerClass::Host => "everything unprotected on this host",
        PeerClass::Lan => "the whole LAN",
        PeerClass::Metadata => "every metadata address",
        PeerClass::Multicast => "every multicast and broadcast address",
        PeerClass::World | PeerClass::Pending | PeerClass::Workload => "the whole world",
    }
}

fn risk(class: PeerClass, direction: Direction) -> Option<&'static str> {
    match (class, direction) {
        (PeerClass::World, Direction::Ingress) => Some("the world reaches it"),
        (PeerClass::Metadata, Direction::Egress) => {
            Some("the metadata service gives the machine's credentials to whoever reaches it")
        }
        _ => None,
    }
}

/// Whom a subject may have scanned.
pub(crate) fn scans(peers: Option<&Peers>) -> Vec<String> {
    let mut found = Vec::new();
    let mut by_port: BTreeMap<(PeerClass, Port), usize> = BTreeMap::new();
    for (other, ports) in peers.into_iter().flatten() {
        let whom = match other {
            Other::Workloads(_) => {
                let names: BTreeSet<&String> = ports.values().flat_map(|one| &one.whom).collect();
                some(names.into_iter())
            }
            Other::Outside(class, address) => {
                for port in ports.keys() {
                    *by_port.entry((*class, *port)).or_default() += 1;
                }
                address.to_string()
            }
        };
        if ports.len() >= SCAN {
            found.push(format!(
                "it reached {} ports of {whom}: a scan looks like that",
                ports.len()
            ));
        }
    }
    let nearby = |class: &PeerClass| [PeerClass::Lan, PeerClass::Host].contains(class);
    for ((class, (protocol, port)), count) in by_port {
        if count >= SCAN && nearby(&class) {
            let class = class.name();
            found.push(format!(
                "it reached port {port}/{protocol} of {count} addresses ({class}): a scan looks like that"
            ));
        }
    }
    found
}
