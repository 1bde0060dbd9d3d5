//! Writes the state on a thread of its own: a slow disk must not stop the heartbeat. The latest state wins.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::Notify;

use super::write;
use crate::Error;
use crate::error::chain;

/// A state to write: its number, from 1, and the file's new contents.
type Job = (u64, Vec<u8>);

/// That state, and so every one before it, is in the file; or why it is not.
pub(crate) type Saved = (u64, Result<(), String>);

/// The thread, and what was asked of it. Dropped, it waits for the last write.
pub(crate) struct Saver {
    jobs: Option<mpsc::Sender<Job>>,
    done: mpsc::Receiver<Saved>,
    wake: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
    asked: u64,
    answered: u64,
}

// === impl Saver ===

impl Saver {
    /// Starts the thread; `folder` must exist.
    pub(crate) fn start(folder: PathBuf) -> Result<Self, Error> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (answers, done) = mpsc::channel();
        let wake = Arc::new(Notify::new());
        let (woken, place) = (Arc::clone(&wake), folder.clone());
        let work = move || {
            while let Ok(first) = todo.recv() {
                let (number, bytes) = todo.try_iter().last().unwrap_or(first);
                let result = write(&place, &bytes).map_err(|error| chain(&error));
                let _ = answers.send((number, result));
                woken.notify_one();
            }
        };
        let thread = std::thread::Builder::new().name("state".to_owned()).spawn(work);
        Ok(Self {
            jobs: Some(jobs),
            done,
            wake,
            thread: Some(thread.map_err(Error::io("start the thread that writes", folder))?),
            asked: 0,
            answered: 0,
        })
    }

    /// Has this written, and nothing older after it; the number by which [`Saved`] tells of it.
    pub(crate) fn ask(&mut self, bytes: Vec<u8>) -> u64 {
        self.asked += 1;
        if let Some(jobs) = &self.jobs {
            // Without a thread `last` answers.
            let _ = jobs.send((self.asked, bytes));
        }
        self.asked
    }

    /// Whether something is still to be written.
    pub(crate) fn is_busy(&self) -> bool {
        self.answered < self.asked
    }

    /// Something was written; [`next`](Self::next) has it.
    pub(crate) fn woken(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// What became of a write, without waiting.
    pub(crate) fn next(&mut self) -> Option<Saved> {
        let saved = self.done.try_recv().ok()?;
        self.answered = saved.0;
        Some(saved)
    }

    /// Waits for what is being written; `None` once nothing is.
    pub(crate) fn last(&mut self) -> Option<Saved> {
        if !self.is_busy() {
            return None;
        }
        let saved = self.done.recv();
        let saved = saved.unwrap_or_else(|_| (self.asked, Err("the thread that writes it died".to_owned())));
        self.answered = saved.0;
        Some(saved)
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
