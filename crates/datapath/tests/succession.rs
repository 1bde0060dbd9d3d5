//! G-SWAP: all subjects of a change get their successors in one instant, and both ends of a flow are judged by the same side
//! of it.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

use std::path::PathBuf;

use cofferdam_datapath::{Entry, Passed};
use cofferdam_policy::{Action, Direction, Peer, PeerClass, Plane, RowKey, Step};

mod support;

use support::{Stage, entry, identity, peer, row};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

fn set(subject: u32, direction: Direction, action: Action) -> Step {
    let key = RowKey {
        subject,
        peer: Peer(PeerClass::Workload as u32),
        direction,
        plane: Plane::FIRST,
    };
    Step::SetRow(key, row(action, subject))
}

fn with_subject(number: u32, subject: u32) -> Entry {
    Entry {
        subject,
        ..entry(number)
    }
}

/// A server 1 and a client 2. By subjects 11 and 12 the client's egress is denied, by 21 and 22 the server's ingress, by 31
/// and 32 nothing.
fn stage() -> (Stage, PathBuf, PathBuf) {
    use Action::{Allow, Deny};
    use Direction::{Egress, Ingress};
    let mut stage = Stage::new();
    let server = stage.workload("server", 1, &[identity(2)]);
    let client = stage.workload("client", 2, &[]);
    let rows = [
        set(11, Ingress, Allow),
        set(12, Egress, Deny),
        set(21, Ingress, Deny),
        set(22, Egress, Allow),
        set(31, Ingress, Allow),
        set(32, Egress, Allow),
    ];
    stage.datapath().apply(&rows).unwrap();
    bind(&mut stage, &server, 1, 11);
    bind(&mut stage, &client, 2, 12);
    (stage, server, client)
}

fn bind(stage: &mut Stage, dir: &std::path::Path, number: u32, subject: u32) {
    let datapath = stage.datapath();
    datapath.bind(dir, &with_subject(number, subject)).unwrap();
}

#[test]
fn root_both_ends_change_in_one_instant() {
    let (mut stage, server, client) = stage();
    let (tcp, udp) = (
        stage.serve(&server, "tcp-serve", "127.0.0.1"),
        stage.serve(&server, "udp-serve", "127.0.0.1"),
    );
    let reached = |stage: &Stage| {
        let words = [format!("tcp {}", tcp.address), format!("udp {}", udp.address)];
        let outcomes = words.map(|words| stage.ask(&client, &words).ok);
        assert_eq!(outcomes[0], outcomes[1]);
        outcomes[0]
    };
    assert!(!reached(&stage), "denied where it leaves");
    stage.datapath().succeed(&[(11, 21), (12, 22)]).unwrap();
    assert!(!reached(&stage), "denied where it comes in");
    // The entries follow one by one, and change nothing. One by one alone this one would let the client in.
    bind(&mut stage, &client, 2, 22);
    assert!(!reached(&stage));
    bind(&mut stage, &server, 1, 21);
    stage.datapath().end_succession(Passed::now()).unwrap();
    assert!(!reached(&stage));

    stage.datapath().succeed(&[(21, 31), (22, 32)]).unwrap();
    assert!(reached(&stage), "nothing has been bound yet");
    bind(&mut stage, &client, 2, 32);
    bind(&mut stage, &server, 1, 31);
    assert!(reached(&stage));
    stage.datapath().end_succession(Passed::now()).unwrap();
    assert!(reached(&stage));
    // What was a successor's is nobody's any more.
    bind(&mut stage, &server, 1, 21);
    assert!(!reached(&stage));
}

#[test]
fn root_a_daemon_that_died_in_between_has_changed_the_policy() {
    let (mut stage, server, client) = stage();
    let tcp = stage.serve(&server, "tcp-serve", "127.0.0.1");
    let words = format!("tcp {}", tcp.address);
    stage.datapath().succeed(&[(11, 31), (12, 32)]).unwrap();
    bind(&mut stage, &server, 1, 31);
    stage.datapath = None;
    assert!(stage.ask(&client, &words).ok, "the kernel goes on");
    stage.start();
    assert!(stage.ask(&client, &words).ok);
    let entries = stage.datapath().entries().unwrap();
    let subjects: Vec<u32> = entries.iter().map(|(_, entry)| entry.subject).collect();
    assert!(subjects.iter().all(|one| [31, 32].contains(one)), "{subjects:?}");
    bind(&mut stage, &client, 2, 12);
    assert!(!stage.ask(&client, &words).ok, "that is over");
}

/// More than there is room for changes nothing.
#[test]
fn root_too_many_successors_are_none() {
    let (mut stage, server, client) = stage();
    let tcp = stage.serve(&server, "tcp-serve", "127.0.0.1");
    let words = format!("tcp {}", tcp.address);
    let many: Vec<(u32, u32)> = [(11, 31), (12, 32)]
        .into_iter()
        .chain((100..20_000).map(|one| (one, one + 100_000)))
        .collect();
    stage.datapath().succeed(&many).unwrap_err();
    assert!(!stage.ask(&client, &words).ok);
    stage.datapath().succeed(&[(11, 31), (12, 32)]).unwrap();
    assert!(stage.ask(&client, &words).ok);
}
