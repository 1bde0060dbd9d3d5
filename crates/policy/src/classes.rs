//! Which addresses belong to which peer class, as data.
//!
//! What depends on the host (its own addresses, Docker's subnets, the prefixes of its links) comes with the
//! [`World`] and is laid over this table.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::{PeerClass, World};

#[cfg(test)]
mod tests;

/// The table. Sources: RFC 6890 and its registry for the private blocks; the clouds' own pages for metadata.
const BASE: [(&str, PeerClass); 36] = [
    ("0.0.0.0/0", PeerClass::World),
    ("::/0", PeerClass::World),
    // Connecting to the unspecified address reaches this host on Linux.
    ("0.0.0.0/32", PeerClass::Host),
    ("127.0.0.0/8", PeerClass::Host),
    ("::/128", PeerClass::Host),
    ("::1/128", PeerClass::Host),
    ("10.0.0.0/8", PeerClass::Lan),
    ("100.64.0.0/10", PeerClass::Lan),
    ("169.254.0.0/16", PeerClass::Lan),
    ("172.16.0.0/12", PeerClass::Lan),
    ("192.168.0.0/16", PeerClass::Lan),
    ("fc00::/7", PeerClass::Lan),
    ("fe80::/10", PeerClass::Lan),
    // Site-local: deprecated, still routed by whoever kept it.
    ("fec0::/10", PeerClass::Lan),
    // The same private blocks behind a NAT64 gateway with the well-known prefix.
    ("64:ff9b::a00:0/104", PeerClass::Lan),
    ("64:ff9b::6440:0/106", PeerClass::Lan),
    ("64:ff9b::a9fe:0/112", PeerClass::Lan),
    ("64:ff9b::ac10:0/108", PeerClass::Lan),
    ("64:ff9b::c0a8:0/112", PeerClass::Lan),
    ("64:ff9b::a9fe:a9fe/128", PeerClass::Metadata),
    // AWS, Azure, Google, OpenStack, DigitalOcean, Hetzner, Oracle and most others.
    ("169.254.169.254/32", PeerClass::Metadata),
    ("fe80::a9fe:a9fe/128", PeerClass::Metadata),
    ("fd00:ec2::254/128", PeerClass::Metadata),
    ("fd20:ce::254/128", PeerClass::Metadata),
    // AWS: task roles, pod identities.
    ("169.254.170.2/32", PeerClass::Metadata),
    ("169.254.170.23/32", PeerClass::Metadata),
    ("fd00:ec2::23/128", PeerClass::Metadata),
    // Azure's platform channel.
    ("168.63.129.16/32", PeerClass::Metadata),
    // Alibaba, Tencent, Oracle's older address, Scaleway.
    ("100.100.100.200/32", PeerClass::Metadata),
    ("169.254.0.23/32", PeerClass::Metadata),
    ("192.0.0.192/32", PeerClass::Metadata),
    ("169.254.42.42/32", PeerClass::Metadata),
    ("fd00:42::42/128", PeerClass::Metadata),
    ("224.0.0.0/4", PeerClass::Multicast),
    ("255.255.255.255/32", PeerClass::Multicast),
    ("ff00::/8", PeerClass::Multicast),
];

/// The prefixes whose class does not depend on the host, `0.0.0.0/0` and `::/0` (world) included. [`crate::decide`]
/// and [`crate::compile`] lay `World::prefixes` over them: the same prefix there wins.
#[must_use]
pub fn base_prefixes() -> Vec<(IpNet, PeerClass)> {
    // The table's test proves that every line parses.
    BASE.iter()
        .filter_map(|(net, class)| Some((net.parse().ok()?, *class)))
        .collect()
}

/// The class of an address in this world.
#[must_use]
pub fn class(world: &World, address: IpAddr) -> PeerClass {
    class_of(&class_prefixes(world), address)
}

/// The class of every prefix that has one, for this world.
pub(crate) fn class_prefixes(world: &World) -> BTreeMap<IpNet, PeerClass> {
    let own = world
        .prefixes
        .iter()
        .map(|(net, class)| (canonical(*net), *class));
    base_prefixes().into_iter().chain(own).collect()
}

/// The class of an address: that of the longest prefix around it.
pub(crate) fn class_of(prefixes: &BTreeMap<IpNet, PeerClass>, address: IpAddr) -> PeerClass {
    let address = address.to_canonical();
    let around = prefixes.iter().filter(|(net, _)| net.contains(&address));
    around
        .max_by_key(|(net, _)| net.prefix_len())
        .map_or(PeerClass::World, |(_, class)| *class)
}

/// Host bits cleared, IPv4-mapped IPv6 as IPv4: one spelling for one set of addresses.
pub(crate) fn canonical(net: IpNet) -> IpNet {
    if let IpNet::V6(v6) = net
        && let Some(length) = v6.prefix_len().checked_sub(96)
        && let Some(address) = v6.addr().to_ipv4_mapped()
        && let Ok(v4) = mapped(address, length)
    {
        return IpNet::V4(v4.trunc());
    }
    net.trunc()
}

fn mapped(address: Ipv4Addr, length: u8) -> Result<Ipv4Net, ipnet::PrefixLenError> {
    Ipv4Net::new(address, length)
}
