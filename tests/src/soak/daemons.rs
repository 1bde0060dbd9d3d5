//! Daemons that die and daemons that follow each other, under load.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::load::{Load, daemon_answers};
use super::{Progress, Report};
use crate::lab::{Daemon, Lab};

/// Every so many rounds a daemon is killed a second time, while it starts.
const WHILE_STARTING: u32 = 4;
/// Every so many upgrades the pins of the old daemon seem to be of another ABI.
const OTHER_ABI: u32 = 5;

/// `kill -9`, some time without a daemon, and a new one that adopts.
pub(super) fn kill(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    let mut daemon = lab.daemon(&[])?;
    let load = Load::start(&lab)?;
    let mut report = Report::default();
    let mut progress = Progress::new("kill", rounds);
    let (mut gaps, mut starts, mut twice, mut wrong) = (Vec::new(), Vec::new(), 0, 0);
    for round in 0..rounds {
        daemon.end(Signal::SIGKILL)?;
        let dead = Instant::now();
        thread::sleep(spread(round, 150));
        if round % WHILE_STARTING == WHILE_STARTING - 1 {
            let mut second = Daemon::launch(&lab.host, &lab.paths, &[])?;
            thread::sleep(spread(round, 400));
            second.end(Signal::SIGKILL)?;
            twice += 1;
        }
        daemon = lab.daemon(&[])?;
        gaps.push(milliseconds(dead.elapsed()));
        starts.push(milliseconds(daemon.ready_in));
        let status = daemon_answers(&lab)?;
        report.note(round, status["adopted"] == true, || {
            format!("the new daemon did not adopt: {status}")
        });
        load.turn()?;
        seen(&mut report, round, &lab, &load, &mut wrong)?;
        progress.at(round, &report);
    }
    drop(daemon);
    report.load(&load.stop()?);
    report.times("without a daemon", &mut gaps);
    report.times("start to ready", &mut starts);
    report
        .figures
        .push(format!("{twice} daemons were killed while they started"));
    Ok(report)
}

/// A daemon that ends in good order, and one that brings programs of its own.
pub(super) fn upgrade(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    let mut daemon = lab.daemon(&[])?;
    let load = Load::start(&lab)?;
    let mut report = Report::default();
    let mut progress = Progress::new("upgrade", rounds);
    let (mut gaps, mut others, mut wrong) = (Vec::new(), 0, 0);
    for round in 0..rounds {
        let before = generations(&lab.paths.bpffs)?;
        daemon.end(Signal::SIGTERM)?;
        let ended = Instant::now();
        if round % OTHER_ABI == OTHER_ABI - 1 {
            age(&lab.paths.bpffs)?;
            others += 1;
        }
        daemon = lab.daemon(&[])?;
        gaps.push(milliseconds(ended.elapsed()));
        let after = generations(&lab.paths.bpffs)?;
        let fresh = after.len() == 1 && !before.iter().any(|b| b.file_name() == after[0].file_name());
        report.note(round, fresh, || {
            format!("not one new generation of programs: {before:?}, then {after:?}")
        });
        load.turn()?;
        seen(&mut report, round, &lab, &load, &mut wrong)?;
        progress.at(round, &report);
    }
    drop(daemon);
    report.load(&load.stop()?);
    report.times("without a daemon", &mut gaps);
    report.figures.push(format!(
        "{others} upgrades from programs and maps of another ABI, which are not adopted but replaced"
    ));
    Ok(report)
}

/// Says in which round wrong verdicts fell, and which denials the daemon knows; [`Report::load`] has the words at the end.
fn seen(report: &mut Report, round: u32, lab: &Lab, load: &Load, known: &mut u64) -> Result<()> {
    let wrong = load.so_far()?.wrong;
    if wrong > *known {
        let flows = lab.cofferdam(&[
            "flows", "--denied", "--from", "app=a", "--to", "app=a", "--limit", "4",
        ])?;
        report.note(round, false, || {
            format!(
                "{} wrong under load; denied among peers: {}",
                wrong - *known,
                flows.stdout.trim()
            )
        });
    }
    *known = wrong;
    Ok(())
}

/// The folders of pinned links: one for each daemon whose programs are in force.
fn generations(bpffs: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for version in folders(bpffs)? {
        found.extend(folders(&version.join("links"))?);
    }
    Ok(found)
}

fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    let list = fs::read_dir(path).with_context(|| path.display().to_string())?;
    Ok(list.flatten().map(|entry| entry.path()).collect())
}

/// Gives the pins the name that a daemon of an earlier ABI gave them.
fn age(bpffs: &Path) -> Result<()> {
    for version in folders(bpffs)? {
        fs::rename(&version, bpffs.join("v0")).context("cannot rename pins")?;
    }
    Ok(())
}

/// A time below `most` milliseconds that differs from round to round and not from run to run.
fn spread(round: u32, most: u64) -> Duration {
    Duration::from_millis(u64::from(round).wrapping_mul(7919) % most)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
