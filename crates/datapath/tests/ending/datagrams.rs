//! Connected datagram sockets.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use cofferdam_datapath::EndBy;
use cofferdam_policy::{Action, Direction, PeerClass};
use socket2::{SockAddr, Socket};

use crate::flow::{OWN, class, end, end_by, ends_of, row};
use crate::support::{Stage, identity, sockets_in};

const INGRESS: Direction = Direction::Ingress;
const EGRESS: Direction = Direction::Egress;

/// A connected client and the socket that it talks to.
fn exchange(client: &Path, server: &Path, ip: &str) -> (UdpSocket, UdpSocket) {
    let netns = Path::new(OWN);
    let server: Socket = sockets_in(netns, server, &format!("hold-udp {ip}")).remove(0);
    let kind = if ip.contains(':') { "udp6" } else { "udp4" };
    let client = sockets_in(netns, client, &format!("hold-new {kind} 1")).remove(0);
    let to = server.local_addr().unwrap().as_socket().unwrap();
    client.connect(&SockAddr::from(to)).unwrap();
    let both: (UdpSocket, UdpSocket) = (client.into(), server.into());
    for end in [&both.0, &both.1] {
        end.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    }
    assert!(lives(&both));
    both
}

fn lives((client, server): &(UdpSocket, UdpSocket)) -> bool {
    let mut byte = [0];
    let back = || {
        client.send(b"x")?;
        let (_, from) = server.recv_from(&mut [0])?;
        server.send_to(b"y", from)
    };
    back().is_ok() && client.recv(&mut byte).is_ok()
}

/// G-ENDS: the owner of a connected socket is told, on both families, and what is allowed goes on.
#[test]
fn root_connected_datagram_sockets_are_told() {
    let mut stage = Stage::new();
    let server = stage.workload("server", 1, &[identity(2), identity(3)]);
    let [denied, friend] = [(2, "denied"), (3, "friend")].map(|(n, name)| stage.workload(name, n, &[]));
    let stranger = stage.folder("stranger");
    let netns = Path::new(OWN);
    for by in [EndBy::Program, EndBy::Request] {
        for ip in ["127.0.0.1", "::1"] {
            let cut = exchange(&denied, &server, ip);
            let kept = [exchange(&friend, &server, ip), exchange(&denied, &stranger, ip)];
            assert_eq!(end_by(&stage, &[netns], by).ended, 0);
            let deny = row(1, INGRESS, identity(2), Action::Deny, 7);
            stage.datapath().apply(&[deny]).unwrap();
            stage.flows();
            assert_eq!(end_by(&stage, &[netns], by).ended, 1, "{ip} {by:?}");
            let told = cut.0.recv(&mut [0]).unwrap_err();
            assert_eq!(told.kind(), ErrorKind::ConnectionAborted, "{told}");
            assert!(!lives(&cut) && kept.iter().all(lives));
            let flows = stage.flows();
            let ends = ends_of(&flows);
            assert_eq!(ends.len(), 1, "{flows:#?}");
            assert_eq!(
                (ends[0].from.workload, ends[0].to.workload, ends[0].verdict.rule),
                (2, 1, 7)
            );
            stage
                .datapath()
                .apply(&[row(1, INGRESS, identity(2), Action::Allow, 3)])
                .unwrap();
        }
    }
}

/// G-ENDS: to a stranger that may not be reached any more; one that was asked goes on answering others.
#[test]
fn root_datagrams_to_strangers_end() {
    let mut stage = Stage::new();
    let client = stage.workload("client", 2, &[]);
    let other = stage.workload("other", 3, &[]);
    let stranger = stage.folder("stranger");
    for ip in ["127.0.0.1", "::1"] {
        let (cut, kept) = (exchange(&client, &stranger, ip), exchange(&other, &stranger, ip));
        let deny = row(2, EGRESS, class(PeerClass::Host), Action::Deny, 7);
        stage.datapath().apply(&[deny]).unwrap();
        assert_eq!(end(&stage, &[Path::new(OWN)]).ended, 1);
        assert!(!lives(&cut) && lives(&kept));
        let allow = row(2, EGRESS, class(PeerClass::Host), Action::Allow, 1);
        stage.datapath().apply(&[allow]).unwrap();
    }
}
