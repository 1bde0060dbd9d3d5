//! What becomes of a path that the host's firewall or the engine's version decides.

use super::neighbours::Neighbour;
use super::{Paths, Target, Told, blocked, reached, unknown};
use crate::engine::Version;
use crate::model::Port;

impl Paths<'_, '_> {
    /// A published port, for a container of another bridge: Docker leaves its packets to the proxy, a process of the host,
    /// so that INPUT sees them.
    pub(super) fn for_bridge(&self, target: &Target<'_>) -> Told {
        let firewall = self.estate.host.as_ref().map(|host| &host.firewall);
        let open = firewall.is_none_or(|firewall| firewall.lets_in(target.protocol, target.port));
        let engine = self.estate.engine.as_ref();
        let proxy = engine.and_then(|engine| engine.userland_proxy.as_ref());
        if open || engine.is_some_and(|engine| engine.podman) {
            reached("Docker answers for it")
        } else if proxy.is_some_and(|proxy| !proxy.value) {
            unknown("the firewall covers Docker's proxy, which this engine does not run")
        } else {
            blocked("Docker's proxy answers, behind the host's firewall")
        }
    }

    /// A published port, for whoever is not on this host.
    pub(super) fn for_outsider(&self, port: &Port) -> Told {
        let firewall = self.estate.host.as_ref().map(|host| &host.firewall);
        if port.is_loopback() {
            if self.leaks() {
                reached("the engine is older than 28: neighbours reach loopback's ports")
            } else {
                blocked("it is published on loopback alone")
            }
        } else if firewall.is_some_and(|firewall| firewall.forward_drops) {
            unknown("a rule in DOCKER-USER drops some of it")
        } else {
            reached("Docker's DNAT comes before the host's firewall")
        }
    }

    /// A container's own address, for a machine on the LAN.
    pub(super) fn for_neighbour(&self, here: &Neighbour<'_>) -> Told {
        if here.internal {
            blocked("an internal network lets nobody in")
        } else if here.on_lan {
            reached("macvlan and ipvlan put the container on the LAN")
        } else if self.direct_drop() {
            blocked("Engine 28's raw rule drops it")
        } else if self.leaks() {
            reached("a neighbour adds a route; engines before 28 let it through")
        } else {
            unknown("a neighbour may add a route; Engine 28 and newer drop it")
        }
    }

    fn direct_drop(&self) -> bool {
        self.estate
            .host
            .as_ref()
            .is_some_and(|host| host.firewall.direct_drop)
    }

    /// Engines before 28.0.0 forward what a neighbour sends to a container's address or to loopback's ports.
    fn leaks(&self) -> bool {
        let engine = self.estate.engine.as_ref();
        let old = engine.and_then(|engine| engine.is_before(&Version(28, 0, 0)));
        old == Some(true) && !self.direct_drop()
    }
}
