//! Answers that are on their way while the policy changes.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

use std::path::Path;

use cofferdam_policy::{Direction, Peer, PeerClass, PortValue, RowKey, RowValue, Step};

mod support;

use support::{Stage, ask_in, entry, identity, peer};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

/// G-SWAP: a server that may not reach the host answers a connected UDP socket of a peer in its own namespace, although
/// the policy changed after the question had come in.
#[test]
fn root_an_answer_outlives_a_change_of_policy() {
    let mut stage = Stage::new();
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[identity(1)]);
    let key = RowKey {
        subject: 1,
        peer: Peer(PeerClass::Host as u32),
        direction: Direction::Egress,
        plane: cofferdam_policy::Plane::FIRST,
    };
    let verdict = PortValue {
        effect: cofferdam_policy::Effect::Deny,
        observe: false,
        rule: 2,
        priority: 0,
    };
    let closed = Step::SetRow(
        key,
        RowValue {
            verdict,
            table: 0,
            sizes: 0,
        },
    );
    stage.datapath().apply(&[closed]).unwrap();
    for (ip, kind) in [
        ("127.0.0.1", "udp-connected"),
        ("::1", "udp-connected"),
        ("127.0.0.1", "udp"),
    ] {
        let server = stage.serve(&server_dir, "udp-late-serve", ip);
        let words = format!("{kind} {}", server.address);
        let outcome = std::thread::scope(|scope| {
            let asking = scope.spawn(|| ask_in(Path::new("/proc/self/ns/net"), &friend, &words));
            while !asking.is_finished() {
                stage.datapath().bind(&friend, &entry(2)).unwrap();
            }
            asking.join().unwrap()
        });
        assert!(outcome.ok, "{words}: {outcome:?} {:#?}", stage.flows());
    }
}
