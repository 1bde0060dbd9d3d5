//! A ring that nobody empties: verdicts stay right, and what was not recorded is counted.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::load::{Load, daemon_answers};
use super::{Progress, Report};
use crate::lab::Lab;

/// Denied datagrams that one filling sends: their records are larger than the ring.
const FLOOD: &str = "30000";

/// Each round holds the daemon still until the ring is full, and lets it go on.
pub(super) fn full(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    let daemon = lab.daemon(&[])?;
    let load = Load::start(&lab)?;
    lab.engine.docker(&[
        "run",
        "-dit",
        "--name",
        "flood",
        "--net=host",
        "-l",
        "app=flood",
        "curl",
    ])?;
    let pid = Pid::from_raw(i32::try_from(daemon.pid())?);
    let mut report = Report::default();
    let mut progress = Progress::new("ring-full", rounds);
    let mut held = Vec::new();
    let mut before = lost(&lab)?;
    let first = before;
    for round in 0..rounds {
        kill(pid, Signal::SIGSTOP).context("cannot hold the daemon")?;
        let start = Instant::now();
        let sent = flood(&lab).and_then(|()| load.turn());
        // Also after a failure: a stopped daemon would hold everything up that follows.
        kill(pid, Signal::SIGCONT).context("cannot let the daemon go on")?;
        sent?;
        held.push(start.elapsed().as_secs_f64() * 1000.0);
        let now = lost(&lab)?;
        report.note(round, now > before, || {
            format!("the ring was flooded and nothing is counted as lost: {before}, then {now}")
        });
        before = now;
        load.turn()?;
        progress.at(round, &report);
    }
    report.load(&load.stop()?);
    report.times("the daemon was held", &mut held);
    report
        .figures
        .push(format!("{} records were lost and counted", before - first));
    Ok(report)
}

/// In a container that exists, for a new one would wait for the daemon.
fn flood(lab: &Lab) -> Result<()> {
    let probe = [
        "exec",
        "flood",
        "cofferdam-probe",
        "try",
        "sendto",
        "127.0.0.1:7402",
        FLOOD,
        "100",
    ];
    let said = lab.engine.docker(&probe)?;
    ensure!(
        !said.contains("\"answer\":\"sa\""),
        "a flood of denied datagrams got an answer"
    );
    Ok(())
}

fn lost(lab: &Lab) -> Result<u64> {
    let status = daemon_answers(lab)?;
    status["losses"]["flows"]
        .as_u64()
        .context("`status --json` has no losses")
}
