//! The conditions of a rule, as far as they are understood. Both listings are read into this.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Family, Sender};
use crate::model::{PortRange, Protocol};

/// Through which interface a packet came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Link {
    /// Any.
    #[default]
    Any,
    /// All but bridges of containers.
    Outside,
    /// One that is named and no bridge of containers.
    Named,
    /// Bridges of containers.
    Bridges,
    /// Loopback.
    Loopback,
}

/// Pairs of ranges that are compared for one rule: listings come from anywhere.
const MOST_PAIRS: usize = 1 << 16;

/// Conditions that hold all together; none of them is `default()`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct When {
    /// Both where none is named.
    pub(super) family: Option<Family>,
    pub(super) link: Link,
    /// All where none is named; an empty list is one of protocols without ports, such as ICMP.
    pub(super) protocols: Option<Vec<Protocol>>,
    pub(super) ports: Option<Vec<PortRange>>,
    /// Addresses of the host or of containers.
    pub(super) to: Option<Vec<IpNet>>,
    /// No packet that begins a connection.
    pub(super) old: bool,
    /// iptables' conntrack match, of which nft shows that it is there and nothing else.
    pub(super) conntrack: bool,
    /// Some senders, or something that is not understood.
    pub(super) doubt: bool,
}

// === impl Link ===

impl Link {
    /// Interfaces by name, `*` or `+` at the end included; `None` where too much is left open to say.
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a str>, but: bool) -> Option<Self> {
        let (mut loopback, mut bridges, mut named) = (false, false, false);
        for name in names {
            match name {
                "lo" => loopback = true,
                "*" | "+" => return (!but).then_some(Self::Any),
                _ if is_bridge(name) => bridges = true,
                _ if is_tunnel(name) => return None,
                _ => named = true,
            }
        }
        match (named, bridges, loopback, but) {
            (true, _, _, true) => None,
            (false, true, _, true) => Some(Self::Outside),
            (false, false, _, true) => Some(Self::Any),
            (true, ..) => Some(Self::Named),
            (false, true, ..) => Some(Self::Bridges),
            (false, false, ..) => Some(Self::Loopback),
        }
    }

    /// Whom it is about.
    pub(super) fn sender(self) -> Option<Sender> {
        match self {
            Self::Any | Self::Loopback => None,
            Self::Outside | Self::Named => Some(Sender::Lan),
            Self::Bridges => Some(Sender::Bridges),
        }
    }
}

