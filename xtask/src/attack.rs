//! Attacks from inside a protected workload, and what stopped each.

use anyhow::{Result, bail};
use cofferdam_tests::attack::{self, Answer, GROUPS, Group, Tried};
use serde::Serialize;
use xshell::cmd;

use crate::{repo, setup};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The groups to try, all of them by default; `--list` names them
    groups: Vec<String>,
    /// List the groups, and try none
    #[arg(long)]
    list: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    attacks: &'a [Tried],
    wrong: usize,
}

/// Needs root. Fails where something succeeds that the table says is stopped, and where a row differs from the table.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.list {
        for group in GROUPS {
            println!("{:<11} {}", group.name, group.about);
        }
        return Ok(());
    }
    let groups = args.chosen()?;
    setup::product()?;
    let shell = repo::shell()?;
    cmd!(
        shell,
        "cargo build --quiet --package cofferdam --package cofferdam-tests --bins"
    )
    .quiet()
    .run()?;
    let tried = attack::run(&groups, |tried| {
        if !args.json {
            print(tried);
        }
    })?;
    let wrong = tried.iter().filter(|tried| tried.wrong.is_some()).count();
    if args.json {
        let document = Document {
            version: 1,
            attacks: &tried,
            wrong,
        };
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        let got = |tried: &&Tried| tried.seen.effect.is_some();
        let open = tried.iter().filter(got).count();
        println!(
            "{} tried, {open} succeeded, {wrong} not as the table says",
            tried.len()
        );
    }
    if wrong > 0 {
        bail!("{wrong} rows are not as the table says");
    }
    Ok(())
}

/// A line for what was tried, and one for each of what came of it.
fn print(tried: &Tried) {
    let word = match (&tried.wrong, &tried.seen.effect) {
        (Some(_), _) => "WRONG",
        (None, Some(_)) => "open",
        (None, None) => "stopped",
    };
    let place = format!("{:?}, {:?}", tried.from, tried.level).to_lowercase();
    println!("{word:<8}{:<58} {place:<20} {}", tried.attack, tried.seen);
    let by = match tried.expected {
        Answer::Stopped { by } => format!("by {by}"),
        Answer::Seen { close } => format!("recorded; close it with {close}"),
        Answer::Open { why, close: "" } => why.to_owned(),
        Answer::Open { why, close } => format!("{why}; close it with {close}"),
    };
    println!("{:<8}{by}; without Cofferdam: {}", "", tried.control);
    if let Some(wrong) = &tried.wrong {
        println!("{:<8}{wrong}", "");
    }
}

// === impl Args ===

impl Args {
    fn chosen(&self) -> Result<Vec<&'static Group>> {
        if self.groups.is_empty() {
            return Ok(GROUPS.iter().collect());
        }
        self.groups.iter().map(|name| attack::group(name)).collect()
    }
}
