//! Policies of ten thousand workloads: into the kernel and read back, and through the whole daemon.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use cofferdam_datapath::{Datapath, Settings};
use cofferdam_policy::{Compiled, Compiler, plan};
use serde::Serialize;

use super::policies::{ALIKE, policy, world};
use super::{effect, maps};
use crate::lab::{self, Lab};
use crate::product::{Home, Product};

/// One size.
#[derive(Debug, Serialize)]
pub(crate) struct Apply {
    pub(crate) workloads: u32,
    pub(crate) policies: u32,
    /// Rows that the kernel holds.
    pub(crate) rows: usize,
    /// The plan, its steps into the maps, and all of it read back and compared, ms: from nothing,
    pub(crate) first_ms: f64,
    /// and to a world in which every policy has changed, the old rows out again.
    pub(crate) other_ms: f64,
    /// A daemon with a cgroup for each: from exec to READY=1 without policies, ms.
    pub(crate) ready_ms: f64,
    /// `cofferdam policy apply` of all policies, to its end, ms.
    pub(crate) all_ms: f64,
    /// Of all of them changed, ms.
    pub(crate) changed_ms: f64,
    /// Of one, ms; the median of a few.
    pub(crate) one_ms: f64,
    /// Resident memory of the daemon then, MiB.
    pub(crate) memory_mib: f64,
    /// What the kernel accounts for the maps then, MiB.
    pub(crate) maps_mib: f64,
}

const SIZES: [(u32, u32); 2] = [(1_000, 1_000), (10_000, 1_000)];
const QUICK_SIZES: [(u32, u32); 1] = [(1_000, 1_000)];
/// How often one policy changes.
const ONES: u32 = 5;
/// Rules of each policy before and after the change of all.
const RULES: [u32; 2] = [2, 3];

pub(super) fn measure(lab: &Lab, netns: &Path, binary: &Path, quick: bool) -> anyhow::Result<Vec<Apply>> {
    let sizes = if quick { &QUICK_SIZES[..] } else { &SIZES };
    sizes
        .iter()
        .map(|(workloads, policies)| one(lab, netns, binary, *workloads, *policies))
        .collect()
}

fn one(lab: &Lab, netns: &Path, binary: &Path, workloads: u32, policies: u32) -> anyhow::Result<Apply> {
    eprintln!("bench: scale, {workloads} workloads and {policies} policies");
    let (rows, first_ms, other_ms) = kernel(lab, workloads, policies)?;
    let home = Home::new(lab, &format!("apply-{workloads}"), netns, binary)?;
    effect::units(lab, &format!("apply-{workloads}"), &home, workloads)?;
    let product = Product::start(home)?;
    let applications = workloads / ALIKE;
    let text = |rules| -> String {
        let one = |number| policy(number, number % applications, applications, rules);
        (1..policies).map(one).collect::<Vec<_>>().join("---\n")
    };
    let apply = |name: &str, text: &str| -> anyhow::Result<f64> {
        let file: PathBuf = lab.folder().join(name);
        fs::write(&file, text)?;
        let start = Instant::now();
        product.apply(&file)?;
        Ok(milliseconds(start))
    };
    let all_ms = apply("all.yaml", &text(RULES[0]))?;
    let changed_ms = apply("all.yaml", &text(RULES[1]))?;
    let ones: Vec<f64> = (0..ONES)
        .map(|number| apply("one.yaml", &policy(0, 0, applications, number % 2 + 1)))
        .collect::<anyhow::Result<_>>()?;
    Ok(Apply {
        workloads,
        policies,
        rows,
        first_ms,
        other_ms,
        ready_ms: product.ready.as_secs_f64() * 1000.0,
        all_ms,
        changed_ms,
        one_ms: crate::figures::median(ones).context("nothing changed")?,
        memory_mib: product.memory()?,
        maps_mib: maps(product.home().pins())?,
    })
}

/// The data plane alone: rows, and the milliseconds of the first policies and of others.
fn kernel(lab: &Lab, workloads: u32, policies: u32) -> anyhow::Result<(usize, f64, f64)> {
    let settings = Settings {
        bpffs: Path::new("/sys/fs/bpf").join(format!("{}-apply", lab.name())),
        cgroup_root: lab.cgroup(&format!("kernel-{workloads}"))?,
        on_dead_closed: false,
    };
    let mut compiler = Compiler::default();
    let mut compiled = |rules, first| -> anyhow::Result<Compiled> {
        let mut world = world(workloads / ALIKE, ALIKE, policies, rules)?;
        // Another policy is another subject, as the daemon gives them.
        world
            .subjects
            .iter_mut()
            .for_each(|subject| subject.number += first);
        Ok(compiler.compile(&world, &[])?)
    };
    let (old, new) = (compiled(RULES[0], 0)?, compiled(RULES[1], workloads)?);
    let mut datapath = Datapath::open(&settings)?;
    let times = [(&Compiled::default(), &old), (&old, &new)].map(|(from, to)| swap(&mut datapath, from, to));
    lab::report(datapath.remove().context("cannot remove the data plane"));
    let [first, other] = times;
    Ok((old.rows.len(), first?, other?))
}

fn swap(datapath: &mut Datapath, from: &Compiled, to: &Compiled) -> anyhow::Result<f64> {
    let start = Instant::now();
    let steps = plan(from, to);
    datapath.apply(&steps.install)?;
    datapath.apply(&steps.retire)?;
    let held = datapath.compiled()?;
    let left = plan(&held, to);
    let time = milliseconds(start);
    ensure!(
        left.install.is_empty() && left.retire.is_empty(),
        "the kernel holds something else"
    );
    Ok(time)
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
