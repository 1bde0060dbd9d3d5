//! Handshakes between two network namespaces in which something is lost, late, odd or repeated.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cofferdam_datapath::FlowEvent;
use cofferdam_policy::{Action, Peer, PeerClass};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use socket2::Domain;

use crate::support::net::HOST_LAN;
use crate::support::wire::{ACK, Pair, SYN, Wire};
use crate::support::{ask_in, identity, prepare_in, serve_in};

pub(crate) const IS_SYN: &str = "tcp flags & (syn | ack) == syn";
const IS_SYNACK: &str = "tcp flags & (syn | ack) == syn | ack";
const IS_ACK: &str = "tcp flags & (syn | ack) == ack";

impl Pair {
    fn cookies(&self, always: bool) {
        let value = if always { "2" } else { "1" };
        self.net
            .write(&self.net.path("host"), "net/ipv4/tcp_syncookies", value);
    }

    /// The records of connections to that port.
    fn records(&mut self, port: u16) -> Vec<FlowEvent> {
        let all = self.stage.flows().into_iter();
        all.filter(|f| f.destination.port() == port).collect()
    }
}

/// G-EDGES: the option stays in the client's segments until the server was heard. A server that waits for data, and one
/// that never got the handshake's ACK, are reached all the same, with SYN cookies too.
#[test]
fn root_point_01_option_until_the_server_answers() {
    let pair = Pair::new();
    for family in [0, 1] {
        for cookies in [false, true] {
            pair.cookies(cookies);
            let what = format!("family {family}, cookies {cookies}");
            let (_waits, at) = pair.serve_family("odd-serve defer=10,read", family);
            let wire = Wire::open_family(&pair.net.path("host"), [Domain::IPV4, Domain::IPV6][family]);
            let outcome = pair.ask(&pair.friend, &format!("odd write {at}"));
            assert!(outcome.ok, "{what}: deferred: {outcome:?}");
            let seen = wire.segments();
            let signed = |s: &&crate::support::wire::Segment| s.payload > 0 && s.option.is_some();
            assert!(seen.iter().any(|s| signed(&s)), "{what}: {seen:?}");
            assert!(!pair.ask(&pair.others, &format!("odd write {at}")).ok);

            let (_reads, at) = pair.serve_family("odd-serve read", family);
            pair.net.lose_first(
                &pair.net.path("host"),
                1,
                &format!("tcp dport {} {IS_ACK}", at.port()),
            );
            let outcome = pair.ask(&pair.friend, &format!("odd write {at}"));
            pair.net.lose_nothing(&pair.net.path("host"));
            assert!(outcome.ok, "{what}: lost ACK: {outcome:?}");
        }
    }
}

/// G-EDGES: a server that waits for data in vain says its SYN-ACK again, and its client is served, though another handshake on
/// the same processor has come in between.
#[test]
fn root_a_server_that_waited_in_vain_is_reached() {
    let mut one = CpuSet::new();
    one.set(0).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
    let pair = Pair::new();
    for family in [0, 1] {
        let (_waits, at) = pair.serve_family("odd-serve defer=1", family);
        let (_other, other) = pair.serve_family("odd-serve -", family);
        let wire = Wire::open_family(&pair.friend_netns, [Domain::IPV4, Domain::IPV6][family]);
        let mut silent = prepare_in(&pair.friend_netns, &pair.friend, &format!("odd wait {at}"));
        silent.start();
        std::thread::sleep(Duration::from_millis(300));
        assert!(pair.ask(&pair.friend, &format!("odd - {other}")).ok);
        let outcome = silent.outcome();
        assert!(outcome.ok && outcome.micros > 500_000, "{outcome:?}");
        let mut said = wire.segments();
        said.retain(|s| s.source == at.port() && s.flags & (SYN | ACK) == SYN | ACK);
        assert!(said.len() > 1, "{said:?}");
    }
}

/// G-EDGES: whose ACK is lost hears the server's SYN-ACK again, and nothing that either end said is missing.
#[test]
fn root_a_lost_ack_costs_a_second_and_no_data() {
    let mut pair = Pair::new();
    pair.cookies(false);
    for family in [0, 1] {
        let (_server, at) = pair.serve_family("odd-serve -", family);
        pair.net.lose_first(
            &pair.net.path("host"),
            1,
            &format!("tcp dport {} {IS_ACK}", at.port()),
        );
        let outcome = pair.ask(&pair.friend, &format!("odd - {at}"));
        pair.net.lose_nothing(&pair.net.path("host"));
        assert!(outcome.ok && outcome.micros > 500_000, "{outcome:?}");
        assert_eq!(pair.records(at.port()).len(), 1);
    }
}

