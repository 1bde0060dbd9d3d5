//! What the host's firewall does with packets for the host and for containers, read from `nft -j list ruleset` or
//! `iptables-save`. A reading for a report, not a model of netfilter: in doubt it says that nothing is blocked.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::model::{Port, Protocol};

mod chains;
mod iptables;
mod nft;
mod when;

/// Which tool made the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirewallTool {
    /// No rules of anybody but Docker.
    #[default]
    None,
    /// ufw.
    Ufw,
    /// firewalld.
    Firewalld,
    /// nftables rules of somebody.
    Nftables,
    /// iptables rules of somebody.
    Iptables,
}

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Who knocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    /// Somebody who is not on this host.
    Lan,
    /// A container, through its bridge.
    Bridges,
}

/// How open a port is; more open is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// Nobody gets in.
    Shut,
    /// Somebody may: some senders, or a condition that was not understood.
    Ajar,
    /// Everybody gets in.
    Open,
}

/// What becomes of packets for some ports: of several entries the first that fits decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Both where none is named.
    #[serde(default)]
    pub family: Option<Family>,
    /// Everybody where none is named.
    #[serde(default)]
    pub sender: Option<Sender>,
    /// All where none is named.
    #[serde(default)]
    pub protocol: Option<Protocol>,
    /// From this port.
    pub first: u16,
    /// Up to this one.
    pub last: u16,
    /// What becomes of them.
    pub gate: Gate,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Firewall {
    /// Who made it.
    pub tool: FirewallTool,
    /// IPv4's packets for the host itself are dropped unless a rule lets them in.
    pub input_drops: bool,
    /// Chains that packets for the host pass, one after the other.
    pub input: Vec<Vec<Entry>>,
    /// Packets to containers' addresses from outside are dropped before they are routed, as Engine 28 does it.
    pub direct_drop: bool,
    /// The addresses that this is about; every one where there are none.
    pub direct_to: Vec<IpNet>,
    /// The same for loopback's addresses, by the port as it is published.
    pub loopback: Vec<Entry>,
    /// `DOCKER-USER`, which packets from outside to containers pass, by the container's port: DNAT comes first.
    pub forward: Vec<Entry>,
}

// === impl Firewall ===

impl Firewall {
    /// How open a port of the host itself is.
    pub fn gate(&self, family: Family, sender: Sender, protocol: Protocol, port: u16) -> Gate {
        let unread = if self.input_drops && self.input.is_empty() {
            Gate::Shut
        } else {
            Gate::Open
        };
        let chains = self.input.iter();
        chains
            .map(|chain| decide(chain, family, sender, protocol, port))
            .fold(unread, Gate::min)
    }

    /// `DOCKER-USER` drops what comes from outside for all of these ports of containers.
    pub fn drops_forward(&self, port: &Port) -> bool {
        let family = family_of(port.host_ip);
        let mut ports = port.target.first..=port.target.last;
        ports.all(|number| self.drops_forward_to(family, port.protocol, number))
    }

    /// The same for one port of a container.
    pub fn drops_forward_to(&self, family: Family, protocol: Protocol, port: u16) -> bool {
        decide(&self.forward, family, Sender::Lan, protocol, port) == Gate::Shut
    }

    /// Packets from outside to this container's address are dropped before they are routed.
    pub fn drops_direct(&self, address: Option<IpAddr>) -> bool {
        let held =
            |net: &IpNet| net.prefix_len() == 0 || address.is_some_and(|address| net.contains(&address));
        self.direct_drop && (self.direct_to.is_empty() || self.direct_to.iter().any(held))
    }

    /// Packets from outside to this port, published on loopback, do not get to it.
    pub fn guards_loopback(&self, port: &Port) -> bool {
        let family = family_of(port.host_ip);
        let raw = port.published.is_some_and(|range| {
            let mut ports = range.first..=range.last;
            ports.all(|number| {
                decide(&self.loopback, family, Sender::Lan, port.protocol, number) == Gate::Shut
            })
        });
        raw || self.drops_forward(port)
    }

    /// Its name in a sentence.
    pub fn name(&self) -> &'static str {
        match self.tool {
            FirewallTool::None => "no firewall",
            FirewallTool::Ufw => "ufw",
            FirewallTool::Firewalld => "firewalld",
            FirewallTool::Nftables => "nftables",
            FirewallTool::Iptables => "iptables",
        }
    }

    /// Reads what `nft -j list ruleset`, `iptables-save` and `ip6tables-save` printed; nothing where one is not there. A
    /// packet meets all of it. Of what iptables-nft made nft tells less than iptables itself: there iptables counts.
    pub fn read(nft: &str, iptables: &str, ip6tables: &str) -> Self {
        let tree = serde_json::from_str(nft).unwrap_or_default();
        let mut chains = nft::chains(&tree);
        let mut tool = FirewallTool::Nftables;
        for (text, family) in [(iptables, Family::Ipv4), (ip6tables, Family::Ipv6)] {
            let of_iptables = iptables::chains(text, family);
            let told = |chain: &chains::Chain| {
                let mut same = of_iptables.iter().filter(|other| other.is_beside(chain));
                same.any(|other| other.name == chain.name)
            };
            chains.retain(|chain| !told(chain));
            if !chains.iter().any(|chain| chain.hook.is_some()) {
                tool = FirewallTool::Iptables;
            }
            chains.extend(of_iptables);
        }
        chains::firewall(&chains, tool)
    }
}

// === impl Entry ===

impl Entry {
    fn fits(&self, family: Family, sender: Sender, protocol: Protocol, port: u16) -> bool {
        self.family.is_none_or(|mine| mine == family)
            && self.sender.is_none_or(|mine| mine == sender)
            && self.protocol.is_none_or(|mine| mine == protocol)
            && (self.first..=self.last).contains(&port)
    }
}

/// The family of an address of the host; IPv4 where every address is meant.
pub fn family_of(ip: Option<IpAddr>) -> Family {
    match ip {
        Some(IpAddr::V6(_)) => Family::Ipv6,
        _ => Family::Ipv4,
    }
}

fn decide(chain: &[Entry], family: Family, sender: Sender, protocol: Protocol, port: u16) -> Gate {
    let mut most = Gate::Open;
    let mut least = Gate::Shut;
    for entry in chain {
        if !entry.fits(family, sender, protocol, port) {
            continue;
        }
        match entry.gate {
            Gate::Ajar => least = Gate::Ajar,
            decided => {
                most = decided;
                break;
            }
        }
    }
    most.max(least)
}
