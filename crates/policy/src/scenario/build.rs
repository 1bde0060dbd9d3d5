//! From the file to a world: labels become identities and openings, alike workloads become one subject.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::documents::{self, Document};
use crate::{
    Attempt, DefaultProfile, End, IDENTITY_MIN, Identity, NamedPort, Opening, Peer, Protocol, Reason,
    Subject, World, labels, openings,
};

use super::{
    AttemptLine, Case, Engine, Expected, File, PROTOCOLS, Scenario, ScenarioError, Stranger, Workload,
};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) fn scenario(mut file: File) -> Result<Scenario, ScenarioError> {
    let mut world = World {
        profile: file.profile,
        prefixes: file.prefixes.into_iter().collect(),
        documents: policies(&file.policies)?,
        namespaces: file.namespaces,
        ..World::default()
    };
    for (name, workload) in &mut file.workloads {
        workload.end = end(&mut world, name, workload)?;
    }
    file.strangers
        .entry("host".to_owned())
        .or_insert(Stranger { address: LOCALHOST });
    let (workloads, strangers) = (file.workloads, file.strangers);
    let lines = file.attempts.into_iter().zip(1..);
    let cases = lines
        .map(|(line, number)| case(line, number, &workloads, &strangers))
        .collect::<Result<_, _>>()?;
    Ok(Scenario {
        title: file.title,
        world,
        workloads,
        strangers,
        cases,
    })
}

fn policies(text: &str) -> Result<Vec<Arc<Document>>, ScenarioError> {
    documents::parse("policies", text.as_bytes()).map_err(|found| {
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        ScenarioError::Policies(lines.join("\n"))
    })
}

fn end(world: &mut World, name: &str, workload: &Workload) -> Result<End, ScenarioError> {
    let asked = labels::directives(&workload.labels);
    if let Some(problem) = asked.problems.into_iter().next() {
        return Err(ScenarioError::Label {
            name: name.to_owned(),
            problem: Box::new(problem),
        });
    }
    let identity_labels = labels::identity_labels(&workload.labels, &[]);
    if workload.pending {
        return Ok(End::Pending);
    }
    let labels = labels::selectable(&workload.labels, &[]);
    let selected =
        |document: &Arc<Document>| document.selects(&world.namespaces, &workload.namespace, &labels);
    let is_protected = !identity_labels.is_empty() || world.documents.iter().any(selected);
    if !asked.protect.unwrap_or(is_protected) {
        return Ok(End::Address(workload.address.unwrap_or(LOCALHOST)));
    }
    let mut openings = asked.openings;
    for text in &workload.publish {
        let defect = || ScenarioError::Publish {
            name: name.to_owned(),
            text: text.clone(),
        };
        openings.extend(published(text).ok_or_else(defect)?);
    }
    openings.extend(
        workload
            .resolvers
            .iter()
            .map(|address| openings::resolver(*address)),
    );
    let namespace = workload.namespace.clone();
    let identity = identity(
        world,
        Identity {
            number: Peer(0),
            namespace,
            identity_labels: identity_labels.into(),
            labels: labels.into(),
            named_ports: named_ports(name, workload)?,
        },
    );
    Ok(End::Subject(subject(world, identity, openings, workload.profile)))
}

fn named_ports(name: &str, workload: &Workload) -> Result<Vec<NamedPort>, ScenarioError> {
    let port = |(label, text): (&String, &String)| {
        let (number, word) = text.split_once('/').unwrap_or((text, "tcp"));
        let parsed = number.parse().ok().zip(protocol(word));
        let (port, protocol) = parsed.ok_or_else(|| ScenarioError::NamedPort {
            name: name.to_owned(),
            text: text.clone(),
        })?;
        Ok(NamedPort {
            name: label.clone(),
            protocol,
            port,
        })
    };
    workload.ports.iter().map(port).collect()
}

/// The number of an identity, a new one if no workload had it before.
fn identity(world: &mut World, wanted: Identity) -> Peer {
    let known = world.identities.iter().find(|known| {
        Identity {
            number: Peer(0),
            ..(*known).clone()
        } == wanted
    });
    if let Some(known) = known {
        return known.number;
    }
    let number = Peer(
        world
            .identities
            .last()
            .map_or(IDENTITY_MIN, |last| last.number.0 + 1),
    );
    world.identities.push(Identity { number, ..wanted });
    number
}

fn subject(
    world: &mut World,
    identity: Peer,
    openings: Vec<Opening>,
    profile: Option<DefaultProfile>,
) -> u32 {
    let known = world
        .subjects
        .iter()
        .find(|known| known.identity == identity && known.openings == openings && known.profile == profile);
    if let Some(known) = known {
        return known.number;
    }
    let number = world.subjects.last().map_or(1, |last| last.number + 1);
    world.subjects.push(Subject {
        number,
        identity,
        openings,
        profile,
    });
    number
}

/// `[IP:]PORT:PORT[/PROTOCOL]`.
fn published(text: &str) -> Option<Vec<Opening>> {
    let (ports, name) = text.split_once('/').unwrap_or((text, "tcp"));
    let (rest, container) = ports.rsplit_once(':')?;
    let (address, host) = match rest.rsplit_once(':') {
        Some((address, host)) => (Some(address.trim_matches(['[', ']']).parse().ok()?), host),
        None => (None, rest),
    };
    Some(openings::published(
        protocol(name)?,
        address,
        host.parse().ok()?,
        container.parse().ok()?,
    ))
}

fn protocol(name: &str) -> Option<Protocol> {
    let named = PROTOCOLS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, protocol)| *protocol);
    named.or_else(|| name.parse().ok().map(Protocol))
}

fn case(
    line: AttemptLine,
    number: usize,
    workloads: &BTreeMap<String, Workload>,
    strangers: &BTreeMap<String, Stranger>,
) -> Result<Case, ScenarioError> {
    let end = |name: &String| {
        let workload = workloads.get(name).map(|workload| workload.end);
        let stranger = || strangers.get(name).map(|stranger| End::Address(stranger.address));
        workload.or_else(stranger).ok_or_else(|| ScenarioError::Unknown {
            number,
            name: name.clone(),
        })
    };
    let (from, to) = (end(&line.from)?, end(&line.to)?);
    let Some(protocol) = protocol(&line.protocol) else {
        return Err(ScenarioError::Protocol {
            number,
            protocol: line.protocol,
        });
    };
    let every = || vec![Engine::Decide, Engine::Compiled, Engine::Sockets];
    Ok(Case {
        attempt: Attempt {
            from,
            to,
            protocol,
            port: line.port,
            from_address: workloads.get(&line.from).and_then(|workload| workload.address),
            to_address: workloads.get(&line.to).and_then(|workload| workload.address),
        },
        dial: line.dial,
        listen: line.listen,
        expected: Expected {
            action: line.verdict,
            reason: line.reason.unwrap_or(Reason::Rule),
            end: line.end,
            rule: line.rule,
            source: line.source,
            observed: line.observed,
        },
        engines: line.engines.unwrap_or_else(every),
        from: line.from,
        to: line.to,
    })
}
