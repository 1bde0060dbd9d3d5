//! From batches to figures. Pure.
//!
//! A *run* is a stretch of rounds; a round measures every setting once, one after the other. A ratio is taken inside
//! each round, so that drift of the machine cancels; a run is the median of its rounds; a figure is the median of the
//! runs, with the smallest and the largest run as its spread.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::plan::{Measure, Setting};

#[cfg(test)]
mod tests;

/// A median over runs, and the extremes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Every batch of every run.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    runs: Vec<Run>,
}

/// One map a round.
type Run = Vec<BTreeMap<(Measure, Setting), f64>>;

// === impl Samples ===

impl Samples {
    /// What is recorded from here on belongs to a new run.
    pub(crate) fn start_run(&mut self) {
        self.runs.push(Vec::new());
    }

    /// What is recorded from here on belongs to a new round.
    pub(crate) fn start_round(&mut self) {
        if let Some(run) = self.runs.last_mut() {
            run.push(BTreeMap::new());
        }
    }

    pub(crate) fn record(&mut self, measure: Measure, setting: Setting, value: f64) {
        if let Some(round) = self.runs.last_mut().and_then(|run| run.last_mut()) {
            round.insert((measure, setting), value);
        }
    }

    /// Runs and rounds so far.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.runs.len(), self.runs.iter().map(Vec::len).sum())
    }

    /// The measured number itself.
    pub(crate) fn value(&self, measure: Measure, setting: Setting) -> Option<Figure> {
        self.figure(|round| round.get(&(measure, setting)).copied())
    }

    /// `setting` over `base`, paired by round.
    pub(crate) fn ratio(&self, measure: Measure, setting: Setting, base: Setting) -> Option<Figure> {
        self.figure(|round| {
            let (over, under) = (round.get(&(measure, setting))?, round.get(&(measure, base))?);
            (*under > 0.0).then(|| over / under)
        })
    }

    /// What `setting` adds to `base`, over what `other` adds to it, paired by round.
    pub(crate) fn added(
        &self,
        measure: Measure,
        setting: Setting,
        other: Setting,
        base: Setting,
    ) -> Option<Figure> {
        self.figure(|round| {
            let of = |setting| round.get(&(measure, setting)).copied();
            let (more, most) = (of(setting)? - of(base)?, of(other)? - of(base)?);
            (most > 0.0).then(|| more / most)
        })
    }

    fn figure(&self, of: impl Fn(&BTreeMap<(Measure, Setting), f64>) -> Option<f64>) -> Option<Figure> {
        let runs = self
            .runs
            .iter()
            .filter_map(|run| median(run.iter().filter_map(&of).collect()));
        Figure::of(runs.collect())
    }
}

// === impl Figure ===

impl Figure {
    /// Each divided by the same number.
    pub(crate) fn over(self, base: f64) -> Self {
        Self {
            median: self.median / base,
            min: self.min / base,
            max: self.max / base,
        }
    }

    /// `None` of nothing.
    pub(crate) fn of(values: Vec<f64>) -> Option<Self> {
        let min = values.iter().copied().reduce(f64::min)?;
        let max = values.iter().copied().reduce(f64::max)?;
        Some(Self {
            median: median(values)?,
            min,
            max,
        })
    }
}

/// The middle of the values, or the mean of the two in the middle. `None` of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*values.get(middle.checked_sub(1)?)?, upper))
}
