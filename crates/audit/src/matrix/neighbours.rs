//! Who is on which network: computed once for each service, since the matrix asks for every pair of them.

use crate::model::{Estate, NetworkMode, Origin, Place, Reach};

/// A service, and where it is.
pub(super) struct Neighbour<'a> {
    pub(super) place: Place<'a>,
    pub(super) reach: Reach,
    /// It has the network of another service.
    pub(super) joined: bool,
    /// All its networks are internal.
    pub(super) internal: bool,
    /// macvlan or ipvlan: a machine of the LAN, behind no bridge of this host.
    pub(super) on_lan: bool,
    /// The host has no address on its networks.
    pub(super) without_gateway: bool,
    /// Its networks, as the engine names them; and whether containers on them reach each other.
    networks: Vec<(String, bool)>,
}

/// Every service.
pub(super) fn neighbours(estate: &Estate) -> Vec<Neighbour<'_>> {
    estate
        .places()
        .map(|place| Neighbour {
            place,
            reach: estate.reach(place),
            joined: !estate.joined(place).is_empty(),
            internal: place.is_internal(),
            on_lan: place.is_on_lan(),
            without_gateway: place.is_without_gateway(),
            networks: networks(place),
        })
        .collect()
}

// === impl Neighbour ===

impl Neighbour<'_> {
    /// Both are on one network whose containers reach each other.
    pub(super) fn meets(&self, other: &Self, estate: &Estate) -> bool {
        let icc = estate.engine.as_ref().and_then(|engine| engine.icc.as_ref());
        let apart = |name: &str| name == DEFAULT_BRIDGE && icc.is_some_and(|icc| !icc.value);
        self.networks.iter().any(|(name, open)| {
            *open && !apart(name) && other.networks.iter().any(|(theirs, _)| theirs == name)
        })
    }

    /// Its first address.
    pub(super) fn address(&self) -> Option<String> {
        let mut usages = self.place.service.networks.iter();
        usages.find_map(|usage| usage.addresses.first()).cloned()
    }

    /// Its first gateway, which is an address of the host.
    pub(super) fn gateway(&self) -> Option<String> {
        let mut usages = self.place.service.networks.iter();
        usages.find_map(|usage| usage.gateways.first()).cloned()
    }
}

/// What `network_mode: bridge` is called.
const DEFAULT_BRIDGE: &str = "bridge";
/// The network that compose makes for who names none.
const PROJECTS_OWN: &str = "default";

fn networks(place: Place<'_>) -> Vec<(String, bool)> {
    let service = place.service;
    let keys = service.networks.iter().map(|usage| usage.name.value.as_str());
    match service.network_mode.as_ref().map(|mode| &mode.value) {
        _ if !service.networks.is_empty() => keys.map(|key| named(place, key)).collect(),
        // Compose, and nothing said.
        None if service.origin == Origin::Compose => vec![named(place, PROJECTS_OWN)],
        None | Some(NetworkMode::Bridge) => vec![(DEFAULT_BRIDGE.to_owned(), true)],
        Some(NetworkMode::Named(name)) => vec![(name.clone(), true)],
        Some(_) => Vec::new(),
    }
}

/// A network of the project: two projects share those that are made elsewhere or have a name of their own.
fn named(place: Place<'_>, key: &str) -> (String, bool) {
    let network = place.network(key);
    let option = |network: &crate::model::Network| {
        let option = network.option("com.docker.network.bridge.enable_icc");
        option.is_none_or(|(value, _)| value != "false")
    };
    let open = network.is_none_or(option);
    let own = network.and_then(|network| network.name.clone());
    let elsewhere =
        network.is_some_and(|network| network.external) || place.service.origin != Origin::Compose;
    let name = match own {
        Some(name) => name,
        None if elsewhere => key.to_owned(),
        None => format!("{}_{key}", place.project.name),
    };
    (name, open)
}
