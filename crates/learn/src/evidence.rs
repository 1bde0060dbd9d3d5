//! How often, since when, and by whom.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::Flow;

/// What was seen of one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// How often.
    pub times: u64,
    /// When first.
    pub first: Option<Timestamp>,
    /// When last.
    pub last: Option<Timestamp>,
    /// Names and addresses of the other ends.
    pub whom: BTreeSet<String>,
}

/// Names that a sentence holds.
const NAMED: usize = 3;

/// A list for people: `a, b, c and 4 more`.
pub(crate) fn some(names: impl ExactSizeIterator<Item = impl AsRef<str>>) -> String {
    let count = names.len();
    let shown: Vec<String> = names.take(NAMED).map(|name| name.as_ref().to_owned()).collect();
    let shown = shown.join(", ");
    if count > NAMED {
        format!("{shown} and {} more", count - NAMED)
    } else {
        shown
    }
}

// === impl Evidence ===

impl Evidence {
    /// One flow; `whom` is its other end.
    pub(crate) fn flow(&mut self, flow: &Flow, whom: &str) {
        self.count(flow.times, Some(flow.first), Some(flow.last));
        self.whom.insert(whom.to_owned());
    }

    /// What was seen of something else that is part of this.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count(other.times, other.first, other.last);
        self.whom.extend(other.whom.iter().cloned());
    }

    fn count(&mut self, times: u64, first: Option<Timestamp>, last: Option<Timestamp>) {
        self.times = self.times.saturating_add(times);
        self.first = [self.first, first].into_iter().flatten().min();
        self.last = [self.last, last].into_iter().flatten().max();
    }

    /// `12 flows, 2026-03-01T10:00:00Z to 10:05:12Z: web, api`.
    pub(crate) fn sentence(&self) -> String {
        let flows = if self.times == 1 { "flow" } else { "flows" };
        let mut text = format!("{} {flows}", self.times);
        if let (Some(first), Some(last)) = (self.first, self.last) {
            let (first, last) = (format!("{first:.0}"), format!("{last:.0}"));
            text.push_str(&format!(", {first}"));
            if first != last {
                let (day, time) = last.split_once('T').unwrap_or(("", &last));
                let shown = if first.starts_with(day) { time } else { &last };
                text.push_str(&format!(" to {shown}"));
            }
        }
        if !self.whom.is_empty() {
            text.push_str(&format!(": {}", some(self.whom.iter())));
        }
        text
    }
}
