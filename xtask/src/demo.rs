//! The walkthrough for people: a line a row, and what the run changed on the machine.

use anyhow::{Result, bail};
use cofferdam_tests::machine::{Difference, Snapshot};
use cofferdam_tests::walkthrough::{self, RowResult, Verdict};
use serde::Serialize;
use xshell::cmd;

use crate::{repo, setup};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    rows: &'a [RowResult],
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::product()?;
    let shell = repo::shell()?;
    cmd!(
        shell,
        "cargo build --quiet --package cofferdam --package cofferdam-tests --bins"
    )
    .quiet()
    .run()?;
    let before = Snapshot::take();
    let rows = walkthrough::run(|row| {
        if !args.json {
            println!(
                "{:>2}  {:<5} {:>6} ms  {}\n    {}",
                row.row,
                word(row.result),
                row.ms,
                row.title,
                row.observed
            );
        }
    })?;
    let after = Snapshot::take();
    if args.json {
        println!(
            "{}",
            serde_json::to_string(&Document {
                version: 1,
                rows: &rows
            })?
        );
    }
    let difference = before.difference(&after);
    explain(&before, &after, &difference);
    match rows.iter().filter(|row| row.result == Verdict::Fail).count() {
        // What went away meanwhile was not ours: all that we make is made after the first look.
        0 if difference.iter().all(|kind| kind.new.is_empty()) => Ok(()),
        0 => bail!("every row passes, but something is left on the machine"),
        n => bail!("{n} rows fail"),
    }
}

/// To standard error: standard output holds the rows.
fn explain(before: &Snapshot, after: &Snapshot, difference: &[Difference]) {
    eprintln!("machine before: {}", before.counts());
    eprintln!("machine after:  {}", after.counts());
    if difference.is_empty() {
        eprintln!("difference:     none");
    }
    for kind in difference {
        eprintln!(
            "difference:     {}: gone {:?}, new {:?}",
            kind.kind, kind.gone, kind.new
        );
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
    }
}
