//! What containment refused: who holds a port that was to be taken, and the label that would have allowed it.

use cofferdam_policy::containment::{Need, is_private_loopback};
use cofferdam_policy::{Protocol, Reason, whole_label};

use super::Recorder;
use crate::enforcer::{EndPoint, FlowEvent, Hook, Listener};
use crate::names::End;
use crate::resolve::Placement;

// === impl Recorder ===

impl Recorder<'_> {
    /// Who was to be reached; of a port that is taken, who holds it.
    pub(super) fn reached(&self, flow: &FlowEvent) -> End {
        let taken = flow.verdict.reason == Reason::PortTaken && flow.to.workload == 0;
        let holder = taken.then(|| self.holder(flow)).flatten();
        self.end(holder.as_ref().unwrap_or(&flow.to), flow.destination)
    }

    /// The protected workload that has the port; of others the directory of listeners knows nothing.
    fn holder(&self, flow: &FlowEvent) -> Option<EndPoint> {
        let at = flow.destination;
        let overlaps = |one: &Listener| {
            let address = one.address;
            address == at.ip() || address.is_unspecified() || at.ip().is_unspecified()
        };
        let listeners = self.enforcer.kernel().listeners().ok()?;
        let holder = listeners.into_iter().find(|one| {
            let other = one.workload != 0 && one.workload != flow.from.workload;
            other && one.protocol == flow.protocol && one.port == at.port() && overlaps(one)
        })?;
        let placement = self.placement(holder.workload)?;
        Some(EndPoint {
            peer: placement.entry.identity,
            workload: holder.workload,
            cgroup: 0,
        })
    }

    fn placement(&self, workload: u32) -> Option<&Placement> {
        let mut placements = self.resolved.placements.iter();
        placements.find(|one| one.entry.workload == workload && workload != 0)
    }

    /// The label that would have allowed it, with all that the workload declares already.
    pub(super) fn declaration(&self, flow: &FlowEvent) -> Option<String> {
        let who = match flow.hook {
            Hook::Ingress => flow.to.workload,
            _ => flow.from.workload,
        };
        let placement = self.placement(who)?;
        let containment = &placement.contained.as_ref()?.containment;
        let (key, value) = containment.allowing(&self.need(flow)?)?;
        Some(whole_label(placement.identity.as_ref()?, key, &value))
    }

    fn need(&self, flow: &FlowEvent) -> Option<Need> {
        let port = flow.inner_port.unwrap_or(flow.destination.port());
        let object = flow.object.as_deref().unwrap_or_default();
        match (flow.verdict.reason, flow.hook) {
            (Reason::PortTaken, _) => Some(Need::Taken {
                protocol: flow.protocol,
                port,
                real: flow.destination.port(),
                beside: self.ports_of(flow.from.workload),
            }),
            (_, Hook::Bind) => {
                let others = is_private_loopback(flow.destination.ip());
                (!others).then_some(Need::Port(flow.protocol, port))
            }
            (_, Hook::Socket) => Some(Need::Allow(object.to_owned())),
            (_, Hook::Sysctl) => Some(Need::Allow("sysctl".to_owned())),
            (_, Hook::Unix) => Some(Need::Abstract(object.strip_prefix('@')?.to_owned())),
            (_, Hook::Ingress) => Some(Need::Interface(flow.destination.ip())),
            _ => (!flow.source.ip().is_unspecified()).then(|| Need::Interface(flow.source.ip())),
        }
    }

    /// What a workload has already, and would have to declare with the first port that it declares.
    fn ports_of(&self, workload: u32) -> Vec<(Protocol, u16)> {
        let listeners = self.enforcer.kernel().listeners().unwrap_or_default();
        let own = listeners.into_iter().filter(|one| one.workload == workload);
        let mut ports: Vec<_> = own.map(|one| (one.protocol, one.port)).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}
