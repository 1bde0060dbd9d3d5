//! What grows with the number of workloads: memory, the daemon's start, and whether the verdict does.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::lab::{Lab, command};
use crate::product::{Home, Product};
use crate::rounds::Interrupt;

mod apply;
pub(crate) mod effect;
mod policies;
pub(crate) mod times;
mod verdict;

pub(crate) use apply::Apply;
pub(crate) use policies::{CompileTime, RuleTime};
pub(crate) use verdict::VerdictTime;

/// Everything that was found out.
#[derive(Debug, Serialize)]
pub(crate) struct Scale {
    pub(crate) workloads: Vec<Workloads>,
    pub(crate) verdicts: Vec<VerdictTime>,
    /// Verdicts by how many rules there are.
    pub(crate) rules: Vec<RuleTime>,
    /// Compilation of policies.
    pub(crate) compilations: Vec<CompileTime>,
    /// From a change to its verdict.
    pub(crate) effects: effect::Effects,
    /// Policies into the kernel.
    pub(crate) applies: Vec<Apply>,
}

/// A daemon with so many workloads, each a cgroup with labels of its own.
#[derive(Debug, Serialize)]
pub(crate) struct Workloads {
    pub(crate) count: u32,
    /// From exec to READY=1, on a host that has seen no daemon.
    pub(crate) ready_ms: f64,
    /// The same for a daemon that finds all of them enforced by one that was killed.
    pub(crate) adopted_ms: f64,
    /// Resident memory of the daemon when it had started first, MiB.
    pub(crate) memory_mib: f64,
    /// What the kernel accounts for the maps, MiB.
    pub(crate) maps_mib: f64,
}

#[derive(Deserialize)]
struct Map {
    bytes_memlock: u64,
}

const COUNTS: &[u32] = &[0, 50, 200, 1000];
const QUICK_COUNTS: &[u32] = &[0, 50, 200];

/// Starts one daemon after the other.
pub(crate) fn measure(lab: &Lab, binary: &Path, quick: bool, interrupt: &Interrupt) -> anyhow::Result<Scale> {
    let netns = lab.namespace("scale")?;
    let mut workloads = Vec::new();
    for count in if quick { QUICK_COUNTS } else { COUNTS } {
        interrupt.check()?;
        eprintln!("bench: scale, {count} workloads");
        workloads.push(daemon(lab, &netns, binary, *count)?);
    }
    interrupt.check()?;
    eprintln!("bench: scale, verdicts");
    Ok(Scale {
        workloads,
        verdicts: verdict::measure()?,
        rules: policies::verdicts()?,
        compilations: policies::compilations()?,
        effects: effect::measure(lab, &netns, binary, quick, interrupt)?,
        applies: apply::measure(lab, &netns, binary, quick)?,
    })
}

fn daemon(lab: &Lab, netns: &Path, binary: &Path, count: u32) -> anyhow::Result<Workloads> {
    let name = format!("scale-{count}");
    let home = Home::new(lab, &name, netns, binary)?;
    let mut config = String::new();
    for number in 0..count {
        let cgroup = lab.cgroup(&format!("{name}/w{number}"))?;
        writeln!(
            config,
            "[[unit]]\ncgroup = \"{}\"\nlabels = {{ app = \"w{number}\" }}",
            cgroup.display()
        )?;
    }
    home.configure(&config)?;
    let mut product = Product::start(home)?;
    let ready = product.ready;
    let memory_mib = product.memory_at_start;
    let maps_mib = maps(product.home().pins())?;
    product.restart().context("adoption")?;
    Ok(Workloads {
        count,
        ready_ms: ready.as_secs_f64() * 1000.0,
        adopted_ms: product.ready.as_secs_f64() * 1000.0,
        memory_mib,
        maps_mib,
    })
}

/// MiB of the maps that are pinned below a folder.
#[expect(clippy::cast_precision_loss, reason = "53 bits hold any of these exactly")]
fn maps(pins: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for version in std::fs::read_dir(pins)? {
        let folder = version?.path().join("maps");
        for pin in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let pin = pin?.path().display().to_string();
            let text = command("bpftool", &["--json", "map", "show", "pinned", &pin])?;
            let map: Map =
                serde_json::from_str(&text).with_context(|| format!("bpftool on {pin}: {text}"))?;
            bytes += map.bytes_memlock;
        }
    }
    Ok(bytes as f64 / f64::from(1 << 20))
}

// === impl Scale ===

impl Scale {
    /// KiB that one workload more costs: the daemon's and the maps', between the fewest and the most.
    pub(crate) fn kib_a_workload(&self) -> Option<(f64, f64)> {
        let (first, last) = (self.workloads.first()?, self.workloads.last()?);
        let more = f64::from(last.count - first.count);
        let each = |of: fn(&Workloads) -> f64| (of(last) - of(first)) * 1024.0 / more;
        (more > 0.0).then(|| (each(|w| w.memory_mib), each(|w| w.maps_mib)))
    }
}
