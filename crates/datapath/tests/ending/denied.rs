//! What has to end.

use std::net::SocketAddr;
use std::path::Path;

use cofferdam_datapath::{EndBy, Published, netns_cookie};
use cofferdam_policy::{Action, Direction, PeerClass, Protocol};
use socket2::SockAddr;

use crate::flow::{OWN, Place, at, class, connect, connect_to, end, end_by, ends_of, row};
use crate::support::net::{HOST_LAN, Net};
use crate::support::{Stage, identity, sockets_in};

const INGRESS: Direction = Direction::Ingress;
const EGRESS: Direction = Direction::Egress;

/// G-ENDS: in one namespace, both families and IPv4 in IPv6, by the program and by request; who is still allowed goes on.
#[test]
fn root_a_denied_flow_ends_and_an_allowed_one_goes_on() {
    let mut stage = Stage::new();
    let server = stage.workload("server", 1, &[]);
    let [denied, friend] = [(2, "denied"), (3, "friend")].map(|(n, name)| stage.workload(name, n, &[]));
    let netns = Path::new(OWN);
    for by in [EndBy::Program, EndBy::Request] {
        let allow = [2, 3].map(|n| row(1, INGRESS, identity(n), Action::Allow, 3));
        stage.datapath().apply(&allow).unwrap();
        for (ip, to) in [
            ("127.0.0.1", None),
            ("::1", None),
            ("127.0.0.1", Some("::ffff:127.0.0.1")),
            ("::", Some("127.0.0.1")),
            ("::", Some("::ffff:127.0.0.1")),
        ] {
            let open = |dir: &Path| {
                let listener = sockets_in(netns, &server, &format!("hold-listener {ip}")).remove(0);
                let port = listener.local_addr().unwrap().as_socket().unwrap().port();
                let to = to.map(|to| at(to.parse().unwrap(), port));
                connect_to(Place { netns, dir }, listener, to, |_| ())
            };
            let (cut, kept) = (open(&denied), open(&friend));
            stage.flows();
            assert_eq!(end_by(&stage, &[netns], by).ended, 0, "nothing has changed");
            let deny = row(1, INGRESS, identity(2), Action::Deny, 7);
            stage.datapath().apply(&[deny]).unwrap();
            let ended = end_by(&stage, &[netns], by);
            println!("{ip} to {to:?}, {by:?}: {ended:?}");
            assert_eq!(ended.ended, 1, "{ip} {to:?}");
            assert!(!cut.lives() && kept.lives(), "{ip} {to:?}");
            let flows = stage.flows();
            let ends = ends_of(&flows);
            let told = ends
                .iter()
                .map(|f| (f.from.workload, f.to.workload, f.verdict.rule, f.verdict.action));
            assert_eq!(told.collect::<Vec<_>>(), [(2, 1, 7, Action::Deny)], "{flows:#?}");
            assert_eq!(
                ends[0].destination.port(),
                kept_port(&cut.listener),
                "the port that was reached"
            );
            stage
                .datapath()
                .apply(&[row(1, INGRESS, identity(2), Action::Allow, 3)])
                .unwrap();
        }
    }
}

fn kept_port(listener: &socket2::Socket) -> u16 {
    listener.local_addr().unwrap().as_socket().unwrap().port()
}

/// G-ENDS: whose egress is denied; and a stranger that was let in.
#[test]
fn root_either_end_may_deny() {
    let mut stage = Stage::new();
    let server = stage.workload("server", 1, &[identity(2), class(PeerClass::Host)]);
    let client = stage.workload("client", 2, &[]);
    let stranger = stage.folder("stranger");
    let netns = Path::new(OWN);
    let place = |dir| Place { netns, dir };
    for ip in ["127.0.0.1", "::1"] {
        let leaving = connect(place(&client), place(&server), ip, |_| ());
        let coming = connect(place(&stranger), place(&server), ip, |_| ());
        let going = connect(place(&client), place(&stranger), ip, |_| ());
        let beside = connect(place(&stranger), place(&stranger), ip, |_| ());
        let deny = row(2, EGRESS, class(PeerClass::Workload), Action::Deny, 8);
        stage.datapath().apply(&[deny]).unwrap();
        assert_eq!(end(&stage, &[netns]).ended, 1);
        assert!(!leaving.lives() && coming.lives() && going.lives());
        let deny = row(1, INGRESS, class(PeerClass::Host), Action::Deny, 9);
        stage.datapath().apply(&[deny]).unwrap();
        assert_eq!(end(&stage, &[netns]).ended, 1);
        assert!(!coming.lives() && going.lives());
        let deny = row(2, EGRESS, class(PeerClass::Host), Action::Deny, 9);
        stage.datapath().apply(&[deny]).unwrap();
        assert_eq!(end(&stage, &[netns]).ended, 1);
        assert!(!going.lives() && beside.lives());
        let open = [
            row(2, EGRESS, class(PeerClass::Workload), Action::Allow, 1),
            row(1, INGRESS, class(PeerClass::Host), Action::Allow, 3),
            row(2, EGRESS, class(PeerClass::Host), Action::Allow, 1),
        ];
        stage.datapath().apply(&open).unwrap();
    }
}

