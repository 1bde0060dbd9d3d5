//! What a workload has of the host's network, as the API shows it: its containment, what is open to it all the same, and where
//! its ports really are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use cofferdam_api::{ContainmentView, ListeningPort};
use cofferdam_policy::Protocol;
use cofferdam_policy::containment::{Hooks, What, Whose, is_private_loopback, open_to};

use super::Engine;
use crate::flows::protocol_name;
use crate::resolve::{Place, Placement};

#[cfg(test)]
mod tests;

// === impl Engine ===

impl Engine {
    pub(super) fn containment_view(&self, one: &Placement, pid: Option<u32>) -> Option<ContainmentView> {
        let contained = one.contained.as_ref()?;
        let containment = &contained.containment;
        let features = self.enforcer.features().iter();
        let hooks = Hooks::of_features(features.map(|(name, present)| (name.as_str(), *present)));
        let whose = Whose::of(containment, matches!(one.place, Place::Run(_)));
        let net_raw = match &one.place {
            Place::Container(id, _) => self.state.containers.get(id).is_none_or(|one| one.net_raw),
            Place::Run(_) | Place::Unit(_) => pid.is_none_or(may_have_net_raw),
        };
        let open = open_to(containment, hooks, whose, net_raw);
        let labels = containment.labels().into_iter();
        Some(ContainmentView {
            text: containment.to_string(),
            labels: labels.map(|(key, value)| (key.to_owned(), value)).collect(),
            open: open.into_iter().map(|what| What::key(what).to_owned()).collect(),
        })
    }
}

/// A port as its workload knows it, and where that really is.
pub(super) fn listening_port(one: &Placement, protocol: Protocol, real: SocketAddr) -> ListeningPort {
    let known = known_as(one, protocol, real);
    ListeningPort {
        protocol: protocol_name(protocol),
        address: known.ip(),
        port: known.port(),
        really: (known != real).then_some(real),
    }
}

fn known_as(one: &Placement, protocol: Protocol, real: SocketAddr) -> SocketAddr {
    let Some(contained) = &one.contained else {
        return real;
    };
    if is_private_loopback(real.ip()) {
        let own: IpAddr = match real {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        return SocketAddr::new(own, real.port());
    }
    SocketAddr::new(real.ip(), contained.containment.inside(protocol, real.port()))
}

/// Whether the process has NET_RAW, or may get it by a program that is given it.
fn may_have_net_raw(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.map_or(true, |status| net_raw(&status))
}

fn net_raw(status: &str) -> bool {
    const NET_RAW: u32 = 13;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim)
    };
    let has = |name: &str| {
        let set = field(name).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        set.is_none_or(|set| set & (1 << NET_RAW) != 0)
    };
    has("CapPrm:") || (has("CapBnd:") && field("NoNewPrivs:") != Some("1"))
}
