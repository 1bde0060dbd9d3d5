//! The cyclonus suite on real sockets, every TCP and UDP cell of it: the same pods in one network namespace with an address
//! each, in one with nothing but ports of their own, and in a namespace each. What counts is who they are, so the verdicts
//! are the same.
//!
//! `COFFERDAM_TOPOLOGIES=TEXT` plays only the steps of cases whose description has that text.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

use std::collections::BTreeMap;

use cofferdam_policy::cases::{Answer, Cell};
use nix::libc::{ECONNREFUSED, EPERM};

#[path = "../../../policy/tests/conformance/mod.rs"]
mod conformance;
#[path = "../support/mod.rs"]
mod support;

mod pod;
mod suite;
mod town;

use pod::{Call, Door, Fate, Order, Pod};
use suite::Played;
use support::peer;
use town::{Layout, Town};

#[test]
fn peer_process() {
    match std::env::var(peer::WORDS) {
        Ok(words) if words == Pod::WORD => pod::play(),
        Ok(words) => peer::play(&words),
        Err(_) => {}
    }
}

/// G-TOPOLOGIES
#[test]
fn root_verdicts_with_an_address_each() {
    play(Layout::Addresses, (256, 82_527));
}

/// G-TOPOLOGIES: but for the rules about addresses.
#[test]
fn root_verdicts_on_one_loopback() {
    play(Layout::Loopback, (210, 67_623));
}

/// G-TOPOLOGIES
#[test]
fn root_verdicts_with_a_namespace_each() {
    play(Layout::Namespaces, (256, 80_871));
}

/// `all`: how many steps and cells there are, so that none is left out by accident.
fn play(layout: Layout, all: (usize, usize)) {
    let wanted = std::env::var("COFFERDAM_TOPOLOGIES").unwrap_or_default();
    let Some(steps) = suite::read(&wanted) else {
        return;
    };
    let mut town = Town::new(layout);
    let (mut played_steps, mut cells, mut wrong) = (0, 0, Vec::new());
    for (title, step) in steps {
        let played = Played::new(&title, &step, layout == Layout::Loopback);
        // On one address no rule about addresses can tell pods apart.
        if layout == Layout::Loopback && played.by_address {
            continue;
        }
        let prepared = played.case.steps[0].prepare().unwrap();
        town.enforce(&played, &prepared);
        played_steps += 1;
        for (cell, fate) in attempt(&mut town, &played) {
            cells += 1;
            if !agrees(&cell, &fate, played.by_address) {
                wrong.push(format!("{title}: {cell:?} {fate:?}"));
            }
        }
    }
    println!(
        "{layout:?}: {played_steps} steps, {cells} cells, {} disagree",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(5)]);
    if wanted.is_empty() {
        assert_eq!((played_steps, cells), all);
    }
}

fn agrees(cell: &Cell, fate: &Fate, by_address: bool) -> bool {
    match fate {
        Fate::Answered(name) => cell.combined == Answer::Allowed && *name == cell.to,
        Fate::Refused(errno) => cell.combined == Answer::Blocked && [EPERM, ECONNREFUSED].contains(errno),
        // A denial is an error at once, but for datagrams to somebody whose policy is about their addresses.
        Fate::Silent => cell.combined == Answer::Blocked && by_address,
    }
}

/// All cells of a step at once, TCP and UDP.
fn attempt(town: &mut Town, played: &Played) -> Vec<(Cell, Fate)> {
    let mut orders: BTreeMap<(&str, bool), Vec<(&Cell, Call)>> = BTreeMap::new();
    for cell in &played.case.steps[0].expect {
        let by_twin = cell.from == cell.to;
        // With a namespace each, a pod and its twin cannot have one address.
        let told_apart = by_twin && played.by_address && town.layout == Layout::Namespaces;
        if cell.proto != "SCTP" && !told_apart {
            let key = (cell.from.as_str(), by_twin);
            orders.entry(key).or_default().push((cell, call(town, cell)));
        }
    }
    let mut found = Vec::new();
    for ((name, by_twin), calls) in &orders {
        let calls = calls.iter().map(|(_, call)| call.clone()).collect();
        process(town, name, *by_twin).order(&Order::Try(calls));
    }
    for ((name, by_twin), calls) in &orders {
        let fates = process(town, name, *by_twin).reply();
        assert_eq!(fates.len(), calls.len());
        found.extend(
            calls
                .iter()
                .zip(fates)
                .map(|((cell, _), fate)| ((*cell).clone(), fate)),
        );
    }
    // Before the next policy allows what still waits.
    for (name, by_twin) in orders.keys() {
        let process = process(town, name, *by_twin);
        process.order(&Order::Late);
        let late = process.reply();
        assert!(
            late.is_empty(),
            "{}: {name} was answered late: {late:?}",
            played.title
        );
    }
    found
}

fn process<'t>(town: &'t mut Town, name: &str, twin: bool) -> &'t mut Pod {
    &mut town.homes.get_mut(name).unwrap()[usize::from(twin)].process
}

fn call(town: &Town, cell: &Cell) -> Call {
    let from = &town.homes[&cell.from][0];
    Call {
        from: (town.layout == Layout::Addresses).then_some(from.address),
        to: Door {
            udp: cell.proto == "UDP",
            at: (town.homes[&cell.to][0].address, cell.port).into(),
        },
        connected: cell.port_name.contains("80"),
        hope: cell.combined == Answer::Allowed,
    }
}
