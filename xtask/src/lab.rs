//! A lab host to try things in: a shell on its host, with `docker`, `docker compose` and `cofferdam` pointed at it.

use anyhow::Result;
use cofferdam_tests::{lab::Lab, recipes};
use xshell::cmd;

use crate::{repo, setup};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Do not start the daemon
    #[arg(long)]
    bare: bool,
    /// What to run there; a shell by default
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::product()?;
    setup::compose()?;
    let shell = repo::shell()?;
    cmd!(
        shell,
        "cargo build --quiet --package cofferdam --package cofferdam-tests --bins"
    )
    .quiet()
    .run()?;
    let lab = Lab::new()?;
    let daemon = if args.bare { None } else { Some(lab.daemon(&[])?) };
    let bash = vec!["bash".to_string()];
    let command = if args.command.is_empty() {
        &bash
    } else {
        &args.command
    };
    recipes::prepare(&lab)?;
    let mut command = lab.command(&command[0], &command[1..])?;
    command.env("LAB_POLICIES", &lab.paths.policies);
    command.env("LAB_BPFFS", &lab.paths.bpffs);
    command.env("LAB_FLAGS", lab.paths.flags().join(" "));
    let status = lab.host.spawn(&mut command)?.wait()?;
    if let Some(daemon) = daemon {
        eprintln!("{}", daemon.log());
    }
    std::process::exit(exit(lab, status.code()));
}

/// `exit` runs no destructors, so the lab goes first.
fn exit(lab: Lab, code: Option<i32>) -> i32 {
    drop(lab);
    code.unwrap_or(1)
}
