//! Who reaches which service over which path: from the model and from what was measured of Docker's networks
//! (docs/audit.md). What Cofferdam would make of a path is judged by the policy core, in `crates/cli/src/audit`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::host::{Family, Gate, Listener, Sender, is_public};
use crate::known::ports_of_image;
use crate::model::{Estate, Place, Port, PortRange, Protocol, Reach};
use neighbours::{Neighbour, neighbours};

mod neighbours;
mod outcomes;
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
pub struct Row<'a> {
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
    /// The container that begins, where one does.
    #[serde(skip)]
    pub source: Option<Place<'a>>,
    /// The service that is reached.
    #[serde(skip)]
    pub target: Place<'a>,
    /// The port on which it listens: a published one leads there.
    #[serde(skip)]
    pub inside: u16,
    /// What an attempt showed, where one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<bool>,
}

/// A port of a service: as it is dialled, and as the service has it.
struct Target<'a> {
    place: Place<'a>,
    port: u16,
    inside: u16,
    protocol: Protocol,
}

/// An outcome and why.
type Told = (Outcome, String);

/// Beyond so many services the paths between projects are left out: there would be millions of them.
pub const MANY: usize = 400;

/// All paths to all services.
pub fn matrix(estate: &Estate) -> Vec<Row<'_>> {
    let all = neighbours(estate);
    let mut paths = Paths {
        estate,
        all: &all,
        public: estate
            .host
            .as_ref()
            .is_some_and(|host| host.public_addresses().next().is_some()),
        rows: Vec::new(),
    };
    for here in &all {
        match here.reach {
            Reach::Host => paths.host_mode(here),
            Reach::Own if !here.joined => {
                for port in &here.place.service.ports {
                    paths.published(here, port);
                }
                paths.direct(here);
            }
            _ => {}
        }
    }
    paths.rows
}

/// The matrix, as it grows.
struct Paths<'a, 'n> {
    estate: &'a Estate,
    all: &'n [Neighbour<'a>],
    /// The host has a public address.
    public: bool,
    rows: Vec<Row<'a>>,
}

// === impl Paths ===

impl<'a, 'n> Paths<'a, 'n> {
    fn host_mode(&mut self, here: &'n Neighbour<'a>) {
        for ((port, protocol), seen) in self.host_ports(here.place) {
            let target = Target {
                place: here.place,
                port,
                inside: port,
                protocol,
            };
            let told = |sender| match seen.as_slice() {
                [_, ..] if seen.iter().all(|listener| listener.address.is_loopback()) => {
                    blocked("it listens on loopback alone")
                }
                _ => self.for_host_port(self.host_gate(&target, &seen, sender)),
            };
            let (outside, bridged) = (told(Sender::Lan), told(Sender::Bridges));
            if self.public {
                self.push(From::Internet, None, &target, Way::HostMode, None, &outside);
            }
            self.push(From::Lan, None, &target, Way::HostMode, None, &outside);
            let near = reached("one network");
            self.push(From::Host, None, &target, Way::Loopback, local(), &near);
            for other in self.others(here) {
                match other.reach {
                    Reach::Host => self.from(other, &target, Way::Loopback, local(), &near),
                    Reach::Own if other.on_lan || other.without_gateway => {}
                    Reach::Own => self.from(other, &target, Way::Gateway, other.gateway(), &bridged),
                    _ => {}
                }
            }
        }
    }

