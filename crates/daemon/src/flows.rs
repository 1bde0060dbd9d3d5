//! The flow store: a bounded ring of what was judged, repeats folded, and a feed for those who follow.
//!
//! In memory only: a daemon that restarts begins anew. Names and rules are settled when a record comes in, so that
//! it reads the same after its workloads are gone.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use cofferdam_api::{self as api, FlowQuery, FlowView, Mode, RuleView, Timestamp};
use cofferdam_policy::{Action, Peer, Protocol, RuleText, Verdict};
use tokio::sync::broadcast;

use crate::enforcer::{EndPoint, FlowEvent, Hook};
use crate::names::End;

#[cfg(test)]
mod tests;

/// Equal records within this time are one record with a count.
const FOLD_MILLISECONDS: i64 = 1000;
/// Records that a slow follower may lag behind before it loses some (and is told how many).
const FEED: usize = 1024;

/// One verdict, settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// When it fell.
    pub(crate) time: Timestamp,
    /// What it was.
    pub(crate) verdict: Verdict,
    /// The denial was not carried out.
    pub(crate) observed: bool,
    /// Where it fell.
    pub(crate) hook: Hook,
    /// Who started.
    pub(crate) from: End,
    /// Who was to be reached.
    pub(crate) to: End,
    /// The protocol.
    pub(crate) protocol: Protocol,
    /// From where; port 0 and an unspecified address mean that the socket had none yet.
    pub(crate) source: SocketAddr,
    /// To where.
    pub(crate) destination: SocketAddr,
    /// The process; 0 where a packet was judged.
    pub(crate) pid: u32,
    /// Its name.
    pub(crate) comm: Arc<str>,
    /// The rule that decided.
    pub(crate) rule: Option<Arc<RuleText>>,
    /// The line that would allow it.
    pub(crate) allow_with: Option<Arc<str>>,
}

/// What makes two records the same: numbers only, so that a repeat costs no more than a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    from: (Peer, u32, u64),
    to: (Peer, u32, u64),
    protocol: Protocol,
    destination: SocketAddr,
    action: Action,
    observed: bool,
    ended: bool,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    record: Record,
    first: Timestamp,
    repeats: u64,
}

/// The ring.
#[derive(Debug)]
pub(crate) struct FlowStore {
    slots: VecDeque<Slot>,
    /// Sequence number of `slots[0]`; the newest record of a key is found by its sequence number.
    base: u64,
    newest: HashMap<Key, u64>,
    keep: usize,
    feed: broadcast::Sender<FlowView>,
}

// === impl FlowStore ===

impl FlowStore {
    /// A ring of `keep` records.
    pub(crate) fn new(keep: usize) -> Self {
        let (feed, _) = broadcast::channel(FEED);
        Self {
            slots: VecDeque::new(),
            base: 0,
            newest: HashMap::new(),
            keep,
            feed,
        }
    }

    /// Another bound; the oldest records go.
    pub(crate) fn resize(&mut self, keep: usize) {
        self.keep = keep;
        self.trim();
    }

    /// Folds `times` repeats into its record of the last second; `false`: it is new, `push` it.
    pub(crate) fn fold(&mut self, key: &Key, times: u64, time: Timestamp, pid: u32, comm: &str) -> bool {
        let Some(sequence) = self.newest.get(key) else {
            return false;
        };
        let index = sequence
            .checked_sub(self.base)
            .and_then(|index| usize::try_from(index).ok());
        let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) else {
            return false;
        };
        if time.as_millisecond() - slot.first.as_millisecond() >= FOLD_MILLISECONDS {
            return false;
        }
        slot.repeats += times;
        slot.record.time = time;
        // The socket hook knows the process, the packet hook does not.
        if slot.record.pid == 0 && pid != 0 {
            slot.record.pid = pid;
            slot.record.comm = comm.into();
        }
        true
    }

    /// Takes a new record; whoever follows gets it at once.
    pub(crate) fn push(&mut self, key: Key, times: u64, record: Record) {
        self.newest.insert(key, self.base + self.slots.len() as u64);
        let slot = Slot {
            key,
            first: record.time,
            record,
            repeats: times,
        };
        if self.feed.receiver_count() > 0 {
            let _ = self.feed.send(slot.view());
        }
        self.slots.push_back(slot);
        self.trim();
    }

    /// The past, the oldest first; with `limit`, the newest of them.
    pub(crate) fn query(&self, query: &FlowQuery) -> Vec<FlowView> {
        let newest_first = self
            .slots
            .iter()
            .rev()
            .map(Slot::view)
            .filter(|view| query.matches(view));
        let mut found: Vec<_> = newest_first.take(query.limit.unwrap_or(usize::MAX)).collect();
        found.reverse();
        found
    }

    /// What comes from now on.
    pub(crate) fn follow(&self) -> broadcast::Receiver<FlowView> {
        self.feed.subscribe()
    }

    fn trim(&mut self) {
        while self.slots.len() > self.keep {
            if let Some(slot) = self.slots.pop_front() {
                if self.newest.get(&slot.key) == Some(&self.base) {
                    self.newest.remove(&slot.key);
                }
                self.base += 1;
            }
        }
    }
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
            ended: event.hook == Hook::End,
        }
    }
}

// === impl Slot ===

impl Slot {
    fn view(&self) -> FlowView {
        let record = &self.record;
        let known = record.source.port() != 0 || !record.source.ip().is_unspecified();
        FlowView {
            time: record.time,
            verdict: record.verdict.action.into(),
            reason: reason_name(record.verdict.reason),
            rule: record.rule.as_ref().map(|rule| RuleView {
                name: rule.name.clone(),
                source: rule.source.clone(),
            }),
            hook: hook_name(record.hook, record.destination.is_ipv6()).to_owned(),
            mode: if record.observed {
                Mode::Observe
            } else {
                Mode::Enforce
            },
            from: (&record.from).into(),
            to: (&record.to).into(),
            direction: record.verdict.direction.map(Into::into),
            protocol: protocol_name(record.protocol),
            source: known.then_some(record.source),
            destination: record.destination,
            pid: (record.pid != 0).then_some(record.pid),
            comm: (!record.comm.is_empty()).then(|| record.comm.to_string()),
            repeats: self.repeats,
            allow_with: record.allow_with.as_deref().map(str::to_owned),
        }
    }
}

/// The serde name: `same-workload`.
pub(crate) fn reason_name(reason: cofferdam_policy::Reason) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{reason:?}"),
    }
}

pub(crate) fn protocol_name(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol(1) => "icmp".to_owned(),
        Protocol(58) => "icmp6".to_owned(),
        Protocol(number) => number.to_string(),
    }
}

fn hook_name(hook: Hook, v6: bool) -> &'static str {
    match (hook, v6) {
        (Hook::Connect, false) => "connect4",
        (Hook::Connect, true) => "connect6",
        (Hook::Sendmsg, false) => "sendmsg4",
        (Hook::Sendmsg, true) => "sendmsg6",
        (Hook::Egress, _) => "egress",
        (Hook::Ingress, _) => "ingress",
        (Hook::Bind, false) => "bind4",
        (Hook::Bind, true) => "bind6",
        (Hook::End, _) => api::HOOK_END,
    }
}
