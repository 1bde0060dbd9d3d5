//! Records of verdicts, and how to ask for some of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Class, Direction, Mode, VERSION, Verdict};

#[cfg(test)]
mod tests;
mod words;

/// The hook of a flow that was ended.
pub const HOOK_END: &str = "end";
/// The hooks of records that are about something else than who reaches whom.
pub const HOOK_BIND: [&str; 2] = ["bind4", "bind6"];
/// `socket()`, of a raw one.
pub const HOOK_SOCKET: &str = "socket";
/// `connect()` to an abstract unix socket.
pub const HOOK_UNIX: &str = "connect_unix";
/// A write to a sysctl.
pub const HOOK_SYSCTL: &str = "sysctl";

/// Answer of `GET /v1/flows` without `follow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flows {
    /// Version of the wire.
    pub version: u32,
    /// Records that were lost, or are in memory only: the kernel, the daemon or its store had no room for them.
    #[serde(default)]
    pub lost: u64,
    /// Oldest first.
    pub flows: Vec<FlowView>,
}

/// One verdict, or several equal ones in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowView {
    /// When it fell (the last time, where it repeated); RFC 3339, UTC.
    pub time: Timestamp,
    /// When it fell first, where it repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// Allow or deny.
    pub verdict: Verdict,
    /// Why: `rule`, `same-workload`, `loopback`, `reply`, `unprotected`, `pending`, `no-policy`, `protocol`,
    /// `malformed`, `port-taken`, `foreign-socket`, `foreign-source`, `off`, `not-judged`, `undeclared`. More may come.
    pub reason: String,
    /// The rule that decided, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleView>,
    /// The hook that saw it, e.g. `connect4`; `end`: it was established, and was ended because a change denied it. `bind4`, `bind6`:
    /// the workload takes a port. `socket`, `connect_unix`, `sysctl`: what it acts on is no address, see `object`.
    pub hook: String,
    /// `observe`: a denial was recorded and not carried out.
    pub mode: Mode,
    /// Who started.
    pub from: FlowEnd,
    /// Who was to be reached; who holds the port that was to be taken, where that is known.
    pub to: FlowEnd,
    /// The end whose policy decided, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// `tcp`, `udp`, `icmp`, `icmp6`, or the IP protocol's number; of an object that has none, `unix` or `sysctl`.
    pub protocol: String,
    /// Address and port it came from; absent where the socket had none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub source: Option<SocketAddr>,
    /// Address and port it went to.
    #[schema(value_type = String)]
    pub destination: SocketAddr,
    /// The port that rules are about, where that of `destination` is published for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_port: Option<u16>,
    /// The name that the workload had asked for, where the answer was the address of `destination`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<String>,
    /// What was acted on, where that is no address: `raw`, an abstract socket as `@name`, a sysctl as `name = value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The process that acted, in the host's pid namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Name of that process, at most 15 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comm: Option<String>,
    /// How often it happened, this one included.
    pub repeats: u64,
    /// The line that would allow it, where one exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_with: Option<String>,
    /// What its TCP connections carried; absent until one of them has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

/// How many verdicts there were since the daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowCounts {
    /// All of them.
    pub flows: u64,
    /// Denials, and in mode `observe` what would have been denied.
    pub denials: u64,
}

/// What connections carried, by the sockets of a protected end: of who started, if that one is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// How many have ended.
    pub connections: u64,
    /// Bytes from who started.
    pub bytes_sent: u64,
    /// Bytes to who started.
    pub bytes_received: u64,
    /// Segments from who started.
    pub packets_sent: u64,
    /// Segments to who started.
    pub packets_received: u64,
    /// Segments that the end which tells this sent again.
    pub retransmits: u64,
    /// The mean of their round trip times, as they were at the end, in microseconds; 0: none was measured.
    pub rtt_us: u64,
    /// When the last of them ended.
    pub end: Timestamp,
    /// From the first verdict to that end.
    pub duration_ms: u64,
}

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct FlowEnd {
    /// What it is.
    pub class: Class,
    /// The workload's name, also of an unprotected one where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its policy namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The number of its identity, where it is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<u32>,
    /// Its network, as `ps` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_mode: Option<String>,
}

/// The rule that gave a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleView {
    /// Document and rule, e.g. `default/same-labels`.
    pub name: String,
    /// Where it was written: a label, a file and line, or `built-in`.
    pub source: String,
}

