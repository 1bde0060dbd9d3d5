//! Events of the kernel → flow records with names, rules and the line that would allow them.

use std::net::SocketAddr;
use std::sync::Arc;

use cofferdam_api::Timestamp;
use cofferdam_policy::{Action, Attempt, End, RuleText, suggest};
use nix::time::{ClockId, clock_gettime};

use super::Engine;
use crate::enforcer::{EndPoint, Event, FlowEvent};
use crate::error::chain;
use crate::flows::{FILE, Key, Record};
use crate::names;

// === impl Engine ===

impl Engine {
    /// Takes what the ring holds, a bounded part of it; `true`: there may be more.
    pub(super) fn record_events(&mut self) -> bool {
        let mut events = Vec::new();
        let more = self.enforcer.drain(&mut events).unwrap_or_else(|error| {
            self.complain(format!("flow records cannot be read: {}", chain(&error)));
            false
        });
        let booted = boot_time();
        let mut act = false;
        for event in events {
            match event {
                Event::Flow(flow) => self.record(&flow, 1, booted),
                Event::CgroupCreated(made) => act |= self.cgroup_created(made.parent, &made.name, made.bound),
                Event::CgroupRemoved(gone) => self.cgroup_removed(gone.id),
            }
        }
        if act {
            self.reconcile();
        }
        more
    }

    /// What waits in silence, and what of it is due in its file.
    pub(super) fn look(&mut self) {
        self.record_events();
        self.record_repeats();
        self.flows.hand_over();
    }

    /// Takes the counts of connects that the kernel did not record again.
    fn record_repeats(&mut self) {
        let repeats = self.enforcer.repeated().unwrap_or_else(|error| {
            self.complain(format!("repeated flows cannot be counted: {}", chain(&error)));
            Vec::new()
        });
        let booted = boot_time();
        for (flow, times) in repeats {
            self.record(&flow, times, booted);
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

    fn record(&mut self, flow: &FlowEvent, times: u64, booted: i128) {
        let time = Timestamp::from_nanosecond(booted + i128::from(flow.time_ns))
            .unwrap_or_else(|_| Timestamp::now());
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
            to: self.end(&flow.to, flow.destination),
            protocol: flow.protocol,
            source: flow.source,
            destination: flow.destination,
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

    /// The label that would have allowed a denied flow.
    fn remedy(&self, flow: &FlowEvent) -> Option<Arc<str>> {
        if flow.verdict.action == Action::Allow {
            return None;
        }
        let attempt = Attempt {
            from: self.attempt_end(&flow.from, flow.source),
            to: self.attempt_end(&flow.to, flow.destination),
            protocol: flow.protocol,
            port: flow.destination.port(),
            from_address: Some(flow.source.ip()),
            to_address: Some(flow.destination.ip()),
        };
        suggest(&self.resolved.world, &attempt).map(Into::into)
    }

    fn attempt_end(&self, end: &EndPoint, address: SocketAddr) -> End {
        let placement = (end.workload != 0)
            .then(|| {
                self.resolved
                    .placements
                    .iter()
                    .find(|one| one.entry.workload == end.workload)
            })
            .flatten();
        match placement {
            Some(placement) => End::Subject(placement.entry.subject),
            // A socket that has no address yet is on this host: that is all that its class needs.
            None if address.ip().is_unspecified() => End::Address([127, 0, 0, 1].into()),
            None => End::Address(address.ip()),
        }
    }
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
