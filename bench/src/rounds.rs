//! The interleaving: run by run, round by round, setting by setting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::figures::Samples;
use crate::pair::Pair;
use crate::plan::{Part, Setting};

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    /// Runs; a figure is their median.
    pub(crate) runs: usize,
    /// Time of one run; it ends with the round that exceeds it.
    pub(crate) run: Duration,
}

/// Ctrl-C, as something to look at: it ends a benchmark with an error, so that everything is cleaned up.
pub(crate) struct Interrupt(Arc<AtomicBool>);

/// Rounds of a run, whatever the time: three make a median.
const ROUNDS_AT_LEAST: usize = 3;

/// Measures every setting of a part `length.runs` times. Each run has processes of its own, which `start` makes: where
/// a process's memory lies is worth up to three per cent for as long as it lives, and must differ between runs to
/// cancel.
pub(crate) fn take(
    part: Part,
    length: Length,
    interrupt: &Interrupt,
    mut start: impl FnMut() -> anyhow::Result<Vec<(Setting, Pair)>>,
) -> anyhow::Result<Samples> {
    let mut samples = Samples::default();
    let mut round = 0;
    for run in 0..length.runs {
        eprintln!("bench: {}, run {} of {}", part.name(), run + 1, length.runs);
        let begin = Instant::now();
        let mut pairs = start()?;
        warm(part, &mut pairs)?;
        samples.start_run();
        let mut rounds = 0;
        while rounds < ROUNDS_AT_LEAST || begin.elapsed() < length.run {
            interrupt.check()?;
            samples.start_round();
            one_round(part, &mut pairs, round, &mut samples)?;
            rounds += 1;
            round += 1;
        }
        pairs.into_iter().try_for_each(|(_, pair)| pair.stop())?;
    }
    Ok(samples)
}

/// Caches, slab pages and the clock of the cores: the first batch of a process is never typical.
fn warm(part: Part, pairs: &mut [(Setting, Pair)]) -> anyhow::Result<()> {
    for (_, pair) in pairs {
        for measure in part.measures() {
            pair.measure(*measure, measure.batch())?;
        }
    }
    Ok(())
}

fn one_round(
    part: Part,
    pairs: &mut [(Setting, Pair)],
    round: usize,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let count = pairs.len();
    for measure in part
        .measures()
        .iter()
        .copied()
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

// === impl Interrupt ===

impl Interrupt {
    pub(crate) fn register() -> anyhow::Result<Self> {
        let seen = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&seen))?;
        }
        Ok(Self(seen))
    }

    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.0.load(Ordering::Relaxed), "interrupted");
        Ok(())
    }
}
