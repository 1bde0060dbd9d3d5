//! A registry that knows what is in it: what is served and the table of `docs/metrics.md` come out of the same lines.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

type Labels = Vec<(&'static str, String)>;
type Number = Gauge<f64, AtomicU64>;

/// What is registered, in order.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) registry: Registry,
    listed: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    name: String,
    kind: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
}

/// Something that only grows: a series for each set of values of its labels.
#[derive(Clone, Debug)]
pub(super) struct Count {
    labels: &'static [&'static str],
    family: Family<Labels, Counter>,
}

/// Something that goes up and down.
#[derive(Clone, Debug)]
pub(super) struct Level {
    labels: &'static [&'static str],
    family: Family<Labels, Number>,
}

/// Seconds that somebody else adds up.
#[derive(Clone, Debug)]
pub(super) struct Time(Counter<f64, AtomicU64>);

// === impl Book ===

impl Book {
    pub(super) fn count(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Count {
        let family = Family::default();
        self.list(name, "counter", labels, help, family.clone());
        Count { labels, family }
    }

    pub(super) fn level(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Level {
        let family = Family::default();
        self.list(name, "gauge", labels, help, family.clone());
        Level { labels, family }
    }

    /// Seconds that somebody else adds up.
    pub(super) fn time(&mut self, name: &'static str, help: &'static str) -> Time {
        let counter = Counter::default();
        self.list(name, "counter", &[], help, counter.clone());
        Time(counter)
    }

    pub(super) fn seconds(
        &mut self,
        name: &'static str,
        buckets: impl IntoIterator<Item = f64>,
        help: &'static str,
    ) -> Histogram {
        let histogram = Histogram::new(buckets);
        self.list(name, "histogram", &[], help, histogram.clone());
        histogram
    }

    /// Rows of a table in Markdown.
    pub(super) fn table(&self) -> String {
        let mut text = String::from("| metric | type | labels | meaning |\n|---|---|---|---|\n");
        for one in &self.listed {
            let labels: Vec<_> = one.labels.iter().map(|label| format!("`{label}`")).collect();
            let row = [&format!("`{}`", one.name), one.kind, &labels.join(", "), one.help];
            text.push_str(&format!("| {} |\n", row.join(" | ")));
        }
        text
    }

    fn list(
        &mut self,
        name: &'static str,
        kind: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
        metric: impl Metric,
    ) {
        self.registry.register(name, help, metric);
        let end = if kind == "counter" { "_total" } else { "" };
        self.listed.push(Listed {
            name: format!("{name}{end}"),
            kind,
            labels,
            help,
        });
    }
}

// === impl Count, impl Level, impl Time ===

impl Count {
    /// The series of these values, to keep.
    pub(super) fn of(&self, values: &[&str]) -> Counter {
        self.family.get_or_create_owned(&with(self.labels, values))
    }

    /// What somebody else counted.
    pub(super) fn set(&self, values: &[&str], number: u64) {
        self.of(values).inner().store(number, Ordering::Relaxed);
    }
}

impl Level {
    #[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
    pub(super) fn set(&self, values: &[&str], number: u64) {
        self.set_to(values, number as f64);
    }

    pub(super) fn set_to(&self, values: &[&str], number: f64) {
        self.family.get_or_create(&with(self.labels, values)).set(number);
    }

    /// No series of before.
    pub(super) fn clear(&self) {
        self.family.clear();
    }
}

impl Time {
    pub(super) fn set(&self, seconds: f64) {
        self.0.inner().store(seconds.to_bits(), Ordering::Relaxed);
    }
}

fn with(labels: &'static [&'static str], values: &[&str]) -> Labels {
    let pairs = labels.iter().zip(values);
    pairs
        .map(|(label, value)| (*label, (*value).to_owned()))
        .collect()
}
