//! Who reaches which service over which path: from the model and from what was measured of Docker's networks
//! (docs/audit.md), as it is, and as it would be under Cofferdam's default profile.

use serde::Serialize;

use crate::engine::Version;
use crate::model::{Estate, Network, Place, Port, PortRange, Protocol, Reach};

mod policy;
#[cfg(test)]
mod tests;

/// Who begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// Everybody, through a public address of the host.
    Internet,
    /// A neighbour on one of the host's networks.
    Lan,
    /// A process of the host.
    Host,
    /// A container, by name.
    Container(String),
}

/// Over which path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A published port.
    Published,
    /// The service listens in the host's own network.
    HostMode,
    /// A bridge's gateway, which is an address of the host.
    Gateway,
    /// The container's own address.
    Direct,
    /// 127.0.0.1.
    Loopback,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is made.
    Reached,
    /// It is not.
    Blocked,
    /// It depends on what is not known.
    Unknown,
}

/// One path.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Who begins.
    pub from: From,
    /// The service.
    pub to: String,
    /// The port that is dialled.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Over which path.
    pub way: Way,
    /// The address that is dialled, where it is known.
    pub address: Option<String>,
    /// As it is.
    pub now: Outcome,
    /// Why.
    pub because: String,
    /// Under Cofferdam's default profile.
    pub with_cofferdam: Outcome,
    /// What an attempt showed, where one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<bool>,
}

/// A port of a service, and where it can be dialled.
struct Target<'a> {
    place: Place<'a>,
    port: u16,
    protocol: Protocol,
}

/// All paths to all services.
pub fn matrix(estate: &Estate) -> Vec<Row> {
    let mut rows = Vec::new();
    for place in estate.places() {
        match estate.reach(place) {
            Reach::Host => host_mode(estate, place, &mut rows),
            Reach::Own if estate.joined(place).is_empty() => {
                for port in &place.service.ports {
                    published(estate, place, port, &mut rows);
                }
                direct(estate, place, &mut rows);
            }
            _ => {}
        }
    }
    rows
}

fn host_mode(estate: &Estate, place: Place<'_>, rows: &mut Vec<Row>) {
    for (port, protocol, loopback) in host_ports(estate, place) {
        let target = Target {
            place,
            port,
            protocol,
        };
        let host = estate.host.as_ref();
        let covered = host.map(|host| !host.firewall.lets_in(protocol, port));
        let outside = match (loopback, covered) {
            (true, _) => (Outcome::Blocked, "it listens on loopback alone".to_owned()),
            (_, Some(true)) => (
                Outcome::Blocked,
                "the firewall covers the host's own ports".to_owned(),
            ),
            (_, Some(false)) => (Outcome::Reached, "no firewall in the way".to_owned()),
            (_, None) => (Outcome::Unknown, "as the host's firewall says".to_owned()),
        };
        if has_public_address(estate) {
            rows.push(row(
                estate,
                From::Internet,
                &target,
                Way::HostMode,
                outside.clone(),
            ));
        }
        rows.push(row(estate, From::Lan, &target, Way::HostMode, outside.clone()));
        let near = (Outcome::Reached, "one network".to_owned());
        rows.push(row(estate, From::Host, &target, Way::Loopback, near.clone()));
        for other in others(estate, place) {
            let from = From::Container(other.service.name.clone());
            match estate.reach(other) {
                Reach::Host => rows.push(row(estate, from, &target, Way::Loopback, near.clone())),
                Reach::Own => rows.push(row(estate, from, &target, Way::Gateway, outside.clone())),
                _ => {}
            }
        }
    }
}

