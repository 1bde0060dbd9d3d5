//! What Prometheus scrapes: counted as it happens, or set from [`Facts`] when somebody asks.
//!
//! The loop gives facts, which are plain numbers; text is made of them elsewhere. How many series there can be is bounded:
//! all but those of pairs have a fixed set of values, and pairs have a limit.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cofferdam_api::{self as api, Class, Totals};
use cofferdam_policy::{Action, Direction, Peer, Protocol, Reason};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use crate::enforcer::{FlowEvent, Hook};
use crate::flows::reason_name;
use book::{Book, Count};
use facts::Gauges;

pub(crate) use facts::{Facts, Fill};

mod book;
mod facts;
mod process;
#[cfg(test)]
mod tests;

/// The value that stands for all that has no series of its own.
const OTHER: &str = "other";
/// What a workload is called whose name is not known.
const WORKLOAD: &str = Class::Workload.as_str();
/// Pairs of numbers whose series are remembered. Prefixes of policies have numbers, too, so there may be more of them than
/// series.
const REMEMBERED: usize = 16_384;

/// Everything that is served.
pub(crate) struct Metrics {
    book: Book,
    flows: Count,
    denials: Count,
    refusals: Count,
    connections: Connections,
    apply: Histogram,
    gauges: Gauges,
    known: Mutex<Known>,
}

/// What ended connections were.
struct Connections {
    closed: Counter,
    sent: Counter,
    received: Counter,
    retransmits: Counter,
}

/// Series by numbers: counting costs a look-up.
#[derive(Default)]
struct Known {
    flows: HashMap<Kind, Counter>,
    denials: HashMap<(Peer, Peer, bool), Counter>,
    /// Pairs that have a series of their own, and how many may.
    named: HashSet<Pair>,
    pairs: usize,
}

/// Who started, who was to be reached, and whether it was only observed.
type Pair = (String, String, bool);
type Kind = (Action, Reason, Option<Direction>, bool, Protocol);

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// What Prometheus asks for.
    OpenMetrics,
    /// What everybody reads.
    Plain,
}

// === impl Metrics ===

impl Metrics {
    /// `pairs`: how many pairs of a denial's ends have series of their own.
    pub(crate) fn new(pairs: usize) -> Self {
        let mut book = Book::default();
        let flows = book.count(
            "cofferdam_flows",
            &["verdict", "reason", "direction", "mode", "protocol"],
            "Verdicts since the daemon started. direction is the end whose policy decided (ingress, egress or none), mode is \
             observe where a denial was not carried out, protocol is tcp, udp, icmp, icmp6 or other",
        );
        let denials = book.count(
            "cofferdam_denials",
            &["from", "to", "mode"],
            "Denied verdicts by who started and who was to be reached: namespace/identity labels, or a class such as host or \
             world. Pairs beyond metrics.pairs are counted together, as from and to other",
        );
        let refusals = book.count(
            "cofferdam_refusals",
            &["hook", "reason", "mode"],
            "What containment refused that is no flow: hook is bind, socket, connect_unix or sysctl, reason port-taken or \
             undeclared, mode is observe where it was not carried out",
        );
        let connections = Connections::register(&mut book);
        let apply = book.seconds(
            "cofferdam_apply_seconds",
            [
                0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
            ],
            "From a known change until the kernel holds it: labels resolved, compiled, written",
        );
        let gauges = Gauges::register(&mut book);
        Self {
            book,
            connections,
            flows,
            denials,
            refusals,
            apply,
            gauges,
            known: Mutex::new(Known {
                pairs,
                ..Known::default()
            }),
        }
    }

