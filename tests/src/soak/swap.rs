//! Policies that change while they are asked.

use std::time::Instant;

use anyhow::{Context, Result};

use super::load::{Load, daemon_answers, serve, streams};
use super::{Progress, Report};
use crate::lab::Lab;
use crate::probe::{self, Kind};

const SWAPPED: &str = "127.0.0.1:7411";
const GIVEN: &str = "127.0.0.1:7412";

/// (command, address, whether the host reaches it from then on).
const STEPS: &[(&[&str], &str, bool)] = &[
    (&["observe", "swapped"], SWAPPED, true),
    (&["protect", "given", "--label", "app=a"], GIVEN, false),
    (&["enforce", "swapped"], SWAPPED, false),
    (&["unprotect", "given"], GIVEN, true),
];

/// Each round is one change. Whose policy changes is seen with the old verdict or the new one; once the command has
/// returned only with the new one; all others never differ.
pub(super) fn swap(rounds: u32) -> Result<Report> {
    let lab = Lab::new()?;
    let _daemon = lab.daemon(&[])?;
    serve(&lab, "swapped", &["--net=host", "-l", "app=a"], 7411)?;
    serve(&lab, "given", &["--net=host"], 7412)?;
    let mut load = Load::start(&lab)?;
    // Same labels talk in every mode; the host is let in and shut out; `given` is a peer and a stranger by turns.
    let same = streams(&["tcp", "udp", "flow"], SWAPPED, "swapped");
    load.add(&lab, &("friend", &["--net=host", "-l", "app=a"], same))?;
    let mut watch = streams(&["tcp", "udp", "sendto"], SWAPPED, "?");
    watch.extend(streams(&["tcp", "udp"], GIVEN, "?"));
    load.add(&lab, &("watcher", &[], watch))?;
    let turns = streams(&["tcp", "udp"], GIVEN, "?");
    load.add(&lab, &("turncoat", &["--net=host", "-l", "app=a"], turns))?;
    let mut report = Report::default();
    let mut progress = Progress::new("swap", rounds);
    let mut times = Vec::new();
    for round in 0..rounds {
        let (command, address, open) = STEPS[round as usize % STEPS.len()];
        let start = Instant::now();
        lab.cofferdam(command)?.ok().with_context(|| command.join(" "))?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        for kind in [Kind::Tcp, Kind::Udp] {
            let seen = probe::attempt(&lab.host, kind, address, 1)?;
            report.note(round, seen.none_answered() != open, || {
                format!("after `{}` the host still got {seen:?}", command.join(" "))
            });
        }
        load.turn()?;
        progress.at(round, &report);
    }
    daemon_answers(&lab)?;
    report.load(&load.stop()?);
    report.times("a change, from the command's start to its end", &mut times);
    Ok(report)
}
