//! `cofferdam audit --matrix`: who reaches which service, and with `--probe` what attempts from this host show.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anstyle::Style;
use cofferdam_audit::matrix::{From, MANY, Outcome, Row, Way, matrix};
use cofferdam_audit::model::{Estate, Place, Protocol};
use cofferdam_audit::report::Remark;
use nix::sched::{CloneFlags, setns};
use serde::Serialize;

use super::observe::processes;
use super::policy::{Judged, Profile};
use crate::failure::Failure;
use crate::output::{BAD, Call, FAINT, GOOD, note, table};

/// On one host a connection is made at once or not at all.
const PATIENCE: Duration = Duration::from_millis(700);

/// Prints the matrix.
pub(super) fn show(call: &Call, estate: &Estate, probe: bool, all: bool) -> Result<u8, Failure> {
    let mut rows = matrix(estate);
    if probe {
        attempt_all(&mut rows);
    }
    let profile = Profile::of(estate);
    let paths: Vec<Judged<'_>> = rows.into_iter().map(|row| profile.judge(row)).collect();
    let notes: Vec<Remark> = profile.notes.iter().map(Remark::from).collect();
    super::tell(&notes);
    if estate.places().count() > MANY {
        note(&format!(
            "more than {MANY} services: paths between projects are left out"
        ));
    }
    let answer = Matrix {
        version: 1,
        paths,
        notes,
    };
    call.print(&answer, |answer| text(&answer.paths, probe, all))?;
    Ok(crate::OK)
}

#[derive(Serialize)]
struct Matrix<'a> {
    version: u32,
    paths: Vec<Judged<'a>>,
    /// Labels that are not understood.
    notes: Vec<Remark>,
}

fn text(paths: &[Judged<'_>], probe: bool, all: bool) -> String {
    let mut header = vec![
        ("FROM", 16),
        ("TO", 16),
        ("PORT", 10),
        ("WAY", 9),
        ("NOW", 8),
        ("COFFERDAM", 9),
    ];
    header.push(if probe { ("PROBE", 8) } else { ("BECAUSE", 0) });
    // Names tell services apart only within a project.
    let mut namespaces: Vec<&str> = paths.iter().map(|judged| judged.to_namespace.as_str()).collect();
    namespaces.dedup();
    let several = namespaces.len() > 1;
    let shown = paths.iter().map(|judged| {
        let last = if probe {
            seen(&judged.row)
        } else {
            because(judged, all)
        };
        let mut cells = cells(judged, several);
        cells.push(last.to_owned());
        (style(judged), cells)
    });
    table(&header, shown.collect(), all)
}

fn cells(judged: &Judged<'_>, several: bool) -> Vec<String> {
    let row = &judged.row;
    let named = |namespace: Option<&str>, name: &str| match namespace {
        Some(namespace) if several => format!("{namespace}/{name}"),
        _ => name.to_owned(),
    };
    let from = match &row.from {
        From::Internet => "internet".to_owned(),
        From::Lan => "lan".to_owned(),
        From::Host => "host".to_owned(),
        From::Container(name) => named(judged.from_namespace.as_deref(), name),
    };
    vec![
        from,
        named(Some(&judged.to_namespace), &row.to),
        format!("{}/{}", row.port, row.protocol),
        way(row.way).to_owned(),
        word(row.now).to_owned(),
        word(judged.with_cofferdam).to_owned(),
    ]
}

fn seen(row: &Row<'_>) -> &'static str {
    match row.probe {
        Some(true) => "reached",
        Some(false) => "blocked",
        None => "-",
    }
}

/// Where Cofferdam changes something, its reason is the one that is asked for.
fn because<'j>(judged: &'j Judged<'_>, all: bool) -> &'j str {
    let changed = judged.with_cofferdam != judged.row.now;
    let rule = if all { &judged.decided_by } else { &judged.short };
    match rule {
        Some(rule) if changed => rule,
        _ => &judged.row.because,
    }
}

fn style(judged: &Judged<'_>) -> Style {
    match (judged.row.now, judged.with_cofferdam) {
        (Outcome::Reached, Outcome::Reached) => Style::new(),
        (Outcome::Reached, _) => BAD,
        (Outcome::Blocked, _) => GOOD,
        (Outcome::Unknown, _) => FAINT,
    }
}

fn way(way: Way) -> &'static str {
    match way {
        Way::Published => "published",
        Way::HostMode => "host mode",
        Way::Gateway => "gateway",
        Way::Direct => "direct",
        Way::Loopback => "loopback",
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Reached => "reached",
        Outcome::Blocked => "blocked",
        Outcome::Unknown => "unknown",
    }
}

/// Tries the paths of TCP that begin on this host, from the network of whoever begins.
fn attempt_all(rows: &mut [Row<'_>]) {
    let processes = processes();
    let namespace = |source: Option<Place<'_>>| {
        let id = source?.service.id.as_deref()?;
        let (pid, _) = processes.iter().find(|(_, container)| container == id)?;
        File::open(format!("/proc/{pid}/ns/net")).ok()
    };
    for row in rows.iter_mut().filter(|row| row.protocol == Protocol::Tcp) {
        let Some(address) = row.address.as_ref().and_then(|address| address.parse().ok()) else {
            continue;
        };
        let to = SocketAddr::new(address, row.port);
        row.probe = match &row.from {
            From::Host => Some(connects(to)),
            From::Container(_) => namespace(row.source).and_then(|namespace| connects_from(&namespace, to)),
            From::Internet | From::Lan => None,
        };
    }
}

fn connects(to: SocketAddr) -> bool {
    TcpStream::connect_timeout(&to, PATIENCE).is_ok()
}

/// From another network namespace: a thread of its own goes there and ends.
fn connects_from(namespace: &File, to: SocketAddr) -> Option<bool> {
    thread::scope(|scope| {
        let attempt = scope.spawn(|| {
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .ok()
                .map(|()| connects(to))
        });
        attempt.join().ok().flatten()
    })
}
