//! Runs the tests that look for rare events, with counts that are too long for every commit.

use anyhow::Result;
use xshell::cmd;

use crate::{repo, setup};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each rare event is tried
    #[arg(long, default_value_t = 200)]
    rounds: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::run()?;
    let shell = repo::shell()?;
    let _rounds = shell.push_env("COFFERDAM_SOAK_ROUNDS", args.rounds.to_string());
    cmd!(shell, "cargo test --quiet --package cofferdam-tests --test root_soak -- --ignored --nocapture --test-threads 1")
        .run()?;
    Ok(())
}
