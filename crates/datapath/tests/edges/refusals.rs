//! Point 10 of docs/dataplane-points.md: a refusal where only packets tell, since the directory does not know the listener.

use std::fs::{self, File};
use std::net::SocketAddr;

use cofferdam_datapath::netns_cookie;
use cofferdam_policy::{Peer, PeerClass};

use crate::support::net::HOST_LAN;
use crate::support::peer::Outcome;
use crate::support::wire::Pair;
use crate::support::{Server, ask_in, identity, prepare_in};

fn refused(outcome: &Outcome) -> bool {
    !outcome.ok && outcome.errno == i64::from(nix::libc::ECONNREFUSED)
}

/// A listener that is in no directory, and refusals in its namespace.
fn with_refusals(family: usize) -> (Pair, Server, SocketAddr) {
    let mut pair = Pair::unprotected();
    let (server, at) = pair.serve_family("odd-serve read", family);
    pair.protect();
    let host = File::open(pair.net.path("host")).unwrap();
    pair.stage.datapath().refuse_in(&host).unwrap();
    (pair, server, at)
}

/// G-REFUSE-LATER: whoever is not protected learns it at its second SYN, a protected client of this host at once.
#[test]
fn root_point_10_a_refusal_where_only_packets_tell() {
    for family in [0, 1] {
        let (pair, _server, at) = with_refusals(family);
        let stranger = pair.stage.folder("stranger");
        let words = format!("tcp {at}");
        let outcome = pair.ask(&stranger, &words);
        assert!(refused(&outcome) && outcome.micros > 500_000, "{outcome:?}");
        let lan = SocketAddr::new(HOST_LAN[family].parse().unwrap(), at.port());
        let outcome = ask_in(&pair.net.path("lan"), &stranger, &format!("tcp {lan}"));
        assert!(refused(&outcome) && outcome.micros > 500_000, "{outcome:?}");
        let outcome = pair.ask(&pair.others, &words);
        assert!(refused(&outcome) && outcome.at_once(), "{outcome:?}");
        let outcome = pair.ask(&pair.friend, &format!("odd write {at}"));
        assert!(outcome.ok && outcome.resent == 0, "{outcome:?}");
    }
}

/// G-REFUSE-LATER: nobody is refused who would be let in: another service, another policy, enforcement that is off.
#[test]
fn root_point_10_nobody_else_is_refused() {
    let (mut pair, _server, at) = with_refusals(0);
    let stranger = pair.stage.folder("stranger");
    let open = pair.stage.serve(&stranger, "tcp-serve", "0.0.0.0");
    let open = SocketAddr::new(at.ip(), open.address.port());
    for to_be in ["allowed", "off"] {
        pair.protect();
        let mut client = prepare_in(&pair.friend_netns, &stranger, &format!("odd wait,write {at}"));
        pair.stage.flows();
        client.start();
        while pair.stage.flows().is_empty() {}
        assert!(pair.ask(&stranger, &format!("tcp {open}")).ok);
        if to_be == "off" {
            let mut global = pair.stage.datapath().global().unwrap();
            global.off = true;
            pair.stage.datapath().set_global(global).unwrap();
        } else {
            let hosts = [PeerClass::Lan, PeerClass::Host].map(|class| Peer(class as u32));
            pair.protect_for(&[identity(2), hosts[0], hosts[1]]);
        }
        let outcome = client.outcome();
        assert!(outcome.ok && outcome.resent == 1, "{to_be}: {outcome:?}");
    }
}

/// G-REFUSE-LATER: what somebody else did with the same addresses and ports is not held against a client that may.
#[test]
fn root_point_10_a_denial_is_not_inherited() {
    for family in [0, 1] {
        let (mut pair, _server, at) = with_refusals(family);
        let stranger = pair.stage.folder("stranger");
        let from = SocketAddr::new(pair.addresses[family], 40_001);
        let words = format!("odd wait,write,from={from} {at}");
        let mut client = prepare_in(&pair.friend_netns, &stranger, &words);
        pair.stage.flows();
        client.start();
        while pair.stage.flows().is_empty() {}
        // Gone before it sends its SYN again, so the denial stays behind.
        client.give_up();
        let outcome = pair.ask(&pair.friend, &format!("odd write,from={from} {at}"));
        assert!(outcome.ok && outcome.resent == 0, "{outcome:?}");
    }
}

/// One link a namespace, which goes with it.
#[test]
fn root_point_10_refusals_end_with_their_namespace() {
    let (mut pair, _server, _) = with_refusals(0);
    let pins = pair.stage.pins().join("links");
    let names = || -> Vec<String> {
        let links = fs::read_dir(&pins).unwrap().flatten();
        let links = links.flat_map(|generation| fs::read_dir(generation.path()).unwrap().flatten());
        links
            .map(|link| link.file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("netns-"))
            .collect()
    };
    let host = File::open(pair.net.path("host")).unwrap();
    let own = format!("netns-{}-on_lookup", netns_cookie(&host).unwrap());
    let container = File::open(&pair.friend_netns).unwrap();
    pair.stage.datapath().refuse_in(&container).unwrap();
    pair.stage.datapath().refuse_in(&host).unwrap();
    assert_eq!(names().len(), 2);
    drop(container);
    pair.net.remove_container(&pair.friend_netns);
    // The kernel ends a namespace some time after its last user has gone.
    while names() != [own.as_str()] {
        pair.stage.datapath().refuse_in(&host).unwrap();
    }
}
