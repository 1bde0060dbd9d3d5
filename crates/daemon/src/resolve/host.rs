//! Which addresses are whose: classes of this host's prefixes, namespaces of addresses, targets of published ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cofferdam_policy::PeerClass;
use cofferdam_workload::Container;
use ipnet::IpNet;

use super::{HostFacts, Inputs, Place, Placement};
use crate::enforcer::{Entry, Published};

/// Links are `lan`; Docker's subnets and the host's own addresses are `host`, also where they lie on a link. The broadcast
/// address of either is `multicast`.
pub(super) fn prefixes(host: &HostFacts) -> Vec<(IpNet, PeerClass)> {
    let links = host.links.iter().map(|prefix| (prefix.trunc(), PeerClass::Lan));
    let subnets = host
        .subnets
        .iter()
        .map(|prefix| (prefix.trunc(), PeerClass::Host));
    let broadcasts = host.links.iter().chain(&host.subnets).filter_map(broadcast);
    let addresses = host
        .addresses
        .iter()
        .map(|address| (IpNet::from(*address), PeerClass::Host));
    links
        .chain(subnets)
        .chain(broadcasts)
        .chain(addresses)
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect()
}

/// Only IPv4 has them, and only networks of more than two.
fn broadcast(network: &IpNet) -> Option<(IpNet, PeerClass)> {
    match network {
        IpNet::V4(v4) if v4.prefix_len() < 31 => {
            Some((IpNet::from(IpAddr::from(v4.broadcast())), PeerClass::Multicast))
        }
        _ => None,
    }
}

/// The host's addresses, then those of containers with a namespace of their own. A virtual address leads to one of several
/// tasks of a Swarm service: any of them, since its spec gives all the same labels.
pub(super) fn addresses(inputs: &Inputs<'_>) -> Vec<(IpAddr, u64)> {
    let host = inputs
        .host
        .addresses
        .iter()
        .map(|address| (*address, inputs.host.netns));
    let containers = inputs
        .containers
        .values()
        .filter(|container| !container.host_network);
    let theirs = containers.flat_map(|container| {
        let netns = inputs.host.namespaces.get(&container.id).copied();
        let all = container.addresses.iter().chain(&container.virtual_addresses);
        netns
            .into_iter()
            .flat_map(move |netns| all.clone().map(move |address| (*address, netns)))
    });
    host.chain(theirs)
        .filter(|(address, _)| !address.is_loopback())
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect()
}

/// Namespaces, but for the host's, in which every container is protected and has the same identity: there a port on which
/// nobody is known to listen is that identity's all the same.
pub(super) fn owners(inputs: &Inputs<'_>, placements: &[Placement]) -> Vec<(u64, Entry)> {
    let mut owners: BTreeMap<u64, Option<Entry>> = BTreeMap::new();
    for placement in placements {
        let Place::Container(id, _) = &placement.place else {
            continue;
        };
        let Some(netns) = inputs
            .host
            .namespaces
            .get(id)
            .filter(|netns| **netns != inputs.host.netns)
        else {
            continue;
        };
        let entry = (placement.entry.subject != 0).then_some(placement.entry);
        let owner = owners.entry(*netns).or_insert(entry);
        if owner.map(|owner| owner.identity) != entry.map(|entry| entry.identity) {
            *owner = None;
        }
    }
    owners
        .into_iter()
        .filter_map(|(netns, owner)| Some((netns, owner?)))
        .collect()
}

/// Docker ignores `-p` in host mode, so those ports lead nowhere else.
pub(super) fn published(inputs: &Inputs<'_>) -> Vec<Published> {
    let containers = inputs
        .containers
        .values()
        .filter(|container| !container.host_network);
    containers
        .filter_map(|container| Some((container, *inputs.host.namespaces.get(&container.id)?)))
        .flat_map(|(container, netns)| of_container(container, netns))
        .collect()
}

fn of_container(container: &Container, netns: u64) -> impl Iterator<Item = Published> + '_ {
    container.published.iter().filter_map(move |port| {
        let v6 = port.host_ip.is_some_and(|ip| ip.is_ipv6());
        let same = container.addresses.iter().find(|address| address.is_ipv6() == v6);
        Some(Published {
            protocol: port.protocol,
            host_ip: port.host_ip.filter(|ip: &IpAddr| !ip.is_unspecified()),
            host_port: port.host_port?,
            target_netns: netns,
            target_ip: same.or(container.addresses.first()).copied(),
            container_port: port.container_port,
        })
    })
}
