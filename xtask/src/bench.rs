//! Measures what a verdict costs. The measuring program is its own process, because it needs the data plane.

use anyhow::{Result, bail};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Fewer and shorter runs
    #[arg(long)]
    pub(crate) quick: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let _ = (args.json, args.quick);
    bail!("the benchmark is not built yet")
}
