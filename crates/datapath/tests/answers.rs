//! Answers that are on their way while the policy changes.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

use std::path::Path;

use cofferdam_policy::{Action, Direction, Peer, PeerClass, RowKey, Step};

mod support;

use support::{Stage, ask_in, entry, identity, peer, row, sockets_in};

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
    let closed = Step::SetRow(key, row(Action::Deny, 2));
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

/// G-SWAP: an answer that comes late, to somebody who has gone, is no question: whoever gets that port next is a stranger.
#[test]
fn root_a_late_answer_asks_nobody() {
    let mut stage = Stage::new();
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend_dir = stage.workload("friend", 2, &[]);
    let stranger = stage.folder("stranger");
    for ip in ["127.0.0.1", "::1"] {
        let server = stage.serve(&server_dir, "udp-late-serve", ip);
        let words = format!("hold-udp {ip}");
        let friend = sockets_in(Path::new("/proc/self/ns/net"), &friend_dir, &words).remove(0);
        let port = friend.local_addr().unwrap().as_socket().unwrap();
        friend.send_to(b"question", &server.address.into()).unwrap();
        drop(friend);
        // The policy changes before the answer.
        stage.datapath().bind(&friend_dir, &entry(2)).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        let outcome = stage.ask(&stranger, &format!("udp-from {port} {}", server.address));
        assert!(outcome.denied(), "{ip}: {outcome:?} {:#?}", stage.flows());
        // Its next question is one of its own, and answered again.
        let outcome = stage.ask(&friend_dir, &format!("udp-from {port} {}", server.address));
        assert!(outcome.ok, "{ip}: {outcome:?} {:#?}", stage.flows());
    }
}
