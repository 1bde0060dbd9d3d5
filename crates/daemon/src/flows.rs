//! The flow store: a bounded ring of what was judged, repeats folded, a feed for those who follow, and below the state
//! folder a file that keeps what the ring lets go and what a restart would lose (`keeper`, `store`, `block`, `past`).
//!
//! Names and rules are settled when a record comes in, so that it reads the same after its workloads are gone.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam_api::{FlowQuery, FlowView, Records, Timestamp, Totals};
use cofferdam_policy::{Action, Protocol, RuleText, Verdict};
use tokio::sync::broadcast;

use crate::enforcer::Hook;
use crate::names::End;
use counts::Counts;
use dns::Lookups;
use feeds::Feeds;
use keeper::{Keeper, Sent, What};

mod block;
mod counts;
mod dns;
mod feeds;
mod keeper;
mod key;
mod past;
mod settled;
mod store;
mod sums;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use key::{Key, Way};
pub(crate) use past::Past;
pub(crate) use settled::SETTLED;
pub(crate) use store::Limits;
pub(crate) use sums::Sums;
use words::view;
pub(crate) use words::{protocol_name, reason_name};

/// Equal records within this time are one record with a count.
const FOLD_MILLISECONDS: i64 = 1000;
/// How long records wait for others that are written with them. What a kill loses is that, and the writing.
const BATCH: Duration = Duration::from_millis(250);
/// So many do not wait.
const MANY: usize = 4096;
/// Ways whose records are remembered after those have left the ring.
const OPEN: usize = 65_536;
/// The file, in the state folder.
pub(crate) const FILE: &str = "flows.redb";

/// One verdict, settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// When it fell.
    pub(crate) time: Timestamp,
    /// What it was.
    pub(crate) verdict: Verdict,
    /// The denial was not carried out.
    pub(crate) observed: bool,
    /// Where it fell.
    pub(crate) hook: Hook,
    /// Who started.
    pub(crate) from: End,
    /// Who was to be reached.
    pub(crate) to: End,
    /// The protocol.
    pub(crate) protocol: Protocol,
    /// From where; port 0 and an unspecified address mean that the socket had none yet.
    pub(crate) source: SocketAddr,
    /// To where.
    pub(crate) destination: SocketAddr,
    /// The port that rules are about, where it is another.
    pub(crate) inner_port: Option<u16>,
    /// The name by which it was looked for.
    pub(crate) dns: Option<Arc<str>>,
    /// What was acted on, where that is no address.
    pub(crate) object: Option<Arc<str>>,
    /// The process; 0 where a packet was judged.
    pub(crate) pid: u32,
    /// Its name.
    pub(crate) comm: Arc<str>,
    /// The rule that decided.
    pub(crate) rule: Option<Arc<RuleText>>,
    /// The line that would allow it.
    pub(crate) allow_with: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
struct Slot {
    key: Key,
    record: Record,
    first: Timestamp,
    repeats: u64,
    /// What its connections carried that have ended.
    totals: Option<Totals>,
    /// The keeper was given it, if perhaps with fewer repeats.
    sent: bool,
}

/// The ring.
#[derive(Debug)]
pub(crate) struct FlowStore {
    slots: VecDeque<Slot>,
    /// Sequence number of `slots[0]`; the newest record of a key is found by its sequence number.
    base: u64,
    newest: HashMap<Key, u64>,
    /// The newest record of connections from or to a cgroup, which has its totals when they end.
    open: HashMap<Way, u64>,
    /// What protected workloads reach: its own sockets do not tell their connections from those of strangers.
    mixed: HashSet<(u64, SocketAddr)>,
    keep: usize,
    feeds: Feeds,
    /// How much was judged, whether its records are still there or not.
    pub(crate) counts: Counts,
    /// What workloads asked DNS for.
    pub(crate) lookups: Lookups,
    keeper: Option<Keeper>,
    /// Numbers of records that are new or have changed since they were given to the keeper.
    changed: BTreeSet<u64>,
    /// What the ring let go before the keeper was given it.
    leaving: Vec<Sent>,
    handed_over: Instant,
    /// Who takes settled records elsewhere.
    settling: Option<settled::Settling>,
}

// === impl FlowStore ===

