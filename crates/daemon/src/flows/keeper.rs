//! Writes flow records to their file on a thread of its own, so that the loop never waits for a disk.
//!
//! What it cannot take is counted: records that come faster than they are written, and those of a batch that could not be.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cofferdam_api::{Records, Totals};
use redb::Database;

use super::Slot;
use super::past::Past;
use super::store::{Change, Held, Limits, Store};
use super::words::view;

#[cfg(test)]
mod tests;

/// Records that may wait to be written. More than a burst that the kernel's ring holds.
const QUEUE: usize = if cfg!(test) { 8192 } else { 65_536 };
/// How often the old ones are dropped while no new ones come.
const IDLE: Duration = Duration::from_secs(60);
/// How long a file that failed is left alone.
const PAUSE: Duration = Duration::from_secs(5);
/// The thread's nice value: nothing waits for it.
const PRIORITY: i32 = 5;

/// A record on its way to the file.
#[derive(Debug)]
pub(super) struct Sent {
    /// Its number in this run.
    pub(super) number: u64,
    /// The record, or what more is known of it.
    pub(super) what: What,
    /// It was not sent before.
    pub(super) new: bool,
}

/// What is told of a record.
#[derive(Debug)]
pub(super) enum What {
    /// All.
    Slot(Box<Slot>),
    /// What connections of it carried that have ended, for it is not in memory any more.
    Ended(Totals),
}

enum Job {
    /// Records, and the number before which all are written then, or lost.
    Records(Vec<Sent>, u64),
    Limits(Limits),
}

/// The thread, seen from the loop. Dropped, it waits for the last write.
#[derive(Debug)]
pub(super) struct Keeper {
    jobs: Option<mpsc::Sender<Job>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread tells.
#[derive(Debug)]
pub(super) struct Shared {
    file: PathBuf,
    progress: Mutex<Progress>,
    changed: Condvar,
    waiting: AtomicUsize,
    lost: AtomicU64,
}

#[derive(Debug)]
struct Progress {
    phase: Phase,
    /// All records before this number were written, or are lost.
    done: u64,
    held: Held,
    error: Option<String>,
}

/// How the file is.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// It is being opened.
    Opening,
    /// It can be read.
    Open {
        /// It.
        database: Arc<Database>,
        /// Which run of the daemon writes.
        run: u64,
    },
    /// It cannot be used.
    Failed,
}

// === impl Keeper ===

impl Keeper {
    /// Starts the thread, which opens the file or makes it.
    pub(super) fn start(file: PathBuf, limits: Limits) -> std::io::Result<Self> {
        let (jobs, todo) = mpsc::channel();
        let shared = Arc::new(Shared {
            file,
            progress: Mutex::new(Progress {
                phase: Phase::Opening,
                done: 0,
                held: Held::default(),
                error: None,
            }),
            changed: Condvar::new(),
            waiting: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        });
        let told = Arc::clone(&shared);
        let work = move || {
            // The daemon's own priority is for what must not wait.
            let _ = rustix::process::setpriority_process(None, PRIORITY);
            Writer::new(told, limits).run(&todo);
        };
        let thread = std::thread::Builder::new().name("flows".to_owned()).spawn(work)?;
        Ok(Self {
            jobs: Some(jobs),
            shared,
            thread: Some(thread),
        })
    }

    /// Has records written. What there is no room for is counted as lost.
    pub(super) fn send(&self, mut records: Vec<Sent>) {
        let done = records.iter().map(|sent| sent.number + 1).max();
        let room = QUEUE.saturating_sub(self.shared.waiting.load(Ordering::Relaxed));
        if records.len() > room {
            // What was sent before is in the file already, with a smaller count.
            let lost = records.split_off(room).iter().filter(|sent| sent.new).count();
            self.shared.lose(lost);
        }
        self.shared.waiting.fetch_add(records.len(), Ordering::Relaxed);
        self.tell(Job::Records(records, done.unwrap_or(0)));
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        self.tell(Job::Limits(limits));
    }

    /// What lies before a record of this run.
    pub(super) fn past(&self, before: u64) -> Past {
        Past::new(Arc::clone(&self.shared), before)
    }

    /// Records that did not reach the file.
    pub(super) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// How the file is.
    pub(super) fn records(&self) -> Records {
        let progress = self.shared.lock();
        Records {
            file: self.shared.file.display().to_string(),
            kept: progress.held.count,
            bytes: length(&self.shared.file),
            oldest: progress.held.oldest,
            error: progress.error.clone(),
        }
    }

