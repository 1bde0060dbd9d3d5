//! What must hold. Pure; the thresholds are those that the project set itself, with the measures they bind.

use serde::Serialize;

use crate::figures::{Figure, Samples};
use crate::plan::{Measure, Setting};

#[cfg(test)]
mod tests;

/// A goal and what was seen.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// What is compared with what.
    pub(crate) goal: String,
    /// The limit, as it is read: `<= 1.02`.
    pub(crate) limit: String,
    /// What was measured; the spread is that of the runs.
    pub(crate) seen: Figure,
    /// Whether the median keeps the limit.
    pub(crate) pass: bool,
}

/// Most that a time may grow, over the base.
const UNPROTECTED: f64 = 1.02;
const PROTECTED: f64 = 1.05;
/// Least share of the bulk throughput that must be left.
const THROUGHPUT: f64 = 0.98;
/// Megabytes (2^20) of resident memory that the daemon stays below.
const MEMORY: f64 = 30.0;

/// Judges. `memory` is the daemon's resident memory in MiB, if there was a daemon.
pub(crate) fn judge(samples: &Samples, memory: Option<f64>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (setting, base, limit) in [
        (Setting::Unprotected, Setting::Bare, UNPROTECTED),
        (Setting::Protected, Setting::Empty, PROTECTED),
    ] {
        for measure in [Measure::Connect, Measure::Rate, Measure::Ping] {
            let Some(seen) = time_ratio(samples, measure, setting, base) else {
                continue;
            };
            outcomes.push(Outcome {
                goal: format!("{} / {}, time of {}", setting.name(), base.name(), measure.word()),
                limit: format!("<= {limit}"),
                pass: seen.median <= limit,
                seen,
            });
        }
    }
    for setting in [Setting::Unprotected, Setting::Protected] {
        let Some(seen) = samples.ratio(Measure::Bulk, setting, Setting::Bare) else {
            continue;
        };
        outcomes.push(Outcome {
            goal: format!("{} / bare, bulk throughput", setting.name()),
            limit: format!(">= {THROUGHPUT}"),
            pass: seen.median >= THROUGHPUT,
            seen,
        });
    }
    outcomes.extend(memory.map(|mebibytes| Outcome {
        goal: "daemon's resident memory, MiB".to_owned(),
        limit: format!("< {MEMORY}"),
        seen: Figure {
            median: mebibytes,
            min: mebibytes,
            max: mebibytes,
        },
        pass: mebibytes < MEMORY,
    }));
    outcomes
}

/// Time over time: a rate is turned round, so that more is worse for every measure.
fn time_ratio(samples: &Samples, measure: Measure, setting: Setting, base: Setting) -> Option<Figure> {
    match measure {
        Measure::Connect | Measure::Handshake => samples.ratio(measure, setting, base),
        Measure::Rate | Measure::Ping | Measure::Bulk => samples.ratio(measure, base, setting),
    }
}
