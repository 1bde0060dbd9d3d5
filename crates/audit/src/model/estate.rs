//! Everything that one audit looks at: projects, the engine, the host. Questions that need several services are
//! answered here: whose network a service really has.

use crate::engine::Engine;
use crate::host::Host;
use crate::model::{Network, NetworkMode, Project, Service};

/// All that is known.
#[derive(Clone, Debug, Default)]
pub struct Estate {
    /// Compose projects, the engine's containers, command lines.
    pub projects: Vec<Project>,
    /// The engine, where one answered or `daemon.json` was given.
    pub engine: Option<Engine>,
    /// The running host, where it was looked at.
    pub host: Option<Host>,
}

/// A service and the project it is in.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The project.
    pub project: &'a Project,
    /// The service.
    pub service: &'a Service,
}

/// Whose network a service has in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The host's.
    Host,
    /// Nobody's.
    None,
    /// Its own, on one network or several.
    Own,
    /// That of somebody who is not in sight.
    Unknown,
}

/// A chain of joined services ends here at the latest.
const LONGEST_CHAIN: usize = 16;

// === impl Estate ===

impl Estate {
    /// Every service with its project.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        self.projects.iter().flat_map(|project| {
            project
                .services
                .iter()
                .map(move |service| Place { project, service })
        })
    }

    /// Services with the host's network, joined ones included.
    pub fn in_host_mode(&self) -> impl Iterator<Item = Place<'_>> {
        self.places().filter(|place| self.reach(*place) == Reach::Host)
    }

    /// The services that a service's network comes through, the last is the one that owns it. Empty where it has its
    /// own.
    pub fn joined<'a>(&'a self, place: Place<'a>) -> Vec<Place<'a>> {
        let mut chain: Vec<Place<'a>> = Vec::new();
        let mut here = place;
        while let Some(next) = self.next(here) {
            let again = std::ptr::eq(next.service, place.service)
                || chain.iter().any(|seen| std::ptr::eq(seen.service, next.service));
            if again || chain.len() == LONGEST_CHAIN {
                break;
            }
            chain.push(next);
            here = next;
        }
        chain
    }

    /// Whose network it has in the end.
    pub fn reach(&self, place: Place<'_>) -> Reach {
        let chain = self.joined(place);
        let last = chain.last().copied().unwrap_or(place);
        match last.service.network_mode.as_ref().map(|mode| &mode.value) {
            Some(NetworkMode::Host) => Reach::Host,
            Some(NetworkMode::None) => Reach::None,
            Some(NetworkMode::Service(_) | NetworkMode::Container(_)) => Reach::Unknown,
            _ if uses_host_network(last) => Reach::Host,
            _ => Reach::Own,
        }
    }

    fn next<'a>(&'a self, place: Place<'a>) -> Option<Place<'a>> {
        match &place.service.network_mode.as_ref()?.value {
            NetworkMode::Service(name) => place
                .project
                .services
                .iter()
                .find(|service| service.name == *name)
                .map(|service| Place { service, ..place }),
            NetworkMode::Container(name) => self.places().find(|other| {
                let service = other.service;
                service.container_name.as_deref() == Some(name)
                    || (service.origin != crate::model::Origin::Compose && service.name == *name)
                    || service
                        .id
                        .as_deref()
                        .is_some_and(|id| name.len() >= 12 && id.starts_with(name))
            }),
            _ => None,
        }
    }
}

impl<'a> Place<'a> {
    /// A network of its project by key.
    pub fn network(self, key: &str) -> Option<&'a Network> {
        self.project.networks.iter().find(|network| network.key == key)
    }

    /// The declared networks that it joins.
    pub fn networks(self) -> impl Iterator<Item = &'a Network> {
        self.service
            .networks
            .iter()
            .filter_map(move |usage| self.network(&usage.name.value))
    }

    /// All its networks are internal.
    pub fn is_internal(self) -> bool {
        let mut networks = self.networks().peekable();
        networks.peek().is_some() && networks.all(|network| network.internal)
    }

    /// All its networks are macvlan or ipvlan: a machine of the LAN, behind no bridge of this host.
    pub fn is_on_lan(self) -> bool {
        let mut networks = self.networks().peekable();
        let on_lan = |driver: &str| matches!(driver, "macvlan" | "ipvlan");
        networks.peek().is_some()
            && networks.all(|network| {
                network
                    .driver
                    .as_ref()
                    .is_some_and(|driver| on_lan(&driver.value))
            })
    }

    /// The host has no address on any of its networks.
    pub fn is_without_gateway(self) -> bool {
        let mut networks = self.networks().peekable();
        networks.peek().is_some() && networks.all(|network| network.without_gateway)
    }
}

/// A declared network that is the host's own: `external`, named `host`.
fn uses_host_network(place: Place<'_>) -> bool {
    place.networks().any(|network| {
        network.external && network.name.as_deref().unwrap_or(&network.key) == "host"
            || network
                .driver
                .as_ref()
                .is_some_and(|driver| driver.value == "host")
    })
}
