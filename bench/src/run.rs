//! The whole benchmark, in order: places, processes, rounds, statistics, scale, verdict.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::goals;
use crate::lab::Lab;
use crate::plan::Part;
use crate::report::{Daemon, Report, Section};
use crate::rounds::{self, Interrupt, Length};
use crate::scale;
use crate::stage::Stage;

/// What a user may choose.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Fewer rounds: about a minute, and a wider spread
    #[arg(long)]
    quick: bool,
    /// Only this part; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// The cofferdam binary; the one beside this program if absent
    #[arg(long)]
    cofferdam: Option<PathBuf>,
}

/// Runs it and prints. `false` if a goal is missed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let binary = match &args.cofferdam {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("cofferdam"),
    };
    let wanted = |part: &Part| args.only.is_empty() || args.only.contains(part);
    let parts: Vec<Part> = Part::ALL.into_iter().filter(wanted).collect();
    let interrupt = Interrupt::register()?;
    let lab = Lab::new()?;
    let mut report = Report::default();
    let pairs: Vec<Part> = parts
        .iter()
        .copied()
        .filter(|part| *part != Part::Scale)
        .collect();
    if !pairs.is_empty() {
        measure_pairs(args, &lab, &binary, &pairs, &interrupt, &mut report)?;
    }
    let mut failure = None;
    if parts.contains(&Part::Scale) {
        match scale::measure(&lab, &binary, args.quick, &interrupt) {
            Ok(scale) => {
                report.goals.extend(goals::scale(&scale));
                report.scale = Some(scale);
            }
            // What was measured before took minutes.
            Err(error) => failure = Some(error),
        }
    }
    drop(lab);
    let pass = report.goals.iter().all(|outcome| outcome.pass);
    print!("{}", if args.json { report.json()? } else { report.table() });
    failure.map_or(Ok(pass), Err)
}

fn measure_pairs(
    args: &Args,
    lab: &Lab,
    binary: &Path,
    parts: &[Part],
    interrupt: &Interrupt,
    report: &mut Report,
) -> anyhow::Result<()> {
    let stage = Stage::set(lab, binary, parts)?;
    for part in parts.iter().copied() {
        let length = length(part, args.quick);
        let samples = rounds::take(part, length, interrupt, || stage.pairs(part))?;
        let costs = match part {
            Part::Records => Vec::new(),
            _ => stage.costs(part)?,
        };
        report.goals.extend(goals::judge(part, &samples, &costs));
        report.sections.push(Section { part, samples, costs });
    }
    let memory = stage.product.memory()?;
    let denials = stage.product.denials()?;
    report.goals.push(goals::memory(memory));
    report.goals.push(goals::denials(denials));
    report.hooks_elsewhere = stage.hooks_elsewhere;
    report.daemon = Some(Daemon {
        ready_ms: stage.product.ready.as_secs_f64() * 1000.0,
        memory_at_start_mib: stage.product.memory_at_start,
        memory_at_end_mib: memory,
        denials,
    });
    Ok(())
}

/// All parts together stay below eight minutes; quick ones below one and a half.
fn length(part: Part, quick: bool) -> Length {
    let (runs, seconds) = match (part, quick) {
        (Part::Udp, false) => (11, 4),
        (Part::Records, false) => (7, 9),
        (_, false) => (15, 11),
        (Part::Udp, true) => (3, 3),
        (Part::Records, true) => (3, 9),
        (_, true) => (5, 5),
    };
    Length {
        runs,
        run: Duration::from_secs(seconds),
    }
}
