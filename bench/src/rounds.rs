//! The interleaving: run by run, round by round, setting by setting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::figures::Samples;
use crate::pair::Pair;
use crate::plan::{Measure, Setting};

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    /// Runs; a figure is their median.
    pub(crate) runs: usize,
    /// Time of one run; it ends with the round that exceeds it.
    pub(crate) run: Duration,
}

/// Rounds of a run, whatever the time: three make a median.
const ROUNDS_AT_LEAST: usize = 3;

/// Measures every setting `length.runs` times. Each run has processes of its own, which `start` makes: where a
/// process's memory lies is worth up to three per cent for as long as it lives, and must differ between runs to
/// cancel. Ctrl-C ends it with an error, so that everything is cleaned up.
pub(crate) fn take(
    length: Length,
    mut start: impl FnMut() -> anyhow::Result<Vec<(Setting, Pair)>>,
) -> anyhow::Result<Samples> {
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stopped))?;
    }
    let mut samples = Samples::default();
    let mut round = 0;
    for run in 0..length.runs {
        eprintln!("bench: run {} of {}", run + 1, length.runs);
        let begin = Instant::now();
        let mut pairs = start()?;
        warm(&mut pairs)?;
        samples.start_run();
        let mut rounds = 0;
        while rounds < ROUNDS_AT_LEAST || begin.elapsed() < length.run {
            ensure!(!stopped.load(Ordering::Relaxed), "interrupted");
            samples.start_round();
            one_round(&mut pairs, round, &mut samples)?;
            rounds += 1;
            round += 1;
        }
        pairs.into_iter().try_for_each(|(_, pair)| pair.stop())?;
    }
    Ok(samples)
}

/// Caches, slab pages and the clock of the cores: the first batch of a process is never typical.
fn warm(pairs: &mut [(Setting, Pair)]) -> anyhow::Result<()> {
    for (_, pair) in pairs {
        for measure in Measure::ALL {
            pair.measure(measure, measure.batch())?;
        }
    }
    Ok(())
}

fn one_round(pairs: &mut [(Setting, Pair)], round: usize, samples: &mut Samples) -> anyhow::Result<()> {
    let count = pairs.len();
    for measure in Measure::ALL
        .into_iter()
        .filter(|measure| measure.takes_part(round))
    {
        for step in 0..count {
            // Every setting comes first, last and after every other one: what a batch leaves in the caches, and a
            // drift inside the round, fall on all alike.
            let step = if (round / count).is_multiple_of(2) {
                step
            } else {
                count - 1 - step
            };
            let Some((setting, pair)) = pairs.get_mut((round + step) % count) else {
                continue;
            };
            if setting.takes_part(round) {
                let value = pair.measure(measure, measure.batch())?;
                #[expect(clippy::cast_precision_loss, reason = "53 bits hold any of these exactly")]
                samples.record(measure, *setting, value as f64);
            }
        }
    }
    Ok(())
}
