//! Percentiles: of what happens now and then, the slow ones count.

use serde::Serialize;

#[cfg(test)]
mod tests;

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Times {
    pub(crate) count: usize,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) most: f64,
}

// === impl Times ===

impl Times {
    /// `None` of nothing.
    pub(crate) fn of(mut milliseconds: Vec<f64>) -> Option<Self> {
        milliseconds.sort_by(f64::total_cmp);
        let count = milliseconds.len();
        // The smallest that so many of a hundred do not exceed.
        let at = |share: usize| {
            milliseconds
                .get((count * share).div_ceil(100).checked_sub(1)?)
                .copied()
        };
        Some(Self {
            count,
            median: at(50)?,
            p99: at(99)?,
            most: at(100)?,
        })
    }
}
