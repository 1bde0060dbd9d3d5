//! The `cofferdam` binary: flags in, one request to the daemon's socket, a table or JSON out, an exit code.
//!
//! Owns words and layout only. What an answer says is made in `crates/daemon`; the `daemon` command, `config check`
//! and `off` without a daemon call that crate directly, everything else goes through the socket.

use std::ffi::OsString;
use std::process::ExitCode;

use args::{Cli, Command};
use failure::Failure;

mod args;
mod audit;
mod change;
mod config;
mod daemon;
mod doctor;
mod explain;
mod failure;
mod flows;
mod generate;
mod key;
mod learn;
mod output;
mod policy;
mod ps;
mod run;
mod status;
mod switch;
mod top;
mod version;
mod when;

/// Exit code of a command that did what it was asked.
const OK: u8 = 0;
/// Exit code of a command that found something: a denial, a failed check.
const FINDINGS: u8 = 1;
/// Exit code of a command that could not do what it was asked.
const ERROR: u8 = 2;

fn main() -> ExitCode {
    let raw: Vec<OsString> = std::env::args_os().collect();
    let done = args::parse(&raw).and_then(|cli| dispatch(cli, &raw));
    ExitCode::from(done.unwrap_or_else(|failure| failure.report()))
}

fn dispatch(cli: Cli, raw: &[OsString]) -> Result<u8, Failure> {
    let call = output::Call {
        client: cofferdam_api::Client::new(cli.socket),
        json: cli.json,
    };
    match cli.command {
        Command::Daemon(args) => daemon::daemon(&call, args),
        Command::Run(args) => run::run(&call, args, raw),
        Command::Ps(args) => ps::ps(&call, &args),
        Command::Flows(args) => flows::flows(&call, &args),
        Command::Top(args) => top::top(&call, &args),
        Command::Status => status::status(&call),
        Command::Doctor(args) => doctor::doctor(&call, args),
        Command::Enforce(args) => change::enforce(&call, args),
        Command::Observe(args) => change::observe(&call, args),
        Command::Confirm => change::confirm(&call),
        Command::Protect(args) => change::protect(&call, args),
        Command::Unprotect(args) => change::unprotect(&call, args),
        Command::Off(args) => switch::switch(&call, &args, true),
        Command::On(args) => switch::switch(&call, &args, false),
        Command::Explain(args) => explain::explain(&call, args),
        Command::Learn(args) => learn::learn(&call, &args),
        Command::Audit(args) => audit::audit(&call, &args),
        Command::Policy(args) => policy::policy(&call, &args),
        Command::Key(args) => key::key(&call, &args),
        Command::Config(args) => config::config(&call, &args),
        Command::Version => version::version(&call),
        Command::Completions(args) => generate::completions(args.shell),
        Command::Man(args) => generate::man(&args.directory),
        Command::Openapi => generate::openapi(),
        Command::Generate(args) => generate::generate(&args.directory),
    }
}
