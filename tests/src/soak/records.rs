//! Flow records in their file: a daemon that is killed while it writes loses the last second of them, and nothing else.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::load::{Load, daemon_answers};
use super::{Progress, Report};
use crate::lab::Lab;
use crate::walkthrough::scene::eventually;

/// What a kill may cost.
const MOST: SignedDuration = SignedDuration::from_secs(1);

/// Each round has a load judged for a while, kills the daemon, and asks the next one.
pub(super) fn kill(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    // Few in memory, so that most of an answer is read from the file.
    fs::write(&lab.paths.config, "[flows]\nkeep = 100\n")?;
    let mut daemon = lab.daemon(&[])?;
    let load = Load::start(&lab)?;
    let mut report = Report::default();
    let mut progress = Progress::new("records", rounds);
    let mut lost = Vec::new();
    let (mut kept, mut first) = (0, None);
    for round in 0..rounds {
        load.turn()?;
        // Long enough that the file was opened, and everywhere between two writes.
        thread::sleep(Duration::from_millis(700 + u64::from(round) * 37 % 500));
        let killed = Timestamp::now();
        daemon.end(Signal::SIGKILL)?;
        daemon = lab.daemon(&[])?;
        let status = opened(&lab)?;
        let now = status["records"]["kept"]
            .as_u64()
            .context("no count of records")?;
        report.note(round, now > kept, || {
            format!("{now} records are kept, after {kept} a round before")
        });
        kept = now;
        let newest = newest_before(&lab, killed)?;
        let gap = killed.duration_since(newest);
        report.note(round, gap < MOST, || {
            format!("the newest record is {} ms older than the kill", gap.as_millis())
        });
        lost.push(gap.as_secs_f64() * 1000.0);
        let oldest = status["records"]["oldest"].clone();
        let first = first.get_or_insert_with(|| oldest.clone());
        report.note(round, *first == oldest, || {
            format!("the oldest was {first} and is {oldest}")
        });
        report.note(round, !lab.paths.state.join("flows.broken").exists(), || {
            "a file that was put aside".to_owned()
        });
        progress.at(round, &report);
    }
    drop(daemon);
    report.load(&load.stop()?);
    report.times("records lost before a kill", &mut lost);
    report.figures.push(format!("{kept} records are kept at the end"));
    Ok(report)
}

/// The status of a daemon that has opened its file.
fn opened(lab: &Lab) -> Result<Value> {
    let mut status = Value::Null;
    eventually("the file of records is open", || {
        status = daemon_answers(lab)?;
        ensure!(status["records"]["error"].is_null(), "{}", status["records"]);
        Ok(status["records"]["kept"] != 0)
    })?;
    Ok(status)
}

/// The newest record that is older than the kill.
fn newest_before(lab: &Lab, killed: Timestamp) -> Result<Timestamp> {
    let since = killed.checked_sub(SignedDuration::from_secs(3))?;
    let answer = lab.json(&["flows", "--since", &since.to_string()])?;
    let flows = answer["flows"].as_array().context("no flows")?;
    let times = flows
        .iter()
        .filter_map(|flow| flow["time"].as_str()?.parse::<Timestamp>().ok());
    times
        .filter(|time| *time <= killed)
        .max()
        .context("no record of the last three seconds before the kill")
}
