//! Nanoseconds a hook, from the kernel's own BPF statistics.
//!
//! Never on while latencies are taken: the statistics cost two clock readings a program run. That floor is in every
//! number here, so what counts is the distance from the empty programs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cofferdam_datapath::stats::{self, ProgramTime};
use serde::{Deserialize, Serialize};

use crate::figures::{self, Figure};
use crate::lab::command;
use crate::pair::Pair;
use crate::plan::{Part, Setting};

#[cfg(test)]
mod tests;

/// What the programs of one setting cost a connection or a datagram's exchange, both ends together.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) part: Part,
    pub(crate) setting: Setting,
    /// Nanoseconds a connection, from socket to both closes, or an exchange: the median of the batches.
    pub(crate) total_ns: f64,
    /// The same without what the empty programs took in the batch beside; `None` where every hook is not attached.
    pub(crate) above_empty_ns: Option<Figure>,
    pub(crate) hooks: Vec<Hook>,
}

/// One batch of one setting.
#[derive(Debug)]
pub(crate) struct Batch {
    total_ns: f64,
    hooks: Vec<Hook>,
}

/// One program.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Hook {
    /// The program's name, at most 15 characters as the kernel keeps it.
    pub(crate) program: String,
    /// Runs a connection or an exchange.
    pub(crate) runs: f64,
    /// Nanoseconds a run.
    pub(crate) ns: f64,
}

/// The switch; off again when it is dropped.
pub(crate) struct Statistics {
    _guard: stats::Guard,
}

#[derive(Deserialize)]
struct Link {
    prog_id: Option<u32>,
    cgroup_id: Option<u64>,
}

/// Connections or exchanges of one batch.
const BATCH: u32 = 600;
/// Batches of each setting, in turn: a burst of something else falls on all of them.
const BATCHES: usize = 7;

// === impl Statistics ===

impl Statistics {
    pub(crate) fn enable() -> anyhow::Result<Self> {
        let guard = stats::enable().context("cannot switch the kernel's BPF statistics on")?;
        Ok(Self { _guard: guard })
    }

    /// Runs batches of every pair in turn, and says what the programs attached below each one's cgroup spent on it.
    pub(crate) fn costs(
        &self,
        part: Part,
        pairs: &mut [(Setting, Pair, PathBuf)],
    ) -> anyhow::Result<Vec<Cost>> {
        let measure = part.unit().0;
        let mut batches: BTreeMap<Setting, Vec<Batch>> = BTreeMap::new();
        for _ in 0..BATCHES {
            for (setting, pair, cgroup) in &mut *pairs {
                let before = programs(cgroup)?;
                pair.measure(measure, BATCH)?;
                let batch = Batch::between(&before, &programs(cgroup)?, BATCH);
                batches.entry(*setting).or_default().push(batch);
            }
        }
        let empty = batches.get(&Setting::Empty).map_or(&[][..], Vec::as_slice);
        let cost = |(setting, own): (&Setting, &Vec<Batch>)| Cost::of(part, *setting, own, empty);
        Ok(batches.iter().map(cost).collect())
    }
}

// === impl Cost ===

impl Cost {
    /// `empty` are the batches of the empty programs, in the same order.
    pub(crate) fn of(part: Part, setting: Setting, batches: &[Batch], empty: &[Batch]) -> Self {
        let totals = batches.iter().map(|batch| batch.total_ns).collect();
        let above = batches
            .iter()
            .zip(empty)
            .map(|(batch, empty)| batch.total_ns - empty.total_ns);
        let mut hooks: Vec<Hook> = Vec::new();
        for hook in batches.iter().flat_map(|batch| &batch.hooks) {
            match hooks.iter_mut().find(|known| known.program == hook.program) {
                Some(known) => known.add(hook),
                None => hooks.push(hook.clone()),
            }
        }
        for hook in &mut hooks {
            // The sum over the batches, so far.
            hook.runs /= f64::from(u32::try_from(batches.len()).unwrap_or(1));
        }
        Self {
            part,
            setting,
            total_ns: figures::median(totals).unwrap_or_default(),
            above_empty_ns: Figure::of(above.collect())
                .filter(|_| matches!(setting, Setting::Constant | Setting::Protected)),
            hooks,
        }
    }
}

// === impl Hook ===

impl Hook {
    fn add(&mut self, other: &Self) {
        let total = self.runs * self.ns + other.runs * other.ns;
        self.runs += other.runs;
        self.ns = total / self.runs;
    }
}

// === impl Batch ===

impl Batch {
    #[expect(clippy::cast_precision_loss, reason = "53 bits hold any of these exactly")]
    fn between(
        before: &BTreeMap<u32, ProgramTime>,
        after: &BTreeMap<u32, ProgramTime>,
        connections: u32,
    ) -> Self {
        let connections = f64::from(connections);
        let mut hooks = Vec::new();
        let mut total_ns = 0.0;
        for (id, now) in after {
            let then = before.get(id);
            let runs = now.runs - then.map_or(0, |p| p.runs);
            let ns = now.nanoseconds - then.map_or(0, |p| p.nanoseconds);
            if runs == 0 {
                continue;
            }
            total_ns += ns as f64 / connections;
            let hook = Hook {
                program: now.name.clone(),
                runs: runs as f64 / connections,
                ns: ns as f64 / runs as f64,
            };
            hooks.push(hook);
        }
        Self { total_ns, hooks }
    }
}

/// Programs whose link is on a cgroup of the subtree, by id.
fn programs(cgroup: &Path) -> anyhow::Result<BTreeMap<u32, ProgramTime>> {
    let mut cgroups = Vec::new();
    collect(cgroup, &mut cgroups)?;
    let text = command("bpftool", &["--json", "link", "show"])?;
    let links: Vec<Link> =
        serde_json::from_str(&text).context("cannot read what `bpftool link show` says")?;
    Ok(attached(&cgroups, &links, stats::programs()))
}

fn attached(cgroups: &[u64], links: &[Link], programs: Vec<ProgramTime>) -> BTreeMap<u32, ProgramTime> {
    let ours = |id| {
        links
            .iter()
            .any(|l| l.prog_id == Some(id) && l.cgroup_id.is_some_and(|c| cgroups.contains(&c)))
    };
    programs
        .into_iter()
        .filter(|p| ours(p.id))
        .map(|p| (p.id, p))
        .collect()
}

/// A cgroup's id is its directory's inode.
fn collect(directory: &Path, ids: &mut Vec<u64>) -> anyhow::Result<()> {
    ids.push(
        fs::metadata(directory)
            .with_context(|| directory.display().to_string())?
            .ino(),
    );
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), ids)?;
        }
    }
    Ok(())
}