/// G-EDGES: a SYN that is sent again is the same connection: one verdict, one record; and so is a lost SYN-ACK.
#[test]
fn root_a_repeated_syn_is_one_flow() {
    let mut pair = Pair::new();
    for family in [0, 1] {
        let (_server, at) = pair.serve_family("tcp-serve", family);
        for (netns, lost) in [
            (pair.net.path("host"), IS_SYN),
            (pair.friend_netns.clone(), IS_SYNACK),
        ] {
            pair.net.lose_first(&netns, 1, lost);
            let outcome = pair.ask(&pair.friend, &format!("odd - {at}"));
            pair.net.lose_nothing(&netns);
            assert!(outcome.ok && outcome.resent > 0, "{lost}: {outcome:?}");
            let records = pair.records(at.port());
            assert_eq!(records.len(), 1, "{lost}: {records:#?}");
        }
    }
}

/// G-EDGES: the same for somebody from the LAN, allowed or denied: its SYNs are judged here only.
#[test]
fn root_a_repeated_syn_from_the_lan_is_one_flow() {
    let mut pair = Pair::unprotected();
    pair.protect_for(&[Peer(PeerClass::Lan as u32)]);
    let stranger = pair.stage.folder("stranger");
    let (_server, at) = pair.serve("tcp-serve");
    let lan = pair.net.path("lan");
    let to = format!("tcp {}:{}", HOST_LAN[0], at.port());
    pair.net.lose_first(&lan, 1, IS_SYNACK);
    assert!(ask_in(&lan, &stranger, &to).ok);
    pair.net.lose_nothing(&lan);
    let records = pair.records(at.port());
    assert_eq!(records.len(), 1, "{records:#?}");
    assert!(ask_in(&lan, &stranger, &to).ok);
    assert_eq!(
        pair.records(at.port()).len(),
        1,
        "another connection, another record"
    );
    pair.protect_for(&[]);
    let outcome = ask_in(&lan, &stranger, &to);
    assert!(!outcome.ok && outcome.micros > 1_500_000, "{outcome:?}");
    let records = pair.records(at.port());
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0].verdict.action, Action::Deny);
}

/// G-EDGES: two ends that open at once are two attempts; one that is allowed connects them, none leaves them apart.
#[test]
fn root_simultaneous_open_is_judged_both_ways() {
    for allowed in [true, false] {
        let mut pair = Pair::unprotected();
        let friends = |n| if allowed { vec![identity(n)] } else { Vec::new() };
        pair.stage.workload("server", 1, &friends(2));
        pair.stage.workload("friend", 2, &friends(1));
        let host = pair.net.path("host");
        let ends: [SocketAddr; 2] = [
            "172.17.0.1:7001".parse().unwrap(),
            SocketAddr::new(pair.addresses[0], 7002),
        ];
        for netns in [&host, &pair.friend_netns] {
            pair.net.lose_first(netns, 1, IS_SYN);
        }
        let words = |own: usize| format!("odd wait,simultaneous,from={} {}", ends[own], ends[1 - own]);
        let mut left = prepare_in(&host, &pair.server_dir, &words(0));
        let mut right = prepare_in(&pair.friend_netns, &pair.friend, &words(1));
        left.start();
        right.start();
        let (left, right) = (left.outcome(), right.outcome());
        assert_eq!((left.ok, right.ok), (allowed, allowed), "{left:?} {right:?}");
    }
}

/// G-EDGES: addresses and ports that were used before prove nothing: TIME_WAIT or not, a new SYN is a new attempt.
#[test]
fn root_a_tuple_used_again_is_judged_again() {
    let mut pair = Pair::unprotected();
    for family in [0, 1] {
        // Older than the programs, so that nobody is refused before a packet leaves.
        let (_server, at) = pair.serve_family("odd-serve close", family);
        pair.protect();
        let from = SocketAddr::new(pair.addresses[family], 7100 + family as u16);
        let words = format!("odd from={from} {at}");
        for _ in 0..2 {
            let outcome = pair.ask(&pair.friend, &words);
            assert!(outcome.ok, "{words}: {outcome:?}");
        }
        let outcome = pair.ask(&pair.others, &words);
        assert!(
            !outcome.ok,
            "{words}: another workload on the same ports: {outcome:?}"
        );
        assert!(pair.ask(&pair.friend, &words).ok);
    }
}

