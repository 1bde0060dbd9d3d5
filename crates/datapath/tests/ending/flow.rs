//! A connection whose two ends are in the test's hands, and what is done to its policy.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use cofferdam_datapath::{EndBy, Ended, Ender, FlowEvent, Hook};
use cofferdam_policy::{Action, Direction, Peer, PeerClass, Plane, PortValue, RowKey, RowValue, Step};
use socket2::{SockAddr, Socket};

use crate::support::{Stage, sockets_in};

pub(crate) const OWN: &str = "/proc/self/ns/net";

/// A cgroup folder in a network namespace.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub netns: &'a Path,
    pub dir: &'a Path,
}

pub(crate) struct Flow {
    pub client: TcpStream,
    pub server: TcpStream,
    pub listener: Socket,
}

/// Connects from one place to a listener at another; `ip` is the listener's, `prepare` does something to the client first.
pub(crate) fn connect(client: Place<'_>, server: Place<'_>, ip: &str, prepare: impl FnOnce(&Socket)) -> Flow {
    let listener = sockets_in(server.netns, server.dir, &format!("hold-listener {ip}")).remove(0);
    connect_to(client, listener, None, prepare)
}

/// To a listener that is there, at another address if there is one.
pub(crate) fn connect_to(
    client: Place<'_>,
    listener: Socket,
    to: Option<SocketAddr>,
    prepare: impl FnOnce(&Socket),
) -> Flow {
    let to = to.unwrap_or_else(|| listener.local_addr().unwrap().as_socket().unwrap());
    let kind = if to.is_ipv4() { "tcp4" } else { "tcp6" };
    let socket = sockets_in(client.netns, client.dir, &format!("hold-new {kind} 1")).remove(0);
    prepare(&socket);
    socket
        .connect_timeout(&SockAddr::from(to), Duration::from_secs(2))
        .unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let flow = Flow {
        client: socket.into(),
        server: accepted.into(),
        listener,
    };
    for end in [&flow.client, &flow.server] {
        end.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    }
    assert!(flow.lives());
    flow
}

// === impl Flow ===

impl Flow {
    /// Whether a byte goes through, both ways. Panics where one end is told and the other is not.
    pub(crate) fn lives(&self) -> bool {
        let through = |mut from: &TcpStream, mut to: &TcpStream| {
            from.write_all(b"x").and_then(|()| to.read_exact(&mut [0]))
        };
        let there = through(&self.client, &self.server);
        let back = through(&self.server, &self.client);
        let told = |error: &std::io::Error| {
            matches!(
                error.kind(),
                ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
            )
        };
        match (there, back) {
            (Ok(()), Ok(())) => true,
            (Err(a), Err(b)) if told(&a) && told(&b) => false,
            other => panic!("half a connection: {other:?}"),
        }
    }
}

/// Looks in those namespaces.
pub(crate) fn end(stage: &Stage, namespaces: &[&Path]) -> Ended {
    end_by(stage, namespaces, EndBy::Program)
}

pub(crate) fn end_by(stage: &Stage, namespaces: &[&Path], by: EndBy) -> Ended {
    let files: Vec<_> = namespaces
        .iter()
        .map(|path| (File::open(path).unwrap(), true))
        .collect();
    let mut ender = Ender::open(&stage.bpffs, by).unwrap();
    let ended = ender.end(&files).unwrap();
    assert_eq!((ended.failed, ended.missed), (0, 0), "{ended:?}");
    ended
}

/// One row of a subject: what it says of that peer.
pub(crate) fn row(subject: u32, direction: Direction, peer: Peer, action: Action, rule: u32) -> Step {
    let verdict = PortValue {
        effect: action.into(),
        observe: false,
        rule,
        priority: 0,
    };
    Step::SetRow(
        RowKey {
            subject,
            peer,
            direction,
            plane: Plane::FIRST,
        },
        RowValue {
            verdict,
            table: 0,
            sizes: 0,
        },
    )
}

pub(crate) fn class(class: PeerClass) -> Peer {
    Peer(class as u32)
}

pub(crate) fn ends_of(flows: &[FlowEvent]) -> Vec<&FlowEvent> {
    flows.iter().filter(|flow| flow.hook == Hook::End).collect()
}

pub(crate) fn at(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}