    fn tell(&self, job: Job) {
        // A thread that died has said so: its records are counted as waiting, and then as lost.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |file| file.len())
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, records: usize) {
        self.lost.fetch_add(records as u64, Ordering::Relaxed);
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits, but not for ever, until the file is open and has every record before this number.
    pub(super) fn wait_for(&self, number: u64, patience: Duration) -> Phase {
        let late = |progress: &mut Progress| match progress.phase {
            Phase::Opening => true,
            Phase::Open { .. } => progress.done < number,
            Phase::Failed => false,
        };
        let waited = self.changed.wait_timeout_while(self.lock(), patience, late);
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        progress.phase.clone()
    }
}

// === impl What ===

impl From<What> for Change {
    fn from(what: What) -> Self {
        match what {
            What::Slot(slot) => Self::Record(Box::new(view(&slot))),
            What::Ended(totals) => Self::Ended(totals),
        }
    }
}

// === the thread ===

struct Writer {
    shared: Arc<Shared>,
    limits: Limits,
    store: Option<Store>,
    /// When it failed last.
    failed: Option<Instant>,
    /// The number of this run, once it has one.
    number: Option<u64>,
    trimmed: Instant,
}

impl Writer {
    fn new(shared: Arc<Shared>, limits: Limits) -> Self {
        let mut writer = Self {
            shared,
            limits,
            store: None,
            failed: None,
            number: None,
            trimmed: Instant::now(),
        };
        writer.open();
        writer
    }

    fn run(&mut self, todo: &mpsc::Receiver<Job>) {
        loop {
            let first = match todo.recv_timeout(IDLE) {
                Ok(job) => Some(job),
                Err(mpsc::RecvTimeoutError::Timeout) => None,
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            };
            let (mut records, mut done) = (Vec::new(), 0);
            for job in first.into_iter().chain(todo.try_iter()) {
                match job {
                    Job::Records(more, until) => {
                        records.extend(more);
                        done = done.max(until);
                    }
                    Job::Limits(limits) => self.limits = limits,
                }
            }
            if done > 0 || self.trimmed.elapsed() >= IDLE {
                self.write(records, done);
            }
        }
    }

    fn write(&mut self, records: Vec<Sent>, done: u64) {
        let (count, new) = (records.len(), records.iter().filter(|sent| sent.new).count());
        if self.store.is_none() && self.failed.is_none_or(|failed| failed.elapsed() >= PAUSE) {
            self.open();
        }
        if let Some(store) = &mut self.store {
            let mut numbered: Vec<_> = records
                .into_iter()
                .map(|sent| (sent.number, sent.what.into()))
                .collect();
            // A record that was sent again is there twice: the later one counts.
            numbered.sort_by_key(|(number, _)| *number);
            // The crate promises to check what it reads, not to survive what somebody else wrote meanwhile.
            let limits = self.limits;
            match catch_unwind(AssertUnwindSafe(|| store.write(numbered, limits))) {
                Ok(Ok(())) => (self.trimmed, self.failed) = (Instant::now(), None),
                Ok(Err(error)) => self.fail(&error.to_string()),
                Err(_) => self.fail("the file makes no sense"),
            }
        }
        if self.store.is_none() {
            self.shared.lose(new);
        }
        self.shared.waiting.fetch_sub(count, Ordering::Relaxed);
        let held = self.store.as_ref().map(Store::held);
        let wrote = self.failed.is_none();
        self.shared.change(|progress| {
            progress.done = progress.done.max(done);
            progress.held = held.unwrap_or(progress.held);
            // A file that can be opened may still be full.
            if wrote {
                progress.error = None;
            }
        });
    }

    fn open(&mut self) {
        match Store::open(&self.shared.file, self.number) {
            Ok((store, aside)) => {
                if let Some(aside) = aside {
                    tracing::error!("flow records of the past are lost: {aside}");
                }
                let (database, run, held) = (store.database(), store.run(), store.held());
                (self.store, self.number) = (Some(store), Some(run));
                self.shared.change(|progress| {
                    progress.phase = Phase::Open { database, run };
                    progress.held = held;
                });
            }
            Err(error) => self.fail(&error.to_string()),
        }
    }

    fn fail(&mut self, why: &str) {
        self.store = None;
        if self.failed.replace(Instant::now()).is_none() {
            tracing::error!("flow records are not kept: {why}");
        }
        self.shared.change(|progress| {
            progress.phase = Phase::Failed;
            progress.error = Some(why.to_owned());
        });
    }
}