/// G-EDGES: nobody's segment has to be sent twice because of us, also where the first ACK carries data.
#[test]
fn root_the_first_ack_may_carry_data() {
    let pair = Pair::new();
    for family in [0, 1] {
        let (_server, at) = pair.serve_family("odd-serve read", family);
        let wire = Wire::open_family(&pair.net.path("host"), [Domain::IPV4, Domain::IPV6][family]);
        let outcome = pair.ask(&pair.friend, &format!("odd late {at}"));
        assert!(outcome.ok && outcome.resent == 0, "{outcome:?}");
        let seen = wire.segments();
        let first = seen.iter().find(|s| s.flags & (SYN | ACK) == ACK).unwrap();
        assert!(first.payload > 0 && first.option.is_some(), "{seen:?}");
        let outcome = pair.ask(&pair.friend, &format!("odd write {at}"));
        assert!(outcome.ok && outcome.resent == 0, "{outcome:?}");
    }
}

/// G-EDGES: TCP-MD5 takes the room that the option needs; the connection is judged by what the sender's own programs saw.
#[test]
fn root_no_room_for_the_option() {
    let mut pair = Pair::unprotected();
    for family in [0, 1] {
        let client = SocketAddr::new(pair.addresses[family], 0);
        let (_server, at) = pair.serve_family(&format!("odd-serve md5={client}"), family);
        pair.protect();
        let before = pair.stage.datapath().losses().unwrap().no_room;
        let words = format!("odd md5={at} {at}");
        let outcome = pair.ask(&pair.friend, &words);
        assert!(outcome.ok, "{words}: {outcome:?}");
        let outcome = pair.ask(&pair.others, &words);
        assert!(!outcome.ok, "{words}: {outcome:?}");
        assert!(pair.stage.datapath().losses().unwrap().no_room > before);
    }
}

/// G-EDGES: options in the IP header and extension headers are read past, and change no verdict.
#[test]
fn root_ip_options_and_extension_headers() {
    let mut pair = Pair::unprotected();
    for family in [0, 1] {
        let (_server, at) = pair.serve_family("odd-serve read", family);
        pair.protect();
        let words = format!("odd ip,write {at}");
        let outcome = pair.ask(&pair.friend, &words);
        assert!(outcome.ok && outcome.resent == 0, "{words}: {outcome:?}");
        assert_eq!(pair.stage.datapath().losses().unwrap().bad_tags, 0);
        let outcome = pair.ask(&pair.others, &words);
        assert!(!outcome.ok, "{words}: {outcome:?}");
    }
}

/// G-EDGES: a SYN is 16 bytes longer than it would be without us.
#[test]
fn root_the_syn_grows_by_sixteen_bytes() {
    let mut pair = Pair::unprotected();
    let mut headers = [[0; 2]; 2];
    for protected in [0, 1] {
        if protected == 1 {
            pair.protect();
        }
        for (family, domain) in [Domain::IPV4, Domain::IPV6].into_iter().enumerate() {
            let (_server, at) = pair.serve_family("tcp-serve", family);
            let wire = Wire::open_family(&pair.net.path("host"), domain);
            assert!(pair.ask(&pair.friend, &format!("tcp {at}")).ok);
            let seen = wire.segments();
            let syn = seen.iter().find(|s| s.flags & (SYN | ACK) == SYN).unwrap();
            headers[protected][family] = syn.header;
        }
    }
    assert_eq!(headers[1], headers[0].map(|n| n + 16));
}

/// G-EDGES: IPv4 in an IPv6 socket is IPv4, at either end.
#[test]
fn root_mapped_addresses_are_judged_as_what_they_are() {
    let mut pair = Pair::unprotected();
    for family in [0, 1] {
        let (_server, at) = pair.serve_family("tcp-serve", family);
        pair.protect();
        let v4 = SocketAddr::new("172.17.0.1".parse::<IpAddr>().unwrap(), at.port());
        for to in [
            format!("tcp [::ffff:172.17.0.1]:{}", at.port()),
            format!("tcp {v4}"),
        ] {
            let outcome = pair.ask(&pair.friend, &to);
            assert!(outcome.ok, "{to} {outcome:?}");
            assert!(!pair.ask(&pair.others, &to).ok, "{to}");
        }
    }
    let outside = pair.stage.folder("stranger");
    let server = serve_in(&pair.friend_netns, &outside, "tcp-serve", "::");
    let to = format!("tcp [::ffff:{}]:{}", pair.addresses[0], server.address.port());
    assert!(pair.stage.ask(&pair.server_dir, &to).ok);
}
