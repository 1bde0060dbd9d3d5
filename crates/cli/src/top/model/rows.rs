//! A row for each workload, and one for all of them.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_api::{FlowCounts, FlowView, Mode, Timestamp, WorkloadView};

use super::{Model, Shown};

/// Before this, records say what the counts do not know yet.
const MINUTE: Duration = Duration::from_secs(60);

/// What a row says.
#[derive(Clone, Debug, Default)]
pub(in crate::top) struct Row {
    pub(in crate::top) id: String,
    pub(in crate::top) name: String,
    pub(in crate::top) labels: String,
    pub(in crate::top) network: String,
    /// `None`: it is not protected.
    pub(in crate::top) mode: Option<Mode>,
    pub(in crate::top) per_second: f64,
    pub(in crate::top) minute: u64,
    pub(in crate::top) counts: FlowCounts,
    pub(in crate::top) last: Option<Arc<FlowView>>,
}

/// What the rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::top) enum Sort {
    /// Of the last minute, then all.
    Denials,
    Flows,
    Name,
}

// === impl Model ===

impl Model {
    /// What is known, as the tables show it.
    pub(super) fn look(&self, time: Timestamp) -> Shown {
        let early = self.early(time);
        let early = |name: &str| early.get(name).copied().unwrap_or(0);
        let mut rows: Vec<Row> = self
            .workloads
            .iter()
            .map(|one| Row {
                per_second: self.rates.per_second(&one.id).0,
                minute: self.rates.denied_in_a_minute(&one.id) + early(&one.name),
                last: self.records.last_denial(&one.name).cloned(),
                ..Row::of(one)
            })
            .collect();
        self.sort.sort(&mut rows);
        let (per_second, denials_per_second) = self.rates.per_second("");
        let all = Row {
            name: "all".to_owned(),
            per_second,
            minute: self.rates.denied_in_a_minute("") + early(""),
            counts: self
                .status
                .as_ref()
                .map(|status| status.flows)
                .unwrap_or_default(),
            last: self.records.newest_denial().cloned(),
            ..Row::default()
        };
        Shown {
            rows,
            flows: self.records.newest_first(),
            all,
            denials_per_second,
        }
    }

    /// Denials of the last minute that fell before the first count was seen.
    fn early(&self, time: Timestamp) -> std::collections::HashMap<String, u64> {
        let since = time.checked_sub(MINUTE).unwrap_or(time);
        match self.began {
            Some(began) if began > since => self.records.denied_within(since, began),
            _ => Default::default(),
        }
    }
}

// === impl Row ===

impl Row {
    fn of(one: &WorkloadView) -> Self {
        let labels = if one.identity_labels.is_empty() {
            &one.labels
        } else {
            &one.identity_labels
        };
        Self {
            id: one.id.clone(),
            name: one.name.clone(),
            labels: crate::output::labels(labels),
            network: one.network_mode.clone(),
            mode: one.protected.then(|| one.mode.unwrap_or_default()),
            counts: one.flows,
            ..Self::default()
        }
    }
}

// === impl Sort ===

impl Sort {
    pub(in crate::top) fn name(self) -> &'static str {
        match self {
            Self::Denials => "denials",
            Self::Flows => "flows",
            Self::Name => "name",
        }
    }

    pub(super) fn next(self) -> Self {
        match self {
            Self::Denials => Self::Flows,
            Self::Flows => Self::Name,
            Self::Name => Self::Denials,
        }
    }

    /// Equal ones by name, so that no row moves without a reason.
    pub(super) fn sort(self, rows: &mut [Row]) {
        let denials = |a: &Row, b: &Row| (b.minute, b.counts.denials).cmp(&(a.minute, a.counts.denials));
        let flows = |a: &Row, b: &Row| {
            b.per_second
                .total_cmp(&a.per_second)
                .then(b.counts.flows.cmp(&a.counts.flows))
        };
        rows.sort_by(|a, b| {
            let first = match self {
                Self::Denials => denials(a, b).then_with(|| flows(a, b)),
                Self::Flows => flows(a, b),
                Self::Name => std::cmp::Ordering::Equal,
            };
            first.then_with(|| a.name.cmp(&b.name))
        });
    }
}
