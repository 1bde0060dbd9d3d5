//! Who sent a datagram: point 5 of docs/dataplane-points.md.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Instant;

use cofferdam_datapath::netns_cookie;
use cofferdam_policy::{Action, Reason};
use socket2::Socket;

use crate::support::forger::v4;
use crate::support::net::BRIDGE;
use crate::support::wire::Pair;
use crate::support::{peer, sockets_in};

const DATAGRAMS: u32 = 20_000;

/// A receiver that counts what came from whom, by the first byte.
struct Ear {
    socket: Socket,
    friend: u32,
    others: u32,
}

// === impl Ear ===

impl Ear {
    fn new(socket: Socket) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            friend: 0,
            others: 0,
        }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().unwrap()
    }

    fn listen(&mut self) {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 16];
        while let Ok(n) = self.socket.recv(&mut buffer) {
            assert!(n > 0);
            // SAFETY: the kernel has filled the first `n` bytes.
            match unsafe { buffer[0].assume_init() } {
                b'f' => self.friend += 1,
                _ => self.others += 1,
            }
        }
    }

    /// Until all of the friend's have come, or no more come.
    fn heard(&mut self, expected: u32) -> (u32, u32) {
        let end = Instant::now() + peer::patience();
        while self.friend < expected && Instant::now() < end {
            self.listen();
        }
        self.listen();
        (self.friend, self.others)
    }
}

fn one(netns: &Path, dir: &Path, words: &str) -> Socket {
    sockets_in(netns, dir, words).remove(0)
}

fn forged(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut packet = Vec::new();
    etherparse::PacketBuilder::ipv4(v4(from), v4(to), 64)
        .udp(from.port(), to.port())
        .write(&mut packet, b"x")
        .unwrap();
    packet
}

/// G-SENDER: on loopback everybody has the same addresses, and a port can be shared. Datagrams of a workload arrive as
/// its own, and those of anybody else with the same source, raw ones included, never do.
#[test]
fn root_point_05_a_loopback_port_lends_no_identity() {
    let mut pair = Pair::unprotected();
    let (host, stranger) = (pair.net.path("host"), pair.stage.folder("stranger"));
    // Older than protection, so nobody is refused before the packets are judged.
    let mut ear = Ear::new(one(&host, &pair.server_dir, "hold-udp 127.0.0.1"));
    let to = ear.address();
    let shared = one(&host, &stranger, "hold-udp 127.0.0.1");
    let from = shared.local_addr().unwrap().as_socket().unwrap();
    let words = format!("hold-udp {from}");
    // Older too: a port that a stranger holds is not shared.
    let friend = one(&host, &pair.friend, &words);
    pair.protect();
    // The same source in another namespace, to the same address there.
    let elsewhere = one(&pair.friend_netns, &pair.others, &words);
    let raw = [&stranger, &pair.others].map(|dir| one(&host, dir, "hold-raw"));
    let lie = forged(from, to);
    for n in 0..DATAGRAMS {
        friend.send_to(b"f", &to.into()).unwrap();
        shared.send_to(b"s", &to.into()).ok();
        elsewhere.send_to(b"e", &to.into()).ok();
        for socket in &raw {
            socket.set_priority(n % 7).ok();
            socket.send_to(&lie, &to.into()).ok();
        }
        ear.listen();
        if n % 64 == 0 {
            pair.stage.flows();
        }
    }
    assert_eq!(ear.heard(DATAGRAMS), (DATAGRAMS, 0));
}

/// G-SENDER: between namespaces a sender is known by its address, so nobody sends from one that is not its own.
#[test]
fn root_point_05_no_namespace_sends_from_a_foreign_address() {
    let mut pair = Pair::new();
    let (thief_netns, thief) = pair.net.add_container(None);
    let host = pair.net.path("host");
    let cookie = |path: &Path| netns_cookie(&std::fs::File::open(path).unwrap()).unwrap();
    let bridge: Vec<IpAddr> = BRIDGE.map(|a| a.parse().unwrap()).to_vec();
    let all: Vec<(IpAddr, u64)> = [
        (&bridge[..], &host),
        (&pair.addresses[..], &pair.friend_netns),
        (&thief[..], &thief_netns),
    ]
    .into_iter()
    .flat_map(|(addresses, netns)| addresses.iter().map(move |a| (*a, cookie(netns))))
    .collect();
    pair.stage.datapath().set_namespace_addresses(&all).unwrap();
    let watched = pair.stage.folder("docker");
    pair.stage.datapath().watch_parent(&watched).unwrap();
    let unprotected = pair.stage.folder("docker/unprotected");
    let mut ear = Ear::new(one(&host, &pair.server_dir, &format!("hold-udp {}", BRIDGE[0])));
    let to = ear.address();
    let friend = one(
        &pair.friend_netns,
        &pair.friend,
        &format!("hold-udp {}", pair.addresses[0]),
    );
    let from = friend.local_addr().unwrap().as_socket().unwrap();
    let raw = [&unprotected, &pair.others].map(|dir| one(&thief_netns, dir, "hold-raw"));
    pair.stage.flows();
    let mut denials = 0;
    for n in 0..DATAGRAMS / 10 {
        friend.send_to(b"f", &to.into()).unwrap();
        for socket in &raw {
            let outcome = socket.send_to(&forged(from, to), &to.into());
            assert!(outcome.is_err(), "it left");
        }
        ear.listen();
        if n % 64 == 0 {
            let flows = pair.stage.flows();
            let of_source = |f: &&cofferdam_datapath::FlowEvent| {
                f.verdict.reason == Reason::ForeignSource && f.verdict.action == Action::Deny
            };
            denials += flows.iter().filter(of_source).count();
        }
    }
    assert_eq!(ear.heard(DATAGRAMS / 10), (DATAGRAMS / 10, 0));
    assert!(denials > 0);
    // From its own address a raw socket may send: it is judged as what it is.
    let own = SocketAddr::new(thief[0], 5000);
    raw[0].send_to(&forged(own, to), &to.into()).unwrap();
    raw[1].send_to(&forged(own, to), &to.into()).unwrap_err();
    // One more than comes: waits as long as anything could.
    assert_eq!(ear.heard(DATAGRAMS / 10 + 1).1, 0);
}
