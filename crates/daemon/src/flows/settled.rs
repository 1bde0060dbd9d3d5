//! Records that will not change any more, each once, for those who take them elsewhere.
//!
//! A record stands for its repeats within a second, so it is settled after that second. From then on equal verdicts make a new
//! one: the repeats of all settled records are all that happened.

use std::time::Duration;

use cofferdam_api::{FlowView, Timestamp};

use super::{FOLD_MILLISECONDS, FlowStore, view};

/// How long after its first verdict a record is settled: its second, and what the kernel needs to tell of it.
pub(crate) const SETTLED: Duration = Duration::from_millis(1200);
/// Records that the ring let go before somebody took them, at most.
const LET_GO: usize = 65_536;

/// How far they were taken.
#[derive(Debug)]
pub(super) struct Settling {
    /// The number of the next one.
    next: u64,
    /// What left the ring before.
    gone: Vec<FlowView>,
    /// What there was no room for.
    lost: u64,
}

// === impl FlowStore ===

impl FlowStore {
    /// Whether settled records are taken from now on.
    pub(crate) fn settle(&mut self, wanted: bool) {
        let next = self.base + self.slots.len() as u64;
        self.settling = match self.settling.take() {
            kept @ Some(_) if wanted => kept,
            None if wanted => Some(Settling {
                next,
                gone: Vec::new(),
                lost: 0,
            }),
            _ => None,
        };
    }

    /// Those that are `age` old and were not taken before, and how many were lost instead.
    pub(crate) fn settled(&mut self, age: Duration, now: Timestamp) -> (Vec<FlowView>, u64) {
        let Some(settling) = &mut self.settling else {
            return (Vec::new(), 0);
        };
        let mut taken = std::mem::take(&mut settling.gone);
        let lost = std::mem::take(&mut settling.lost);
        let age = i64::try_from(age.as_millis()).unwrap_or(FOLD_MILLISECONDS);
        while let Some(slot) = usize::try_from(settling.next.saturating_sub(self.base))
            .ok()
            .and_then(|index| self.slots.get(index))
        {
            let passed = now.as_millisecond() - slot.first.as_millisecond();
            // A clock that was set back holds nobody up.
            if (-FOLD_MILLISECONDS..age).contains(&passed) {
                break;
            }
            // What comes later is another record's.
            if self.newest.get(&slot.key) == Some(&settling.next) {
                self.newest.remove(&slot.key);
            }
            taken.push(view(slot));
            settling.next += 1;
        }
        (taken, lost)
    }

    /// The ring lets its first record go.
    pub(super) fn settle_first(&mut self) {
        let (Some(settling), Some(slot)) = (&mut self.settling, self.slots.front()) else {
            return;
        };
        if settling.next > self.base {
            return;
        }
        settling.next = self.base + 1;
        if settling.gone.len() < LET_GO {
            settling.gone.push(view(slot));
        } else {
            settling.lost += 1;
        }
    }
}