impl FlowStore {
    /// A ring of `keep` records.
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            base: 0,
            newest: HashMap::new(),
            open: HashMap::new(),
            mixed: HashSet::new(),
            keep,
            feeds: Feeds::new(),
            counts: Counts::default(),
            lookups: Lookups::default(),
            keeper: None,
            changed: BTreeSet::new(),
            leaving: Vec::new(),
            handed_over: Instant::now(),
            settling: None,
        }
    }

    /// From now on records are kept in this file, too; those that are there already are given to it.
    pub(crate) fn keep_in(&mut self, file: PathBuf, limits: Limits) -> std::io::Result<()> {
        self.keeper = Some(Keeper::start(file, limits)?);
        Ok(())
    }

    /// Other bounds; the oldest records go.
    pub(crate) fn resize(&mut self, keep: usize, limits: Limits) {
        self.keep = keep;
        self.trim();
        if let Some(keeper) = &self.keeper {
            keeper.set_limits(limits);
        }
    }

    /// Gives what is new to the keeper, if it is time.
    pub(crate) fn hand_over(&mut self) {
        let many = self.changed.len() + self.leaving.len() >= MANY;
        if many || self.handed_over.elapsed() >= BATCH {
            self.hand_over_now();
        }
    }

    fn hand_over_now(&mut self) {
        self.handed_over = Instant::now();
        let (slots, base) = (&self.slots, self.base);
        self.feeds.tell_grown(|number| {
            let index = usize::try_from(number.checked_sub(base)?).ok()?;
            slots.get(index).map(view)
        });
        let Some(keeper) = &self.keeper else {
            return;
        };
        let mut sent = std::mem::take(&mut self.leaving);
        for number in std::mem::take(&mut self.changed) {
            let index = usize::try_from(number - self.base).ok();
            if let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) {
                let new = !std::mem::replace(&mut slot.sent, true);
                sent.push(Sent {
                    number,
                    what: What::Slot(Box::new(slot.clone())),
                    new,
                });
            }
        }
        if !sent.is_empty() {
            keeper.send(sent);
        }
    }

    /// What the store holds that [`query`](Self::query) does not see.
    pub(crate) fn past(&mut self) -> Option<Past> {
        // What the ring let go is in neither, until the keeper has it.
        if !self.leaving.is_empty() {
            self.hand_over_now();
        }
        self.keeper.as_ref().map(|keeper| keeper.past(self.base))
    }

    /// How the file is.
    pub(crate) fn records(&self) -> Records {
        self.keeper.as_ref().map(Keeper::records).unwrap_or_default()
    }

    /// Records that did not reach it.
    pub(crate) fn lost(&self) -> u64 {
        self.keeper.as_ref().map_or(0, Keeper::lost)
    }

    /// Folds `times` repeats into its record of the last second; `false`: it is new, `push` it.
    pub(crate) fn fold(&mut self, key: &Key, times: u64, time: Timestamp, pid: u32, comm: &str) -> bool {
        let Some(sequence) = self.newest.get(key) else {
            return false;
        };
        let index = sequence
            .checked_sub(self.base)
            .and_then(|index| usize::try_from(index).ok());
        let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) else {
            return false;
        };
        let passed = time.as_millisecond() - slot.first.as_millisecond();
        if passed.abs() >= FOLD_MILLISECONDS {
            return false;
        }
        slot.repeats += times;
        slot.record.time = time;
        self.changed.insert(*sequence);
        self.feeds.grew(*sequence);
        self.counts.add(key, times);
        // The socket hook knows the process, the packet hook does not.
        if slot.record.pid == 0 && pid != 0 {
            slot.record.pid = pid;
            slot.record.comm = comm.into();
        }
        true
    }

    /// Takes a new record; whoever follows gets it at once.
    pub(crate) fn push(&mut self, key: Key, times: u64, record: Record) {
        let number = self.base + self.slots.len() as u64;
        self.counts.add(&key, times);
        self.newest.insert(key, number);
        self.changed.insert(number);
        self.opened(&key, number);
        let slot = Slot {
            key,
            first: record.time,
            record,
            repeats: times,
            totals: None,
            sent: false,
        };
        self.feeds.tell(|| view(&slot));
        self.slots.push_back(slot);
        self.trim();
    }

    /// Connections have ended: what they carried is their record's, wherever that is by now.
    pub(crate) fn ended(&mut self, way: &Way, totals: &Totals) {
        if way.accepted && self.mixed.contains(&(way.cgroup, way.destination)) {
            return;
        }
        let Some(number) = self.open.get(way).copied() else {
            return;
        };
        if number < self.base {
            if self.keeper.is_some() {
                let (what, new) = (What::Ended(*totals), false);
                self.leaving.push(Sent { number, what, new });
            }
            return;
        }
        let index = usize::try_from(number - self.base).ok();
        if let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) {
            slot.totals = Some(slot.totals.unwrap_or_default().and(totals, slot.first));
            self.changed.insert(number);
            self.feeds.grew(number);
        }
    }

    fn opened(&mut self, key: &Key, number: u64) {
        if key.protocol != Protocol::TCP || key.action != Action::Allow || key.act.is_some() {
            return;
        }
        // The end that started tells, if its sockets are seen.
        let (cgroup, accepted) = if key.from.1 == 0 {
            (key.to.2, true)
        } else {
            (key.from.2, false)
        };
        let destination = key.destination;
        if !accepted && key.to.2 != 0 {
            self.mixed.insert((key.to.2, destination));
            if self.mixed.len() > OPEN {
                self.mixed.clear();
            }
        }
        self.open.insert(
            Way {
                cgroup,
                accepted,
                destination,
            },
            number,
        );
        // All of them may be of records that are there.
        if self.open.len() > OPEN + self.slots.len() {
            let base = self.base;
            self.open.retain(|_, number| *number >= base);
        }
    }

    /// The past, the oldest first; with `limit`, the newest of them.
    pub(crate) fn query(&self, query: &FlowQuery) -> Vec<FlowView> {
        let newest_first = self
            .slots
            .iter()
            .rev()
            .map(view)
            .filter(|view| query.matches(view));
        let mut found: Vec<_> = newest_first.take(query.limit.unwrap_or(usize::MAX)).collect();
        found.reverse();
        found
    }

    /// What comes from now on; with `updates`, a record again when it has grown.
    pub(crate) fn follow(&self, updates: bool) -> broadcast::Receiver<FlowView> {
        self.feeds.follow(updates)
    }

    fn trim(&mut self) {
        while self.slots.len() > self.keep {
            self.settle_first();
            if let Some(slot) = self.slots.pop_front() {
                if self.newest.get(&slot.key) == Some(&self.base) {
                    self.newest.remove(&slot.key);
                }
                if self.changed.remove(&self.base) && self.keeper.is_some() {
                    let (number, new) = (self.base, !slot.sent);
                    let what = What::Slot(Box::new(slot));
                    self.leaving.push(Sent { number, what, new });
                }
                self.base += 1;
            }
        }
    }
}

impl Drop for FlowStore {
    /// The keeper writes what it has before it ends.
    fn drop(&mut self) {
        self.hand_over_now();
    }
}
