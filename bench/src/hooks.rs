//! Nanoseconds a hook, from the kernel's own BPF statistics.
//!
//! Never on while latencies are taken: the statistics cost two clock readings a program run. That floor is in every
//! number here, so what counts is the distance from the empty programs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use cofferdam_datapath::stats::{self, ProgramTime};
use serde::{Deserialize, Serialize};

use crate::lab::command;
use crate::pair::Pair;
use crate::plan::{Measure, Setting};

#[cfg(test)]
mod tests;

/// What the programs of one setting cost a connection, both ends together.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) setting: Setting,
    /// Nanoseconds a connection, from socket to both closes.
    pub(crate) total_ns: f64,
    pub(crate) hooks: Vec<Hook>,
}

/// One program.
#[derive(Debug, Serialize)]
pub(crate) struct Hook {
    /// The program's name, at most 15 characters as the kernel keeps it.
    pub(crate) program: String,
    /// Runs a connection.
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

/// Connections of one measurement.
const CONNECTIONS: u32 = 3000;

// === impl Statistics ===

impl Statistics {
    pub(crate) fn enable() -> anyhow::Result<Self> {
        let guard = stats::enable().context("cannot switch the kernel's BPF statistics on")?;
        Ok(Self { _guard: guard })
    }

    /// Runs one batch of `pair`, and says what the programs attached below `cgroup` spent on it.
    pub(crate) fn cost(&self, setting: Setting, pair: &mut Pair, cgroup: &Path) -> anyhow::Result<Cost> {
        let before = programs(cgroup)?;
        pair.measure(Measure::Connect, CONNECTIONS)?;
        let after = programs(cgroup)?;
        Ok(Cost::between(setting, &before, &after, CONNECTIONS))
    }
}

// === impl Cost ===

impl Cost {
    #[expect(clippy::cast_precision_loss, reason = "53 bits hold any of these exactly")]
    fn between(
        setting: Setting,
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
        Self {
            setting,
            total_ns,
            hooks,
        }
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
