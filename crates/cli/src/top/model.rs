//! What is known and what of it is looked at. Pure: it is fed with answers, records, keys and the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam_api::{FlowQuery, FlowView, Status, Timestamp, Verdict, WorkloadView};

use super::filter::Filter;
use rates::Rates;
pub(super) use records::Lot;
use records::{Id, Records, id, is_of};
pub(super) use rows::{Row, Sort};

mod keys;
mod rates;
mod records;
mod rows;
#[cfg(test)]
mod tests;

/// An answer that is older than this is not the present.
const FRESH: Duration = Duration::from_secs(6);
/// How long it is said that records were left out.
const MISSED: Duration = Duration::from_secs(5);

/// What comes from the daemon.
#[derive(Debug)]
pub(super) enum News {
    Answer(Box<Status>, Vec<WorkloadView>),
    Unreachable {
        message: String,
        hint: Option<String>,
    },
    /// Records that were asked for; the number says by which of the questions.
    Records(Lot, u64, Vec<FlowView>),
    /// Records came faster than they are taken.
    Missed,
    /// The process is to end.
    Signal(i32),
}

/// What is asked of the daemon beside the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) query: FlowQuery,
    pub(super) query_number: u64,
    /// Whose past.
    pub(super) workload: Option<String>,
    pub(super) workload_number: u64,
}

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// No answer yet.
    Asking,
    Live,
    /// It accepts connections and does not answer.
    Late(Duration),
    Lost {
        since: Duration,
        message: String,
        hint: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    Workloads,
    Flows,
}

/// What lies over the tables.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Layer {
    None,
    Help,
    /// The line that takes a filter, and what is wrong with it.
    Prompt {
        text: String,
        error: Option<String>,
    },
    Flow(Arc<FlowView>),
    Workload(String),
}

/// What the tables show; it stands still while they are paused.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) rows: Vec<Row>,
    pub(super) flows: Vec<Arc<FlowView>>,
    /// All of the host, as the first row.
    pub(super) all: Row,
    pub(super) denials_per_second: f64,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) status: Option<Status>,
    pub(super) workloads: Vec<WorkloadView>,
    rates: Rates,
    records: Records,
    /// When the counts of this daemon were seen first.
    began: Option<Timestamp>,
    answered: Option<(Instant, Timestamp)>,
    trouble: Option<(Instant, String, Option<String>)>,
    missed: Option<Instant>,
    now: Instant,
    pub(super) shown: Shown,
    pub(super) paused: Option<Timestamp>,
    pub(super) filter: Filter,
    pub(super) denials_only: bool,
    pub(super) sort: Sort,
    pub(super) focus: Focus,
    /// Whose row the cursor is on; empty: the first row, which is all of them.
    pub(super) workload: String,
    /// The flow under the cursor; `None`: the newest.
    flow: Option<Id>,
    pub(super) layer: Layer,
    wanted: Wanted,
    /// Rows of the focused table that the last frame had room for, and the first rows that it showed.
    pub(super) page: usize,
    pub(super) offsets: [usize; 2],
    pub(super) scroll: u16,
}

// === impl Model ===

impl Model {
    pub(super) fn new(filter: Filter, now: Instant) -> Self {
        let wanted = Wanted {
            query: filter.query.clone(),
            ..Wanted::default()
        };
        Self {
            status: None,
            workloads: Vec::new(),
            rates: Rates::default(),
            records: Records::default(),
            began: None,
            answered: None,
            trouble: None,
            missed: None,
            now,
            shown: Shown::default(),
            paused: None,
            filter,
            denials_only: false,
            sort: Sort::Denials,
            focus: Focus::Workloads,
            workload: String::new(),
            flow: None,
            layer: Layer::None,
            wanted,
            page: 1,
            offsets: [0; 2],
            scroll: 0,
        }
    }

