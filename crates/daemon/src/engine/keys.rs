//! The key that signs handshakes: another one when it is due or asked for, and those before forgotten.
//!
//! How many keys are kept and how close two rotations may be is the data plane's; here is the calendar.

use cofferdam_api::{Code, Key, KeyAnswer, Problem, Timestamp};

use super::Engine;
use crate::enforcer::KernelError;
use crate::error::chain;

// === impl Engine ===

impl Engine {
    /// After a start: the key that the kernel kept keeps its age, a new one begins.
    pub(super) fn recall_key(&mut self) {
        let kept = self.enforcer.kernel().adopted();
        let known = self.state.key_since.filter(|_| kept);
        self.state.key_since = Some(known.unwrap_or_else(Timestamp::now));
    }

    /// One beat: what is over goes, what is due comes.
    pub(super) fn turn_key(&mut self) {
        if let Err(error) = self.enforcer.forget_keys() {
            self.complain_once(format!("old keys could not be forgotten: {}", chain(&error)));
        }
        let now = Timestamp::now();
        // The clock was set back: better a late key than none for a year.
        if self.key_since() > now {
            self.state.key_since = Some(now);
            self.dirty = true;
        }
        if self.next_key().is_none_or(|at| at > now) {
            return;
        }
        match self.new_key() {
            Ok(()) => tracing::info!("the key that signs handshakes was rotated: its time was over"),
            // The next beat will do.
            Err(KernelError::TooSoon) => {}
            Err(error) => self.complain_once(format!("the key could not be rotated: {}", chain(&error))),
        }
    }

    /// Rotates because somebody asked.
    pub(super) fn rotate_key(&mut self) -> Result<KeyAnswer, Problem> {
        match self.new_key() {
            Ok(()) => {
                tracing::info!("the key that signs handshakes was rotated: somebody asked");
                self.key_answer()
            }
            Err(error) => {
                let code = match error {
                    KernelError::TooSoon => Code::Conflict,
                    _ => Code::Internal,
                };
                let problem = Problem::new(code, chain(&error));
                Err(match error.hint() {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                })
            }
        }
    }

    pub(super) fn key_answer(&self) -> Result<KeyAnswer, Problem> {
        let key = self.key();
        key.map(KeyAnswer::from)
            .ok_or_else(|| Problem::new(Code::Internal, "the kernel's key cannot be read"))
    }

    /// The key that signs, as the API shows it.
    pub(super) fn key(&self) -> Option<Key> {
        let since = self.key_since();
        let every = self.config.keys.rotate_every;
        Some(Key {
            epoch: self.enforcer.kernel().key_epoch().ok()?,
            since,
            age_seconds: u64::try_from(Timestamp::now().duration_since(since).as_secs()).unwrap_or(0),
            rotate_every_seconds: every.map(|every| every.as_secs()),
            next_at: self.next_key(),
        })
    }

    fn new_key(&mut self) -> Result<(), KernelError> {
        self.enforcer.rotate_key()?;
        self.state.key_since = Some(Timestamp::now());
        self.dirty = true;
        Ok(())
    }

    fn key_since(&self) -> Timestamp {
        self.state.key_since.unwrap_or_else(Timestamp::now)
    }

    /// When a key comes by itself, if ever.
    fn next_key(&self) -> Option<Timestamp> {
        let every = self.config.keys.rotate_every?;
        self.key_since().checked_add(every).ok()
    }

    fn complain_once(&mut self, line: String) {
        if self.said.insert(line.clone()) {
            self.complain(line);
        }
    }
}
