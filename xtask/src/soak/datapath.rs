//! Runs that are tests of `crates/datapath` with longer counts: xtask itself never links the data plane.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use cofferdam_tests::soak::{Report, Run};

use crate::repo;

pub(super) const RUNS: &[Run] = &[
    Run {
        name: "forgeries",
        about: "segments that are forged, tampered with, replayed or borrowed, from raw sockets",
        unit: "of each",
        full: 10_000,
        play: forgeries,
    },
    Run {
        name: "maps-full",
        about: "each bounded map filled to the brim, with the traffic of others",
        unit: "times each map",
        full: 1,
        play: maps,
    },
];

fn forgeries(count: u32) -> Result<Report> {
    let count = count.to_string();
    let filters = ["of_an_attacker", "forged", "replayed"];
    tests(&filters, &[("COFFERDAM_FORGERIES", &count)], count.parse()?)
}

fn maps(rounds: u32) -> Result<Report> {
    let mut all = Report::default();
    for _ in 0..rounds {
        let one = tests(&["a_full_"], &[], 1)?;
        all.rounds += 1;
        all.wrong.extend(one.wrong);
        all.figures = one.figures;
    }
    Ok(all)
}

/// Runs the tests whose names contain one of these. Their figures are lines that begin with `soak: `, and the tallies of
/// `tests/attacks`.
fn tests(filters: &[&str], environment: &[(&str, &String)], rounds: u32) -> Result<Report> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command
        .current_dir(repo::root()?)
        .args([
            "test",
            "--quiet",
            "--package",
            "cofferdam-datapath",
            "--tests",
            "--",
        ])
        .args(filters)
        .args(["--nocapture", "--test-threads", "1"])
        .envs(environment.iter().copied())
        .stdout(Stdio::piped());
    let mut child = command.spawn().context("cargo test")?;
    let mut report = Report {
        rounds,
        ..Report::default()
    };
    let mut passed = 0;
    for line in BufReader::new(child.stdout.take().context("no stdout")?).lines() {
        let line = line?;
        // libtest writes a dot where a line of the test begins.
        let said = line.trim_start_matches('.').trim();
        if said.starts_with("soak: ") || said.ends_with(" accepted") {
            report.figures.push(said.trim_start_matches("soak: ").to_owned());
        } else if let Some(rest) = said.strip_prefix("test result: ") {
            let count = rest.split(". ").nth(1).and_then(|r| r.split(' ').next());
            passed += count.and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
        } else if said.contains("panicked at") || said.ends_with("FAILED") {
            report.wrong.push(said.to_owned());
        }
    }
    let status = child.wait()?;
    if !status.success() && report.wrong.is_empty() {
        report
            .wrong
            .push(format!("cargo test ended with {status}; what failed is above"));
    }
    if passed == 0 && status.success() {
        report.wrong.push("no test has such a name".to_owned());
    }
    report.figures.push(format!("{passed} tests passed"));
    Ok(report)
}
