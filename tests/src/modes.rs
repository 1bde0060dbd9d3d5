//! Docker's network modes, each with each: who reaches whom with enforcement off, and what labels make of it.
//!
//! What Docker routes is not assumed but measured, so that no mode is called closed by us that Docker closes itself.

use std::fmt;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::binaries;
use crate::lab::{Lab, network};
use crate::probe::{Attempt, Attempts};
use crate::walkthrough::scene::eventually;

mod networks;
mod table;

use networks::Networks;
pub use table::table;

/// Docker's modes, as the table calls them.
pub const MODES: [&str; 9] = [
    "none",
    "bridge",
    "user",
    "user-v6",
    "internal",
    "container",
    "host",
    "macvlan",
    "overlay",
];

/// Client and server with equal labels, and the labels of the client that has others.
const SAME: &str = "app=m";
const OTHER: &str = "app=x";

/// The source of [`Pair`]s of a process of the host without any label.
pub const STRANGER: &str = "stranger";

/// Every server's port; those that share a namespace with somebody else have their own.
const PORT: u16 = 7805;
const JOINED_PORT: u16 = 7806;
const HOST_PORT: u16 = 7807;

/// An attempt at one address of a server, from one mode.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The client's mode.
    pub from: &'static str,
    /// The server's mode.
    pub to: &'static str,
    /// Where it was tried.
    pub address: String,
    /// Whether Docker routes it: it is answered while enforcement is off.
    pub routed: bool,
    /// From a client with the server's labels; not tried where nothing is routed, and a stranger has none.
    pub same: Option<Attempt>,
    /// From a client with other labels, or without any.
    pub other: Attempt,
}

struct Target {
    mode: &'static str,
    address: String,
}

/// Tries every pair of modes in a lab whose daemon runs and enforces.
pub fn run(lab: &Lab) -> Result<Vec<Pair>> {
    let networks = Networks::make(lab)?;
    let targets = serve(lab, &networks)?;
    for labels in [SAME, OTHER] {
        clients(lab, labels)?;
    }
    lab.cofferdam(&["off"])?.ok()?;
    let open = everybody(lab, SAME, &targets, 1500);
    lab.cofferdam(&["on"])?.ok()?;
    let (open, same, other) = (
        open?,
        everybody(lab, SAME, &targets, 1500)?,
        everybody(lab, OTHER, &targets, 700)?,
    );
    let mut found = pairs(&targets, &open, &same, &other)?;
    found.extend(strangers(lab, &targets, &open)?);
    Ok(found)
}

fn pairs(targets: &[Target], open: &[Attempts], same: &[Attempts], other: &[Attempts]) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for (at, from) in sources().enumerate() {
        for (number, target) in targets.iter().enumerate() {
            let attempt = |all: &[Attempts]| -> Result<Attempt> {
                let made = all.get(at).and_then(|one| one.attempts.get(number));
                made.cloned()
                    .with_context(|| format!("no attempt from {from} at {}", target.address))
            };
            let routed = attempt(open)?.answer.is_some();
            pairs.push(Pair {
                from,
                to: target.mode,
                address: target.address.clone(),
                routed,
                same: routed.then(|| attempt(same)).transpose()?,
                other: attempt(other)?,
            });
        }
    }
    Ok(pairs)
}

/// A process of the host without any label, where a process is routed: the last of the sources.
fn strangers(lab: &Lab, targets: &[Target], open: &[Attempts]) -> Result<Vec<Pair>> {
    let addresses = targets.iter().map(|target| target.address.as_str());
    let args: Vec<&str> = ["reach", "700"].into_iter().chain(addresses).collect();
    let text = lab.host.must(binaries::probe()?, &args)?;
    let found: Attempts = serde_json::from_str(&text).with_context(|| text.clone())?;
    let processes = open.last().context("nobody tried")?;
    let tried = targets.iter().zip(&processes.attempts).zip(found.attempts);
    Ok(tried
        .map(|((target, process), other)| Pair {
            from: STRANGER,
            to: target.mode,
            address: target.address.clone(),
            routed: process.answer.is_some(),
            same: None,
            other,
        })
        .collect())
}

/// Where attempts come from: a container in each mode, and a plain process of the host, whose labels are `run`'s.
fn sources() -> impl Iterator<Item = &'static str> {
    MODES.into_iter().chain(["process"])
}

