//! The state goes to its file beside the loop; whoever was promised that it is kept is answered after that.

use cofferdam_api::{Code, Problem};

use super::Engine;
use crate::command::Reply;

/// What happens once a state is in its file, or could not be written.
pub(super) type Then = Box<dyn FnOnce(&mut Engine, Result<(), Problem>) + Send>;

// === impl Engine ===

impl Engine {
    /// Has the state written as it is now. Whoever cannot write still enforces.
    pub(super) fn save(&mut self) {
        match self.state.bytes() {
            Ok(bytes) => {
                self.saver.ask(bytes);
                self.dirty = false;
            }
            Err(error) => self.not_kept(&error.to_string()),
        }
    }

    /// Has the state written and then does this.
    pub(super) fn save_then(&mut self, then: Then) {
        match self.state.bytes() {
            Ok(bytes) => {
                let number = self.saver.ask(bytes);
                self.dirty = false;
                self.waiting.push_back((number, then));
            }
            Err(error) => then(self, Err(lost(&error.to_string()))),
        }
    }

    /// Answers once what was done is kept: an answer means both.
    pub(super) fn answer_kept<T: Send + 'static>(&mut self, answer: Result<T, Problem>, reply: Reply<T>) {
        match answer {
            Ok(done) => self.save_then(Box::new(move |_, kept| {
                let _ = reply.send(kept.map(|()| done));
            })),
            Err(problem) => drop(reply.send(Err(problem))),
        }
    }

    /// Takes what the thread says, without waiting for it.
    pub(super) fn hear_saver(&mut self) {
        while let Some((number, result)) = self.saver.next() {
            self.kept(number, result);
        }
    }

    /// Waits until everything that was asked for is in the file.
    pub(crate) fn finish_saving(&mut self) {
        while let Some((number, result)) = self.saver.last() {
            self.kept(number, result);
        }
    }

    fn kept(&mut self, number: u64, result: Result<(), String>) {
        if let Err(why) = &result {
            self.not_kept(why);
        }
        while self.waiting.front().is_some_and(|(waits, _)| *waits <= number) {
            if let Some((_, then)) = self.waiting.pop_front() {
                then(self, result.clone().map_err(|why| lost(&why)));
            }
        }
    }

    fn not_kept(&mut self, why: &str) {
        self.dirty = true;
        self.complain(format!("what is in force now would not survive a restart: {why}"));
    }
}

fn lost(why: &str) -> Problem {
    Problem::new(
        Code::Internal,
        format!("it is in force, but would not survive a restart: {why}"),
    )
}