    /// Other bounds. Series that are there stay.
    pub(crate) fn set_pairs(&self, pairs: usize) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).pairs = pairs;
    }

    /// A verdict fell so often; `ends` says who, where that must be known.
    pub(crate) fn flow(&self, flow: &FlowEvent, times: u64, ends: impl FnOnce() -> (String, String)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = flow.verdict;
        let protocol = match flow.protocol {
            known @ (Protocol::TCP | Protocol::UDP | Protocol(1 | 58)) => known,
            _ => Protocol(0),
        };
        let kind = (
            verdict.action,
            verdict.reason,
            verdict.direction,
            flow.observed,
            protocol,
        );
        let series = || self.flows.of(&values(kind).each_ref().map(String::as_str));
        known.flows.entry(kind).or_insert_with(series).inc_by(times);
        if verdict.action == Action::Deny {
            let numbers = (flow.from.peer, flow.to.peer, flow.observed);
            let series = match known.denials.get(&numbers) {
                Some(series) => series.clone(),
                None => {
                    let (from, to) = ends();
                    // A workload that has no name yet will have one.
                    let named = from != WORKLOAD && to != WORKLOAD;
                    let values = known.pair((from, to, flow.observed));
                    let series = self.denials.of(&values.each_ref().map(String::as_str));
                    if named {
                        known.learn(numbers, &series);
                    }
                    series
                }
            };
            series.inc_by(times);
        }
    }

    /// A workload took something for itself, or was refused it.
    pub(crate) fn taken(&self, flow: &FlowEvent, times: u64) {
        let hook = match flow.hook {
            Hook::Bind => "bind",
            Hook::Socket => api::HOOK_SOCKET,
            Hook::Unix => api::HOOK_UNIX,
            Hook::Sysctl => api::HOOK_SYSCTL,
            _ => return,
        };
        if flow.verdict.action == Action::Deny {
            let reason = reason_name(flow.verdict.reason);
            let mode = if flow.observed { "observe" } else { "enforce" };
            self.refusals.of(&[hook, &reason, mode]).inc_by(times);
        }
    }

    /// Connections have ended.
    pub(crate) fn ended(&self, totals: &Totals) {
        self.connections.add(totals);
    }

    /// A change came into force.
    pub(crate) fn applied(&self, took: Duration) {
        self.apply.observe(took.as_secs_f64());
    }

    /// All of it as text.
    pub(crate) fn text(&self, facts: &Facts, format: Format) -> String {
        self.gauges.set(facts);
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = match format {
            Format::OpenMetrics => text::encode(&mut out, &self.book.registry),
            Format::Plain => prometheus_text::encode(&mut out, &self.book.registry),
        };
        out
    }
}

// === impl Connections ===

impl Connections {
    fn register(book: &mut Book) -> Self {
        let closed = book.count(
            "cofferdam_connections_closed",
            &[],
            "TCP connections of protected workloads that have ended",
        );
        let bytes = book.count(
            "cofferdam_connection_bytes",
            &["direction"],
            "What ended connections carried, by the view of who started: sent or received",
        );
        let retransmits = book.count(
            "cofferdam_connection_retransmits",
            &[],
            "Segments of ended connections that were sent again",
        );
        Self {
            closed: closed.of(&[]),
            sent: bytes.of(&["sent"]),
            received: bytes.of(&["received"]),
            retransmits: retransmits.of(&[]),
        }
    }

    fn add(&self, totals: &Totals) {
        self.closed.inc_by(totals.connections);
        self.sent.inc_by(totals.bytes_sent);
        self.received.inc_by(totals.bytes_received);
        self.retransmits.inc_by(totals.retransmits);
    }
}

// === impl Known ===

impl Known {
    /// The values of a pair's series.
    fn pair(&mut self, pair: Pair) -> [String; 3] {
        let mode = if pair.2 { "observe" } else { "enforce" }.to_owned();
        if !self.named.contains(&pair) {
            if self.named.len() >= self.pairs {
                return [OTHER.to_owned(), OTHER.to_owned(), mode];
            }
            self.named.insert(pair.clone());
        }
        [pair.0, pair.1, mode]
    }

    fn learn(&mut self, numbers: (Peer, Peer, bool), series: &Counter) {
        if self.denials.len() >= REMEMBERED {
            self.denials.clear();
        }
        self.denials.insert(numbers, series.clone());
    }
}

/// The table of every metric, in Markdown.
#[must_use]
pub fn table() -> String {
    Metrics::new(0).book.table()
}

fn values((action, reason, direction, observed, protocol): Kind) -> [String; 5] {
    let direction = direction.map(|one| cofferdam_api::Direction::from(one).to_string());
    let protocol = match protocol {
        Protocol(0) => OTHER.to_owned(),
        known => crate::flows::protocol_name(known),
    };
    [
        cofferdam_api::Verdict::from(action).to_string(),
        reason_name(reason),
        direction.unwrap_or_else(|| "none".to_owned()),
        if observed { "observe" } else { "enforce" }.to_owned(),
        protocol,
    ]
}

// === impl Format ===

impl Format {
    /// What an `Accept` asks for.
    pub(crate) fn wanted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Plain
        }
    }

    /// Its `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => prometheus_text::CONTENT_TYPE,
        }
    }
}