/// G-ENDS: a stranger that becomes a workload, and a client whose SYN nobody has answered.
#[test]
fn root_what_becomes_protected_is_judged() {
    let mut stage = Stage::new();
    let (server, client) = (stage.folder("server"), stage.folder("client"));
    let netns = Path::new(OWN);
    let place = |dir| Place { netns, dir };
    let flows = ["127.0.0.1", "::1"].map(|ip| connect(place(&client), place(&server), ip, |_| ()));
    assert_eq!(end(&stage, &[netns]).ended, 0);
    stage.workload("server", 1, &[]);
    assert_eq!(end(&stage, &[netns]).ended, 2);
    assert!(flows.iter().all(|flow| !flow.lives()));
}

/// G-ENDS: between namespaces, at a container's own address, through a published port and behind NAT.
#[test]
fn root_flows_between_namespaces_end() {
    let mut net = Net::new();
    net.masquerade();
    let host = net.path("host");
    let (netns, addresses) = net.add_container(None);
    let (friend_netns, friend_addresses) = net.add_container(None);
    let cookie = |path: &Path| netns_cookie(&std::fs::File::open(path).unwrap()).unwrap();
    let mut stage = Stage::inside(&host);
    let server = stage.workload("server", 1, &[identity(2), identity(3)]);
    let denied = stage.workload("denied", 2, &[]);
    let friend = stage.workload("friend", 3, &[]);
    let mut all: Vec<_> = addresses.iter().map(|a| (*a, cookie(&netns))).collect();
    all.extend(friend_addresses.iter().map(|a| (*a, cookie(&friend_netns))));
    all.extend(HOST_LAN.iter().map(|a| (a.parse().unwrap(), cookie(&host))));
    stage.datapath().set_namespace_addresses(&all).unwrap();
    let place = |netns, dir| Place { netns, dir };
    let namespaces = [host.as_path(), &netns, &friend_netns];
    for ip in addresses {
        let from_host = connect(
            place(&host, &denied),
            place(&netns, &server),
            &ip.to_string(),
            |_| (),
        );
        let from_bridge = connect(
            place(&friend_netns, &denied),
            place(&netns, &server),
            &ip.to_string(),
            |_| (),
        );
        let kept = connect(
            place(&host, &friend),
            place(&netns, &server),
            &ip.to_string(),
            |_| (),
        );
        assert_eq!(end(&stage, &namespaces).ended, 0);
        let deny = row(1, INGRESS, identity(2), Action::Deny, 7);
        stage.datapath().apply(&[deny]).unwrap();
        assert_eq!(end(&stage, &namespaces).ended, 2);
        assert!(!from_host.lives() && !from_bridge.lives() && kept.lives());
        let allow = row(1, INGRESS, identity(2), Action::Allow, 3);
        stage.datapath().apply(&[allow]).unwrap();
    }
    // A container on the bridge to the host's address: masqueraded, so no address leads to the client.
    let masked = connect(
        place(&friend_netns, &denied),
        place(&host, &server),
        HOST_LAN[0],
        |_| (),
    );
    assert_eq!(end(&stage, &namespaces).ended, 0);
    let deny = row(1, INGRESS, identity(2), Action::Deny, 7);
    stage.datapath().apply(&[deny]).unwrap();
    assert_eq!(end(&stage, &namespaces).ended, 1);
    assert!(!masked.lives());
}

