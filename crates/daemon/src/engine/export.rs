//! Records and alerts on their way out. Nothing here waits for who takes them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam_api::Timestamp;

use super::Engine;
use crate::alerts::Health;
use crate::export::sentence;
use crate::flows::SETTLED;

/// How long the end of the daemon waits for receivers.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Protected folders that are looked at within a second.
const FOLDERS: usize = 64;

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
        self.look();
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
        self.check_folders();
        let kernel = self.enforcer.kernel();
        let hooks = kernel.hooks().into_iter().filter(|(_, attached)| !attached);
        let hooks = hooks.map(|(hook, _)| format!("the program at {hook}"));
        let folders = self.checkup.unhooked.iter();
        let folders = folders.map(|folder| format!("a packet program of {}", folder.display()));
        let missing: Vec<_> = hooks.chain(folders).collect();
        for what in &missing {
            let line = format!("{what} is not attached any more: {}", crate::alerts::REATTACH);
            if self.said.insert(line.clone()) {
                self.complain(line);
            }
        }
        let losses = self.losses();
        let health = Health {
            missing,
            off: self.state.choices.off,
            unwritten: self.flows.records().error.is_some(),
            map_full: losses.map_full,
            lost: losses.flows,
            unkept: losses.unkept,
            kernel_errors: losses.kernel_errors,
        };
        self.alerts.health(health, Instant::now());
    }

    /// Some of the protected folders, others each time: with thousands all of them take long.
    fn check_folders(&mut self) {
        let (kernel, checkup) = (self.enforcer.kernel(), &mut self.checkup);
        if checkup.next >= kernel.hooked() {
            checkup.unhooked = std::mem::take(&mut checkup.found);
            checkup.next = 0;
        }
        let off = kernel.unhooked(checkup.next, FOLDERS);
        checkup.unhooked.extend(off.iter().cloned());
        checkup.found.extend(off);
        checkup.next += FOLDERS;
    }
}

/// Which folders have lost their hooks.
#[derive(Debug, Default)]
pub(super) struct Checkup {
    /// The one that is looked at next.
    next: usize,
    /// Those of this round, and those that count: of this round and the one before.
    found: BTreeSet<PathBuf>,
    pub(super) unhooked: BTreeSet<PathBuf>,
}

pub(super) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
