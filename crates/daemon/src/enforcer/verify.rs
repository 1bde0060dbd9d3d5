//! Read back: what the kernel holds is what it was told.

use cofferdam_datapath as datapath;
use cofferdam_policy::plan;

use super::Enforcer;

/// What `verify` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    /// Nothing was applied since the last time.
    Idle,
    /// The kernel holds what it was told.
    Same,
    /// It held something else; that many steps mended it.
    Mended(usize),
}

// === impl Enforcer ===

impl Enforcer {
    /// Compares what the kernel holds with what it was told, once after each change, and mends a difference.
    pub(crate) fn verify(&mut self) -> Result<Verified, datapath::Error> {
        if self.retirement.is_some() || !std::mem::take(&mut self.unverified) {
            return Ok(Verified::Idle);
        }
        let mut held = self.datapath.compiled()?;
        held.rules.clone_from(&self.applied.rules);
        let mend = plan(&held, &self.applied);
        let steps = mend.install.len() + mend.retire.len();
        if steps == 0 {
            return Ok(Verified::Same);
        }
        self.datapath.apply(&mend.install)?;
        self.datapath.apply(&mend.retire)?;
        Ok(Verified::Mended(steps))
    }
}
