//! `cargo xtask bench`: what Cofferdam costs, as ratios taken in one run on one machine.
//!
//! `lab` makes the places, `pair` the processes, `rounds` interleaves, `figures` reduces, `goals` judges, `report`
//! prints. How to read the result is in `docs/benchmarks.md`.

use std::process::ExitCode;

use clap::Parser;

mod figures;
mod filters;
mod goals;
mod hooks;
mod lab;
mod load;
mod pair;
mod plan;
mod product;
mod report;
mod rounds;
mod run;
mod scale;
mod stage;

#[derive(Parser)]
#[command(
    name = "cofferdam-bench",
    about = "Measure what a verdict costs",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(flatten)]
    args: run::Args,
    #[command(subcommand)]
    role: Option<load::Role>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.role {
        Some(role) => role.run().map(|()| true),
        None => run::run(&cli.args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("cofferdam-bench: {error:#}");
            ExitCode::from(2)
        }
    }
}
