//! Somebody who writes packets of his own, and knows all numbers but the key.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

use super::Server;
use super::net::Net;
use super::wire::{ACK, EXPERIMENT, Pair, RST, SYN, Segment, Wire, in_namespace};

/// How many forgeries of each kind; `cargo xtask soak` asks for 10,000.
pub(crate) fn forgeries() -> u32 {
    std::env::var("COFFERDAM_FORGERIES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(200)
}

/// A root process outside of every workload that writes packets of its own.
pub(crate) struct Forger {
    pub(crate) raw: Socket,
    pub(crate) random: u64,
}

impl Forger {
    pub(crate) fn new(net: &Net) -> Self {
        // The kernel would reset handshakes that it did not begin.
        net.silence_resets(&net.path("host"));
        Self::at(&net.path("host"))
    }

    /// The same in any namespace.
    pub(crate) fn at(netns: &Path) -> Self {
        let raw = in_namespace(netns, || {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).unwrap();
            socket.set_header_included_v4(true).unwrap();
            socket
        });
        Self::with(raw)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// With a socket that somebody else made.
    pub(crate) fn with(raw: Socket) -> Self {
        Self {
            raw,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// From the host's loopback address.
    pub(crate) fn send(&self, to: SocketAddr, segment: &Segment) {
        let from = SocketAddr::from(([127, 0, 0, 1], segment.source));
        assert!(self.send_as(from, to, segment, &[]));
    }

    /// From any address; `false`: the packet was not let out.
    pub(crate) fn send_as(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        segment: &Segment,
        payload: &[u8],
    ) -> bool {
        self.send_padded(from, to, segment, payload, [0, 0])
    }

    /// With so many bytes of padding before and after the option.
    pub(crate) fn send_padded(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        segment: &Segment,
        payload: &[u8],
        padding: [usize; 2],
    ) -> bool {
        let mut option = vec![1; padding[0]];
        if let Some(seen) = segment.option {
            option.extend([254, 16]);
            option.extend(EXPERIMENT.to_be_bytes());
            option.extend(seen.claim.to_be_bytes());
            option.extend(seen.tag.to_be_bytes());
        }
        option.extend(vec![1; padding[1]]);
        let mut builder = etherparse::PacketBuilder::ipv4(v4(from), v4(to), 64)
            .tcp(from.port(), to.port(), segment.seq, 65_000)
            .options_raw(&option)
            .unwrap();
        if segment.flags & SYN != 0 {
            builder = builder.syn();
        }
        if segment.flags & RST != 0 {
            builder = builder.rst();
        }
        if segment.flags & ACK != 0 {
            builder = builder.ack(segment.ack);
        }
        let mut packet = Vec::new();
        builder.write(&mut packet, payload).unwrap();
        self.raw.send_to(&packet, &to.into()).is_ok()
    }
}

pub(crate) fn v4(to: SocketAddr) -> [u8; 4] {
    match to.ip() {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => panic!("{ip}"),
    }
}

/// What the server sent to a port.
pub(crate) fn answers(wire: &Wire, port: u16) -> Vec<Segment> {
    wire.segments()
        .into_iter()
        .filter(|s| s.destination == port)
        .collect()
}

pub(crate) struct Attack {
    pub(crate) pair: Pair,
    pub(crate) _server: Server,
    pub(crate) at: SocketAddr,
    pub(crate) syn: Segment,
    pub(crate) client: Segment,
}

impl Attack {
    /// A server that only its friend may reach, and the friend's handshake as a sniffer saw it.
    pub(crate) fn prepare() -> Self {
        let pair = Pair::new();
        let (server, at) = pair.serve("tcp-serve");
        let wire = Wire::open(&pair.net);
        assert!(pair.ask(&pair.friend, &format!("tcp {at}")).ok);
        let seen = wire.segments();
        let of = |flags: u8| {
            seen.iter()
                .find(|s| s.flags & (SYN | ACK) == flags)
                .unwrap()
                .clone()
        };
        let (syn, client) = (of(SYN), of(ACK));
        Self {
            pair,
            _server: server,
            at,
            syn,
            client,
        }
    }
}