/// Which flows; an absent field matches every flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FlowQuery {
    /// Who started: `app=web` (several with commas), a workload's name, or a class such as `lan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who was to be reached, written as `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only denials. Together with `allowed` it means both.
    #[serde(default, skip_serializing_if = "is_false")]
    pub denied: bool,
    /// Only what was allowed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allowed: bool,
    /// Not older than this; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Port that was to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `tcp`, `udp`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Keep the answer open and send what happens, one JSON object a line.
    #[serde(default, skip_serializing_if = "is_false")]
    pub follow: bool,
    /// With `follow`: send a record again whenever its count or its totals have grown. It is the same where its first
    /// time (`start`, else `time`), its ends and its destination are.
    #[serde(default, skip_serializing_if = "is_false")]
    pub updates: bool,
    /// At most so many of the past, the newest ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

// serde's `skip_serializing_if` wants a reference.
fn is_false(value: &bool) -> bool {
    !*value
}

// === impl FlowView ===

impl FlowView {
    /// The port that rules are about.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.inner_port.unwrap_or(self.destination.port())
    }

    /// That one, and the one that was asked for.
    fn ports(&self) -> [u16; 2] {
        [self.port(), self.destination.port()]
    }

    /// Whether it is about who reaches whom, and not about what a workload takes for itself.
    #[must_use]
    pub fn is_flow(&self) -> bool {
        self.object.is_none() && !HOOK_BIND.contains(&self.hook.as_str())
    }
}

// === impl Flows ===

impl Flows {
    /// The envelope around `flows`.
    #[must_use]
    pub fn new(flows: Vec<FlowView>) -> Self {
        Self {
            version: VERSION,
            lost: 0,
            flows,
        }
    }
}

// === impl Totals ===

impl Totals {
    /// These and `more`, which ended later; `start` is the first verdict's.
    #[must_use]
    pub fn and(self, more: &Self, start: Timestamp) -> Self {
        let connections = self.connections + more.connections;
        let rtts = self.rtt_us * self.connections + more.rtt_us * more.connections;
        let end = self.end.max(more.end);
        Self {
            connections,
            bytes_sent: self.bytes_sent + more.bytes_sent,
            bytes_received: self.bytes_received + more.bytes_received,
            packets_sent: self.packets_sent + more.packets_sent,
            packets_received: self.packets_received + more.packets_received,
            retransmits: self.retransmits + more.retransmits,
            rtt_us: rtts.checked_div(connections).unwrap_or(0),
            end,
            duration_ms: u64::try_from(end.duration_since(start).as_millis()).unwrap_or(0),
        }
    }
}

// === impl FlowEnd ===

impl FlowEnd {
    /// An end that is no workload of this host.
    #[must_use]
    pub fn class(class: Class) -> Self {
        Self {
            class,
            name: None,
            namespace: None,
            labels: BTreeMap::new(),
            identity: None,
            network_mode: None,
        }
    }

    /// Whether `selector` names this end: all of `k=v,…` among its labels, or its name, or its class.
    #[must_use]
    pub fn matches(&self, selector: &str) -> bool {
        let selector = selector.trim();
        if selector.contains('=') {
            return selector.split(',').all(|pair| {
                pair.split_once('=').is_some_and(|(key, value)| {
                    self.labels.get(key.trim()).is_some_and(|v| v == value.trim())
                })
            });
        }
        self.name.as_deref() == Some(selector) || self.class.as_str() == selector
    }
}

// === impl FlowQuery ===

impl FlowQuery {
    /// Whether `flow` passes every filter; `follow`, `updates` and `limit` are none.
    #[must_use]
    pub fn matches(&self, flow: &FlowView) -> bool {
        self.passes(flow.verdict, flow.time, flow.ports(), &flow.protocol)
            && self.is_from(&flow.from)
            && self.is_to(&flow.to)
    }

    /// The filters that are not about the ends.
    #[must_use]
    pub fn passes(&self, verdict: Verdict, time: Timestamp, ports: [u16; 2], protocol: &str) -> bool {
        let wanted = match (self.denied, self.allowed) {
            (true, false) => verdict == Verdict::Deny,
            (false, true) => verdict == Verdict::Allow,
            _ => true,
        };
        wanted
            && self.since.is_none_or(|since| time >= since)
            && self.port.is_none_or(|wanted| ports.contains(&wanted))
            && self
                .protocol
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(protocol))
    }

    /// Whether who started is who was asked for.
    #[must_use]
    pub fn is_from(&self, end: &FlowEnd) -> bool {
        self.from.as_deref().is_none_or(|selector| end.matches(selector))
    }

    /// Whether who was to be reached is who was asked for.
    #[must_use]
    pub fn is_to(&self, end: &FlowEnd) -> bool {
        self.to.as_deref().is_none_or(|selector| end.matches(selector))
    }
}
