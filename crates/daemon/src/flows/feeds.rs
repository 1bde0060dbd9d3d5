//! Records on their way to those who follow: each once, or again when it has grown.

use std::collections::BTreeSet;

use cofferdam_api::FlowView;
use tokio::sync::broadcast;

/// Records that a slow follower may lag behind before it loses some (and is told how many).
const FEED: usize = 1024;

/// The feeds.
#[derive(Debug)]
pub(super) struct Feeds {
    once: broadcast::Sender<FlowView>,
    /// For those who want to be told again what has grown.
    updates: broadcast::Sender<FlowView>,
    /// Numbers of records that have grown since that was told.
    grown: BTreeSet<u64>,
}

// === impl Feeds ===

impl Feeds {
    pub(super) fn new() -> Self {
        Self {
            once: broadcast::channel(FEED).0,
            updates: broadcast::channel(FEED).0,
            grown: BTreeSet::new(),
        }
    }

    pub(super) fn follow(&self, updates: bool) -> broadcast::Receiver<FlowView> {
        if updates { &self.updates } else { &self.once }.subscribe()
    }

    /// A new record, which is only made where somebody listens.
    pub(super) fn tell(&self, view: impl Fn() -> FlowView) {
        for feed in [&self.once, &self.updates] {
            if feed.receiver_count() > 0 {
                let _ = feed.send(view());
            }
        }
    }

    pub(super) fn grew(&mut self, number: u64) {
        self.grown.insert(number);
    }

    /// Tells what has grown; the newest of it, where that is more than a reader may lag behind.
    pub(super) fn tell_grown(&mut self, view: impl Fn(u64) -> Option<FlowView>) {
        let grown = std::mem::take(&mut self.grown);
        if self.updates.receiver_count() == 0 {
            return;
        }
        let skipped = grown.len().saturating_sub(FEED / 2);
        for view in grown.into_iter().skip(skipped).filter_map(view) {
            let _ = self.updates.send(view);
        }
    }
}
