//! Events of the kernel → flow records with names, rules and the line that would allow them.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use cofferdam_api::{Timestamp, Totals};
use cofferdam_policy::{Action, Adviser, Attempt, End, RuleText};
use nix::time::{ClockId, clock_gettime};

use super::Engine;
use crate::config::Wanted;
use crate::enforcer::{Closed, EndPoint, Enforcer, Event, FlowEvent};
use crate::error::chain;
use crate::flows::{FILE, FlowStore, Key, Record, Way};
use crate::metrics::Metrics;
use crate::names::{self, Names};
use crate::resolve::Resolved;

mod refused;
#[cfg(test)]
mod tests;

/// How much of time a row of equal records stands for.
const ROW_NS: u64 = 100_000_000;
/// How many sums wait for the records that they belong to, at most.
const CLOSED: usize = 1 << 16;

// === impl Engine ===

impl Engine {
    /// Takes what the ring holds, a bounded part of it; `true`: there may be more.
    pub(super) fn record_events(&mut self) -> bool {
        let mut events = Vec::new();
        let more = self.enforcer.drain(&mut events).unwrap_or_else(|error| {
            self.complain(format!("flow records cannot be read: {}", chain(&error)));
            false
        });
        let (mut act, mut flows) = (false, Vec::new());
        for event in events {
            match event {
                Event::Flow(flow) => gather(&mut flows, flow),
                Event::Names(answer) => self.flows.lookups.learn(answer.workload, &answer.message),
                Event::CgroupCreated(made) => act |= self.cgroup_created(made.parent, &made.name, made.bound),
                Event::CgroupRemoved(gone) => self.cgroup_removed(gone.id),
            }
        }
        self.record(&flows);
        if act {
            self.reconcile();
        }
        more
    }

    /// What waits in silence, and what of it is due in its file.
    pub(super) fn look(&mut self) {
        // Before the records: that of a connection which has ended is in the ring by now.
        let closed = self.enforcer.closed().unwrap_or_else(|error| {
            self.complain(format!(
                "what connections carried cannot be read: {}",
                chain(&error)
            ));
            Vec::new()
        });
        self.closed.extend(closed);
        let more = self.record_events();
        self.record_repeats();
        if !more || self.closed.len() > CLOSED {
            self.record_ends();
        }
        self.flows.hand_over();
        self.export();
    }

    fn record_ends(&mut self) {
        let booted = boot_time();
        for one in std::mem::take(&mut self.closed) {
            let way = Way {
                cgroup: one.cgroup,
                accepted: one.from.is_some(),
                destination: one.destination,
            };
            let totals = totals(&one, booted);
            self.metrics.ended(&totals);
            self.flows.ended(&way, &totals);
        }
    }

    /// Takes the counts of connects that the kernel did not record again.
    fn record_repeats(&mut self) {
        let repeats = self.enforcer.repeated().unwrap_or_else(|error| {
            self.complain(format!("repeated flows cannot be counted: {}", chain(&error)));
            Vec::new()
        });
        // The kernel counts all the same.
        if self.config.flows.record == Wanted::All {
            self.record(&repeats);
        }
    }

    /// From now on records are in a file, too.
    pub(crate) fn keep_flows(&mut self) {
        let file = self.options.state_dir.join(FILE);
        if let Err(error) = self.flows.keep_in(file, self.config.flows.limits()) {
            self.complain(format!("flow records are not kept: {error}"));
        }
    }

    fn cgroup_removed(&mut self, id: u64) {
        self.enforcer.cgroup_removed(id);
        self.appeared.retain(|_, appeared| appeared.cgroup.exists());
    }

    /// Records flows, each with how often it was.
    fn record(&mut self, flows: &[(FlowEvent, u64)]) {
        if flows.is_empty() {
            return;
        }
        let mut recorder = Recorder {
            flows: &mut self.flows,
            metrics: &self.metrics,
            enforcer: &self.enforcer,
            names: &self.names,
            resolved: &self.resolved,
            advice: OnceCell::new(),
            booted: boot_time(),
        };
        for (flow, times) in flows {
            recorder.record(flow, *times);
        }
    }
}

/// One more. In a burst most are like those before: the first and the last of a short row stand for all of it.
fn gather(flows: &mut Vec<(FlowEvent, u64)>, flow: FlowEvent) {
    if let [.., (before, _), (last, times)] = flows.as_mut_slice()
        && before.is_like(&flow)
        && last.is_like(&flow)
        && flow.time_ns.saturating_sub(before.time_ns) < ROW_NS
    {
        *times += 1;
        *last = flow;
    } else {
        flows.push((flow, 1));
    }
}

/// What it takes to settle a record.
struct Recorder<'e> {
    flows: &'e mut FlowStore,
    metrics: &'e Metrics,
    enforcer: &'e Enforcer,
    names: &'e Names,
    resolved: &'e Resolved,
    /// Made for the first denial, for it looks at every workload.
    advice: OnceCell<Advice<'e>>,
    booted: i128,
}

