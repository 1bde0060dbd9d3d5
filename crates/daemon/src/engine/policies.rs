//! The policy folder: what was written there is read, tried, put into force or refused, and kept.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Engine;
use crate::error::chain;
use crate::policies::{Outcome, Proposal, line};

/// How long a look waits for more: whoever copies a folder of policies means one change.
const GATHER: Duration = Duration::from_millis(5);

// === impl Engine ===

impl Engine {
    /// At the start: makes the kernel hold what is known, and what the folder says.
    pub(super) fn recall_policies(&mut self) {
        if !self.look_at_policies() {
            self.reconcile();
        }
    }

    /// Something was written.
    pub(super) fn hear_policies(&mut self) {
        if self.folder.hear() {
            self.look_due.get_or_insert_with(|| Instant::now() + GATHER);
        }
    }

    /// Puts into force what the folder says by now; `false`: that is nothing new, and nothing was done.
    pub(super) fn look_at_policies(&mut self) -> bool {
        self.look_due = None;
        self.folder.hear();
        let Some(mut proposal) = self.read_policies() else {
            return false;
        };
        let fits = self.try_proposal(&mut proposal);
        let changes = proposal.changes();
        self.close(proposal);
        if !fits {
            self.reconcile();
        }
        changes
    }

    /// A folder that came, went or was put in another's place is read. `true`: some policy has ended.
    pub(super) fn find_policies(&mut self) -> bool {
        if self.folder.aim() {
            self.look_at_policies();
        }
        let now = now();
        let documents = self.resolved.world.documents.iter();
        documents.into_iter().any(|document| document.has_ended(now))
    }

    fn read_policies(&mut self) -> Option<Proposal> {
        match self.folder.look(self.policies.files().keys()) {
            Ok(looks) => Some(self.policies.propose(looks)),
            Err(error) => {
                // It may have read some of it.
                self.folder.read_all();
                let folder = self.policies.folder().display();
                self.complain(format!(
                    "policies in {folder} cannot be read, the old ones stay: {}",
                    chain(&error)
                ));
                None
            }
        }
    }

    /// Enforces what of a proposal fits; `false`: it is not at fault, nothing compiles.
    fn try_proposal(&mut self, proposal: &mut Proposal) -> bool {
        while proposal.changes() {
            match self.try_documents(&proposal.in_force(now())) {
                Ok(()) => return true,
                Err(error) if proposal.withdraw(&error) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Makes a proposal the books; says and keeps what is new in it.
    fn close(&mut self, proposal: Proposal) {
        let folder = self.policies.folder().to_owned();
        let mut unkept = Vec::new();
        for (name, outcome) in proposal.outcomes() {
            let path = folder.join(name);
            let path = path.display();
            let kept = match outcome {
                Outcome::Taken(good) => {
                    tracing::info!("{path}: {} policies are in force", good.documents.len());
                    self.folder.keep(name, &good.text)
                }
                Outcome::Gone => {
                    tracing::info!("{path} is gone, and its policies with it");
                    self.folder.forget(name)
                }
                Outcome::Refused(file) => {
                    for mistake in &file.mistakes {
                        tracing::error!("{}", line(mistake, file));
                    }
                    Ok(())
                }
            };
            if let Err(error) = kept {
                unkept.push(format!(
                    "what {path} says would be lost if it went bad before a restart: {error}"
                ));
            }
        }
        self.policies.take(proposal);
        unkept.into_iter().for_each(|line| self.complain(line));
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
