//! Measures what a verdict costs. The measuring program is its own process, because it needs the data plane.

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use crate::{repo, setup};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// About a minute of measuring instead of seven, with a wider spread
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only this part; may be repeated
    #[arg(long, value_parser = PARTS)]
    pub(crate) only: Vec<String>,
}

/// What the measuring program knows.
const PARTS: [&str; 6] = ["loopback", "veth", "udp", "records", "contain", "scale"];

/// Fails if a goal is missed. Needs root. What it reports is in `docs/benchmarks.md`.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::run()?;
    let shell = repo::shell()?;
    // What a user installs is measured, not what a developer debugs.
    cmd!(
        shell,
        "cargo build --quiet --release --package cofferdam --package cofferdam-bench"
    )
    .run()?;
    let mut program = std::process::Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    program
        .current_dir(repo::root()?)
        .args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "cofferdam-bench",
            "--",
        ])
        .args(args.json.then_some("--json"))
        .args(args.quick.then_some("--quick"))
        .args(args.only.iter().flat_map(|part| ["--only", part]));
    let status = program.status().context("cannot run cargo")?;
    ensure!(status.code() != Some(1), "a goal is missed");
    ensure!(status.success(), "the benchmark failed");
    Ok(())
}
