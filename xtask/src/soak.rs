//! Runs what looks for rare events, with counts that are too long for every commit.

use anyhow::{Result, bail};
use cofferdam_tests::soak::{self, Report};
use xshell::cmd;

use crate::{repo, setup};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each rare event is tried
    #[arg(long, default_value_t = 200)]
    rounds: u32,
}

type Run = fn(u32) -> Result<Report>;

const RUNS: &[(&str, Run)] = &[
    ("first act of a container", soak::first_act),
    ("restarts of the daemon", soak::restarts),
];

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::product()?;
    let shell = repo::shell()?;
    cmd!(
        shell,
        "cargo build --quiet --package cofferdam --package cofferdam-tests --bins"
    )
    .quiet()
    .run()?;
    let mut wrong = 0;
    for (name, run) in RUNS {
        let report = run(args.rounds)?;
        println!("{name}: {} rounds, {} wrong", report.rounds, report.wrong.len());
        for line in &report.wrong {
            println!("  {line}");
        }
        wrong += report.wrong.len();
    }
    forgeries(&shell)?;
    if wrong > 0 {
        bail!("{wrong} wrong");
    }
    Ok(())
}

/// Forged, tampered, replayed and borrowed segments; the tests print a line for each kind and fail where one was believed.
fn forgeries(shell: &xshell::Shell) -> Result<()> {
    let tests = cmd!(
        shell,
        "cargo test --quiet --package cofferdam-datapath --test attacks -- --nocapture --test-threads 1 root_no_"
    );
    tests.env("COFFERDAM_FORGERIES", "10000").quiet().run()?;
    Ok(())
}
