//! The programs on real sockets of one host: who may reach whom, on both families, over TCP and UDP.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves two files"
)]

mod support;

use cofferdam_datapath::netns_cookie;

use support::net::{BRIDGE, HOST_LAN, Net};
use support::{Stage, identity, peer};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

fn addresses() -> [&'static str; 2] {
    ["127.0.0.1", "::1"]
}

/// G-SAME-LABELS, G-DENY-INSTANT: a friend connects; a stranger, another workload get EPERM at once.
#[test]
fn root_tcp_by_identity() {
    let mut stage = Stage::new();
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let other = stage.workload("other", 3, &[]);
    let stranger = stage.folder("stranger");
    for ip in addresses() {
        let server = stage.serve(&server_dir, "tcp-serve", ip);
        let to = format!("tcp {}", server.address);
        assert!(stage.ask(&friend, &to).ok, "{ip}");
        assert!(stage.ask(&server_dir, &to).ok, "a workload reaches itself");
        for dir in [&other, &stranger] {
            let outcome = stage.ask(dir, &to);
            assert!(outcome.denied_at_once(), "{ip} {outcome:?}");
        }
    }
    let flows = stage.flows();
    assert!(
        flows
            .iter()
            .any(|f| f.verdict.rule == 2 && f.to.workload == 1 && f.from.workload == 3)
    );
    assert!(
        flows
            .iter()
            .any(|f| f.verdict.rule == 2 && f.from.peer.0 == 1 && f.pid != 0)
    );
}

/// G-UDP: the same for datagrams, connected or not, and the answers come back.
#[test]
fn root_udp_by_identity() {
    let mut stage = Stage::new();
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let other = stage.workload("other", 3, &[]);
    let stranger = stage.folder("stranger");
    for ip in addresses() {
        let server = stage.serve(&server_dir, "udp-serve", ip);
        for kind in ["udp", "udp-connected"] {
            let to = format!("{kind} {}", server.address);
            let friendly = stage.ask(&friend, &to);
            assert!(friendly.ok, "{to} {friendly:?} {:#?}", stage.flows());
            for dir in [&other, &stranger] {
                let outcome = stage.ask(dir, &to);
                assert!(outcome.denied_at_once(), "{to} {outcome:?}");
            }
        }
    }
}

/// A protected client on a port of its own choice gets its answer from an unprotected server.
#[test]
fn root_udp_answers_from_strangers() {
    let mut stage = Stage::new();
    let client = stage.workload("client", 1, &[]);
    let server_dir = stage.folder("stranger");
    let server = stage.serve(&server_dir, "udp-serve", "127.0.0.1");
    for from in ["127.0.0.1:0", "0.0.0.0:0"] {
        let outcome = stage.ask(&client, &format!("udp-from {from} {}", server.address));
        assert!(outcome.ok, "{from} {outcome:?} {:#?}", stage.flows());
    }
}

/// G-OLDER-SOCKETS: a listener that was there before the workload was bound is in the directory after a scan.
#[test]
fn root_older_listeners() {
    let mut stage = Stage::new();
    let dir = stage.folder("server");
    let tcp = stage.serve(&dir, "tcp-serve", "::");
    let udp = stage.serve(&dir, "udp-serve", "0.0.0.0");
    stage.workload("server", 1, &[]);
    let here = std::fs::File::open("/proc/self/ns/net").unwrap();
    stage.datapath().scan_sockets(&here).unwrap();
    let stranger = stage.folder("stranger");
    for to in [
        format!("tcp 127.0.0.1:{}", tcp.address.port()),
        format!("tcp [::1]:{}", tcp.address.port()),
        format!("tcp [::ffff:127.0.0.1]:{}", tcp.address.port()),
        format!("udp 127.0.0.1:{}", udp.address.port()),
    ] {
        let outcome = stage.ask(&stranger, &to);
        assert!(outcome.denied_at_once(), "{to} {outcome:?}");
    }
    assert_eq!(stage.datapath().listeners().unwrap().len(), 2);
    drop((tcp, udp));
    assert_eq!(
        stage.datapath().listeners().unwrap(),
        [],
        "release empties the directory"
    );
}