/// A bridge that an engine made, or a pattern that is about them. The administrator's own are called `br-lan` and so on.
fn is_bridge(name: &str) -> bool {
    const ID: usize = 12;
    let rest = name.strip_prefix("br-");
    let made = rest.is_some_and(|rest| {
        matches!(rest, "*" | "+") || rest.len() == ID && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    let starts = ["docker", "veth", "podman", "cni-podman"];
    made || starts.iter().any(|start| name.starts_with(start))
}

/// Neither the LAN nor the Internet is behind it, but some peers are.
fn is_tunnel(name: &str) -> bool {
    let starts = ["tailscale", "wg", "tun", "tap", "zt", "ppp", "ipsec"];
    starts.iter().any(|start| name.starts_with(start))
}

// === impl When ===

impl When {
    /// Both hold.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.only_family(other.family);
        self.only_link(Some(other.link));
        if let Some(protocols) = &other.protocols {
            self.only_protocols(protocols);
        }
        if let Some(ports) = &other.ports {
            self.only_ports(ports);
        }
        if let Some(nets) = &other.to {
            self.only_to(Some(nets.clone()));
        }
        self.old |= other.old;
        self.conntrack |= other.conntrack;
        self.doubt |= other.doubt;
        self
    }

    pub(super) fn only_family(&mut self, family: Option<Family>) {
        match (self.family, family) {
            // Nothing is of both.
            (Some(mine), Some(theirs)) if mine != theirs => self.ports = Some(Vec::new()),
            (None, _) => self.family = family,
            _ => {}
        }
    }

    /// `None` is one that is not understood.
    pub(super) fn only_link(&mut self, link: Option<Link>) {
        match link {
            None => self.doubt = true,
            Some(Link::Any) => {}
            Some(link) if self.link == Link::Any => self.link = link,
            Some(link) => self.doubt |= self.link != link,
        }
    }

    pub(super) fn only_protocols(&mut self, protocols: &[Protocol]) {
        let mine = self.protocols.take();
        let mine = mine.unwrap_or_else(|| vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
        let both = mine.into_iter().filter(|protocol| protocols.contains(protocol));
        self.protocols = Some(both.collect());
    }

    pub(super) fn only_ports(&mut self, ports: &[PortRange]) {
        let Some(mine) = self.ports.take() else {
            self.ports = Some(ports.to_vec());
            return;
        };
        if mine.len() * ports.len() > MOST_PAIRS {
            self.doubt = true;
            self.ports = Some(mine);
            return;
        }
        let pairs = mine.iter().flat_map(|a| ports.iter().map(move |b| (a, b)));
        let both = pairs.filter(|(a, b)| a.overlaps(**b)).map(|(a, b)| PortRange {
            first: a.first.max(b.first),
            last: a.last.min(b.last),
        });
        self.ports = Some(both.collect());
    }

    /// Addresses that it is for; loopback's are reached from the host alone, unless a rule drops before routing.
    pub(super) fn only_to(&mut self, nets: Option<Vec<IpNet>>) {
        self.doubt |= nets.is_none() || self.to.is_some();
        self.to = nets.or(self.to.take());
    }

    /// Senders that it is from.
    pub(super) fn only_from(&mut self, nets: &[IpNet]) {
        if is_loopback(nets) {
            self.only_link(Some(Link::Loopback));
        } else {
            self.doubt = true;
        }
    }

    /// It is for addresses of loopback alone.
    pub(super) fn to_loopback(&self) -> bool {
        self.to.as_deref().is_some_and(is_loopback)
    }

    /// Every packet.
    pub(super) fn is_always(&self) -> bool {
        *self == Self::default()
    }

    /// Of these states only. Nothing is `untracked` unless other rules say so, so it counts for nothing and is no certainty.
    pub(super) fn only_states<'a>(&mut self, states: impl IntoIterator<Item = &'a str>, but: bool) {
        let (mut new, mut untracked) = (false, false);
        for state in states {
            new |= state.eq_ignore_ascii_case("new");
            untracked |= state.eq_ignore_ascii_case("untracked");
        }
        if untracked && !new && !but {
            self.doubt = true;
        } else {
            self.old |= new == but;
        }
    }

    /// No packet that begins a connection to a port: established ones, ICMP, loopback.
    pub(super) fn is_never(&self) -> bool {
        self.old
            || self.link == Link::Loopback
            || self.protocols.as_ref().is_some_and(Vec::is_empty)
            || self.ports.as_ref().is_some_and(Vec::is_empty)
            // Without ports it is `established` nearly always; with them it is `NEW`.
            || (self.conntrack && self.ports.is_none())
    }

    /// The conditions are no more than what the other fields say.
    pub(super) fn is_sure(&self) -> bool {
        !self.doubt && !self.conntrack
    }
}

fn is_loopback(nets: &[IpNet]) -> bool {
    !nets.is_empty() && nets.iter().all(|net| net.addr().is_loopback())
}

/// `10.0.0.0/8` or one address.
pub(super) fn net(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// All ports but these.
pub(super) fn all_but(mut ports: Vec<PortRange>) -> Vec<PortRange> {
    ports.sort_unstable();
    let mut rest = Vec::new();
    let mut next = Some(0);
    for range in ports {
        let Some(first) = next else { break };
        if first < range.first {
            rest.push(PortRange {
                first,
                last: range.first - 1,
            });
        }
        next = range.last.checked_add(1).map(|after| after.max(first));
    }
    rest.extend(next.map(|first| PortRange {
        first,
        last: u16::MAX,
    }));
    rest
}

/// The same, but for protocols.
pub(super) fn other_protocols(but: &[Protocol]) -> Vec<Protocol> {
    let mut all = vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    all.retain(|protocol| !but.contains(protocol));
    all
}
