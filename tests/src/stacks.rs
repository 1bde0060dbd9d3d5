//! Eight stacks as people run them: what they need goes on, and what `enforce` takes away is named beforehand.
//!
//! A stack starts before the daemon, so it is first observed: every path is as before. Then it is enforced, and only
//! the paths marked [`After::Lost`] are gone.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use crate::lab::{Lab, network};
use crate::probe::{self, Attempts, Kind};
use crate::walkthrough::scene::eventually;

mod table;

pub use table::STACKS;

/// A stack, before it runs.
pub struct Stack {
    /// What it stands for.
    pub name: &'static str,
    /// Flags of the daemon.
    pub flags: &'static [&'static str],
    /// Arguments of `docker run -d`, in order.
    pub containers: &'static [&'static [&'static str]],
    /// (protocol, address) of servers on the LAN and in the world.
    pub outside: &'static [(&'static str, &'static str)],
    /// Who reaches whom.
    pub paths: &'static [Path],
}

/// One thing that the stack's user would notice.
pub struct Path {
    /// Who tries.
    pub from: From,
    /// How.
    pub kind: Kind,
    /// Whom.
    pub to: &'static str,
    /// What `enforce` does to it.
    pub after: After,
}

/// Who tries.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// A process of the host.
    Host,
    /// A neighbour on the LAN.
    Lan,
    /// A process in this container.
    In(&'static str),
}

/// What becomes of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It works as before.
    Kept,
    /// It is denied: the loss that the stack's user is told about.
    Lost,
}

/// Plays a stack through. Gives what was seen, for people.
pub fn play(stack: &Stack) -> Result<String> {
    let lab = Lab::new()?;
    lab.engine
        .docker(&["network", "create", "--subnet", "10.77.0.0/24", "stack"])?;
    for args in stack.containers {
        let mut all = vec!["run", "-d"];
        all.extend(*args);
        lab.engine.docker(&all)?;
    }
    let place = |(protocol, address): &(&str, &str)| probe::serve(&lab.lan, "outside", protocol, address);
    let _outside: Vec<_> = stack.outside.iter().map(place).collect::<Result<_>>()?;
    for path in stack.paths {
        eventually(&format!("{path} before the daemon"), || {
            Ok(path.works(&path.attempt(&lab)?))
        })?;
    }
    let _daemon = lab.daemon(stack.flags)?;
    for path in stack.paths {
        let seen = path.attempt(&lab)?;
        if !path.works(&seen) {
            bail!("{path} does not work in observe: {seen:?}");
        }
    }
    let would = would_be_denied(&lab)?;
    lab.cofferdam(&["enforce", "--all"])?
        .ok()
        .context("enforce --all")?;
    let mut text = format!(
        "{}\n  observed, and would be denied:\n{would}  enforced:\n",
        stack.name
    );
    for path in stack.paths {
        let seen = path.attempt(&lab)?;
        let works = path.works(&seen);
        if works != (path.after == After::Kept) {
            bail!(
                "{path} must be {:?} after enforce: {seen:?}; {}",
                path.after,
                explain(&lab)?
            );
        }
        writeln!(text, "    {} {path}", if works { "kept" } else { "lost" })?;
    }
    Ok(text)
}

fn would_be_denied(lab: &Lab) -> Result<String> {
    let answer = lab.json(&["flows", "--denied"])?;
    let mut text = String::new();
    for flow in answer["flows"].as_array().context("no flows")? {
        let end = |end: &serde_json::Value| {
            end["name"]
                .as_str()
                .or(end["class"].as_str())
                .unwrap_or("?")
                .to_string()
        };
        let rule = flow["rule"]["name"]
            .as_str()
            .or(flow["reason"].as_str())
            .unwrap_or("?");
        let (from, to) = (end(&flow["from"]), end(&flow["to"]));
        writeln!(
            text,
            "    {from} -> {to} {} {} ({rule})",
            flow["protocol"], flow["destination"]
        )?;
    }
    Ok(text)
}

/// The newest denials, for the message of a failure.
fn explain(lab: &Lab) -> Result<String> {
    Ok(lab
        .cofferdam(&["flows", "--denied", "--limit", "5"])?
        .stdout
        .replace('\n', " | "))
}

// === impl Path ===

impl Path {
    fn attempt(&self, lab: &Lab) -> Result<Attempts> {
        match self.from {
            From::Host => probe::attempt(&lab.host, self.kind, self.to, 1),
            From::Lan => probe::attempt(&lab.lan, self.kind, self.to, 1),
            From::In(container) => {
                let arguments = probe::arguments(self.kind, self.to, 1);
                let mut args = vec!["exec", container, "cofferdam-probe"];
                args.extend(arguments.iter().map(String::as_str));
                Ok(serde_json::from_str(&lab.engine.docker(&args)?)?)
            }
        }
    }

    fn works(&self, attempts: &Attempts) -> bool {
        attempts.attempts.iter().all(|a| a.answer.is_some())
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let from = match self.from {
            From::Host => "the host",
            From::Lan => network::LAN_V4,
            From::In(container) => container,
        };
        write!(f, "{from} -> {} ({:?})", self.to, self.kind)
    }
}
