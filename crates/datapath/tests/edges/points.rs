//! Points of docs/dataplane-points.md that no other test is about.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use cofferdam_datapath::{Published, netns_cookie};
use cofferdam_policy::{Peer, PeerClass, Protocol};

use crate::support::forger::Forger;
use crate::support::net::BRIDGE;
use crate::support::wire::{ACK, Pair, SYN, Segment, Wire};
use crate::support::{Stage, ask_in, entry, identity, serve_in};

/// A v1 hierarchy's cgroups are nobody's, whatever their names and ids.
#[test]
fn root_point_04_only_version_two_cgroups_are_bound() {
    let mut stage = Stage::new();
    let id = "d".repeat(64);
    let Some(v1) = ["cpu", "memory", "pids"]
        .map(|name| Path::new("/sys/fs/cgroup").join(name))
        .into_iter()
        .find(|dir| dir.join("cgroup.clone_children").exists())
    else {
        eprintln!("skipped: no version 1 hierarchy on this machine");
        return;
    };
    let parent = stage.folder("docker");
    stage.datapath().watch_parent(&parent).unwrap();
    stage.datapath().announce(&id, &entry(2)).unwrap();
    let dir = v1.join(format!("cft-{}", std::process::id()));
    fs::create_dir_all(dir.join(&id)).unwrap();
    let entries = stage.datapath().entries().unwrap();
    fs::remove_dir(dir.join(&id)).unwrap();
    fs::remove_dir(&dir).unwrap();
    assert_eq!(entries, []);
    stage.folder(&format!("docker/{id}"));
    assert_eq!(
        stage.datapath().entries().unwrap().len(),
        1,
        "the announcement was still there"
    );
}

/// A socket belongs to the cgroup that made it. Another workload that holds it is refused; a stranger's socket in the hand
/// of a workload gets nobody in.
#[test]
fn root_point_06_a_socket_keeps_its_cgroup() {
    let pair = Pair::new();
    let stranger = pair.stage.folder("stranger");
    let (_server, at) = pair.serve("tcp-serve");
    let moved = |to: &Path| format!("odd move={} {at}", to.display());
    assert!(pair.ask(&pair.friend, &moved(&pair.friend)).ok);
    for (maker, user) in [
        (&pair.friend, &pair.others),
        (&pair.others, &pair.friend),
        (&pair.friend, &stranger),
        (&stranger, &pair.others),
    ] {
        let outcome = pair.ask(maker, &moved(user));
        let expected = maker == &pair.friend && user == &stranger;
        assert_eq!(outcome.ok, expected, "{maker:?} {user:?} {outcome:?}");
    }
    assert!(!pair.ask(&stranger, &moved(&pair.friend)).ok);
}

/// Whoever asks for a published port is judged towards the container behind it.
#[test]
fn root_point_08_a_published_port_is_its_container() {
    let mut pair = Pair::new();
    let inside = pair.stage.folder("inside");
    pair.stage.workload("inside", 4, &[identity(2)]);
    // What docker-proxy would be: a process of the host that listens on the published port.
    let stranger = pair.stage.folder("stranger");
    let _server = serve_in(&pair.friend_netns, &inside, "tcp-serve", "0.0.0.0:8080");
    let proxy = pair.stage.serve(&stranger, "tcp-serve", "0.0.0.0");
    let cookie = netns_cookie(&fs::File::open(&pair.friend_netns).unwrap()).unwrap();
    let published = Published {
        protocol: Protocol::TCP,
        host_ip: None,
        host_port: proxy.address.port(),
        target_netns: cookie,
        target_ip: Some(pair.addresses[0]),
        container_port: 8080,
    };
    pair.stage.datapath().set_published(&[published]).unwrap();
    for ip in ["127.0.0.1", BRIDGE[0]] {
        let to = format!("tcp {ip}:{}", proxy.address.port());
        for dir in [&stranger, &pair.others] {
            assert!(pair.stage.ask(dir, &to).denied_at_once(), "{to}");
        }
        assert!(pair.stage.ask(&pair.friend, &to).ok, "{to}");
    }
    // From a third namespace; whoever shares the container's own reaches it without the host.
    let (third, _) = pair.net.add_container(None);
    let to = format!("tcp {}:{}", BRIDGE[0], proxy.address.port());
    assert!(ask_in(&third, &pair.others, &to).denied_at_once());
    assert!(ask_in(&third, &pair.friend, &to).ok);
}

/// A SYN-ACK carries the option only if the SYN did, with SYN cookies too.
#[test]
fn root_point_11_no_option_for_those_who_sent_none() {
    let mut pair = Pair::unprotected();
    pair.protect_for(&[
        identity(2),
        Peer(PeerClass::Lan as u32),
        Peer(PeerClass::Host as u32),
    ]);
    let stranger = pair.stage.folder("stranger");
    for cookies in ["1", "2"] {
        pair.net
            .write(&pair.net.path("host"), "net/ipv4/tcp_syncookies", cookies);
        let (_server, at) = pair.serve("tcp-serve");
        for (dir, signed) in [(&stranger, false), (&pair.friend, true)] {
            let wire = Wire::open_at(&pair.friend_netns);
            assert!(pair.ask(dir, &format!("tcp {at}")).ok);
            let seen = wire.segments();
            let synack = seen.iter().find(|s| s.flags & (SYN | ACK) == SYN | ACK).unwrap();
            assert_eq!(synack.option.is_some(), signed, "cookies {cookies}: {synack:?}");
        }
    }
}