/// G-PACKET-NET: without the directory the packet hook still drops.
#[test]
fn root_packets_are_the_safety_net() {
    let mut stage = Stage::new();
    let dir = stage.folder("server");
    let server = stage.serve(&dir, "tcp-serve", "127.0.0.1");
    stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let stranger = stage.folder("stranger");
    let to = format!("tcp {}", server.address);
    let outcome = stage.ask(&stranger, &to);
    assert!(
        !outcome.ok && outcome.micros > 1_000_000,
        "dropped, not refused: {outcome:?}"
    );
    assert!(stage.ask(&friend, &to).ok, "the sender's socket is found");
}

/// G-CRASHED: a new daemon adopts; verdicts hold before, during and after.
#[test]
fn root_adoption_keeps_everything() {
    let mut stage = Stage::new();
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let stranger = stage.folder("stranger");
    let server = stage.serve(&server_dir, "tcp-serve", "127.0.0.1");
    let to = format!("tcp {}", server.address);
    drop(stage.datapath.take());
    assert!(
        stage.ask(&stranger, &to).denied() && stage.ask(&friend, &to).ok,
        "without a daemon"
    );
    stage.start();
    assert!(stage.datapath().adopted());
    assert!(
        stage.ask(&stranger, &to).denied() && stage.ask(&friend, &to).ok,
        "two generations of links"
    );
    stage.datapath().bind(&server_dir, &support::entry(1)).unwrap();
    stage.datapath().bind(&friend, &support::entry(2)).unwrap();
    stage.datapath().settle().unwrap();
    assert!(
        stage.ask(&stranger, &to).denied() && stage.ask(&friend, &to).ok,
        "settled"
    );
    let bpffs = stage.bpffs.clone();
    cofferdam_datapath::set_off(&bpffs, true).unwrap();
    assert!(stage.ask(&stranger, &to).ok, "off opens everything");
    cofferdam_datapath::set_off(&bpffs, false).unwrap();
    assert!(stage.ask(&stranger, &to).denied());
    stage.datapath.take().unwrap().remove().unwrap();
    assert!(!bpffs.exists());
    assert!(stage.ask(&stranger, &to).ok, "removed");
}

/// G-BIRTH: an announced container has its identity before its first instruction; an unannounced one is pending.
#[test]
fn root_cgroups_are_born_with_their_identity() {
    let mut stage = Stage::new();
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let server = stage.serve(&server_dir, "tcp-serve", "127.0.0.1");
    let to = format!("tcp {}", server.address);
    let parent = stage.folder("docker");
    stage.datapath().watch_parent(&parent).unwrap();
    let (friend_id, unknown_id) = ("a".repeat(64), "b".repeat(64));
    stage.datapath().announce(&friend_id, &support::entry(2)).unwrap();
    let steps = support::rows(2, &[]);
    stage.datapath().apply(&steps).unwrap();
    let friend = stage.folder(&format!("docker/{friend_id}"));
    assert!(stage.ask(&friend, &to).ok);
    assert!(
        stage
            .ask(&stage.folder(&format!("docker/{friend_id}/nested")), &to)
            .ok,
        "nested is the same workload"
    );
    let imitation = stage.folder(&format!("elsewhere/{friend_id}"));
    assert!(stage.ask(&imitation, &to).denied(), "only below a watched parent");
    let unknown = stage.folder(&format!("docker/{unknown_id}"));
    let outcome = stage.ask(&unknown, &to);
    assert!(
        !outcome.ok && outcome.micros > 1_000_000,
        "pending is dropped, not refused: {outcome:?}"
    );
}

