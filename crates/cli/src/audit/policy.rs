//! What Cofferdam's default profile makes of the paths of `audit --matrix`: the estate's labels and ports as a world of
//! the policy core, which judges. The configuration, and what `protect` and `enforce` were told, only the daemon knows:
//! `cofferdam explain` asks it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use cofferdam_audit::Note;
use cofferdam_audit::matrix::{From, Outcome, Row};
use cofferdam_audit::model::{Estate, Origin, Place, Protocol, Reach, Service};
use cofferdam_policy::containment::{Containment, Level};
use cofferdam_policy::labels::{self, Directives, LabelError};
use cofferdam_policy::{
    Action, Attempt, End, EndExplanation, Identity, Labels, Mode, Opening, OpeningPeer, Peer, PeerClass,
    Subject, World, openings,
};
use serde::Serialize;

mod addresses;
#[cfg(test)]
mod tests;

/// The namespace of containers that no compose project has.
const DEFAULT_NAMESPACE: &str = "default";
/// Where an engine says which project a container belongs to.
const PROJECT: &str = "com.docker.compose.project";
/// Any process of the host.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A path, and what becomes of it under Cofferdam.
#[derive(Debug, Serialize)]
pub(super) struct Judged<'a> {
    /// The path.
    #[serde(flatten)]
    pub(super) row: Row<'a>,
    /// Policy namespaces: names of services repeat in other projects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_namespace: Option<String>,
    /// That of the service that is reached.
    pub(super) to_namespace: String,
    /// Under the default profile, all of it enforced.
    pub(super) with_cofferdam: Outcome,
    /// Whose rule says so, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decided_by: Option<String>,
    /// The same, for a narrow column: `egress: other-workloads`.
    #[serde(skip)]
    pub(super) short: Option<String>,
}

/// Everybody that Cofferdam would protect, and the classes of this host's prefixes.
pub(super) struct Profile {
    workloads: HashMap<*const Service, Workload>,
    /// Of every small world in which two workloads are judged.
    prefixes: Vec<(ipnet::IpNet, PeerClass)>,
    /// Whom a neighbour may be.
    lan: Vec<IpAddr>,
    /// Labels that are not understood.
    pub(super) notes: Vec<Note>,
}

struct Workload {
    identity: Identity,
    openings: Vec<Opening>,
    /// Where it is on the host's network.
    containment: Containment,
    observed: bool,
}

/// One attempt, judged.
struct Verdict {
    allowed: bool,
    rule: Option<Deciding>,
}

/// The rule that decided.
struct Deciding {
    words: String,
    short: String,
}

// === impl Profile ===

impl Profile {
    /// Reads the labels of every service.
    pub(super) fn of(estate: &Estate) -> Self {
        let mut profile = Self {
            workloads: HashMap::new(),
            prefixes: addresses::prefixes(estate),
            lan: addresses::neighbours(estate),
            notes: Vec::new(),
        };
        for place in estate.places() {
            let given = given(place.service);
            let directives = labels::directives(&given);
            profile.tell(place.service, &directives.problems);
            let identity = labels::identity_labels(&given, &[]);
            if is_protected(&directives, &identity) {
                let on_host = estate.reach(place) == Reach::Host;
                let containment = on_host.then(|| directives.containment.clone().at(Level::Default));
                let containment = containment.unwrap_or_default();
                let mut labels = labels::selectable(&given, &[]);
                let mut openings = openings_of(estate, place);
                if let Some((label, shared)) = containment.sharing() {
                    labels.extend(label);
                    openings.extend(shared);
                }
                let workload = Workload {
                    identity: Identity {
                        number: Peer(0),
                        namespace: namespace(place),
                        identity_labels: identity.into(),
                        labels: labels.into(),
                        named_ports: Vec::new(),
                    },
                    openings,
                    containment,
                    observed: directives.mode == Some(Mode::Observe),
                };
                profile.workloads.insert(place.service, workload);
            }
        }
        profile
    }

