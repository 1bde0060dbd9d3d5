//! What `-p` and `-P` opened: the wish in `HostConfig.PortBindings`, the outcome in `NetworkSettings.Ports`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bollard::models::{PortBinding, PortMap};
use cofferdam_policy::Protocol;

use crate::PublishedPort;

const ANY_V4: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
const ANY_V6: Option<IpAddr> = Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

/// What an inspection says about ports.
#[derive(Clone, Copy, Default)]
pub(super) struct PortFacts<'a> {
    /// `HostConfig.PortBindings`: the wish; Docker keeps it in host mode, where it carries nothing out.
    pub(super) wished: Option<&'a PortMap>,
    /// `NetworkSettings.Ports`: the outcome, while the container runs on a bridge.
    pub(super) actual: Option<&'a PortMap>,
    /// `Config.ExposedPorts`, the image's included.
    pub(super) exposed: Option<&'a [String]>,
    /// `HostConfig.PublishAllPorts`.
    pub(super) publish_all: bool,
}

/// All published ports, sorted, each once.
///
/// The outcome goes before the wish: it knows the ports that Docker chose and the engine's default address. The wish stands
/// before the start and in host mode. Text that Docker itself would refuse is left out.
pub(super) fn published(facts: PortFacts<'_>) -> Vec<PublishedPort> {
    let mut ports = BTreeMap::new();
    if facts.publish_all {
        for key in facts.exposed.unwrap_or_default() {
            ports.insert(key.as_str(), &[][..]);
        }
    }
    for (key, bindings) in facts.wished.into_iter().flatten() {
        ports.insert(key, bindings.as_deref().unwrap_or_default());
    }
    let mut found = BTreeSet::new();
    for (key, wished) in ports {
        let actual = facts
            .actual
            .and_then(|all| all.get(key))
            .and_then(Option::as_deref)
            .unwrap_or_default();
        let bindings = if actual.is_empty() { wished } else { actual };
        for (protocol, container_port) in container_ports(key) {
            if bindings.is_empty() {
                found.insert(PublishedPort {
                    protocol,
                    container_port,
                    host_ip: None,
                    host_port: None,
                });
            }
            found.extend(
                bindings
                    .iter()
                    .filter_map(|binding| one(protocol, container_port, binding)),
            );
        }
    }
    both_families(found).into_iter().collect()
}

/// Ports that the image or the creator declared, sorted, each once.
pub(super) fn exposed(keys: Option<&[String]>) -> Vec<(Protocol, u16)> {
    let ports = keys
        .unwrap_or_default()
        .iter()
        .flat_map(|key| container_ports(key));
    ports.collect::<BTreeSet<_>>().into_iter().collect()
}

fn one(protocol: Protocol, container_port: u16, binding: &PortBinding) -> Option<PublishedPort> {
    let host_ip = match binding.host_ip.as_deref().unwrap_or_default() {
        "" => None,
        text => Some(text.trim_matches(['[', ']']).parse().ok()?),
    };
    // Empty and 0 let Docker choose, a range (`7400-7410`) lets it choose there.
    let host_port = binding
        .host_port
        .as_deref()
        .unwrap_or_default()
        .parse()
        .ok()
        .filter(|port| *port != 0);
    Some(PublishedPort {
        protocol,
        container_port,
        host_ip,
        host_port,
    })
}

/// `80/tcp`, `80` (TCP) and `8000-8010/udp`; nothing for what is none of them.
fn container_ports(key: &str) -> Vec<(Protocol, u16)> {
    let (ports, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "sctp" => Protocol(132),
        _ => return Vec::new(),
    };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => (first..=last).map(|port| (protocol, port)).collect(),
        _ => Vec::new(),
    }
}

/// Docker lists "every address" once a family; where both stand with the same port, they become one.
fn both_families(mut ports: BTreeSet<PublishedPort>) -> BTreeSet<PublishedPort> {
    let everywhere_v4: Vec<_> = ports
        .iter()
        .filter(|port| port.host_ip == ANY_V4)
        .cloned()
        .collect();
    for v4 in everywhere_v4 {
        let v6 = PublishedPort {
            host_ip: ANY_V6,
            ..v4.clone()
        };
        if ports.remove(&v6) {
            ports.remove(&v4);
            ports.insert(PublishedPort { host_ip: None, ..v4 });
        }
    }
    ports
}

#[cfg(test)]
mod tests;
