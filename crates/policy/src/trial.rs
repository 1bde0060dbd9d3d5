//! Policies tried out without a host: workloads from a file, attempts and what must come of them.
//!
//! The format of the file is documented in `docs/policies.md`. Reading files, compose projects and `ps --json` is the
//! command's.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::documents::{Diagnostic, Document};
use crate::{
    Action, Attempt, DefaultProfile, End, IDENTITY_MIN, Identity, Labels, NamedPort, Opening, Peer,
    PeerClass, Protocol, Subject, World, labels,
};

mod read;
#[cfg(test)]
mod tests;

/// A workload as a file describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Its policy namespace.
    pub namespace: String,
    /// Every label its creator gave, directives included.
    pub labels: Labels,
    /// Ports that policies may name.
    pub ports: Vec<NamedPort>,
    /// What it opens beside its labels: published ports.
    pub openings: Vec<Opening>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its posture.
    pub profile: Option<DefaultProfile>,
}

/// Workloads and the labels of their namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workloads {
    /// All of them.
    pub list: Vec<Workload>,
    /// Labels of namespaces.
    pub namespaces: BTreeMap<String, Labels>,
}

/// A test file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// The posture of workloads that no policy selects.
    pub profile: DefaultProfile,
    /// Who is there.
    pub workloads: Workloads,
    /// Files that list more of them, relative to the test file: compose files, workloads files.
    pub worlds: Vec<String>,
    /// Files of policies, relative to the test file.
    pub paths: Vec<String>,
    /// Policies that stand in the test file itself.
    pub inline: Vec<Arc<Document>>,
    /// What is tried.
    pub tests: Vec<Test>,
}

/// One attempt and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The line it stands in.
    pub line: usize,
    /// Who starts: a workload's name, labels, a class or an address.
    pub from: String,
    /// Who is reached.
    pub to: String,
    /// The protocol.
    pub protocol: Protocol,
    /// The port, or the type of ICMP.
    pub port: u16,
    /// What must come of it.
    pub expect: Action,
    /// The rule that must decide, if that matters.
    pub rule: Option<String>,
}

/// A world with everybody's name.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The world.
    pub world: World,
    /// Who is who.
    pub ends: BTreeMap<String, Standing>,
}

/// One workload of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its end in attempts.
    pub end: End,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its labels.
    pub labels: Labels,
}

/// Reads a test file.
///
/// # Errors
/// Every mistake, in the order of the file.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Trial, Vec<Diagnostic>> {
    read::trial(file, bytes)
}

/// Reads a workloads file.
///
/// # Errors
/// Every mistake, in the order of the file.
pub fn parse_workloads(file: &str, bytes: &[u8]) -> Result<Workloads, Vec<Diagnostic>> {
    read::workloads(file, bytes)
}

/// A port as people write it: `443`, `53/udp`, `icmp`, `icmp:8`.
#[must_use]
pub fn port(text: &str) -> Option<(Protocol, u16)> {
    if let Some((protocol, kind)) = text.split_once(':') {
        return Some((icmp(protocol)?, kind.parse::<u8>().ok()?.into()));
    }
    if let Some(protocol) = icmp(text) {
        return Some((protocol, 0));
    }
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "sctp" => Protocol::SCTP,
        _ => return None,
    };
    Some((protocol, number.parse().ok()?))
}

fn icmp(text: &str) -> Option<Protocol> {
    match text {
        "icmp" => Some(Protocol::ICMP),
        "icmpv6" => Some(Protocol::ICMP6),
        _ => None,
    }
}

// === impl Stage ===

impl Stage {
    /// Sets up workloads under policies. One that has no identity label and that no policy selects is a stranger.
    #[must_use]
    pub fn new(workloads: &Workloads, documents: Vec<Arc<Document>>, profile: DefaultProfile) -> Self {
        let mut stage = Self {
            world: World {
                profile,
                documents,
                namespaces: workloads.namespaces.clone(),
                ..World::default()
            },
            ends: BTreeMap::new(),
        };
        for (number, workload) in (1..).zip(&workloads.list) {
            stage.add(number, workload);
        }
        stage
    }

    fn add(&mut self, number: u32, workload: &Workload) {
        const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let asked = labels::directives(&workload.labels);
        let identity_labels = labels::identity_labels(&workload.labels, &[]);
        let visible = labels::selectable(&workload.labels, &[]);
        let world = &mut self.world;
        // What only watches changes nothing, so it protects nobody either.
        let selected = |document: &Arc<Document>| {
            !document.observe && document.selects(&world.namespaces, &workload.namespace, &visible)
        };
        let is_protected = !identity_labels.is_empty() || world.documents.iter().any(selected);
        let mut end = End::Address(workload.address.unwrap_or(LOOPBACK));
        if asked.protect.unwrap_or(is_protected) {
            end = End::Subject(number);
            let identity = Peer(IDENTITY_MIN + number);
            world.identities.push(Identity {
                number: identity,
                namespace: workload.namespace.clone(),
                identity_labels: identity_labels.into(),
                labels: visible.clone().into(),
                named_ports: workload.ports.iter().chain(&asked.ports).cloned().collect(),
            });
            world.subjects.push(Subject {
                number,
                identity,
                openings: workload.openings.iter().cloned().chain(asked.openings).collect(),
                profile: workload.profile.or(asked.profile),
            });
        }
        let standing = Standing {
            end,
            address: workload.address,
            labels: visible,
        };
        self.ends.insert(workload.name.clone(), standing);
    }

    /// Whom a word means: a workload's name, labels (`app=web,env=prod`), a class or an address.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Standing> {
        if let Some(known) = self.ends.get(text) {
            return Some(known.clone());
        }
        if text.contains('=') {
            let carries = |standing: &&Standing| {
                text.split(',').all(|pair| {
                    let pair = pair.split_once('=');
                    pair.is_some_and(|(key, value)| standing.labels.get(key).is_some_and(|one| one == value))
                })
            };
            return self.ends.values().find(carries).cloned();
        }
        let address = text.parse().ok().or_else(|| example(text))?;
        let known = self
            .ends
            .values()
            .find(|standing| standing.address == Some(address));
        Some(known.cloned().unwrap_or(Standing {
            end: End::Address(address),
            address: Some(address),
            labels: Labels::new(),
        }))
    }

    /// An attempt between two words.
    #[must_use]
    pub fn attempt(&self, from: &str, to: &str, (protocol, port): (Protocol, u16)) -> Option<Attempt> {
        let (from, to) = (self.find(from)?, self.find(to)?);
        Some(Attempt {
            from: from.end,
            to: to.end,
            protocol,
            port,
            from_address: from.address,
            to_address: to.address,
        })
    }
}

/// Classes as words, each with an address that is of it on any host.
pub const CLASSES: [(PeerClass, &str); 5] = [
    (PeerClass::Host, "127.0.0.1"),
    (PeerClass::Lan, "192.168.0.9"),
    (PeerClass::Metadata, "169.254.169.254"),
    (PeerClass::Multicast, "224.0.0.251"),
    (PeerClass::World, "1.1.1.1"),
];

fn example(class: &str) -> Option<IpAddr> {
    let known = CLASSES.iter().find(|(one, _)| one.name() == class);
    known.and_then(|(_, address)| address.parse().ok())
}
