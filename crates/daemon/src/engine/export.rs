//! Records and alerts on their way out. Nothing here waits for who takes them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam_api::Timestamp;

use super::Engine;
use crate::alerts::Health;
use crate::export::sentence;
use crate::flows::SETTLED;

/// How long the end of the daemon waits for receivers.
const LAST_WORDS: Duration = Duration::from_secs(2);

// === impl Engine ===

impl Engine {
    /// Starts what the configuration says, or takes over what it says now.
    pub(crate) fn configure_exports(&mut self) {
        self.exports.configure(&self.config);
        self.flows.settle(self.exports.wants_flows());
        for line in self.exports.trouble() {
            self.complain(line);
        }
    }

    /// Gives out what is settled.
    pub(super) fn export(&mut self) {
        self.export_older_than(SETTLED);
    }

    /// At the end: everything, and then no more.
    pub(super) fn finish_exports(&mut self) {
        self.export_older_than(Duration::ZERO);
        self.exports.finish(Instant::now() + LAST_WORDS);
    }

    fn export_older_than(&mut self, age: Duration) {
        if self.exports.wants_flows() {
            let (flows, lost) = self.flows.settled(age, Timestamp::now());
            self.exports.lose(lost);
            for flow in flows {
                if self.exports.wants_alerts() {
                    self.alerts.flow(&flow, || sentence(&flow));
                }
                self.exports.flow(&Arc::new(flow));
            }
        }
        for alert in self.alerts.take(Instant::now()) {
            self.exports.alert(&Arc::new(alert));
        }
    }

    /// A chore: is what enforces still there?
    pub(super) fn look_at_health(&mut self) {
        let hooks = self.enforcer.kernel().hooks();
        let missing: Vec<_> = hooks
            .into_iter()
            .filter(|(_, attached)| !attached)
            .map(|(hook, _)| hook)
            .collect();
        for hook in &missing {
            let line = format!(
                "the program at {hook} is not attached any more: restart the daemon, which attaches it again"
            );
            if self.said.insert(line.clone()) {
                self.complain(line);
            }
        }
        let losses = self.losses();
        let health = Health {
            missing,
            off: self.state.choices.off,
            map_full: losses.map_full,
            lost: losses.flows,
            unkept: losses.unkept,
            kernel_errors: losses.kernel_errors,
        };
        self.alerts.health(health, Instant::now());
    }
}

pub(super) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
