//! The repository's own commands. Each is a module that owns one job; `cargo xtask --help` lists them.
//!
//! This crate builds on a machine that has only the Rust toolchain, so it never depends on the data plane (which
//! needs clang and libelf): what needs it runs as a separate process once `setup` has installed the packages.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod attack;
mod bench;
mod demo;
mod generate;
mod lab;
mod repo;
mod setup;
mod soak;
mod test;
mod tidy;
mod vm;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Build, check and show Cofferdam",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Install the Debian packages that building and testing need
    Setup,
    /// Check layers, budgets, names, unsafe code, formatting and licences
    Tidy,
    /// Write man pages, completions and openapi.json
    Gen(generate::Args),
    /// Set up, tidy, lint and run every test
    Test(test::Args),
    /// Show the walkthrough on a real Docker Engine
    Demo(demo::Args),
    /// Make a lab host and run a shell or a command in it
    Lab(lab::Args),
    /// Repeat what is rare: many starts, many daemon restarts
    Soak(soak::Args),
    /// Test the data plane on other kernels, emulated
    VmTest(vm::Args),
    /// Run a command on another kernel, emulated, with this machine's files
    VmRun(vm::run::Args),
    /// Attack from inside a protected workload, and say what stopped it
    Attack(attack::Args),
    /// Measure what a verdict costs
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().job {
        Job::Setup => setup::run(),
        Job::Tidy => tidy::run(),
        Job::Gen(args) => generate::run(&args),
        Job::Test(args) => test::run(&args),
        Job::Demo(args) => demo::run(&args),
        Job::Lab(args) => lab::run(&args),
        Job::Soak(args) => soak::run(&args),
        Job::VmTest(args) => vm::test(&args),
        Job::VmRun(args) => vm::run::run(&args),
        Job::Attack(args) => attack::run(&args),
        Job::Bench(args) => bench::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}