/// G-ADDRESSES: every address of the host leads to the same verdict.
#[test]
fn root_every_address_of_the_host() {
    let net = Net::new();
    let mut stage = Stage::inside(&net.path("host"));
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let stranger = stage.folder("stranger");
    let host = netns_cookie(&std::fs::File::open(net.path("host")).unwrap()).unwrap();
    let own: Vec<_> = HOST_LAN
        .iter()
        .chain(&BRIDGE)
        .map(|a| (a.parse().unwrap(), host))
        .collect();
    stage.datapath().set_namespace_addresses(&own).unwrap();
    for kind in ["tcp", "udp"] {
        let v4 = stage.serve(&server_dir, &format!("{kind}-serve"), "0.0.0.0");
        let dual = stage.serve(&server_dir, &format!("{kind}-serve"), "::");
        let (v4, dual) = (v4.address.port(), dual.address.port());
        let mut targets = vec![
            format!("127.8.9.1:{v4}"),
            format!("[::ffff:127.0.0.1]:{v4}"),
            format!("127.8.9.1:{dual}"),
        ];
        targets.extend([HOST_LAN[0], BRIDGE[0]].map(|a| format!("{a}:{v4}")));
        targets.extend([HOST_LAN[0], BRIDGE[0]].map(|a| format!("{a}:{dual}")));
        targets.extend([HOST_LAN[1], BRIDGE[1], "::1"].map(|a| format!("[{a}]:{dual}")));
        for target in targets {
            // A wildcard datagram socket answers from 127.0.0.1, so a connected client would not hear it.
            if kind == "udp" && target.starts_with("127.8") {
                continue;
            }
            let words = format!("{} {target}", if kind == "udp" { "udp-connected" } else { kind });
            let outcome = stage.ask(&friend, &words);
            assert!(outcome.ok, "{words} {outcome:?} {:#?}", stage.flows());
            let outcome = stage.ask(&stranger, &words);
            assert!(outcome.denied_at_once(), "{words} {outcome:?}");
        }
    }
}

/// G-ADDRESSES: masquerading on the way to one's own bridge address hides the socket, not the identity.
#[test]
fn root_masqueraded_on_loopback() {
    let net = Net::new();
    net.masquerade();
    let mut stage = Stage::inside(&net.path("host"));
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let stranger = stage.folder("stranger");
    for kind in ["tcp", "udp"] {
        let server = stage.serve(&server_dir, &format!("{kind}-serve"), BRIDGE[0]);
        let words = format!("{kind} {}", server.address);
        let outcome = stage.ask(&friend, &words);
        assert!(outcome.ok, "{words} {outcome:?} {:#?}", stage.flows());
        assert!(!stage.ask(&stranger, &words).ok);
    }
}

/// G-DOCKER: a folder that was removed and made again under the same name (a restarted scope or unit) is filtered again.
#[test]
fn root_point_03_a_folder_made_again_is_filtered_again() {
    let mut stage = Stage::new();
    let dir = stage.workload("server", 1, &[identity(2)]);
    std::fs::remove_dir(&dir).unwrap();
    let dir = stage.folder("server");
    let server = stage.serve(&dir, "tcp-serve", "127.0.0.1");
    stage.datapath().bind(&dir, &support::entry(1)).unwrap();
    let stranger = stage.folder("stranger");
    let outcome = stage.ask(&stranger, &format!("tcp {}", server.address));
    assert!(
        !outcome.ok,
        "its packets are judged although its listener is unknown: {outcome:?}"
    );
}

/// G-RESTART: a container born while the programs of two daemons are attached has its identity, and is not pending.
#[test]
fn root_point_03_born_between_two_daemons() {
    let mut stage = Stage::new();
    let parent = stage.folder("docker");
    let id = "c".repeat(64);
    stage.datapath().watch_parent(&parent).unwrap();
    stage.datapath().announce(&id, &support::entry(2)).unwrap();
    drop(stage.datapath.take());
    stage.start();
    stage.folder(&format!("docker/{id}"));
    let entries = stage.datapath().entries().unwrap();
    assert_eq!(
        entries.iter().map(|(_, e)| *e).collect::<Vec<_>>(),
        [support::entry(2)]
    );
}

/// G-NOTHING-LEFT: the kernel releases the sockets inside an MPTCP one without telling us, so there is none.
#[test]
fn root_mptcp_listeners_leave_the_directory() {
    let mut stage = Stage::new();
    let dir = stage.workload("server", 1, &[]);
    let stranger = stage.folder("stranger");
    for ip in addresses() {
        let server = stage.serve(&dir, "mptcp-serve", ip);
        let outcome = stage.ask(&stranger, &format!("tcp {}", server.address));
        assert!(outcome.denied_at_once(), "{ip} {outcome:?}");
        drop(server);
        assert_eq!(stage.datapath().listeners().unwrap(), [], "{ip}");
    }
}

