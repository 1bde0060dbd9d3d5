//! What the loop does each second, whatever else happens.

use std::time::{Duration, Instant};

use super::{Engine, runs};
use crate::error::chain;

/// How long everybody else is heard between two chores of a beat.
const BREATH: Duration = Duration::from_millis(5);

/// How long the policy may name runs that have ended. A change forgets them with what it does anyway: with thousands of
/// workloads, a compilation for each would be in the way of what starts.
const LEFTOVER: Duration = Duration::from_secs(5);

// === impl Engine ===

impl Engine {
    /// One beat: a sign of life, and then what is due and a look at what was applied.
    pub(super) fn tick(&mut self) {
        match self.enforcer.kernel().heartbeat() {
            Ok(()) => self.beaten = Instant::now(),
            Err(error) => tracing::error!("the data plane does not take a heartbeat: {}", chain(&error)),
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        self.hear_switch();
        self.record_events();
        self.export();
        self.chore_due.get_or_insert_with(Instant::now);
    }

    /// The next part of what a beat brings with it. One at a time: with thousands of workloads each takes milliseconds, and
    /// a change does not wait for all of them.
    pub(super) fn do_chore(&mut self) {
        const CHORES: [fn(&mut Engine); 7] = [
            Engine::look_around,
            Engine::verify,
            Engine::look_for_processes,
            Engine::refresh_names,
            Engine::turn_key,
            Engine::look_at_health,
            Engine::keep_and_tell,
        ];
        if let Some(chore) = CHORES.get(self.chore) {
            chore(self);
        }
        self.chore += 1;
        self.chore_due = Some(Instant::now() + BREATH);
        if self.chore >= CHORES.len() {
            (self.chore, self.chore_due) = (0, None);
        }
    }

    /// What ended, moved or ran out without a word.
    fn look_around(&mut self) {
        self.sweep_runs();
        let swept = self.strays.sweep(&self.cgroup_root.join(runs::FOLDER));
        let stale = self.leftover.is_some_and(|since| since.elapsed() >= LEFTOVER);
        let rolled = self.roll_back_if_due();
        let moved = self.find_units();
        let ended = self.find_policies();
        if swept || stale || rolled || moved || ended {
            self.reconcile();
        }
    }

    fn look_for_processes(&mut self) {
        for line in self.enforcer.look_for_processes() {
            self.complain(line);
        }
        self.hear_ends();
        self.name_strangers();
    }

    fn keep_and_tell(&mut self) {
        if self.dirty && !self.saver.is_busy() {
            self.save();
        }
        self.tell_systemd();
    }
}