/// Ports that a host-mode service listens on: seen, or declared. The flag says that only loopback reaches it.
fn host_ports(estate: &Estate, place: Place<'_>) -> Vec<(u16, Protocol, bool)> {
    let service = place.service;
    let mut ports: Vec<(u16, Protocol, bool)> = Vec::new();
    for listener in estate.host.iter().flat_map(|host| &host.listeners) {
        if listener.is_of(service.id.as_deref()) {
            ports.push((listener.port, listener.protocol, listener.address.is_loopback()));
        }
    }
    if ports.is_empty() {
        let exposed = service.expose.iter().map(|expose| (expose.value, Protocol::Tcp));
        let asked = service.ports.iter().map(|port| (port.target, port.protocol));
        let declared = exposed.chain(asked).filter(|(range, _)| is_listed(*range));
        ports.extend(declared.map(|(range, protocol)| (range.first, protocol, false)));
    }
    ports.sort_unstable_by_key(|(port, protocol, loopback)| (*port, *protocol, *loopback));
    ports.dedup_by_key(|(port, protocol, _)| (*port, *protocol));
    ports
}

fn published(estate: &Estate, place: Place<'_>, port: &Port, rows: &mut Vec<Row>) {
    let Some(range) = port.published.filter(|range| is_listed(*range)) else {
        return;
    };
    let target = Target {
        place,
        port: range.first,
        protocol: port.protocol,
    };
    let outside = from_outside(estate, port);
    let every = port.is_wildcard();
    if has_public_address(estate) && every {
        rows.push(row(
            estate,
            From::Internet,
            &target,
            Way::Published,
            outside.clone(),
        ));
    }
    rows.push(row(estate, From::Lan, &target, Way::Published, outside));
    let near = (Outcome::Reached, "Docker answers for it".to_owned());
    rows.push(row(estate, From::Host, &target, Way::Published, near.clone()));
    for other in others(estate, place) {
        let from = From::Container(other.service.name.clone());
        match estate.reach(other) {
            Reach::Host => rows.push(row(estate, from, &target, Way::Published, near.clone())),
            Reach::Own if every && !shares_network(place, other) => {
                let outcome = if is_internal(other) {
                    (
                        Outcome::Blocked,
                        "an internal network has no way out, to published ports either".to_owned(),
                    )
                } else {
                    near.clone()
                };
                rows.push(row(estate, from, &target, Way::Gateway, outcome));
            }
            _ => {}
        }
    }
}

/// A published port, for whoever is not on this host.
fn from_outside(estate: &Estate, port: &Port) -> (Outcome, String) {
    let drops = estate
        .host
        .as_ref()
        .is_some_and(|host| host.firewall.forward_drops);
    if port.is_loopback() {
        if leaks(estate) {
            (
                Outcome::Reached,
                "the engine is older than 28: neighbours reach loopback's ports".to_owned(),
            )
        } else {
            (Outcome::Blocked, "it is published on loopback alone".to_owned())
        }
    } else if drops {
        (
            Outcome::Unknown,
            "a rule in DOCKER-USER drops some of it".to_owned(),
        )
    } else {
        (
            Outcome::Reached,
            "Docker's DNAT comes before the host's firewall".to_owned(),
        )
    }
}

/// The container's own address: for containers of the same network, and for a neighbour who adds a route.
fn direct(estate: &Estate, place: Place<'_>, rows: &mut Vec<Row>) {
    let service = place.service;
    let exposed = service.expose.iter().map(|expose| (expose.value, Protocol::Tcp));
    let asked = service.ports.iter().map(|port| (port.target, port.protocol));
    let mut ports: Vec<(u16, Protocol)> = exposed
        .chain(asked)
        .filter(|(range, _)| is_listed(*range))
        .map(|(range, protocol)| (range.first, protocol))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    for (port, protocol) in ports {
        let target = Target {
            place,
            port,
            protocol,
        };
        let neighbour = if estate.host.as_ref().is_some_and(|host| host.firewall.direct_drop) {
            (Outcome::Blocked, "Engine 28's raw rule drops it".to_owned())
        } else if leaks(estate) {
            (
                Outcome::Reached,
                "a neighbour adds a route; engines before 28 let it through".to_owned(),
            )
        } else {
            (
                Outcome::Unknown,
                "a neighbour may add a route; Engine 28 and newer drop it".to_owned(),
            )
        };
        rows.push(row(estate, From::Lan, &target, Way::Direct, neighbour));
        let near = (Outcome::Reached, "one network".to_owned());
        for other in others(estate, place).filter(|other| shares_network(place, *other)) {
            let from = From::Container(other.service.name.clone());
            rows.push(row(estate, from, &target, Way::Direct, near.clone()));
        }
        // The host is on every bridge.
        rows.push(row(estate, From::Host, &target, Way::Direct, near));
    }
}

