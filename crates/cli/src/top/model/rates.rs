//! From counts that only grow to how many a second and how many in the last minute.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use cofferdam_api::FlowCounts;

/// A rate is over this time, so that one burst between two answers is no spike of one frame.
const RATE: Duration = Duration::from_secs(3);
const MINUTE: Duration = Duration::from_secs(60);
/// Samples of a workload, more than come in a minute.
const SAMPLES: usize = 128;

type Samples = VecDeque<(Instant, FlowCounts)>;

/// Counts as they were, by workload; the whole host's have no name.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    of: HashMap<String, Samples>,
}

// === impl Rates ===

impl Rates {
    /// Takes what an answer says of all of them; who is not in it is forgotten.
    pub(super) fn take<'a>(&mut self, now: Instant, counts: impl Iterator<Item = (&'a str, FlowCounts)>) {
        let mut of = HashMap::new();
        for (id, counts) in counts {
            let mut samples = self.of.remove(id).unwrap_or_default();
            // A daemon that started again counts from zero.
            let again = samples
                .back()
                .is_some_and(|(_, last)| counts.flows < last.flows || counts.denials < last.denials);
            if again {
                samples.clear();
            }
            samples.push_back((now, counts));
            // One that is older than a minute is where the minute begins.
            while samples.len() > SAMPLES || samples.get(1).is_some_and(|(time, _)| now - *time >= MINUTE) {
                samples.pop_front();
            }
            of.insert(id.to_owned(), samples);
        }
        self.of = of;
    }

    pub(super) fn clear(&mut self) {
        self.of.clear();
    }

    /// Flows and denials a second.
    pub(super) fn per_second(&self, id: &str) -> (f64, f64) {
        let Some((last, before)) = self.of.get(id).and_then(|samples| {
            let last = samples.back()?;
            let mut earlier = samples.iter().rev().skip(1);
            let before = earlier.find(|(time, _)| last.0 - *time >= RATE);
            Some((last, before.or_else(|| samples.front())?))
        }) else {
            return (0.0, 0.0);
        };
        let seconds = (last.0 - before.0).as_secs_f64();
        if seconds <= 0.0 {
            return (0.0, 0.0);
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown with two digits")]
        let rate = |count: u64| count as f64 / seconds;
        (
            rate(last.1.flows - before.1.flows),
            rate(last.1.denials - before.1.denials),
        )
    }

    /// Denials between the first sample that is at most a minute old and the last one.
    pub(super) fn denied_in_a_minute(&self, id: &str) -> u64 {
        let ends = self
            .of
            .get(id)
            .and_then(|samples| Some((samples.front()?, samples.back()?)));
        ends.map_or(0, |((_, first), (_, last))| last.denials - first.denials)
    }
}