    /// What becomes of a path.
    pub(super) fn judge<'a>(&self, row: Row<'a>) -> Judged<'a> {
        let verdicts: Vec<Verdict> = match row.now {
            Outcome::Blocked => Vec::new(),
            _ => self
                .sources(&row)
                .iter()
                .map(|address| self.attempt(&row, *address))
                .collect(),
        };
        let allowed = verdicts.iter().filter(|verdict| verdict.allowed).count();
        let partly = 0 < allowed && allowed < verdicts.len();
        let rule = match partly {
            // What opens to some addresses is what the reader looks for.
            true => verdicts.into_iter().find(|verdict| verdict.allowed),
            false => verdicts.into_iter().next(),
        };
        let rule = rule.and_then(|verdict| verdict.rule);
        let some = if partly { ", from some addresses alone" } else { "" };
        let with_cofferdam = match partly {
            true => Outcome::Unknown,
            false if allowed == 0 => Outcome::Blocked,
            false => row.now,
        };
        Judged {
            from_namespace: row.source.map(namespace),
            to_namespace: namespace(row.target),
            row,
            with_cofferdam,
            decided_by: rule.as_ref().map(|rule| format!("{}{some}", rule.words)),
            short: rule.map(|rule| rule.short),
        }
    }

    /// The addresses from which a path may begin; that of the host where it begins there or in a container.
    fn sources(&self, row: &Row<'_>) -> Vec<IpAddr> {
        let (class, mut all) = match row.from {
            From::Host | From::Container(_) => return vec![HOST],
            From::Lan => (PeerClass::Lan, self.lan.clone()),
            From::Internet => (PeerClass::World, vec![addresses::ELSEWHERE]),
        };
        let world = World {
            prefixes: self.prefixes.clone(),
            ..World::default()
        };
        let named = self.workload(row.target).into_iter().flat_map(|to| &to.openings);
        let inside = named.filter_map(|opening| match opening.peer {
            OpeningPeer::Prefix(net) => Some(addresses::within(net)),
            _ => None,
        });
        all.extend(inside.filter(|address| cofferdam_policy::class(&world, *address) == class));
        all
    }

    fn attempt(&self, row: &Row<'_>, address: IpAddr) -> Verdict {
        let from = row.source.and_then(|place| self.workload(place));
        let to = self.workload(row.target);
        if from.is_none() && to.is_none() {
            return Verdict {
                allowed: true,
                rule: None,
            };
        }
        let ends = [(FROM, from), (TO, to)];
        let world = World {
            identities: each(ends, |number, workload| Identity {
                number: Peer(number),
                ..workload.identity.clone()
            }),
            subjects: each(ends, |number, workload| Subject {
                number,
                identity: Peer(number),
                openings: workload.openings.clone(),
                profile: None,
            }),
            prefixes: self.prefixes.clone(),
            ..World::default()
        };
        let attempt = Attempt {
            from: from.map_or(End::Address(address), |_| End::Subject(FROM)),
            to: to.map_or(End::Address(HOST), |_| End::Subject(TO)),
            protocol: protocol(row.protocol),
            port: to.map_or(row.inside, |to| {
                to.containment.inside(protocol(row.protocol), row.inside)
            }),
            from_address: None,
            to_address: None,
        };
        let names = [row.source.map(|place| &place.service.name), Some(&row.to)];
        let observed = [from, to].map(|workload| workload.is_some_and(|workload| workload.observed));
        verdict(&cofferdam_policy::explain(&world, &attempt).ends, names, observed)
    }

    fn workload(&self, place: Place<'_>) -> Option<&Workload> {
        self.workloads.get(&std::ptr::from_ref(place.service))
    }

    fn tell(&mut self, service: &Service, problems: &[LabelError]) {
        for problem in problems {
            let mut keys = service.labels.iter().map(|(key, _)| key);
            let at = keys.find(|key| problem.key() == Some(&key.value));
            self.notes.push(Note {
                at: at.map_or_else(|| service.at.clone(), |key| key.at.clone()),
                text: format!("{}: {problem}; {}", service.name, problem.hint()),
            });
        }
    }
}

/// Numbers in a world of two.
const FROM: u32 = cofferdam_policy::IDENTITY_MIN;
const TO: u32 = FROM + 1;

fn each<T>(ends: [(u32, Option<&Workload>); 2], make: impl Fn(u32, &Workload) -> T) -> Vec<T> {
    ends.iter()
        .filter_map(|(number, workload)| workload.map(|workload| make(*number, workload)))
        .collect()
}

/// The first end that refuses and means it, else the last one asked.
fn verdict(ends: &[EndExplanation], names: [Option<&String>; 2], observed: [bool; 2]) -> Verdict {
    let mut rule = None;
    for end in ends {
        let index = usize::from(end.direction == cofferdam_policy::Direction::Ingress);
        let allowed = end.action == Some(Action::Allow);
        let watched = observed[index] && !allowed;
        rule = end.rules.last().map(|last| {
            let direction = end.direction.name();
            let name = &last.rule.name;
            Deciding {
                words: format!(
                    "{direction} of {}: {name} ({}){}",
                    names[index].map_or("", String::as_str),
                    last.rule.source,
                    if watched { ", observed only" } else { "" },
                ),
                short: format!("{direction}: {}", name.split('/').next_back().unwrap_or(name)),
            }
        });
        if !allowed && !watched {
            return Verdict { allowed: false, rule };
        }
    }
    Verdict { allowed: true, rule }
}

/// What its creator gave, as the daemon sees it.
fn given(service: &Service) -> Labels {
    let labels = service.labels.iter().map(|(key, value)| (&key.value, value));
    labels
        .filter(|(key, _)| !labels::is_runtimes(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// As the daemon does it: what is not understood protects.
fn is_protected(directives: &Directives, identity: &Labels) -> bool {
    let unclear = directives.problems.iter().any(LabelError::is_protect);
    match directives.protect.or(unclear.then_some(true)) {
        Some(asked) => asked,
        None => !identity.is_empty(),
    }
}

fn namespace(place: Place<'_>) -> String {
    let said = place.service.label(PROJECT).filter(|name| !name.is_empty());
    match (said, place.service.origin) {
        (Some(name), _) => name.to_owned(),
        (None, Origin::Compose) => place.project.name.clone(),
        (None, _) => DEFAULT_NAMESPACE.to_owned(),
    }
}

/// Its own openings, and those of the one whose network it has.
fn openings_of(estate: &Estate, place: Place<'_>) -> Vec<Opening> {
    let mut opened: Vec<Opening> = Vec::new();
    for one in [place].into_iter().chain(estate.joined(place).last().copied()) {
        for port in &one.service.ports {
            for (published, target) in port.pairs() {
                let host_port = published.map_or(target, |range| range.first);
                opened.extend(openings::published(
                    protocol(port.protocol),
                    port.host_ip,
                    host_port,
                    target,
                ));
            }
        }
        opened.extend(labels::directives(&given(one.service)).openings);
    }
    opened
}

fn protocol(protocol: Protocol) -> cofferdam_policy::Protocol {
    match protocol {
        Protocol::Tcp => cofferdam_policy::Protocol::TCP,
        Protocol::Udp => cofferdam_policy::Protocol::UDP,
        Protocol::Sctp => cofferdam_policy::Protocol::SCTP,
    }
}
