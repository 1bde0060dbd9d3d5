//! TCP segments as a raw socket sees them, and two workloads whose handshakes are worth looking at.

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cofferdam_datapath::netns_cookie;
use cofferdam_policy::Peer;
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBufForce;
use siphasher::sip::SipHasher24;
use socket2::{Domain, Protocol, Socket, Type};

use super::net::{BRIDGE, Net};
use super::{Server, Stage, ask_in, identity, peer};

pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;
pub(crate) const EXPERIMENT: u16 = 0xcfda;

/// A TCP segment as a raw socket gives it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segment {
    pub(crate) source: u16,
    pub(crate) destination: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    /// Of the TCP header, options included, in bytes.
    pub(crate) header: usize,
    pub(crate) payload: usize,
    pub(crate) option: Option<Seen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) claim: u32,
    pub(crate) tag: u64,
}

/// Everything TCP of one family that arrives in a namespace.
pub(crate) struct Wire(pub(crate) Socket, Domain);

impl Wire {
    pub(crate) fn open(net: &Net) -> Self {
        Self::open_in(net, "host")
    }

    pub(crate) fn open_in(net: &Net, namespace: &str) -> Self {
        Self::open_at(&net.path(namespace))
    }

    pub(crate) fn open_at(netns: &Path) -> Self {
        Self::open_family(netns, Domain::IPV4)
    }

    pub(crate) fn open_family(netns: &Path, family: Domain) -> Self {
        let socket = in_namespace(netns, || {
            Socket::new(family, Type::RAW, Some(Protocol::TCP)).unwrap()
        });
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        // Room for what arrives while somebody else has the processor.
        setsockopt(&socket, RcvBufForce, &(8 << 20)).unwrap();
        Self(socket, family)
    }

    fn segment(&self, packet: &[u8]) -> Option<Segment> {
        // IPv6 raw sockets give no IP header.
        let v4 = self.1 == Domain::IPV4;
        decode(packet.get(if v4 { usize::from(packet[0] & 15) * 4 } else { 0 }..)?)
    }

    /// What waits now.
    pub(crate) fn drain(&self) -> Vec<Segment> {
        let mut found = Vec::new();
        let mut buffer = [std::mem::MaybeUninit::uninit(); 2048];
        self.0.set_nonblocking(true).unwrap();
        while let Ok(n) = self.0.recv(&mut buffer) {
            // SAFETY: the kernel has filled the first `n` bytes.
            let bytes: Vec<u8> = buffer[..n].iter().map(|b| unsafe { b.assume_init() }).collect();
            found.extend(self.segment(&bytes));
        }
        found
    }

    /// The first that is wanted, within two seconds.
    pub(crate) fn wait(&self, wanted: impl Fn(&Segment) -> bool) -> Option<Segment> {
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            if let Some(found) = self.drain().into_iter().find(&wanted) {
                return Some(found);
            }
            std::thread::yield_now();
        }
        None
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        let mut found = Vec::new();
        let mut buffer = [std::mem::MaybeUninit::uninit(); 2048];
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            let Ok(n) = self.0.recv(&mut buffer) else { break };
            // SAFETY: the kernel has filled the first `n` bytes.
            let bytes: Vec<u8> = buffer[..n].iter().map(|b| unsafe { b.assume_init() }).collect();
            found.extend(self.segment(&bytes));
        }
        found
    }
}

pub(crate) fn in_namespace<T: Send>(netns: &Path, make: impl FnOnce() -> T + Send) -> T {
    let path = netns.to_owned();
    std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            setns(std::fs::File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            make()
        });
        run.join().unwrap()
    })
}

fn decode(tcp: &[u8]) -> Option<Segment> {
    let half = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let word = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().unwrap());
    let header = usize::from(tcp[12] >> 4) * 4;
    let last = header
        .checked_sub(16)
        .filter(|at| *at >= 20 && tcp[*at] == 254 && half(at + 2) == EXPERIMENT);
    Some(Segment {
        source: half(0),
        destination: half(2),
        seq: word(4),
        ack: word(8),
        flags: tcp[13],
        header,
        payload: tcp.len().checked_sub(header)?,
        option: last.map(|at| Seen {
            claim: word(at + 4),
            tag: u64::from(word(at + 8)) << 32 | u64::from(word(at + 12)),
        }),
    })
}

