//! Runs what looks for rare events, with counts that are too long for every commit, and reports what it counted.

use std::time::Instant;

use anyhow::{Result, bail};
use cofferdam_tests::soak::{RUNS, Report, Run};
use serde::Serialize;
use xshell::cmd;

use crate::{repo, setup};

mod datapath;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The runs to do, all of them by default; `--list` names them
    runs: Vec<String>,
    /// List the runs with their full counts, and do none
    #[arg(long)]
    list: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// How much of the full counts, in percent
    #[arg(long, default_value_t = 100, value_name = "PERCENT")]
    share: u32,
    /// The count of each run, instead of a share of the full one
    #[arg(long, value_name = "NUMBER", conflicts_with = "share")]
    rounds: Option<u32>,
}

/// How one run ended.
#[derive(Serialize)]
struct Ended {
    name: &'static str,
    unit: &'static str,
    seconds: f64,
    #[serde(flatten)]
    report: Report,
}

/// Needs root. Fails if anything was wrong.
pub(crate) fn run(args: &Args) -> Result<()> {
    let chosen = args.chosen()?;
    if args.list {
        for run in chosen {
            println!("{:<10} {:>6} {:<15} {}", run.name, run.full, run.unit, run.about);
        }
        return Ok(());
    }
    setup::soak()?;
    let shell = repo::shell()?;
    cmd!(
        shell,
        "cargo build --quiet --package cofferdam --package cofferdam-tests --bins"
    )
    .quiet()
    .run()?;
    let ended: Vec<Ended> = chosen.into_iter().map(|run| play(run, args.count(run))).collect();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&ended)?);
    } else {
        table(&ended);
    }
    let wrong: usize = ended.iter().map(|e| e.report.wrong.len()).sum();
    if wrong > 0 {
        bail!("{wrong} wrong");
    }
    Ok(())
}

/// A run that cannot go on counts as wrong, and those after it still run.
fn play(run: &Run, count: u32) -> Ended {
    eprintln!("soak: {}, {count} {}: {}", run.name, run.unit, run.about);
    let start = Instant::now();
    let report = (run.play)(count).unwrap_or_else(|error| Report {
        wrong: vec![format!("the run ended early: {error:#}")],
        ..Report::default()
    });
    let seconds = start.elapsed().as_secs_f64();
    eprintln!(
        "soak: {} took {seconds:.0} s, {} wrong",
        run.name,
        report.wrong.len()
    );
    Ended {
        name: run.name,
        unit: run.unit,
        seconds,
        report,
    }
}

fn table(ended: &[Ended]) {
    println!(
        "{:<10} {:>6} {:<15} {:>5} {:>7}  figures",
        "run", "rounds", "", "wrong", "time"
    );
    for Ended {
        name,
        unit,
        seconds,
        report,
    } in ended
    {
        let mut lines = report.figures.iter().map(String::as_str);
        let (rounds, wrong) = (report.rounds, report.wrong.len());
        let first = lines.next().unwrap_or_default();
        println!("{name:<10} {rounds:>6} {unit:<15} {wrong:>5} {seconds:>5.0} s  {first}");
        for line in lines
            .map(str::to_owned)
            .chain(report.wrong.iter().map(|w| format!("WRONG {w}")))
        {
            println!("{:<49}{line}", "");
        }
    }
}

// === impl Args ===

impl Args {
    fn chosen(&self) -> Result<Vec<&'static Run>> {
        let all = || RUNS.iter().chain(datapath::RUNS);
        if let Some(unknown) = self.runs.iter().find(|name| all().all(|run| run.name != **name)) {
            bail!("there is no run {unknown:?}\nhint: cargo xtask soak --list");
        }
        let wanted = |run: &&Run| self.runs.is_empty() || self.runs.iter().any(|name| name == run.name);
        Ok(all().filter(wanted).collect())
    }

    fn count(&self, run: &Run) -> u32 {
        let share = u64::from(run.full) * u64::from(self.share);
        let share = u32::try_from(share.div_ceil(100)).unwrap_or(u32::MAX);
        self.rounds.unwrap_or(share).max(1)
    }
}