/// G-ENDS: a published port is the container behind it, with DNAT.
#[test]
fn root_flows_through_a_published_port_end() {
    let mut net = Net::new();
    let host = net.path("host");
    let (netns, addresses) = net.add_container(None);
    let (other_netns, other_addresses) = net.add_container(None);
    let cookie = |path: &Path| netns_cookie(&std::fs::File::open(path).unwrap()).unwrap();
    let mut stage = Stage::inside(&host);
    let server = stage.workload("server", 1, &[identity(2), class(PeerClass::Lan)]);
    let client = stage.workload("client", 2, &[]);
    let mut all: Vec<_> = addresses.iter().map(|a| (*a, cookie(&netns))).collect();
    all.extend(other_addresses.iter().map(|a| (*a, cookie(&other_netns))));
    all.extend(HOST_LAN.iter().map(|a| (a.parse().unwrap(), cookie(&host))));
    stage.datapath().set_namespace_addresses(&all).unwrap();
    let listener = sockets_in(&netns, &server, "hold-listener 0.0.0.0").remove(0);
    let port = listener.local_addr().unwrap().as_socket().unwrap().port();
    net.publish(8080, at(addresses[0], port));
    stage
        .datapath()
        .set_published(&[Published {
            protocol: Protocol::TCP,
            host_ip: None,
            host_port: 8080,
            target_netns: cookie(&netns),
            target_ip: Some(addresses[0]),
            container_port: port,
        }])
        .unwrap();
    let to: SocketAddr = format!("{}:8080", HOST_LAN[0]).parse().unwrap();
    let namespaces = [host.as_path(), &netns, &other_netns];
    let from = |netns, dir: &Path| {
        connect_to(
            Place { netns, dir },
            listener.try_clone().unwrap(),
            Some(to),
            |_| (),
        )
    };
    let through = [from(&host, &client), from(&other_netns, &client)];
    let lan = net.path("lan");
    // Elsewhere, so none of our hooks sees it call.
    let outside = from(&lan, stage.root.parent().unwrap());
    assert_eq!(end(&stage, &namespaces).ended, 0);
    stage
        .datapath()
        .apply(&[row(1, INGRESS, identity(2), Action::Deny, 7)])
        .unwrap();
    stage.flows();
    assert_eq!(end(&stage, &namespaces).ended, 2);
    assert!(through.iter().all(|flow| !flow.lives()) && outside.lives());
    let flows = stage.flows();
    assert!(
        ends_of(&flows).iter().all(|f| f.destination.port() == port),
        "{flows:#?}"
    );
    stage
        .datapath()
        .apply(&[row(1, INGRESS, class(PeerClass::Lan), Action::Deny, 7)])
        .unwrap();
    assert_eq!(end(&stage, &namespaces).ended, 1);
    assert!(!outside.lives());
}

/// G-ENDS: who was bound before it connected is a client all the same.
#[test]
fn root_bound_clients_are_clients() {
    let mut stage = Stage::new();
    let client = stage.workload("client", 2, &[class(PeerClass::Host)]);
    let stranger = stage.folder("stranger");
    let place = |dir| Place {
        netns: Path::new(OWN),
        dir,
    };
    for ip in ["127.0.0.1", "::1"] {
        // To an ephemeral port, to a number, not at all.
        let bind = |port: u16| {
            move |socket: &socket2::Socket| {
                socket
                    .bind(&SockAddr::from(at(ip.parse().unwrap(), port)))
                    .unwrap();
            }
        };
        let flows = [
            connect(place(&client), place(&stranger), ip, bind(0)),
            connect(place(&client), place(&stranger), ip, bind(23_210)),
            connect(place(&client), place(&stranger), ip, |_| ()),
        ];
        assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 0);
        stage
            .datapath()
            .apply(&[row(2, EGRESS, class(PeerClass::Host), Action::Deny, 7)])
            .unwrap();
        assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 3, "{ip}");
        assert!(flows.iter().all(|flow| !flow.lives()));
        stage
            .datapath()
            .apply(&[row(2, EGRESS, class(PeerClass::Host), Action::Allow, 1)])
            .unwrap();
    }
}