/// What a protected workload tells a stranger here, the LAN and the world: only this host's addresses see the option.
#[test]
fn root_point_13_the_option_stays_on_this_host() {
    let mut pair = Pair::new();
    let site: SocketAddr = "198.51.100.9:443".parse().unwrap();
    pair.net.add_stranger(site.ip());
    let stranger = pair.stage.folder("stranger");
    let (lan, host) = (pair.net.path("lan"), pair.net.path("host"));
    let _site = serve_in(&lan, &stranger, "tcp-serve", &site.to_string());
    let near = serve_in(&lan, &stranger, "tcp-serve", "192.168.7.254");
    let here = serve_in(&host, &stranger, "tcp-serve", BRIDGE[0]);
    for (netns, to, signed) in [
        (&lan, site, false),
        (&lan, near.address, false),
        (&host, here.address, true),
    ] {
        let wire = Wire::open_at(netns);
        let outcome = pair.ask(&pair.friend, &format!("tcp {to}"));
        let seen = wire.segments();
        let syns = seen
            .iter()
            .filter(|s| s.flags & SYN != 0 && s.destination == to.port());
        assert!(
            outcome.ok && syns.clone().count() > 0,
            "{to} {outcome:?} {:#?}",
            pair.stage.flows()
        );
        assert!(
            syns.clone().all(|s| s.option.is_some() == signed),
            "{to} {seen:?}"
        );
    }
}

/// A full ring keeps the oldest records, counts what it loses, and changes no verdict.
#[test]
fn root_point_16_a_full_ring_loses_the_newest() {
    let mut stage = Stage::new();
    let dir = stage.workload("server", 1, &[]);
    let friend = stage.workload("friend", 2, &[]);
    let stranger = stage.folder("stranger");
    let server = stage.serve(&dir, "udp-serve", "127.0.0.1");
    assert!(stage.ask(&friend, &format!("udp-flood 1 {}", server.address)).ok);
    // Each of these must be refused, or the flood itself fails.
    let outcome = stage.ask(&stranger, &format!("udp-flood 9000 {}", server.address));
    assert!(outcome.ok, "{outcome:?}");
    assert!(stage.datapath().losses().unwrap().events > 0);
    assert_eq!(stage.flows()[0].from.workload, 2, "the oldest is there");
}

/// The option is found where a middlebox may have moved it.
#[test]
fn root_point_17_the_option_is_found_everywhere() {
    let pair = Pair::new();
    let (_server, at) = pair.serve("tcp-serve");
    let wire = Wire::open(&pair.net);
    assert!(pair.ask(&pair.friend, &format!("tcp {at}")).ok);
    let seen = wire.segments();
    let syn = seen.iter().find(|s| s.flags & (SYN | ACK) == SYN).unwrap();
    let forger = Forger::new(&pair.net);
    for (port, before, after) in [
        (20_001, 0, 0),
        (20_002, 0, 4),
        (20_003, 20, 0),
        (20_004, 7, 13),
        (20_005, 0, 24),
    ] {
        let wire = Wire::open(&pair.net);
        let replay = Segment {
            source: port,
            ..syn.clone()
        };
        let from = SocketAddr::from(([127, 0, 0, 1], port));
        assert!(forger.send_padded(from, at, &replay, &[], [before, after]));
        let answered = wire
            .segments()
            .iter()
            .any(|s| s.destination == port && s.flags & (SYN | ACK) == SYN | ACK);
        assert!(answered, "{before} bytes before and {after} after");
    }
}

/// Only protected subtrees have packet hooks, so that others pay for one lookup at connect.
#[test]
fn root_point_18_strangers_have_no_packet_hooks() {
    let mut stage = Stage::new();
    let dir = stage.workload("server", 1, &[]);
    let stranger = stage.folder("stranger");
    let id = |dir: &Path| {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(dir).unwrap().ino()
    };
    let links = fs::read_dir(stage.pins().join("links")).unwrap().flatten();
    let names: Vec<String> = links
        .flat_map(|generation| fs::read_dir(generation.path()).unwrap().flatten())
        .map(|link| link.file_name().to_string_lossy().into_owned())
        .collect();
    let hooks = |dir: &Path| {
        let prefix = format!("{}-", id(dir));
        names.iter().filter(|n| n.starts_with(&prefix)).count()
    };
    assert!(hooks(&dir) > 0, "{names:?}");
    assert_eq!(hooks(&stranger), 0, "{names:?}");
    let on_root = names
        .iter()
        .filter(|n| n.starts_with(&format!("{}-", id(&stage.root))));
    assert!(
        on_root
            .clone()
            .all(|n| n.contains("connect") || n.contains("sendmsg") || n.contains("sysctl")),
        "{names:?}"
    );
}

/// A denial in connect answers at once; one in a packet hook alone hangs.
#[test]
fn root_point_19_connect_refuses_and_packets_are_dropped() {
    let mut pair = Pair::unprotected();
    let (_older, older) = pair.serve("tcp-serve");
    pair.protect();
    let (_known, known) = pair.serve("tcp-serve");
    assert!(pair.ask(&pair.others, &format!("tcp {known}")).denied_at_once());
    let outcome = pair.ask(&pair.others, &format!("tcp {older}"));
    assert!(!outcome.ok && outcome.micros > 1_000_000, "{outcome:?}");
}