/// G-NOTHING-LEFT: who binds and then connects is no listener, and closes as a connection.
#[test]
fn root_bound_clients_leave_the_directory() {
    let mut stage = Stage::new();
    let dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    for ip in addresses() {
        let server = stage.serve(&dir, "tcp-serve", ip);
        let source = std::net::SocketAddr::new(ip.parse().unwrap(), 0);
        let outcome = stage.ask(&friend, &format!("tcp-from {source} {}", server.address));
        assert!(outcome.ok, "{ip} {outcome:?}");
        drop(server);
        assert_eq!(stage.datapath().listeners().unwrap(), [], "{ip}");
    }
}

/// G-PORT-TAKEN: nobody takes a part of another workload's port; `off` lets even that happen.
#[test]
fn root_a_port_is_not_shared_with_others() {
    let mut stage = Stage::new();
    let dir = stage.workload("server", 1, &[]);
    let other = stage.workload("other", 2, &[]);
    let server = stage.serve(&dir, "shared-serve", "0.0.0.0");
    let port = server.address.port();
    for ip in ["0.0.0.0", "127.0.0.1"] {
        let outcome = stage.ask(&other, &format!("shared {ip}:{port}"));
        assert!(outcome.is_taken(), "{ip} {outcome:?}");
        let outcome = stage.ask(&dir, &format!("shared {ip}:{port}"));
        assert!(outcome.ok, "its own port: {ip} {outcome:?}");
    }
    cofferdam_datapath::set_off(&stage.bpffs, true).unwrap();
    let outcome = stage.ask(&other, &format!("shared 127.0.0.1:{port}"));
    assert!(outcome.ok, "off opens everything: {outcome:?}");
}

/// G-RESTART: a listener whose release nobody saw does not hide the next one on its port.
#[test]
fn root_a_dead_listener_hides_nobody() {
    let mut stage = Stage::new();
    let dir = stage.folder("old");
    let observed = cofferdam_datapath::Entry {
        observe: true,
        ..support::entry(1)
    };
    stage.datapath().bind(&dir, &observed).unwrap();
    let server = stage.serve(&dir, "mptcp-serve", "127.0.0.1");
    let address = server.address;
    drop(server);
    while std::fs::remove_dir(&dir).is_err() {}
    let dir = stage.workload("new", 1, &[]);
    let _server = stage.serve(&dir, "tcp-serve", &address.to_string());
    let stranger = stage.folder("stranger");
    let outcome = stage.ask(&stranger, &format!("tcp {address}"));
    assert!(outcome.denied_at_once(), "{outcome:?}");
}

/// A flood of denials is taken in portions.
#[test]
fn root_records_come_in_portions() {
    let mut stage = Stage::new();
    let dir = stage.workload("server", 1, &[]);
    let stranger = stage.folder("stranger");
    let server = stage.serve(&dir, "udp-serve", "127.0.0.1");
    let most = cofferdam_datapath::Datapath::DRAIN;
    let outcome = stage.ask(&stranger, &format!("udp-flood {} {}", most + 5, server.address));
    assert!(outcome.ok, "{outcome:?}");
    assert_eq!(stage.flows().len(), most);
    assert_eq!(stage.flows().len(), 5);
}

/// G-OFF: a daemon that is busy does not undo `off`.
#[test]
fn root_off_beats_a_busy_daemon() {
    let mut stage = Stage::new();
    let dir = stage.workload("server", 1, &[]);
    for round in 0..40 {
        let (bpffs, off) = (stage.bpffs.clone(), round % 2 == 0);
        let switch = std::thread::spawn(move || cofferdam_datapath::set_off(&bpffs, off).unwrap());
        while !switch.is_finished() {
            stage.datapath().bind(&dir, &support::entry(1)).unwrap();
        }
        switch.join().unwrap();
        assert_eq!(stage.datapath().global().unwrap().off, off, "round {round}");
    }
}