fn row(estate: &Estate, from: From, target: &Target<'_>, way: Way, now: (Outcome, String)) -> Row {
    let (now, because) = now;
    let service = target.place.service;
    let own = service
        .networks
        .iter()
        .flat_map(|usage| usage.addresses.first())
        .next();
    let gateway = |name: &str| {
        let other = estate.places().find(|place| place.service.name == name)?;
        other
            .service
            .networks
            .iter()
            .flat_map(|usage| usage.gateways.first())
            .next()
            .cloned()
    };
    let address = match (way, &from) {
        (Way::Direct, _) => own.cloned(),
        (Way::Gateway, From::Container(name)) => gateway(name),
        (Way::Loopback, _) | (Way::Published, From::Host | From::Container(_)) => {
            Some("127.0.0.1".to_owned())
        }
        _ => None,
    };
    let with_cofferdam = policy::outcome(estate, &from, target.place, (target.port, way), now);
    Row {
        from,
        to: service.name.clone(),
        port: target.port,
        protocol: target.protocol,
        way,
        address,
        now,
        because,
        with_cofferdam,
        probe: None,
    }
}

/// A long range would be a page of rows.
fn is_listed(range: PortRange) -> bool {
    range.count() == 1 && range.first > 0
}

fn has_public_address(estate: &Estate) -> bool {
    estate
        .host
        .as_ref()
        .is_some_and(|host| host.public_addresses().next().is_some())
}

/// Engines before 28.0.0 forward what a neighbour sends to a container's address or to loopback's ports.
fn leaks(estate: &Estate) -> bool {
    let engine = estate.engine.as_ref();
    let old = engine.and_then(|engine| engine.is_before(&Version(28, 0, 0)));
    let held = estate.host.as_ref().is_some_and(|host| host.firewall.direct_drop);
    old == Some(true) && !held
}

/// Services beside this one that are not joined to it.
fn others<'a>(estate: &'a Estate, place: Place<'a>) -> impl Iterator<Item = Place<'a>> {
    estate.places().filter(move |other| {
        !std::ptr::eq(other.service, place.service)
            && (estate.joined(*other).is_empty() || estate.reach(*other) == Reach::Host)
    })
}

/// All its networks are internal.
fn is_internal(place: Place<'_>) -> bool {
    let mut networks = place.networks().peekable();
    networks.peek().is_some() && networks.all(|network| network.internal)
}

/// Two services are on one network: a named one of both, or the one that each project has.
fn shares_network(one: Place<'_>, other: Place<'_>) -> bool {
    let same_project = std::ptr::eq(one.project, other.project);
    let names = |place: Place<'_>| -> Vec<String> {
        let named: Vec<String> = place
            .service
            .networks
            .iter()
            .map(|usage| usage.name.value.clone())
            .collect();
        match (named.is_empty(), &place.service.network_mode) {
            (true, None) => vec!["default".to_owned()],
            (true, Some(mode)) => vec![mode.value.to_string()],
            (false, _) => named,
        }
    };
    let isolated = |network: &&Network| {
        network
            .option("com.docker.network.bridge.enable_icc")
            .is_some_and(|(value, _)| value == "false")
    };
    let theirs = names(other);
    same_project
        && names(one).iter().any(|name| theirs.contains(name))
        && !one.networks().any(|network| isolated(&network))
}
