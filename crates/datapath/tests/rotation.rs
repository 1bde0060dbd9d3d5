//! The key changes while handshakes are under way: none of them notices, and what an old key signed ends with it.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use cofferdam_datapath::{Error, KEY_DISTANCE};
use cofferdam_policy::Action;

mod support;

use support::forger::{Forger, answers};
use support::wire::{Pair, SYN, Seen, Segment, Wire, secret, tag_by};
use support::{ask_in, peer};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

/// More than there is room for, so that the numbers of the keys come round.
const ROTATIONS: u32 = 18;
/// Keys that have room besides the one that signs.
const KEPT: u32 = 14;

/// Is a SYN answered that the friend could have signed with this key?
fn is_answered(forger: &Forger, wire: &Wire, at: SocketAddr, key: [u64; 2], epoch: u32, n: u32) -> bool {
    let claim = 1 << 28 | epoch << 24 | 258;
    let port = 20_000 + n as u16;
    let seq = 1_000_000 * n;
    let option = Some(Seen {
        claim,
        tag: tag_by(key, claim, 1, seq, 0),
    });
    let syn = Segment {
        source: port,
        destination: at.port(),
        seq,
        ack: 0,
        flags: SYN,
        option,
        ..Segment::default()
    };
    forger.send(at, &syn);
    !answers(wire, port).is_empty()
}

/// G-ROTATE: connections go on at full rate through rotations as fast as they are allowed; nothing is refused. A key that has
/// gone proves nothing any more.
#[test]
fn root_rotations_refuse_no_handshake() {
    let mut pair = Pair::new();
    let (_server, at) = pair.serve("tcp-serve");
    let (netns, friend) = (pair.friend_netns.clone(), pair.friend.clone());
    let seconds = u64::from(ROTATIONS + 2) * KEY_DISTANCE.as_secs();
    let words = format!("tcp-many {seconds} {at}");
    let clients = std::thread::spawn(move || ask_in(&netns, &friend, &words));

    let first = pair.stage.datapath().key_epoch().unwrap();
    let key = secret(&pair.stage, first);
    let forger = Forger::new(&pair.net);
    let wire = Wire::open(&pair.net);
    let mut gone = 0;
    for n in 1..=ROTATIONS {
        let begun = Instant::now();
        while matches!(pair.stage.datapath().rotate_key(), Err(Error::TooSoon)) {
            assert!(begun.elapsed() < 5 * KEY_DISTANCE, "never again");
            std::thread::sleep(KEY_DISTANCE / 50);
        }
        let epoch = pair.stage.datapath().key_epoch().unwrap();
        assert_eq!(epoch, (first + n) % 16);
        if n < 3 || n.abs_diff(KEPT) < 3 {
            let answered = is_answered(&forger, &wire, at, key, first, n);
            gone += u64::from(!answered);
            assert_eq!(answered, n <= KEPT, "the first key after {n} rotations");
        }
    }
    let outcome = clients.join().unwrap();
    println!("{} connections through {ROTATIONS} rotations", outcome.micros);
    assert!(outcome.ok && outcome.micros > 1000, "{outcome:?}");
    let bad = pair.stage.datapath().losses().unwrap().bad_tags;
    assert_eq!(bad, gone, "only the forger's tags were bad");
    let client: IpAddr = "172.17.0.101".parse().unwrap();
    let mut flows = pair.stage.flows();
    flows.retain(|f| {
        f.verdict.action == Action::Deny && [f.source.ip(), f.destination.ip()].contains(&client)
    });
    assert!(flows.is_empty(), "{} as {:?}", flows.len(), flows.first());
}