/// Starts a server in each mode; gives every address that Docker gave it.
fn serve(lab: &Lab, networks: &Networks<'_>) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for mode in MODES {
        let port = port(mode);
        let name = format!("server-{mode}");
        let network = match mode {
            "container" => "container:server-user".to_string(),
            _ => networks.name(mode).to_string(),
        };
        let listen = format!("[::]:{port}");
        let line = ["run", "-d", "--name", &name, "-l", SAME, "--network", &network];
        let program = ["curl", "cofferdam-probe", "serve", mode, "tcp", &listen];
        lab.engine.docker(&[&line[..], &program[..]].concat())?;
        eventually(&format!("{name} listens"), || {
            Ok(lab.engine.docker(&["logs", &name])?.contains("ready"))
        })?;
        let addresses = match mode {
            "host" => ["172.17.0.1", network::HOST_V4, network::HOST_V6]
                .map(str::to_string)
                .to_vec(),
            "container" => networks.addresses("server-user")?,
            _ => networks.addresses(&name)?,
        };
        targets.extend(addresses.iter().map(|address| Target {
            mode,
            address: if address.contains(':') {
                format!("[{address}]:{port}")
            } else {
                format!("{address}:{port}")
            },
        }));
    }
    Ok(targets)
}

fn port(mode: &str) -> u16 {
    match mode {
        "container" => JOINED_PORT,
        "host" => HOST_PORT,
        _ => PORT,
    }
}

/// A client in each mode. The one in mode `container` joins one of its own labels: who shares a namespace shares loopback.
fn clients(lab: &Lab, labels: &str) -> Result<()> {
    for mode in MODES {
        let network = match mode {
            "container" => format!("container:{}", client("user", labels)),
            _ => Networks::named(mode).to_string(),
        };
        let name = client(mode, labels);
        lab.engine.docker(&[
            "run",
            "-d",
            "--name",
            &name,
            "-l",
            labels,
            "--network",
            &network,
            "curl",
            "sleep",
            "600",
        ])?;
    }
    Ok(())
}

fn client(mode: &str, labels: &str) -> String {
    format!("client-{mode}-{}", labels.replace('=', "-"))
}

/// The attempts of every source at every target, in their order.
fn everybody(lab: &Lab, labels: &str, targets: &[Target], patience_ms: u32) -> Result<Vec<Attempts>> {
    thread::scope(|scope| {
        let all: Vec<_> = sources()
            .map(|from| scope.spawn(move || attempts(lab, from, labels, targets, patience_ms)))
            .collect();
        all.into_iter()
            .map(|one| one.join().map_err(|_| anyhow!("an attempt panicked"))?)
            .collect()
    })
}

fn attempts(lab: &Lab, from: &str, labels: &str, targets: &[Target], patience_ms: u32) -> Result<Attempts> {
    let patience = patience_ms.to_string();
    let addresses = targets.iter().map(|target| target.address.as_str());
    let text = if from == "process" {
        let probe = binaries::probe()?.display().to_string();
        let program: Vec<&str> = [&probe, "reach", &patience]
            .into_iter()
            .chain(addresses)
            .collect();
        lab.run(&["--label", labels], &program)?.ok()?
    } else {
        let name = client(from, labels);
        let program = ["exec", &name, "cofferdam-probe", "reach", &patience];
        let args: Vec<&str> = program.into_iter().chain(addresses).collect();
        lab.engine.docker(&args)?
    };
    let found: Attempts = serde_json::from_str(&text).with_context(|| text.clone())?;
    ensure!(found.attempts.len() == targets.len(), "{from}: {text}");
    Ok(found)
}

// === impl Pair ===

impl Pair {
    /// What is not as it must be.
    pub fn wrong(&self) -> Option<String> {
        let answer = |attempt: &Attempt| attempt.answer.as_deref() == Some(self.to);
        if self.other.answer.is_some() {
            return Some(format!("other labels got through: {self}"));
        }
        if self.routed && !self.other.refused() {
            return Some(format!("other labels were not refused at once: {self}"));
        }
        let reached = self.same.as_ref().is_none_or(answer);
        (!reached).then(|| format!("same labels did not get through: {self}"))
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |attempt: &Attempt| match (&attempt.answer, &attempt.error) {
            (Some(name), _) => format!("answered by {name} in {:.1} ms", attempt.ms),
            (None, Some(error)) => format!("{error}, {:.1} ms", attempt.ms),
            (None, None) => "nothing".to_string(),
        };
        write!(f, "{} -> {} {}: ", self.from, self.to, self.address)?;
        match &self.same {
            Some(same) => write!(f, "same labels {}", end(same))?,
            None if self.routed => write!(f, "routed")?,
            None => write!(f, "not routed")?,
        }
        write!(f, "; other labels {}", end(&self.other))
    }
}
