//! Established flows that a change denies are ended: when a look is due, and the thread that takes it.
//!
//! Which flows those are is judged in the kernel (`bpf/ending.h` of the data plane). Here it is kept small: only a change
//! that may deny more than before is followed by a look, changes close to each other by one, and it rests in between.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cofferdam_datapath::{EndBy, Ended, Ender};
use cofferdam_policy::{Compiled, Direction, Peer, Plane, RowKey, RowValue};

use super::scan::beside;
use super::{Enforcer, Entry};
use crate::cgroups::tree;
use crate::error::chain;

#[cfg(test)]
mod tests;

/// How long a look waits for more changes; what was judged by the policy before has come to rest by then.
const GATHER: Duration = Duration::from_millis(50);
/// How much longer than a look lasted the thread rests after it: looks never take more than a fifth of one processor.
const REST: u32 = 4;
/// And at most so long: a flow is ended within a second.
const LONGEST_REST: Duration = Duration::from_millis(400);

/// Where a change may deny more than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Change {
    /// Nowhere.
    #[default]
    None,
    /// To and from what is in these cgroups.
    Of(BTreeSet<PathBuf>),
    /// Anywhere.
    All,
}

/// One look.
#[derive(Debug)]
struct Look {
    /// Cgroups of everything protected.
    protected: BTreeSet<PathBuf>,
    change: Change,
}

/// What was done so far.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Flows that were ended.
    pub(super) ended: u64,
    /// What went wrong, for the log.
    pub(super) trouble: Vec<String>,
}

/// The thread, and what is to be told it.
pub(super) struct Ends {
    looks: Option<Sender<Look>>,
    thread: Option<JoinHandle<()>>,
    done: Arc<Mutex<Done>>,
}

// === impl Change ===

impl Change {
    pub(super) fn add(&mut self, cgroup: &Path) {
        match self {
            Self::None => *self = Self::Of(BTreeSet::from([cgroup.to_owned()])),
            Self::Of(known) => drop(known.insert(cgroup.to_owned())),
            Self::All => {}
        }
    }

    fn join(&mut self, other: Self) {
        match other {
            Self::None => {}
            Self::All => *self = Self::All,
            Self::Of(more) => more.iter().for_each(|cgroup| self.add(cgroup)),
        }
    }

    fn touches(&self, cgroup: &Path) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Of(known) => known.contains(cgroup),
        }
    }
}

/// Does the new policy answer a subject that stays otherwise than the old one, or know an address as something else? A
/// policy that changes gets a new subject, so this is rare: an identity that came or went, a prefix of the host's.
pub(super) fn changes_in_place(old: &Compiled, new: &Compiled) -> bool {
    if old.prefixes != new.prefixes {
        return true;
    }
    let is_live = |subject| {
        let first = RowKey {
            subject,
            peer: Peer(0),
            direction: Direction::Ingress,
            plane: Plane::FIRST,
        };
        let next = new.rows.range(first..).next();
        next.is_some_and(|(key, _)| key.subject == subject)
    };
    let mut rows = differing(&old.rows, &new.rows);
    let rows = rows.any(|(key, row, now)| {
        let says = |row: &RowValue| (row.verdict.effect, row.table);
        now.map(says) != Some(says(row)) && is_live(key.subject)
    });
    if rows {
        return true;
    }
    let mut ports = differing(&old.ports, &new.ports)
        .filter(|(_, port, now)| now.map(|now| now.effect) != Some(port.effect))
        .peekable();
    if ports.peek().is_none() {
        return false;
    }
    let tables: BTreeSet<u32> = new.rows.values().map(|row| row.table).collect();
    ports.any(|(key, ..)| tables.contains(&key.table))
}

/// What `old` has and `new` has not, or not so.
fn differing<'a, K: Ord, V: PartialEq>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V, Option<&'a V>)> {
    let both = old.iter().zip(beside(old, new));
    both.filter_map(|((key, value), now)| (now != Some(value)).then_some((key, value, now)))
}

// === impl Ends ===

impl Ends {
    /// Nothing is loaded before the first look.
    pub(super) fn start(bpffs: &Path) -> Self {
        let (looks, orders) = channel();
        let done = Arc::new(Mutex::new(Done::default()));
        let (home, told) = (bpffs.to_owned(), Arc::clone(&done));
        let thread = thread::Builder::new()
            .name("flow-ends".to_owned())
            .spawn(move || work(&home, &orders, &told));
        if let Err(error) = &thread {
            lock(&done)
                .trouble
                .push(format!("established flows are not ended: {error}"));
        }
        Self {
            looks: thread.is_ok().then_some(looks),
            thread: thread.ok(),
            done,
        }
    }

    /// A look soon.
    pub(super) fn look(&self, protected: BTreeSet<PathBuf>, change: Change) {
        if let (Some(looks), false) = (&self.looks, change == Change::None) {
            let _ = looks.send(Look { protected, change });
        }
    }

    pub(super) fn done(&self) -> MutexGuard<'_, Done> {
        lock(&self.done)
    }
}

