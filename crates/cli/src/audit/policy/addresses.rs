//! Which addresses stand for a class of peers, and which prefixes of this host belong to which class.

use std::net::{IpAddr, Ipv4Addr};

use cofferdam_audit::host::HostAddress;
use cofferdam_audit::model::Estate;
use cofferdam_policy::PeerClass;
use ipnet::IpNet;

/// Somebody on the Internet; no prefix that a label names is likely to be about documentation.
pub(super) const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77));

/// Neighbours of a host of which nothing is known: one in each private block.
const PRIVATE: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(10, 255, 255, 254)),
    IpAddr::V4(Ipv4Addr::new(172, 31, 255, 254)),
    IpAddr::V4(Ipv4Addr::new(192, 168, 255, 254)),
];

/// As the daemon sorts them: links are `lan`, but for Docker's subnets and the host's own addresses.
pub(super) fn prefixes(estate: &Estate) -> Vec<(IpNet, PeerClass)> {
    let links = links(estate).map(|link| (link.address.trunc(), PeerClass::Lan));
    let networks = estate.projects.iter().flat_map(|project| &project.networks);
    let subnets = networks
        .flat_map(|network| &network.subnets)
        .filter_map(|subnet| Some((subnet.parse().ok()?, PeerClass::Host)));
    let own = addresses(estate).map(|one| (IpNet::from(one.address.addr()), PeerClass::Host));
    links.chain(subnets).chain(own).collect()
}

/// One neighbour on each link, the last address of its network; anybody private where no link is known.
pub(super) fn neighbours(estate: &Estate) -> Vec<IpAddr> {
    let known: Vec<IpAddr> = links(estate)
        .filter_map(|link| match link.address {
            IpNet::V4(v4) if v4.prefix_len() < 31 => {
                let last = Ipv4Addr::from(u32::from(v4.broadcast()) - 1);
                let other = if last == v4.addr() {
                    v4.hosts().next()?
                } else {
                    last
                };
                Some(IpAddr::V4(other))
            }
            _ => None,
        })
        .collect();
    if known.is_empty() { PRIVATE.to_vec() } else { known }
}

/// An address that a prefix holds, and that is not the name of the network.
pub(super) fn within(net: IpNet) -> IpAddr {
    net.hosts().next().unwrap_or(net.addr())
}

/// Networks of interfaces that are neither loopback nor bridges of containers.
fn links(estate: &Estate) -> impl Iterator<Item = &HostAddress> {
    const INSIDE: [&str; 6] = ["lo", "docker", "br-", "veth", "podman", "cni-"];
    addresses(estate).filter(|one| {
        let name = one.interface.as_str();
        !one.address.addr().is_loopback() && !INSIDE.iter().any(|inside| name.starts_with(inside))
    })
}

fn addresses(estate: &Estate) -> impl Iterator<Item = &HostAddress> {
    estate.host.iter().flat_map(|host| &host.addresses)
}
