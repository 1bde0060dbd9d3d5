//! Sockets that are older than the programs, and what they do that protected ones may not.

use cofferdam_policy::{Peer, PeerClass};

use super::handshakes::IS_SYN;
use crate::support::identity;
use crate::support::prepare_in;
use crate::support::wire::Pair;

/// Both ends may use Fast Open, and somebody in the client's namespace has a cookie.
fn with_a_cookie(server: &str) -> (Pair, crate::support::Server, String) {
    let pair = Pair::unprotected();
    for netns in [&pair.net.path("host"), &pair.friend_netns] {
        pair.net.write(netns, "net/ipv4/tcp_fastopen", "3");
    }
    let (server, at) = pair.serve(server);
    let stranger = pair.stage.folder("stranger");
    let outcome = pair.ask(&stranger, &format!("fast {at}"));
    assert!(outcome.ok, "{outcome:?}");
    (pair, server, at.to_string())
}

/// G-FAST-OPEN: what a SYN carries to an older listener is not read before somebody has proved something.
#[test]
fn root_point_02_fast_open_to_an_older_listener() {
    let (mut pair, _server, at) = with_a_cookie("odd-serve fast");
    let stranger = pair.stage.folder("stranger");
    let (with_data, without) = (format!("fast-once {at}"), format!("odd cookie {at}"));
    let outcome = pair.ask(&stranger, &with_data);
    assert!(outcome.ok, "nobody is protected yet: {outcome:?}");
    pair.protect();
    for words in [&with_data, &without] {
        let outcome = pair.ask(&stranger, words);
        assert!(!outcome.ok, "{words}: {outcome:?}");
        assert!(!pair.ask(&pair.others, words).ok);
    }
    assert!(pair.ask(&pair.friend, &format!("fast {at}")).ok);
}

/// G-FAST-OPEN: a stranger that the workload is open to has its SYN's data dropped, and its retry served.
#[test]
fn root_fast_open_of_a_welcome_stranger_is_served_at_its_retry() {
    let (mut pair, _server, at) = with_a_cookie("odd-serve fast");
    let stranger = pair.stage.folder("stranger");
    pair.protect_for(&[Peer(PeerClass::Lan as u32), Peer(PeerClass::Host as u32)]);
    let outcome = pair.ask(&stranger, &format!("fast {at}"));
    assert!(outcome.ok && outcome.micros > 500_000, "{outcome:?}");
    // Without data no listener has to be asked to wait, so the SYN itself tells.
    let outcome = pair.ask(&stranger, &format!("odd cookie {at}"));
    assert!(outcome.ok && outcome.resent > 0, "{outcome:?}");
}

/// G-EDGES: Multipath TCP at one end or both, older than the programs: the same verdicts as plain TCP.
#[test]
fn root_point_07_multipath_tcp_on_either_side() {
    for (server, client) in [("mptcp", "-"), ("-", "mptcp"), ("mptcp", "mptcp")] {
        let mut pair = Pair::unprotected();
        let (_server, at) = pair.serve(&format!("odd-serve read,{server}"));
        let words = format!("odd wait,write,{client} {at}");
        let friend = prepare_in(&pair.friend_netns, &pair.friend, &words);
        let other = prepare_in(&pair.friend_netns, &pair.others, &words);
        pair.protect();
        let outcome = friend.outcome();
        assert!(
            outcome.ok && outcome.resent == 0,
            "{server} {client}: {outcome:?}"
        );
        let outcome = other.outcome();
        assert!(!outcome.ok, "{server} {client}: {outcome:?}");
        let outcome = pair.ask(&pair.friend, &format!("odd mptcp {at}"));
        assert_eq!(
            outcome.errno,
            i64::from(nix::libc::EPROTONOSUPPORT),
            "{outcome:?}"
        );
    }
}

/// G-OLDER-SOCKETS: a client and a listener that are older than the programs are judged as all others.
#[test]
fn root_point_12_older_sockets_between_namespaces() {
    let mut pair = Pair::unprotected();
    for family in [0, 1] {
        let (_server, at) = pair.serve_family("odd-serve read", family);
        let words = format!("odd wait,write {at}");
        let friend = prepare_in(&pair.friend_netns, &pair.friend, &words);
        let other = prepare_in(&pair.friend_netns, &pair.others, &words);
        pair.protect();
        let (friend, other) = (friend.outcome(), other.outcome());
        assert!(
            friend.ok && friend.resent == 0 && !other.ok,
            "{friend:?} {other:?}"
        );
    }
}

/// G-OLDER-SOCKETS: a handshake that was under way when protection began is judged at its next SYN.
#[test]
fn root_a_handshake_under_way_is_judged() {
    for friends in [vec![identity(2)], Vec::new()] {
        let mut pair = Pair::unprotected();
        let host = pair.net.path("host");
        let (_server, at) = pair.serve("odd-serve read");
        pair.net.lose_first(&host, 1, IS_SYN);
        let mut client = prepare_in(&pair.friend_netns, &pair.friend, &format!("odd wait,write {at}"));
        client.start();
        client.wait_for_syn();
        pair.protect_for(&friends);
        let outcome = client.outcome();
        assert_eq!(outcome.ok, !friends.is_empty(), "{outcome:?}");
    }
}