struct Advice<'e> {
    adviser: Adviser<'e>,
    /// Subject of each workload.
    subjects: HashMap<u32, u32>,
}

// === impl Recorder ===

impl Recorder<'_> {
    fn record(&mut self, flow: &FlowEvent, times: u64) {
        let who = |end: &EndPoint, address| self.end(end, address).who();
        if flow.hook.is_about_flows() {
            self.metrics.flow(flow, times, || {
                (who(&flow.from, flow.source), who(&flow.to, flow.destination))
            });
        } else {
            self.metrics.taken(flow, times);
        }
        let time = time_of(flow.time_ns, self.booted);
        let key = Key::of(flow);
        if self.flows.fold(&key, times, time, flow.pid, &flow.comm) {
            return;
        }
        let rule = usize::try_from(flow.verdict.rule)
            .ok()
            .filter(|index| *index != 0);
        let rule: Option<&RuleText> = rule.and_then(|index| self.enforcer.applied().rules.get(index));
        let record = Record {
            time,
            verdict: flow.verdict,
            observed: flow.observed,
            hook: flow.hook,
            from: self.end(&flow.from, flow.source),
            to: self.reached(flow),
            protocol: flow.protocol,
            source: flow.source,
            destination: flow.destination,
            inner_port: flow.inner_port,
            dns: self.flows.lookups.name(flow.from.workload, flow.destination.ip()),
            object: flow.object.as_deref().map(Into::into),
            pid: flow.pid,
            comm: flow.comm.as_str().into(),
            rule: rule.map(|rule| Arc::new(rule.clone())),
            allow_with: self.remedy(flow),
        };
        self.flows.push(key, times, record);
    }

    fn end(&self, end: &EndPoint, address: SocketAddr) -> names::End {
        let class = || self.enforcer.applied().classify(address.ip()).class;
        self.names.end(end.peer, end.workload, end.cgroup, class)
    }

    /// The label or the policy that would have allowed a denied flow.
    fn remedy(&self, flow: &FlowEvent) -> Option<Arc<str>> {
        if flow.verdict.action == Action::Allow {
            return None;
        }
        if flow.verdict.reason.is_of_containment() {
            return self.declaration(flow).map(Into::into);
        }
        let advice = self.advice.get_or_init(|| Advice::new(self.resolved));
        let attempt = Attempt {
            from: advice.end(&flow.from, flow.source),
            to: advice.end(&flow.to, flow.destination),
            protocol: flow.protocol,
            port: flow.inner_port.unwrap_or(flow.destination.port()),
            from_address: Some(flow.source.ip()),
            to_address: Some(flow.destination.ip()),
        };
        advice.adviser.suggest(&attempt).map(Into::into)
    }
}

// === impl Advice ===

impl<'e> Advice<'e> {
    fn new(resolved: &'e Resolved) -> Self {
        let entries = resolved.placements.iter().map(|one| one.entry);
        Self {
            adviser: Adviser::new(&resolved.world),
            subjects: entries.map(|entry| (entry.workload, entry.subject)).collect(),
        }
    }

    fn end(&self, end: &EndPoint, address: SocketAddr) -> End {
        match self.subjects.get(&end.workload).filter(|_| end.workload != 0) {
            Some(subject) => End::Subject(*subject),
            // A socket that has no address yet is on this host: that is all that its class needs.
            None if address.ip().is_unspecified() => End::Address([127, 0, 0, 1].into()),
            None => End::Address(address.ip()),
        }
    }
}

/// From the view of who started.
fn totals(one: &Closed, booted: i128) -> Totals {
    let ours = (one.bytes_out, one.packets_out);
    let theirs = (one.bytes_in, one.packets_in);
    let (sent, received) = if one.from.is_some() {
        (theirs, ours)
    } else {
        (ours, theirs)
    };
    Totals {
        connections: one.connections,
        bytes_sent: sent.0,
        bytes_received: received.0,
        packets_sent: sent.1,
        packets_received: received.1,
        retransmits: one.retransmits,
        rtt_us: one.rtt_us.checked_div(one.connections).unwrap_or(0),
        end: time_of(one.last_ns, booted),
        duration_ms: 0,
    }
}

fn time_of(since_boot: u64, booted: i128) -> Timestamp {
    Timestamp::from_nanosecond(booted + i128::from(since_boot)).unwrap_or_else(|_| Timestamp::now())
}

/// Nanoseconds of the wall clock at which the machine's boot clock was 0.
fn boot_time() -> i128 {
    let read = |clock| {
        clock_gettime(clock).map_or(0, |time| {
            i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec())
        })
    };
    read(ClockId::CLOCK_REALTIME) - read(ClockId::CLOCK_BOOTTIME)
}