    /// Ports that a host-mode service listens on: seen, with who listens, or else declared.
    fn host_ports(&self, place: Place<'_>) -> BTreeMap<(u16, Protocol), Vec<&'a Listener>> {
        let mut ports: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for listener in self.estate.host.iter().flat_map(|host| &host.listeners) {
            if listener.is_of(place.service.id.as_deref()) {
                let seen = ports.entry((listener.port, listener.protocol)).or_default();
                seen.push(listener);
            }
        }
        if ports.is_empty() {
            ports.extend(declared(place).map(|port| (port, Vec::new())));
        }
        ports
    }

    /// How open the firewall leaves a port of the host: as open as the most open of its listeners.
    fn host_gate(&self, target: &Target<'_>, seen: &[&Listener], sender: Sender) -> Option<Gate> {
        let host = self.estate.host.as_ref()?;
        let outer = seen.iter().filter(|listener| !listener.address.is_loopback());
        let most = outer.map(|listener| host.gate(listener, sender)).max();
        Some(most.unwrap_or_else(|| {
            host.firewall
                .gate(Family::Ipv4, sender, target.protocol, target.port)
        }))
    }

    fn published(&mut self, here: &'n Neighbour<'a>, port: &Port) {
        let Some(range) = port.published.filter(|range| is_listed(*range)) else {
            return;
        };
        // Docker publishes nothing there, and says nothing.
        if here.on_lan || here.internal {
            return;
        }
        let target = Target {
            place: here.place,
            port: range.first,
            inside: port.target.first,
            protocol: port.protocol,
        };
        let outside = self.for_outsider(port);
        let every = port.is_wildcard();
        let dialled = if every {
            local()
        } else {
            port.host_ip.map(|ip| ip.to_string())
        };
        if self.public && every || port.host_ip.is_some_and(is_public) {
            self.push(From::Internet, None, &target, Way::Published, None, &outside);
        }
        self.push(From::Lan, None, &target, Way::Published, None, &outside);
        let near = reached("Docker answers for it");
        self.push(From::Host, None, &target, Way::Published, dialled.clone(), &near);
        for other in self.others(here) {
            match other.reach {
                Reach::Host => self.from(other, &target, Way::Published, dialled.clone(), &near),
                Reach::Own if !port.is_loopback() && !other.on_lan && !here.meets(other, self.estate) => {
                    let outcome = if other.internal {
                        blocked("an internal network has no way out, to published ports either")
                    } else {
                        self.for_bridge(&target)
                    };
                    let at = if every { other.gateway() } else { dialled.clone() };
                    self.from(other, &target, Way::Gateway, at, &outcome);
                }
                _ => {}
            }
        }
    }

    /// The container's own address: for containers of the same network, and for a neighbour who adds a route.
    fn direct(&mut self, here: &'n Neighbour<'a>) {
        let mut ports: Vec<(u16, Protocol)> = declared(here.place).collect();
        ports.sort_unstable();
        ports.dedup();
        for (port, protocol) in ports {
            let target = Target {
                place: here.place,
                port,
                inside: port,
                protocol,
            };
            let at = here.address();
            let neighbour = self.for_neighbour(here, &target);
            self.push(From::Lan, None, &target, Way::Direct, at.clone(), &neighbour);
            let near = reached("one network");
            for other in self.others(here).filter(|other| here.meets(other, self.estate)) {
                self.from(other, &target, Way::Direct, at.clone(), &near);
            }
            let host = if here.on_lan {
                blocked("macvlan and ipvlan keep the host's own interface away from their containers")
            } else if here.without_gateway {
                blocked("the host has no address on its network")
            } else {
                reached("the host is on every bridge")
            };
            self.push(From::Host, None, &target, Way::Direct, at, &host);
        }
    }

    /// Services beside this one that are not joined to it.
    fn others(&self, here: &'n Neighbour<'a>) -> impl Iterator<Item = &'n Neighbour<'a>> + use<'a, 'n> {
        let all = self.all.len() <= MANY;
        self.all.iter().filter(move |other| {
            !std::ptr::eq(other.place.service, here.place.service)
                && (all || std::ptr::eq(other.place.project, here.place.project))
                && (!other.joined || other.reach == Reach::Host)
        })
    }

    fn from(
        &mut self,
        other: &Neighbour<'a>,
        target: &Target<'a>,
        way: Way,
        address: Option<String>,
        told: &Told,
    ) {
        let name = From::Container(other.place.service.name.clone());
        self.push(name, Some(other.place), target, way, address, told);
    }

    fn push(
        &mut self,
        from: From,
        source: Option<Place<'a>>,
        target: &Target<'a>,
        way: Way,
        address: Option<String>,
        (now, because): &Told,
    ) {
        // Who is elsewhere dials an address that only he knows.
        let address = address.filter(|_| !matches!(from, From::Internet | From::Lan) || way == Way::Direct);
        self.rows.push(Row {
            from,
            to: target.place.service.name.clone(),
            port: target.port,
            protocol: target.protocol,
            way,
            address,
            now: *now,
            because: because.clone(),
            source,
            target: target.place,
            inside: target.inside,
            probe: None,
        });
    }
}

fn reached(because: &str) -> Told {
    (Outcome::Reached, because.to_owned())
}

fn blocked(because: &str) -> Told {
    (Outcome::Blocked, because.to_owned())
}

fn unknown(because: &str) -> Told {
    (Outcome::Unknown, because.to_owned())
}

fn local() -> Option<String> {
    Some("127.0.0.1".to_owned())
}

/// Ports inside the container: exposed, published, or else those that its image is known for.
fn declared(place: Place<'_>) -> impl Iterator<Item = (u16, Protocol)> {
    let service = place.service;
    let exposed = service.expose.iter().map(|expose| (expose.value, Protocol::Tcp));
    let asked = service.ports.iter().map(|port| (port.target, port.protocol));
    let silent = service.expose.is_empty() && service.ports.is_empty();
    let known = if silent { ports_of_image(service) } else { &[] };
    exposed
        .chain(asked)
        .filter(|(range, _)| is_listed(*range))
        .map(|(range, protocol)| (range.first, protocol))
        .chain(known.iter().map(|port| (*port, Protocol::Tcp)))
}

/// A long range would be a page of rows.
fn is_listed(range: PortRange) -> bool {
    range.count() == 1 && range.first > 0
}
