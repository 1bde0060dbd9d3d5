//! Rare events, tried often. `cargo xtask soak` runs them long, the test `root_soak` a few times.

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::first_act;
use crate::lab::Lab;
use crate::walkthrough::scene::{Fetch, curl};

/// How often each container of the first act is started: at first it is new to the daemon, later it is known.
const STARTS: usize = 2;

/// What a run counted.
#[derive(Debug, Default)]
pub struct Report {
    /// Rounds that were run.
    pub rounds: u32,
    /// Rounds in which something was reached that must not be, or not reached that must be.
    pub wrong: Vec<String>,
}

/// Containers that connect as their first act: none must ever get through before its policy is in force.
pub fn first_act(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    let daemon = lab.daemon(&[])?;
    let containers = usize::try_from(rounds)?;
    let counts = first_act::run(&lab, daemon.pid(), containers, STARTS)?;
    let mut report = Report::default();
    for round in 0..rounds {
        report.note(round, true, String::new);
    }
    report.note(rounds - 1, counts.connected == 0, || {
        format!("the host was reached: {counts:?}")
    });
    Ok(report)
}

/// A daemon that is killed and started again: at no time is a protected container open, or an allowed peer refused.
pub fn restarts(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    let mut daemon = lab.daemon(&[])?;
    lab.engine.docker(&[
        "run",
        "-d",
        "--name",
        "nginx",
        "--net=host",
        "-l",
        "app=nginx",
        "nginx",
    ])?;
    lab.engine
        .docker(&["run", "-dit", "--name", "client", "-l", "app=nginx", "curl"])?;
    let mut report = Report::default();
    for round in 0..rounds {
        let signal = if round % 2 == 0 {
            Signal::SIGKILL
        } else {
            Signal::SIGTERM
        };
        daemon.end(signal)?;
        let closed = |fetch: &Fetch| fetch.body.is_none();
        let dead = curl(&lab.host, "http://127.0.0.1")?;
        report.note(round, closed(&dead), || {
            format!("open while the daemon was dead ({signal})")
        });
        daemon = lab.daemon(&[])?;
        let alive = curl(&lab.host, "http://127.0.0.1")?;
        report.note(round, closed(&alive), || "open after the restart".to_string());
        let peer = lab.engine.try_docker(&[
            "exec",
            "client",
            "curl",
            "-sS",
            "--max-time",
            "3",
            "http://172.17.0.1",
        ])?;
        report.note(round, peer.success(), || {
            format!("an allowed peer was refused: {peer}")
        });
    }
    Ok(report)
}

// === impl Report ===

impl Report {
    fn note(&mut self, round: u32, right: bool, otherwise: impl FnOnce() -> String) {
        self.rounds = self.rounds.max(round + 1);
        if !right {
            self.wrong.push(format!("round {round}: {}", otherwise()));
        }
    }
}
