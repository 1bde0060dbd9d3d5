//! What tells records apart, and where their connections lead: numbers only.

use std::hash::BuildHasher;
use std::net::SocketAddr;

use cofferdam_policy::{Action, Peer, Protocol};
use rustc_hash::FxBuildHasher;

use crate::enforcer::{EndPoint, FlowEvent, Hook};

/// Where connections lead, as the sockets of one end know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    /// Whose sockets.
    pub(crate) cgroup: u64,
    /// It was reached; else it reached somebody.
    pub(crate) accepted: bool,
    /// What was to be reached.
    pub(crate) destination: SocketAddr,
}

/// What makes two records the same: numbers only, so that a repeat costs no more than a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(super) from: (Peer, u32, u64),
    pub(super) to: (Peer, u32, u64),
    pub(super) protocol: Protocol,
    pub(super) destination: SocketAddr,
    pub(super) action: Action,
    observed: bool,
    /// The hook where it is no start of a flow.
    pub(super) act: Option<Hook>,
    /// Of the object's name.
    object: u64,
}

// === impl Key ===

impl Key {
    pub(crate) fn of(event: &FlowEvent) -> Self {
        let end = |end: &EndPoint| (end.peer, end.workload, end.cgroup);
        Self {
            from: end(&event.from),
            to: end(&event.to),
            protocol: event.protocol,
            destination: event.destination,
            action: event.verdict.action,
            observed: event.observed,
            act: Some(event.hook).filter(|hook| !hook.starts_flows()),
            object: event
                .object
                .as_deref()
                .map_or(0, |name| FxBuildHasher.hash_one(name)),
        }
    }
}
