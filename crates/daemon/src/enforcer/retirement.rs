//! What an old policy leaves behind is taken out when nobody is judged by it any more: a thread waits for that, and the loop
//! goes on meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use cofferdam_datapath::Passed;
use cofferdam_policy::Step;
use tokio::sync::Notify;

use super::Enforcer;
use crate::error::chain;

/// Steps that wait.
pub(super) struct Retirement {
    steps: Vec<Step>,
    /// `None` where no thread could be started.
    waiting: Option<JoinHandle<Passed>>,
}

// === impl Enforcer ===

impl Enforcer {
    /// Notified when [`finish`](Self::finish) has something to do and need not wait for it.
    pub(crate) fn retired(&self) -> Arc<Notify> {
        Arc::clone(&self.retired)
    }

    /// Takes out what the last change left behind; waits, if it has to. The next change does it before all else.
    pub(crate) fn finish(&mut self) -> Vec<String> {
        let Some(Retirement { steps, waiting }) = self.retirement.take() else {
            return Vec::new();
        };
        let passed = waiting.and_then(|waiting| waiting.join().ok());
        // It was told, too: the loop must not take that for the next one, and wait.
        pin!(self.retired.notified()).enable();
        let ended = self.datapath.end_succession(passed.unwrap_or_else(Passed::now));
        match ended.and_then(|()| self.datapath.apply(&steps)) {
            Ok(()) => Vec::new(),
            Err(error) => vec![format!("old rows could not be removed: {}", chain(&error))],
        }
    }

    pub(super) fn retire_later(&mut self, steps: Vec<Step>) {
        let retired = self.retired();
        let waiter = thread::Builder::new().name("retirement".to_owned());
        let waiting = waiter.spawn(move || {
            let passed = Passed::now();
            retired.notify_one();
            passed
        });
        let waiting = waiting.ok();
        if waiting.is_none() {
            self.retired.notify_one();
        }
        self.retirement = Some(Retirement { steps, waiting });
    }
}