/// The key of an epoch, read past everybody. All zero: there is none.
pub(crate) fn secret(stage: &Stage, epoch: u32) -> [u64; 2] {
    let map = MapHandle::from_pinned_path(stage.pins().join("maps/secrets")).unwrap();
    let secret = map.lookup(&epoch.to_ne_bytes(), MapFlags::ANY).unwrap().unwrap();
    let word = |at: usize| u64::from_ne_bytes(secret[at..at + 8].try_into().unwrap());
    [word(0), word(8)]
}

/// The tag as docs/wire.md has it, by another implementation of SipHash.
pub(crate) fn tag(stage: &Stage, claim: u32, segment: u32, seq: u32, ack: u32) -> u64 {
    tag_by(secret(stage, (claim >> 24) & 15), claim, segment, seq, ack)
}

/// The same under a key that may be none of the stage's any more.
pub(crate) fn tag_by(key: [u64; 2], claim: u32, segment: u32, seq: u32, ack: u32) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(key[0], key[1]);
    for part in [claim, segment, seq, ack] {
        hasher.write(&part.to_le_bytes());
    }
    hasher.finish()
}

/// A server on the host and its friend in a container: between namespaces, where the kernel cannot see both sockets.
pub(crate) struct Pair {
    pub(crate) net: Net,
    pub(crate) stage: Stage,
    pub(crate) server_dir: PathBuf,
    pub(crate) friend: PathBuf,
    pub(crate) friend_netns: PathBuf,
    pub(crate) others: PathBuf,
    pub(crate) addresses: [IpAddr; 2],
}

impl Pair {
    pub(crate) fn new() -> Self {
        let mut pair = Self::unprotected();
        pair.protect();
        pair
    }

    /// The same folders and namespaces, with nobody protected yet.
    pub(crate) fn unprotected() -> Self {
        let mut net = Net::new();
        let (friend_netns, addresses) = net.add_container(None);
        let mut stage = Stage::inside(&net.path("host"));
        let cookie = |path: &Path| netns_cookie(&std::fs::File::open(path).unwrap()).unwrap();
        let mut all: Vec<(IpAddr, u64)> = addresses.iter().map(|a| (*a, cookie(&friend_netns))).collect();
        all.extend(BRIDGE.map(|a| (a.parse::<IpAddr>().unwrap(), cookie(&net.path("host")))));
        stage.datapath().set_namespace_addresses(&all).unwrap();
        Self {
            server_dir: stage.folder("server"),
            friend: stage.folder("friend"),
            others: stage.folder("other"),
            net,
            stage,
            friend_netns,
            addresses,
        }
    }

    /// From here on the server is open to its friend only. The directory does not know what listens already, so whoever
    /// comes is judged by its packets.
    pub(crate) fn protect(&mut self) {
        self.protect_for(&[identity(2)]);
    }

    pub(crate) fn protect_for(&mut self, friends: &[Peer]) {
        self.stage.workload("server", 1, friends);
        self.stage.workload("friend", 2, &[]);
        self.stage.workload("other", 3, &[]);
    }

    pub(crate) fn serve(&self, kind: &str) -> (Server, SocketAddr) {
        self.serve_family(kind, 0)
    }

    /// `family`: 0 is IPv4, 1 is IPv6.
    pub(crate) fn serve_family(&self, kind: &str, family: usize) -> (Server, SocketAddr) {
        let server = self
            .stage
            .serve(&self.server_dir, kind, ["0.0.0.0", "::"][family]);
        let at = SocketAddr::new(BRIDGE[family].parse().unwrap(), server.address.port());
        (server, at)
    }

    pub(crate) fn ask(&self, dir: &Path, words: &str) -> peer::Outcome {
        ask_in(&self.friend_netns, dir, words)
    }
}
