//! What becomes of a path that the host's firewall or the engine's version decides.

use super::neighbours::Neighbour;
use super::{Paths, Target, Told, blocked, reached, unknown};
use crate::engine::Version;
use crate::host::{Family, Firewall, Gate, Sender, family_of};
use crate::model::Port;

impl Paths<'_, '_> {
    /// A port of the host's own, of a service in host mode.
    pub(super) fn for_host_port(&self, gate: Option<Gate>) -> Told {
        match gate {
            None => unknown("as the host's firewall says"),
            Some(Gate::Shut) => blocked("the firewall covers the host's own ports"),
            Some(Gate::Ajar) => unknown("the firewall lets in some, by a rule that is not understood"),
            Some(Gate::Open) => reached("no firewall in the way"),
        }
    }

    /// A published port, for a container of another bridge: Docker leaves its packets to the proxy, a process of the host,
    /// so that INPUT sees them.
    pub(super) fn for_bridge(&self, target: &Target<'_>) -> Told {
        let gate = self.firewall().map_or(Gate::Open, |firewall| {
            firewall.gate(Family::Ipv4, Sender::Bridges, target.protocol, target.port)
        });
        let engine = self.estate.engine.as_ref();
        let proxy = engine.and_then(|engine| engine.userland_proxy.as_ref());
        if gate == Gate::Open || engine.is_some_and(|engine| engine.podman) {
            reached("Docker answers for it")
        } else if gate == Gate::Ajar {
            unknown("the firewall lets in some, by a rule that is not understood")
        } else if proxy.is_some_and(|proxy| !proxy.value) {
            unknown("the firewall covers Docker's proxy, which this engine does not run")
        } else {
            blocked("Docker's proxy answers, behind the host's firewall")
        }
    }

    /// A published port, for whoever is not on this host.
    pub(super) fn for_outsider(&self, port: &Port) -> Told {
        let held = |ask: fn(&Firewall, &Port) -> bool| self.firewall().is_some_and(|it| ask(it, port));
        if port.is_loopback() && self.is_old() && !held(Firewall::guards_loopback) {
            reached("the engine is older than 28: neighbours reach loopback's ports")
        } else if port.is_loopback() {
            blocked("it is published on loopback alone")
        } else if held(Firewall::drops_forward) {
            blocked("a rule in DOCKER-USER drops it")
        } else {
            reached("Docker's DNAT comes before the host's firewall")
        }
    }

    /// A container's own address, for a machine on the LAN.
    pub(super) fn for_neighbour(&self, here: &Neighbour<'_>, target: &Target<'_>) -> Told {
        let address = here.address().and_then(|address| address.parse().ok());
        let family = family_of(address);
        let held = |ask: &dyn Fn(&Firewall) -> bool| self.firewall().is_some_and(ask);
        if here.internal {
            blocked("an internal network lets nobody in")
        } else if here.on_lan {
            reached("macvlan and ipvlan put the container on the LAN")
        } else if held(&|firewall| firewall.drops_direct(address)) {
            blocked("Engine 28's raw rule drops it")
        } else if held(&|firewall| firewall.drops_forward_to(family, target.protocol, target.inside)) {
            blocked("a rule in DOCKER-USER drops it")
        } else if self.is_old() {
            reached("a neighbour adds a route; engines before 28 let it through")
        } else {
            unknown("a neighbour may add a route; Engine 28 and newer drop it")
        }
    }

    fn firewall(&self) -> Option<&Firewall> {
        self.estate.host.as_ref().map(|host| &host.firewall)
    }

    /// Engines before 28.0.0 forward what a neighbour sends to a container's address or to loopback's ports.
    fn is_old(&self) -> bool {
        let engine = self.estate.engine.as_ref();
        engine.and_then(|engine| engine.is_before(&Version(28, 0, 0))) == Some(true)
    }
}