    pub(super) fn take(&mut self, news: News, now: Instant, time: Timestamp) {
        match news {
            News::Answer(status, workloads) => self.answer(*status, workloads, now, time),
            News::Unreachable { message, hint } => {
                let since = self.trouble.take().map_or(now, |(since, ..)| since);
                self.trouble = Some((since, message, hint));
                // The next daemon counts anew.
                self.rates.clear();
                self.began = None;
            }
            News::Records(lot, number, flows) => {
                let current = match lot {
                    Lot::Newest => number == self.wanted.query_number,
                    Lot::Fetched => number == self.wanted.workload_number,
                    Lot::Denials => true,
                };
                for flow in flows.into_iter().filter(|_| current) {
                    self.records.take(lot, flow);
                }
            }
            News::Missed => self.missed = Some(now),
            News::Signal(_) => {}
        }
    }

    fn answer(&mut self, status: Status, workloads: Vec<WorkloadView>, now: Instant, time: Timestamp) {
        let all = std::iter::once(("", status.flows));
        let each = workloads.iter().map(|one| (one.id.as_str(), one.flows));
        self.rates.take(now, all.chain(each));
        let names: std::collections::HashSet<&str> = workloads.iter().map(|one| one.name.as_str()).collect();
        self.records.keep_names(|name| names.contains(name));
        self.trouble = None;
        self.began.get_or_insert(time);
        self.answered = Some((now, time));
        self.status = Some(status);
        self.workloads = workloads;
    }

    /// Makes of what is known what is shown.
    pub(super) fn tick(&mut self, now: Instant, time: Timestamp) {
        self.now = now;
        if self.paused.is_none() {
            self.shown = self.look(time);
        }
        let there = |id: &str| self.shown.rows.iter().any(|row| row.id == id);
        if !self.workload.is_empty() && !there(&self.workload) {
            self.select(String::new());
        }
    }

    pub(super) fn link(&self) -> Link {
        if let Some((since, message, hint)) = &self.trouble {
            return Link::Lost {
                since: self.now.saturating_duration_since(*since),
                message: message.clone(),
                hint: hint.clone(),
            };
        }
        match self.answered {
            None => Link::Asking,
            Some((at, _)) => match self.now.saturating_duration_since(at) {
                age if age > FRESH => Link::Late(age),
                _ => Link::Live,
            },
        }
    }

    /// When the daemon answered last.
    pub(super) fn answered(&self) -> Option<Timestamp> {
        self.answered.map(|(_, time)| time)
    }

    /// Records were left out a moment ago.
    pub(super) fn missed(&self) -> bool {
        self.missed
            .is_some_and(|at| self.now.saturating_duration_since(at) < MISSED)
    }

    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The flows of the workload under the cursor that pass the filter, the newest first.
    pub(super) fn flows(&self) -> Vec<&Arc<FlowView>> {
        let name = self.selected().map(|row| row.name.as_str());
        self.shown
            .flows
            .iter()
            .filter(|flow| {
                (!self.denials_only || flow.verdict == Verdict::Deny)
                    && name.is_none_or(|name| is_of(flow, name))
                    && self.filter.matches(flow)
            })
            .collect()
    }

    /// The row of the workload under the cursor; `None`: all.
    pub(super) fn selected(&self) -> Option<&Row> {
        self.shown.rows.iter().find(|row| row.id == self.workload)
    }

    /// Where the cursor of the workloads is; 0 is the row of all.
    pub(super) fn workload_at(&self) -> usize {
        let at = self.shown.rows.iter().position(|row| row.id == self.workload);
        at.map_or(0, |at| at + 1)
    }

    /// Where the cursor is among `flows`.
    pub(super) fn flow_at(&self, flows: &[&Arc<FlowView>]) -> usize {
        let wanted = self.flow;
        let at = wanted.and_then(|wanted| flows.iter().position(|flow| id(flow) == wanted));
        at.unwrap_or(0)
    }

    fn select(&mut self, workload: String) {
        if self.workload == workload {
            return;
        }
        self.workload = workload;
        self.flow = None;
        self.records.forget(Lot::Fetched);
        self.wanted.workload = self.selected().map(|row| row.name.clone());
        self.wanted.workload_number += 1;
    }

    fn set_filter(&mut self, filter: Filter) {
        if self.filter == filter {
            return;
        }
        self.flow = None;
        self.records.forget(Lot::Newest);
        self.wanted.query = filter.query.clone();
        self.wanted.query_number += 1;
        self.filter = filter;
    }
}
