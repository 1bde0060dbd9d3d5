//! What the loop tells of itself in numbers, for `/metrics`.

use std::sync::Arc;

use super::Engine;
use crate::command::Scrape;
use crate::metrics::Facts;

// === impl Engine ===

impl Engine {
    pub(super) fn scrape(&mut self) -> Scrape {
        self.record_events();
        let lost = self.enforcer.kernel().losses().unwrap_or_default();
        Scrape {
            metrics: Arc::clone(&self.metrics),
            facts: Facts {
                status: self.status(),
                hooks: self.enforcer.kernel().hooks(),
                unhooked: self.checkup.unhooked.len() as u64,
                maps: self.enforcer.fills(),
                handshakes: (lost.no_room, lost.bad_tags),
                store_limit: self.config.flows.max_size,
            },
        }
    }
}