impl Drop for Ends {
    /// Waits for a look that is under way: nothing is ended after enforcement has.
    fn drop(&mut self) {
        drop(self.looks.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(done: &Mutex<Done>) -> MutexGuard<'_, Done> {
    done.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Enforcer ===

impl Enforcer {
    /// Whether established flows that a change denies are ended.
    pub(crate) fn set_ends_flows(&mut self, ends: bool) {
        // What was kept so far is looked at, too.
        if ends && !self.ends_flows {
            self.stricter = Change::All;
        }
        self.ends_flows = ends;
        self.end_denied();
    }

    /// Enforcement came back past this daemon.
    pub(crate) fn look_everywhere(&mut self) {
        self.stricter = Change::All;
        self.end_denied();
    }

    /// How many flows were ended since the start.
    pub(crate) fn ended_flows(&self) -> u64 {
        self.ends.done().ended
    }

    /// What went wrong with it since the last call.
    pub(crate) fn ending_trouble(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ends.done().trouble)
    }

    /// Remembers that a cgroup was bound. Who leaves takes its identity with it, and may be denied by anybody.
    pub(super) fn note_stricter(
        &mut self,
        cgroup: &Path,
        known: Option<Entry>,
        now: &Entry,
        born_bound: bool,
    ) {
        match known {
            Some(known) if known.subject != 0 && now.subject == 0 => self.stricter = Change::All,
            None if born_bound => {}
            // Its peers see what they saw before, and its own denials are only recorded.
            Some(known) if now.observe && known.identity == now.identity => {}
            _ => self.stricter.add(cgroup),
        }
    }

    /// Orders a look, if there is something to see.
    pub(super) fn end_denied(&mut self) {
        if !self.settled {
            return;
        }
        let change = std::mem::take(&mut self.stricter);
        if !self.ends_flows || change == Change::None {
            return;
        }
        let protected = self.bound.iter().filter(|(_, (_, entry))| entry.subject != 0);
        let protected = protected.map(|(cgroup, _)| cgroup.clone()).collect();
        self.ends.look(protected, change);
    }
}

// === the thread ===

fn work(bpffs: &Path, orders: &Receiver<Look>, done: &Mutex<Done>) {
    let mut ender = None;
    let mut rested = Instant::now();
    while let Ok(first) = orders.recv() {
        let Some(look) = gather(first, orders, rested.max(Instant::now() + GATHER)) else {
            return;
        };
        match take(bpffs, &mut ender, &look) {
            Ok(ended) => {
                tracing::debug!(?ended, "established flows");
                rested = Instant::now() + (ended.time * REST).min(LONGEST_REST);
                let mut done = lock(done);
                done.ended += ended.ended;
                done.trouble.extend(trouble(&ended));
            }
            Err(error) => {
                lock(done).trouble.push(format!(
                    "established flows that are denied now were not ended: {}",
                    chain(&error)
                ));
                // The kernel will refuse the programs again, and each try keeps its memory.
                if ender.is_none() {
                    return;
                }
            }
        }
    }
}

/// The newest state with all changes since; `None`: the daemon ends.
fn gather(mut look: Look, orders: &Receiver<Look>, until: Instant) -> Option<Look> {
    loop {
        match orders.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(next) => {
                look.protected = next.protected;
                look.change.join(next.change);
            }
            Err(RecvTimeoutError::Timeout) => return Some(look),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

fn take(bpffs: &Path, ender: &mut Option<Ender>, look: &Look) -> Result<Ended, cofferdam_datapath::Error> {
    let ender = match ender {
        Some(ender) => ender,
        None => ender.insert(Ender::open(bpffs, EndBy::Program)?),
    };
    ender.end(&namespaces(look))
}

fn trouble(ended: &Ended) -> Option<String> {
    (ended.failed + ended.missed > 0).then(|| {
        format!(
            "established flows that are denied now may go on: the kernel did not end {}, and {} were too many",
            ended.failed, ended.missed
        )
    })
}

/// The namespaces of all processes of protected workloads, and whether something changed there. The host's is one of them:
/// others reach them from there.
fn namespaces(look: &Look) -> Vec<(File, bool)> {
    let mut found: BTreeMap<u64, (File, bool)> = BTreeMap::new();
    let mut enter = |process: &str, changed: bool| {
        let path = format!("/proc/{process}/ns/net");
        // What has ended meanwhile has no flows.
        let Ok(inode) = fs::metadata(&path).map(|metadata| metadata.ino()) else {
            return;
        };
        if let Some((_, known)) = found.get_mut(&inode) {
            *known |= changed;
        } else if let Ok(file) = File::open(&path) {
            found.insert(inode, (file, changed));
        }
    };
    enter("self", look.change == Change::All);
    for cgroup in &look.protected {
        let changed = look.change.touches(cgroup);
        each_process(cgroup, &mut |process| enter(process, changed));
    }
    found.into_values().collect()
}

fn each_process(cgroup: &Path, visit: &mut dyn FnMut(&str)) {
    for folder in tree(cgroup) {
        let processes = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        processes.lines().for_each(&mut *visit);
    }
}
