//! What has to go on. A flow that is cut by mistake is worse than one that ends late.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cofferdam_datapath::{EndBy, Ender, Entry, Global, netns_cookie};
use cofferdam_policy::{Action, Direction, PeerClass};

use crate::flow::{OWN, Place, class, connect, connect_to, end, row};
use crate::support::net::Net;
use crate::support::{Stage, entry, identity, sockets_in};

const INGRESS: Direction = Direction::Ingress;
const EGRESS: Direction = Direction::Egress;

fn host(dir: &Path) -> Place<'_> {
    Place {
        netns: Path::new(OWN),
        dir,
    }
}

/// G-ENDS: the rule about the direction in which a flow was opened counts, not the other; also for listeners with a backlog
/// of 0, and after the listener has gone.
#[test]
fn root_a_flow_is_judged_in_its_own_direction() {
    let mut stage = Stage::new();
    let server = stage.workload("server", 1, &[class(PeerClass::Host)]);
    let stranger = stage.folder("stranger");
    stage
        .datapath()
        .apply(&[row(1, EGRESS, class(PeerClass::Host), Action::Deny, 7)])
        .unwrap();
    for ip in ["127.0.0.1", "::1"] {
        let usual = connect(host(&stranger), host(&server), ip, |_| ());
        let listener = sockets_in(Path::new(OWN), &server, &format!("hold-listener {ip}")).remove(0);
        listener.listen(0).unwrap();
        let no_backlog = connect_to(host(&stranger), listener, None, |_| ());
        assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 0);
        assert!(usual.lives() && no_backlog.lives());
    }
    for ip in ["127.0.0.1", "::1"] {
        for backlog in [0, 8] {
            let listener = sockets_in(Path::new(OWN), &server, &format!("hold-listener {ip}")).remove(0);
            listener.listen(backlog).unwrap();
            let flow = connect_to(host(&stranger), listener, None, |_| ());
            flow.listener.shutdown(Shutdown::Both).unwrap();
            assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 0, "{ip} {backlog}");
            assert!(flow.lives());
        }
    }
}

/// G-ENDS: what a client has sent before it closed is still read, by servers that let in that client only.
#[test]
fn root_the_rest_of_a_closed_peer_is_read() {
    let mut stage = Stage::new();
    let server = stage.workload("server", 1, &[identity(2)]);
    let client = stage.workload("client", 2, &[]);
    for ip in ["127.0.0.1", "::1"] {
        let mut flow = connect(host(&client), host(&server), ip, |_| ());
        flow.client.write_all(b"the last words").unwrap();
        drop(flow.client);
        assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 0, "{ip}");
        let mut words = String::new();
        flow.server.read_to_string(&mut words).unwrap();
        assert_eq!(words, "the last words");
        let half = connect(host(&client), host(&server), ip, |_| ());
        half.client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 0, "{ip}");
        let (mut client, mut server) = (&half.client, &half.server);
        server.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
}

/// G-ENDS: neither what is observed nor anything while enforcement is off or observes.
#[test]
fn root_only_what_is_enforced_is_ended() {
    let mut stage = Stage::new();
    let server = stage.workload("server", 1, &[class(PeerClass::Host)]);
    let stranger = stage.folder("stranger");
    let flow = connect(host(&stranger), host(&server), "127.0.0.1", |_| ());
    let deny = row(1, INGRESS, class(PeerClass::Host), Action::Deny, 7);
    stage.datapath().apply(&[deny]).unwrap();
    let observed = Entry {
        observe: true,
        ..entry(1)
    };
    stage.datapath().bind(&server, &observed).unwrap();
    assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 0, "observed");
    stage.datapath().bind(&server, &entry(1)).unwrap();
    let host_netns = netns_cookie(&std::fs::File::open(OWN).unwrap()).unwrap();
    for (off, observe) in [(true, false), (false, true)] {
        let global = Global {
            off,
            observe,
            host_netns,
            ..Global::default()
        };
        stage.datapath().set_global(global).unwrap();
        assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 0, "{global:?}");
        assert!(flow.lives());
    }
    let global = Global {
        host_netns,
        ..Global::default()
    };
    stage.datapath().set_global(global).unwrap();
    assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 1);
    assert!(!flow.lives());
}

