//! One receiver: a bounded queue, a thread of its own, and what is told of both.
//!
//! The loop never waits here. What finds the queue full is dropped and counted; a receiver that fails is tried again, ever
//! later, and it is said once that it fails and once that it is back.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cofferdam_api::ExportView;

/// Items that may wait.
pub(super) const QUEUE: usize = 8192;
/// Items that go together.
const BATCH: usize = 256;
/// How long a batch is waited for once it has begun.
const GATHER: Duration = Duration::from_millis(50);
/// Between two tries, at first and at last.
const SOON: Duration = Duration::from_millis(250);
const LATE: Duration = Duration::from_secs(30);
/// How often a file that was moved away is looked for while nothing comes.
const IDLE: Duration = Duration::from_secs(5);
/// The thread's nice value: nothing waits for it.
const PRIORITY: i32 = 5;

/// Somebody who takes items.
pub(super) trait Receiver: Send + 'static {
    /// What.
    type Item: Send + 'static;

    /// Takes all of them, in order, or says how far it came; it is given the rest again.
    fn take(&mut self, items: &[Self::Item]) -> Result<(), Refused>;

    /// The configuration was read again: files may have been moved away.
    fn reopen(&mut self) {}
}

/// Why not all items were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// So many were.
    pub(super) taken: usize,
    /// So many that come then never will be.
    pub(super) lost: usize,
    pub(super) why: String,
}

/// A receiver, seen from the loop.
pub(super) struct Sink<T> {
    name: String,
    target: String,
    queue: Option<SyncSender<T>>,
    shared: Arc<Shared>,
    done: mpsc::Receiver<()>,
}

#[derive(Default)]
struct Shared {
    sent: AtomicU64,
    dropped: AtomicU64,
    waiting: AtomicUsize,
    reopen: AtomicBool,
    /// Why it fails now.
    error: Mutex<Option<String>>,
    ending: Mutex<bool>,
    ended: Condvar,
}

// === impl Sink ===

impl<T: Send + 'static> Sink<T> {
    /// Starts a thread. `name` is the key of the configuration, `target` what may be shown of where it leads.
    pub(super) fn start(
        name: &str,
        target: String,
        receiver: impl Receiver<Item = T>,
    ) -> std::io::Result<Self> {
        let (queue, items) = mpsc::sync_channel(QUEUE);
        let (tell, done) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let worker = Worker {
            line: format!("{name} to {target}"),
            receiver,
            items,
            shared: Arc::clone(&shared),
        };
        let work = move || {
            // The daemon's own priority is for what must not wait.
            let _ = rustix::process::setpriority_process(None, PRIORITY);
            worker.run();
            // Nobody listens where the sink was replaced.
            let _ = tell.send(());
        };
        let thread = name.chars().take(15).collect();
        std::thread::Builder::new().name(thread).spawn(work)?;
        Ok(Self {
            name: name.to_owned(),
            target,
            queue: Some(queue),
            shared,
            done,
        })
    }

    /// Gives it an item, or counts it as dropped.
    pub(super) fn give(&self, item: T) {
        let Some(queue) = &self.queue else { return };
        // Before it is there: the thread may have taken it by the time this returns.
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(item) {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts what could not be given.
    pub(super) fn lose(&self, items: u64) {
        self.shared.dropped.fetch_add(items, Ordering::Relaxed);
    }

    pub(super) fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Relaxed);
    }

    /// Waits for the end, at most until `deadline`.
    pub(super) fn wait(&self, deadline: Instant) {
        // Either way it has had its time.
        let _ = self
            .done
            .recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }

    pub(super) fn view(&self) -> ExportView {
        ExportView {
            name: self.name.clone(),
            target: self.target.clone(),
            sent: self.shared.sent.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            waiting: self.shared.waiting.load(Ordering::Relaxed) as u64,
            error: lock(&self.shared.error).clone(),
        }
    }
}

impl<T> Sink<T> {
    /// Has it end: what waits is tried once more, beside the loop.
    pub(super) fn end(&mut self) {
        self.queue.take();
        *lock(&self.shared.ending) = true;
        self.shared.ended.notify_all();
    }
}

impl<T> Drop for Sink<T> {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === the thread ===

struct Worker<R: Receiver> {
    /// What the log calls it.
    line: String,
    receiver: R,
    items: mpsc::Receiver<R::Item>,
    shared: Arc<Shared>,
}

impl<R: Receiver> Worker<R> {
    fn run(mut self) {
        loop {
            match self.items.recv_timeout(IDLE) {
                Ok(first) => {
                    let batch = self.gather(first);
                    self.deliver(&batch);
                    self.shared.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => self.reopen_if_asked(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn gather(&self, first: R::Item) -> Vec<R::Item> {
        let mut batch = vec![first];
        let until = Instant::now() + GATHER;
        while batch.len() < BATCH {
            match self
                .items
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(item) => batch.push(item),
                Err(_) => break,
            }
        }
        batch
    }

    fn deliver(&mut self, mut batch: &[R::Item]) {
        let mut pause = SOON;
        while !batch.is_empty() {
            self.reopen_if_asked();
            let Err(refused) = self.receiver.take(batch) else {
                self.sent(batch.len());
                self.works();
                return;
            };
            self.fails(&refused.why);
            self.sent(refused.taken);
            self.lose(refused.lost);
            let done = refused.taken + refused.lost;
            batch = batch.get(done..).unwrap_or_default();
            if done > 0 {
                pause = SOON;
            }
            // What was refused for good says nothing about what comes.
            if refused.lost == 0 && self.ends_within(pause) {
                return self.lose(batch.len());
            }
            pause = (pause * 2).min(LATE);
        }
    }

    /// Waits; `true`: it is to end.
    fn ends_within(&self, pause: Duration) -> bool {
        let ending = lock(&self.shared.ending);
        let wait = self
            .shared
            .ended
            .wait_timeout_while(ending, pause, |ending| !*ending);
        *wait.unwrap_or_else(PoisonError::into_inner).0
    }

    fn sent(&self, items: usize) {
        self.shared.sent.fetch_add(items as u64, Ordering::Relaxed);
    }

    fn lose(&self, items: usize) {
        self.shared.dropped.fetch_add(items as u64, Ordering::Relaxed);
    }

    fn fails(&self, why: &str) {
        let before = lock(&self.shared.error).replace(why.to_owned());
        if before.is_none() {
            tracing::error!("{} fails, and is tried again: {why}", self.line);
        }
    }

    fn works(&self) {
        if lock(&self.shared.error).take().is_some() {
            let dropped = self.shared.dropped.load(Ordering::Relaxed);
            tracing::info!("{} works again; {dropped} were dropped so far", self.line);
        }
    }

    fn reopen_if_asked(&mut self) {
        if self.shared.reopen.swap(false, Ordering::Relaxed) {
            self.receiver.reopen();
        }
    }
}

// === impl Refused ===

impl Refused {
    /// Nothing more is taken at present.
    pub(super) fn after(taken: usize, why: impl std::fmt::Display) -> Self {
        Self {
            taken,
            lost: 0,
            why: why.to_string(),
        }
    }
}
