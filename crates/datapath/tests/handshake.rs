//! Identity in the handshake, on the wire: what a raw socket sees.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

use std::net::{IpAddr, SocketAddr};

use cofferdam_datapath::Entry;

mod support;

use support::forger::{Forger, answers};
use support::net::Net;
use support::wire::{ACK, Pair, SYN, Segment, Wire, tag};
use support::{Stage, identity, peer, serve_in};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

/// G-HANDSHAKE: SYN, SYN-ACK and the client's ACK carry the option, each bound to its own numbers; nothing after does.
#[test]
fn root_each_segment_of_a_handshake_is_signed() {
    let mut pair = Pair::new();
    let (_server, at) = pair.serve("tcp-serve");
    let (to_server, to_client) = (Wire::open(&pair.net), Wire::open_at(&pair.friend_netns));
    assert!(pair.ask(&pair.friend, &format!("tcp {at}")).ok);
    let (to_server, to_client) = (to_server.segments(), to_client.segments());
    let of = |all: &[Segment], flags: u8| {
        all.iter()
            .find(|s| s.flags & (SYN | ACK) == flags)
            .unwrap()
            .clone()
    };
    let (syn, synack, client) = (
        of(&to_server, SYN),
        of(&to_client, SYN | ACK),
        of(&to_server, ACK),
    );
    for (segment, kind, number, ack) in [
        (syn, 1, 2, 0),
        (synack.clone(), 2, 1, synack.ack),
        (client.clone(), 3, 2, client.ack),
    ] {
        let seen = segment.option.unwrap_or_else(|| panic!("{segment:?}"));
        assert_eq!(seen.claim & 0x00ff_ffff, 256 + number);
        assert_eq!(seen.claim >> 28, 1);
        assert_eq!(
            seen.tag,
            tag(&pair.stage, seen.claim, kind, segment.seq, ack),
            "{segment:?}"
        );
    }
    let signed = |all: &[Segment]| {
        all.iter()
            .filter(|s| s.option.is_some() && s.flags & SYN == 0)
            .count()
    };
    assert!(
        signed(&to_server) <= 2,
        "the option ends once the server was heard: {to_server:?}"
    );
    assert_eq!(
        signed(&to_client),
        0,
        "the server's data carries none: {to_client:?}"
    );
    assert_eq!(pair.stage.datapath().losses().unwrap().bad_tags, 0);
}

/// G-HANDSHAKE: who talks on in a connection that its server has forgotten is reset by the server's kernel, as without us,
/// and nothing is recorded as denied: no handshake waits for that segment, so it can open nothing.
#[test]
fn root_forgotten_connections_are_reset() {
    let mut pair = Pair::new();
    let (_server, at) = pair.serve("forgetful-serve");
    let outcome = pair.ask(&pair.friend, &format!("forgotten {at}"));
    let denied: Vec<_> = pair
        .stage
        .flows()
        .into_iter()
        .filter(|f| f.verdict.action == cofferdam_policy::Action::Deny)
        .collect();
    assert!(outcome.ok && denied.is_empty(), "{outcome:?} {denied:#?}");
}

/// G-HANDSHAKE: inside one namespace connect has seen both sockets; nothing is written, and the verdict is the same.
#[test]
fn root_one_namespace_needs_no_option() {
    let net = Net::new();
    let mut stage = Stage::inside(&net.path("host"));
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let server = stage.serve(&server_dir, "tcp-serve", "127.0.0.1");
    let wire = Wire::open(&net);
    assert!(stage.ask(&friend, &format!("tcp {}", server.address)).ok);
    let seen = wire.segments();
    assert!(
        seen.iter().any(|s| s.flags & SYN != 0) && seen.iter().all(|s| s.option.is_none()),
        "{seen:?}"
    );
    // A replay of that unsigned SYN, from a raw socket, is nobody's.
    let syn = seen.iter().find(|s| s.flags & (SYN | ACK) == SYN).unwrap();
    let forger = Forger::new(&net);
    forger.send(
        server.address,
        &Segment {
            source: 20_000,
            ..syn.clone()
        },
    );
    assert!(answers(&wire, 20_000).is_empty());
}

/// G-PRIVACY: towards the world nothing is written; an unprotected process never writes anything.
#[test]
fn root_strangers_are_told_nothing() {
    let net = Net::new();
    let mut stage = Stage::inside(&net.path("host"));
    let client = stage.workload("client", 1, &[]);
    let stranger = stage.folder("stranger");
    let outside_dir = stage.folder("outside");
    let site: IpAddr = "198.51.100.9".parse().unwrap();
    net.add_stranger(site);
    let outside = serve_in(
        &net.path("lan"),
        &outside_dir,
        "tcp-serve",
        &SocketAddr::new(site, 443).to_string(),
    );
    assert!(stage.ask(&client, "tcp 198.51.100.9:443").ok);
    let here = stage.serve(&stranger, "tcp-serve", "127.0.0.1");
    let wire = Wire::open(&net);
    assert!(stage.ask(&stranger, &format!("tcp {}", here.address)).ok);
    assert!(wire.segments().iter().all(|s| s.option.is_none()));
    let lan = Wire::open_in(&net, "lan");
    assert!(stage.ask(&client, "tcp 198.51.100.9:443").ok);
    let seen = lan.segments();
    assert!(
        seen.iter().any(|s| s.flags & SYN != 0) && seen.iter().all(|s| s.option.is_none()),
        "{seen:?}"
    );
    drop(outside);
}

/// G-FAST-OPEN: a program that asks for TCP Fast Open gets a normal, signed handshake, on either side.
#[test]
fn root_fast_open_becomes_a_normal_handshake() {
    let mut pair = Pair::new();
    let (_server, at) = pair.serve("fast-serve");
    let wire = Wire::open(&pair.net);
    let to = format!("fast {at}");
    let outcome = pair.ask(&pair.friend, &to);
    assert!(outcome.ok, "{outcome:?} {:#?}", pair.stage.flows());
    let seen = wire.segments();
    let syns: Vec<_> = seen.iter().filter(|s| s.flags & (SYN | ACK) == SYN).collect();
    assert!(
        syns.len() == 4 && syns.iter().all(|s| s.option.is_some()),
        "{syns:?}"
    );
    assert!(!pair.ask(&pair.others, &to).ok);
    let watched = Entry {
        observe: true,
        ..support::entry(2)
    };
    let dir = pair.friend.clone();
    pair.stage.datapath().bind(&dir, &watched).unwrap();
    let outcome = pair.ask(&dir, &format!("fast-once {at}"));
    assert_ne!(
        outcome.errno,
        i64::from(nix::libc::EOPNOTSUPP),
        "observing changes nothing"
    );
}

/// G-FAST-OPEN: data in the SYN to a listener that had it on before is dropped; the client's retry is judged as ever.
#[test]
fn root_fast_open_to_an_older_listener() {
    let net = Net::new();
    let mut stage = Stage::inside(&net.path("host"));
    let server_dir = stage.folder("server");
    let stranger = stage.folder("stranger");
    let server = stage.serve(&server_dir, "fast-serve", "127.0.0.1");
    let to = format!("fast {}", server.address);
    assert!(stage.ask(&stranger, &to).ok, "the stranger has a cookie");
    stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    assert!(stage.ask(&friend, &to).ok);
    let outcome = stage.ask(&stranger, &format!("fast-once {}", server.address));
    assert!(!outcome.ok, "nothing was served to a stranger's SYN: {outcome:?}");
}
