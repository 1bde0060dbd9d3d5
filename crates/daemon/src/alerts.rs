//! What is worth telling somebody at once: the first denial of a kind, a refused policy, enforcement at risk.
//!
//! PURE: told of what happens, says what is news. Its memory is bounded, and so is how much it says.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use cofferdam_api::{FlowEnd, FlowView, Timestamp, Verdict};
use serde::Serialize;

use crate::config::AlertKind;

#[cfg(test)]
mod tests;

/// Kinds of denials that are remembered; the oldest are forgotten, and are news again.
const KINDS: usize = 4096;
/// How many first denials are told one by one within a minute; the others are told as a number.
const EACH: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// What helps when a program was taken off.
pub(crate) const REATTACH: &str = "restart the daemon, which attaches it again, and find out who did that";
/// How long the same risk is not told again.
const QUIET: Duration = Duration::from_secs(600);

/// One alert, as it is posted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Alert {
    /// Version of the wire.
    pub(crate) version: u32,
    /// What kind.
    pub(crate) alert: AlertKind,
    /// All of it in one sentence.
    pub(crate) text: String,
    /// Which host.
    pub(crate) host: String,
    /// When.
    pub(crate) time: Timestamp,
    /// The record of a first denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flow: Option<FlowView>,
    /// What is at risk, in a word: `hook`, `map-full`, `records-lost`, `kernel-errors`, `records-unkept`,
    /// `altered`, `off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) risk: Option<&'static str>,
}

/// How the data plane is, as far as it can be at risk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Programs that are not attached.
    pub(crate) missing: Vec<String>,
    /// Enforcement is switched off.
    pub(crate) off: bool,
    /// Flow records cannot be written.
    pub(crate) unwritten: bool,
    /// Inserts that found a map full.
    pub(crate) map_full: u64,
    /// Records that the kernel lost.
    pub(crate) lost: u64,
    /// Records that the store lost.
    pub(crate) unkept: u64,
    /// Functions of the kernel that failed.
    pub(crate) kernel_errors: u64,
}

/// What was told.
pub(crate) struct Alerts {
    host: String,
    seen: HashSet<Kind>,
    order: VecDeque<Kind>,
    minute: Instant,
    told: u32,
    untold: u64,
    before: Option<Health>,
    quiet: HashMap<&'static str, Instant>,
    /// Not posted yet.
    waiting: Vec<Alert>,
}

/// What makes two denials the same: who, whom, port, protocol, reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind(String, String, u16, String, String);

// === impl Alerts ===

impl Alerts {
    pub(crate) fn new(host: String, now: Instant) -> Self {
        Self {
            host,
            seen: HashSet::new(),
            order: VecDeque::new(),
            minute: now,
            told: 0,
            untold: 0,
            before: None,
            quiet: HashMap::new(),
            waiting: Vec::new(),
        }
    }

    /// What is news since the last call.
    pub(crate) fn take(&mut self, now: Instant) -> Vec<Alert> {
        if now.saturating_duration_since(self.minute) >= MINUTE {
            let untold = std::mem::take(&mut self.untold);
            (self.minute, self.told) = (now, 0);
            if untold > 0 {
                let text =
                    format!("{untold} more kinds of flows were denied for the first time within a minute");
                self.add(AlertKind::FirstDenial, text);
            }
        }
        std::mem::take(&mut self.waiting)
    }

    /// A flow was recorded; `sentence` puts it into words.
    pub(crate) fn flow(&mut self, flow: &FlowView, sentence: impl FnOnce() -> String) {
        if flow.verdict != Verdict::Deny {
            return;
        }
        let kind = Kind(
            who(&flow.from),
            who(&flow.to),
            flow.destination.port(),
            flow.protocol.clone(),
            flow.reason.clone(),
        );
        if !self.seen.insert(kind.clone()) {
            return;
        }
        self.order.push_back(kind);
        if self.order.len() > KINDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        if self.told >= EACH {
            self.untold += 1;
            return;
        }
        self.told += 1;
        let remedy = flow.allow_with.as_ref();
        let remedy = remedy.map_or_else(String::new, |line| format!("; allow with: {line}"));
        self.add(AlertKind::FirstDenial, format!("{}{remedy}", sentence()));
        if let Some(last) = self.waiting.last_mut() {
            last.flow = Some(flow.clone());
        }
    }

    /// A policy did not come into force.
    pub(crate) fn policy(&mut self, line: &str) {
        self.add(AlertKind::PolicyError, format!("a policy is refused: {line}"));
    }

    /// How the data plane is by now. What it was when the daemon started is no news, but for what is missing.
    pub(crate) fn health(&mut self, health: Health, now: Instant) {
        let before = self.before.replace(health.clone());
        let old = before.clone().unwrap_or_else(|| Health {
            missing: Vec::new(),
            off: false,
            unwritten: false,
            ..health.clone()
        });
        for what in health.missing.iter().filter(|what| !old.missing.contains(what)) {
            let text = format!(
                "{what} is not attached any more, so what only it refuses is let through: {REATTACH}"
            );
            self.at_risk("hook", &text);
        }
        if health.unwritten && !old.unwritten {
            self.at_risk(
                "records-unkept",
                "flow records cannot be written; `cofferdam status` says why",
            );
        }
        if health.off && !old.off {
            self.at_risk(
                "off",
                "enforcement is off for the whole host; `cofferdam on` ends that",
            );
        }
        self.grown(&old, &health, now);
    }

    /// What only grows is told again after a while at the earliest.
    fn grown(&mut self, old: &Health, health: &Health, now: Instant) {
        let counts: [(&'static str, u64, u64, &str); 4] = [
            (
                "map-full",
                old.map_full,
                health.map_full,
                "entries found a map of the data plane full",
            ),
            (
                "records-lost",
                old.lost,
                health.lost,
                "flow records were lost: the kernel's ring had no room",
            ),
            (
                "records-unkept",
                old.unkept,
                health.unkept,
                "flow records did not reach the disk",
            ),
            (
                "kernel-errors",
                old.kernel_errors,
                health.kernel_errors,
                "functions of the kernel failed in the data plane",
            ),
        ];
        for (risk, old, new, what) in counts {
            let told = self.quiet.get(risk);
            if new > old && told.is_none_or(|told| now.saturating_duration_since(*told) >= QUIET) {
                self.quiet.insert(risk, now);
                self.at_risk(
                    risk,
                    &format!("{} {what}; `cofferdam status` says more", new - old),
                );
            }
        }
    }

    /// Something else puts enforcement at risk.
    pub(crate) fn at_risk(&mut self, risk: &'static str, text: &str) {
        self.add(
            AlertKind::EnforcementAtRisk,
            format!("enforcement is at risk: {text}"),
        );
        if let Some(last) = self.waiting.last_mut() {
            last.risk = Some(risk);
        }
    }

    fn add(&mut self, alert: AlertKind, text: String) {
        self.waiting.push(Alert {
            version: cofferdam_api::VERSION,
            alert,
            text: format!("Cofferdam on {}: {text}", self.host),
            host: self.host.clone(),
            time: Timestamp::now(),
            flow: None,
            risk: None,
        });
    }
}

/// Equal for workloads that are alike.
fn who(end: &FlowEnd) -> String {
    match (end.identity, &end.name) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => end.class.to_string(),
    }
}
