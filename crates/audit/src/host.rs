//! Facts of a running host, as data: who listens where, abstract sockets, addresses, what the firewall does, what
//! containers were seen to do. Whoever collects them is elsewhere; a saved file of them is as good.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::model::Protocol;

mod firewall;
mod sockets;
#[cfg(test)]
mod tests;

pub use firewall::{Entry, Family, Firewall, FirewallTool, Gate, Sender, family_of};
pub use sockets::{Waiting, abstract_sockets, sockets_of};

/// Everything that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Sockets that wait for connections or datagrams in the host's network.
    pub listeners: Vec<Listener>,
    /// Abstract unix sockets of the host's network.
    pub abstract_sockets: Vec<AbstractSocket>,
    /// The host's addresses.
    pub addresses: Vec<HostAddress>,
    /// What the firewall does.
    pub firewall: Firewall,
    /// `net.ipv4.conf.*.route_localnet` by interface.
    pub route_localnet: BTreeMap<String, bool>,
    /// What containers were seen to do.
    pub observations: Vec<Observation>,
}

/// A socket that waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Listener {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address it is bound to.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// Who has it, where that could be seen.
    #[serde(default)]
    pub owner: Option<Owner>,
}

/// Who has a socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The process.
    pub pid: u32,
    /// Its short name.
    pub command: String,
    /// The container that it runs in: an id.
    #[serde(default)]
    pub container: Option<String>,
}

/// An abstract unix socket that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbstractSocket {
    /// Its name, with `@` for the first zero byte.
    pub name: String,
    /// Who has it.
    #[serde(default)]
    pub owner: Option<Owner>,
}

/// An address of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAddress {
    /// The interface.
    pub interface: String,
    /// The address and its network.
    pub address: IpNet,
}

/// What a container was seen to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observation {
    /// The container's name.
    pub container: String,
    /// How long it was watched, in seconds.
    pub seconds: u64,
    /// Ports on which it listens.
    pub listens: Vec<(Protocol, u16)>,
    /// Ports of its own on which somebody was connected.
    pub used: Vec<(Protocol, u16)>,
    /// It has or had a raw or packet socket.
    pub raw: bool,
}

// === impl Host ===

impl Host {
    /// Reads saved facts.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Addresses that the Internet can reach.
    pub fn public_addresses(&self) -> impl Iterator<Item = &HostAddress> {
        self.addresses
            .iter()
            .filter(|address| is_public(address.address.addr()))
    }

    /// Listeners on loopback alone.
    pub fn loopback_listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listeners
            .iter()
            .filter(|listener| listener.address.is_loopback())
    }

    /// How open the firewall leaves a listener: as open as the most open address that it answers on.
    pub fn gate(&self, listener: &Listener, sender: Sender) -> Gate {
        let gate = |family| {
            self.firewall
                .gate(family, sender, listener.protocol, listener.port)
        };
        match listener.address {
            IpAddr::V4(_) => gate(Family::Ipv4),
            // A bridge's gateway is an IPv4 address.
            IpAddr::V6(ip) if ip.is_unspecified() && (sender == Sender::Bridges || !self.has_ipv6()) => {
                gate(Family::Ipv4)
            }
            IpAddr::V6(ip) if ip.is_unspecified() => gate(Family::Ipv4).max(gate(Family::Ipv6)),
            IpAddr::V6(_) => gate(Family::Ipv6),
        }
    }

    /// It may have an IPv6 address that others know.
    fn has_ipv6(&self) -> bool {
        let mut ips = self.addresses.iter().map(|address| address.address.addr());
        self.addresses.is_empty() || ips.any(|ip| ip.is_ipv6() && !ip.is_loopback())
    }

    /// What a container did, by name or id.
    pub fn observed(&self, name: &str) -> Option<&Observation> {
        self.observations.iter().find(|seen| seen.container == name)
    }

    /// The interface with this address.
    pub fn interface_of(&self, ip: IpAddr) -> Option<&str> {
        self.addresses
            .iter()
            .find(|address| address.address.addr() == ip)
            .map(|address| address.interface.as_str())
    }
}

// === impl Listener ===

impl Listener {
    /// Bound to every address.
    pub fn is_wildcard(&self) -> bool {
        self.address.is_unspecified()
    }

    /// `nginx (pid 7) on 127.0.0.1:80/tcp`.
    pub fn shown(&self) -> String {
        let place = std::net::SocketAddr::new(self.address, self.port);
        match &self.owner {
            Some(owner) => format!("{place}/{} {}", self.protocol, owner.command),
            None => format!("{place}/{}", self.protocol),
        }
    }

    /// The socket belongs to this container.
    pub fn is_of(&self, id: Option<&str>) -> bool {
        let owner = self.owner.as_ref().and_then(|owner| owner.container.as_deref());
        match (owner, id) {
            (Some(owner), Some(id)) => owner.starts_with(id) || id.starts_with(owner),
            _ => false,
        }
    }
}

/// Reachable from the Internet, as far as the address says.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.is_documentation()
                || (a == 100 && (64..128).contains(&b))
                || a == 0
                || a >= 240)
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            (0x2000..0x4000).contains(&first) && !(first == 0x2001 && ip.segments()[1] == 0xdb8)
        }
    }
}