/// G-ENDS: loopback and own addresses of a namespace that is not the host's belong to whoever joined it.
#[test]
fn root_loopback_of_containers_is_left_alone() {
    let mut net = Net::new();
    let (netns, addresses) = net.add_container(None);
    let mut stage = Stage::inside(&net.path("host"));
    let server = stage.workload("server", 1, &[]);
    let client = stage.workload("client", 2, &[]);
    let stranger = stage.folder("stranger");
    let place = |dir| Place { netns: &netns, dir };
    // The daemon has not told of the addresses yet, or has.
    for known in [false, true] {
        if known {
            let cookie = netns_cookie(&std::fs::File::open(&netns).unwrap()).unwrap();
            let all: Vec<_> = addresses.iter().map(|a| (*a, cookie)).collect();
            stage.datapath().set_namespace_addresses(&all).unwrap();
        }
        let own = addresses.map(|a| a.to_string());
        for ip in ["127.0.0.1", "::1", &own[0], &own[1]] {
            for dir in [&client, &stranger] {
                if !known && own.iter().any(|one| one == ip) {
                    continue; // connect() itself refuses those then
                }
                let flow = connect(place(dir), place(&server), ip, |_| ());
                assert_eq!(end(&stage, &[&net.path("host"), &netns]).ended, 0, "{ip}");
                assert!(flow.lives());
            }
        }
    }
}

/// G-ENDS: while connections are made as fast as two processors can, and looked at all the time, no allowed one is lost,
/// in one namespace and between two.
#[test]
fn root_new_connections_are_never_cut() {
    const TIME: Duration = Duration::from_secs(4);
    let mut net = Net::new();
    let host_netns = net.path("host");
    let (netns, addresses) = net.add_container(None);
    let mut stage = Stage::inside(&host_netns);
    let cookie = |path: &Path| netns_cookie(&std::fs::File::open(path).unwrap()).unwrap();
    let mut all: Vec<_> = addresses.iter().map(|a| (*a, cookie(&netns))).collect();
    all.push(("192.168.7.253".parse().unwrap(), cookie(&host_netns)));
    stage.datapath().set_namespace_addresses(&all).unwrap();
    let server = stage.workload("server", 1, &[identity(2)]);
    let client = stage.workload("client", 2, &[]);
    let files = [&host_netns, &netns].map(|path| (std::fs::File::open(path).unwrap(), true));
    let mut ender = Ender::open(&stage.bpffs, EndBy::Program).unwrap();
    let near = crate::support::serve_in(&host_netns, &server, "echo-serve", "127.0.0.1");
    let far = crate::support::serve_in(&netns, &server, "echo-serve", &addresses[0].to_string());
    let (mut looks, mut judged, over) = (0, 0, AtomicBool::new(false));
    std::thread::scope(|scope| {
        let load = [near.address, far.address].map(|to| {
            let (netns, client) = (&host_netns, &client);
            scope.spawn(move || {
                let words = format!("echo-many {} {to}", TIME.as_secs());
                crate::support::ask_in(netns, client, &words)
            })
        });
        let (ender, over, looks, judged) = (&mut ender, &over, &mut looks, &mut judged);
        let looking = scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let ended = ender.end(&files).unwrap();
                assert_eq!(ended.ended, 0, "{ended:?}");
                *looks += 1;
                *judged += ended.judged;
            }
        });
        let outcomes = load.map(|one| one.join().unwrap());
        over.store(true, Ordering::Relaxed);
        looking.join().unwrap();
        for outcome in outcomes {
            assert!(outcome.ok, "{outcome:?}");
            println!("{} connections", outcome.micros);
        }
    });
    println!("{looks} looks, {judged} ends judged");
    assert!(judged > 0);
}
