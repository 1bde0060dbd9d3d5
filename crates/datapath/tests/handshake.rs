//! Identity in the handshake, on the wire: what a raw socket sees, and what it cannot borrow.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the support serves several files"
)]

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cofferdam_datapath::{Entry, netns_cookie};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use nix::sched::{CloneFlags, setns};
use siphasher::sip::SipHasher24;
use socket2::{Domain, Protocol, Socket, Type};

mod support;

use support::net::{BRIDGE, Net};
use support::{Stage, ask_in, identity, peer, serve_in};

#[test]
fn peer_process() {
    if let Ok(words) = std::env::var(peer::WORDS) {
        peer::play(&words);
    }
}

const EXPERIMENT: u16 = 0xcfda;

/// A TCP segment as a raw socket gives it.
#[derive(Clone, Debug)]
struct Segment {
    source: u16,
    destination: u16,
    seq: u32,
    ack: u32,
    flags: u8,
    option: Option<Seen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    claim: u32,
    tag: u64,
}

/// Everything TCP over IPv4 that arrives in a namespace.
struct Wire(Socket);

impl Wire {
    fn open(net: &Net) -> Self {
        Self::open_in(net, "host")
    }

    fn open_in(net: &Net, namespace: &str) -> Self {
        Self::open_at(&net.path(namespace))
    }

    fn open_at(netns: &Path) -> Self {
        let socket = in_namespace(netns, || {
            Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP)).unwrap()
        });
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        Self(socket)
    }

    fn segments(&self) -> Vec<Segment> {
        let mut found = Vec::new();
        let mut buffer = [std::mem::MaybeUninit::uninit(); 2048];
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            let Ok(n) = self.0.recv(&mut buffer) else { break };
            // SAFETY: the kernel has filled the first `n` bytes.
            let bytes: Vec<u8> = buffer[..n].iter().map(|b| unsafe { b.assume_init() }).collect();
            found.extend(decode(&bytes));
        }
        found
    }
}

fn in_namespace<T: Send>(netns: &Path, make: impl FnOnce() -> T + Send) -> T {
    let path = netns.to_owned();
    std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            setns(std::fs::File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            make()
        });
        run.join().unwrap()
    })
}

fn decode(packet: &[u8]) -> Option<Segment> {
    let tcp = packet.get(usize::from(packet[0] & 15) * 4..)?;
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
        option: last.map(|at| Seen {
            claim: word(at + 4),
            tag: u64::from(word(at + 8)) << 32 | u64::from(word(at + 12)),
        }),
    })
}

/// The tag as docs/wire.md has it, by another implementation of SipHash.
fn tag(stage: &Stage, claim: u32, segment: u32, seq: u32, ack: u32) -> u64 {
    let map = MapHandle::from_pinned_path(stage.bpffs.join("v1/maps/secrets")).unwrap();
    let epoch = (claim >> 24) & 15;
    let secret = map.lookup(&epoch.to_ne_bytes(), MapFlags::ANY).unwrap().unwrap();
    let word = |at: usize| u64::from_ne_bytes(secret[at..at + 8].try_into().unwrap());
    let mut hasher = SipHasher24::new_with_keys(word(0), word(8));
    for part in [claim, segment, seq, ack] {
        hasher.write(&part.to_le_bytes());
    }
    hasher.finish()
}

/// A server on the host and its friend in a container: between namespaces, where the kernel cannot see both sockets.
struct Pair {
    net: Net,
    stage: Stage,
    server_dir: PathBuf,
    friend: PathBuf,
    friend_netns: PathBuf,
    others: PathBuf,
}

impl Pair {
    fn new() -> Self {
        let mut net = Net::new();
        let (friend_netns, addresses) = net.add_container(None);
        let mut stage = Stage::inside(&net.path("host"));
        let cookie = |path: &Path| netns_cookie(&std::fs::File::open(path).unwrap()).unwrap();
        let mut all: Vec<(IpAddr, u64)> = addresses.iter().map(|a| (*a, cookie(&friend_netns))).collect();
        all.extend(BRIDGE.map(|a| (a.parse::<IpAddr>().unwrap(), cookie(&net.path("host")))));
        stage.datapath().set_namespace_addresses(&all).unwrap();
        let server_dir = stage.workload("server", 1, &[identity(2)]);
        let friend = stage.workload("friend", 2, &[]);
        let others = stage.workload("other", 3, &[]);
        Self {
            net,
            stage,
            server_dir,
            friend,
            friend_netns,
            others,
        }
    }

    fn serve(&self, kind: &str) -> (support::Server, SocketAddr) {
        let server = self.stage.serve(&self.server_dir, kind, "0.0.0.0");
        let at = SocketAddr::new(BRIDGE[0].parse().unwrap(), server.address.port());
        (server, at)
    }

    fn ask(&self, dir: &Path, words: &str) -> peer::Outcome {
        ask_in(&self.friend_netns, dir, words)
    }
}

const SYN: u8 = 2;
const ACK: u8 = 16;

/// G-HANDSHAKE: SYN, SYN-ACK and the client's ACK carry the option, each bound to its own numbers; nothing after does.
#[test]
fn root_each_segment_of_a_handshake_is_signed() {
    let mut pair = Pair::new();
    let (_server, at) = pair.serve("tcp-serve");
    let (to_server, to_client) = (Wire::open(&pair.net), Wire::open_at(&pair.friend_netns));
    assert!(pair.ask(&pair.friend, &format!("tcp {at}")).ok);
    let (to_server, to_client) = (to_server.segments(), to_client.segments());
    let of = |all: &[Segment], flags: u8| {
        all.iter()
            .find(|s| s.flags & (SYN | ACK) == flags)
            .unwrap()
            .clone()
    };
    let (syn, synack, client) = (
        of(&to_server, SYN),
        of(&to_client, SYN | ACK),
        of(&to_server, ACK),
    );
    for (segment, kind, number, ack) in [
        (syn, 1, 2, 0),
        (synack.clone(), 2, 1, synack.ack),
        (client.clone(), 3, 2, client.ack),
    ] {
        let seen = segment.option.unwrap_or_else(|| panic!("{segment:?}"));
        assert_eq!(seen.claim & 0x00ff_ffff, 256 + number);
        assert_eq!(seen.claim >> 28, 1);
        assert_eq!(
            seen.tag,
            tag(&pair.stage, seen.claim, kind, segment.seq, ack),
            "{segment:?}"
        );
    }
    let signed = |all: &[Segment]| {
        all.iter()
            .filter(|s| s.option.is_some() && s.flags & SYN == 0)
            .count()
    };
    assert!(
        signed(&to_server) <= 2,
        "the option ends once the server was heard: {to_server:?}"
    );
    assert_eq!(
        signed(&to_client),
        0,
        "the server's data carries none: {to_client:?}"
    );
    assert_eq!(pair.stage.datapath().losses().unwrap().bad_tags, 0);
}

/// G-HANDSHAKE: inside one namespace connect has seen both sockets; nothing is written, and the verdict is the same.
#[test]
fn root_one_namespace_needs_no_option() {
    let net = Net::new();
    let mut stage = Stage::inside(&net.path("host"));
    let server_dir = stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    let server = stage.serve(&server_dir, "tcp-serve", "127.0.0.1");
    let wire = Wire::open(&net);
    assert!(stage.ask(&friend, &format!("tcp {}", server.address)).ok);
    let seen = wire.segments();
    assert!(
        seen.iter().any(|s| s.flags & SYN != 0) && seen.iter().all(|s| s.option.is_none()),
        "{seen:?}"
    );
    // A replay of that unsigned SYN, from a raw socket, is nobody's.
    let syn = seen.iter().find(|s| s.flags & (SYN | ACK) == SYN).unwrap();
    let forger = Forger::new(&net);
    forger.send(
        server.address,
        &Segment {
            source: 20_000,
            ..syn.clone()
        },
    );
    assert!(answers(&wire, 20_000).is_empty());
}

/// G-PRIVACY: towards the world nothing is written; an unprotected process never writes anything.
#[test]
fn root_strangers_are_told_nothing() {
    let net = Net::new();
    let mut stage = Stage::inside(&net.path("host"));
    let client = stage.workload("client", 1, &[]);
    let stranger = stage.folder("stranger");
    let outside_dir = stage.folder("outside");
    let site: IpAddr = "198.51.100.9".parse().unwrap();
    net.add_stranger(site);
    let outside = serve_in(
        &net.path("lan"),
        &outside_dir,
        "tcp-serve",
        &SocketAddr::new(site, 443).to_string(),
    );
    assert!(stage.ask(&client, "tcp 198.51.100.9:443").ok);
    let here = stage.serve(&stranger, "tcp-serve", "127.0.0.1");
    let wire = Wire::open(&net);
    assert!(stage.ask(&stranger, &format!("tcp {}", here.address)).ok);
    assert!(wire.segments().iter().all(|s| s.option.is_none()));
    let lan = Wire::open_in(&net, "lan");
    assert!(stage.ask(&client, "tcp 198.51.100.9:443").ok);
    let seen = lan.segments();
    assert!(
        seen.iter().any(|s| s.flags & SYN != 0) && seen.iter().all(|s| s.option.is_none()),
        "{seen:?}"
    );
    drop(outside);
}

/// G-FAST-OPEN: a program that asks for TCP Fast Open gets a normal, signed handshake, on either side.
#[test]
fn root_fast_open_becomes_a_normal_handshake() {
    let mut pair = Pair::new();
    let (_server, at) = pair.serve("fast-serve");
    let wire = Wire::open(&pair.net);
    let to = format!("fast {at}");
    let outcome = pair.ask(&pair.friend, &to);
    assert!(outcome.ok, "{outcome:?} {:#?}", pair.stage.flows());
    let seen = wire.segments();
    let syns: Vec<_> = seen.iter().filter(|s| s.flags & (SYN | ACK) == SYN).collect();
    assert!(
        syns.len() == 4 && syns.iter().all(|s| s.option.is_some()),
        "{syns:?}"
    );
    assert!(!pair.ask(&pair.others, &to).ok);
    let watched = Entry {
        observe: true,
        ..support::entry(2)
    };
    let dir = pair.friend.clone();
    pair.stage.datapath().bind(&dir, &watched).unwrap();
    let outcome = pair.ask(&dir, &format!("fast-once {at}"));
    assert_ne!(
        outcome.errno,
        i64::from(nix::libc::EOPNOTSUPP),
        "observing changes nothing"
    );
}

/// G-FAST-OPEN: data in the SYN to a listener that had it on before is dropped; the client's retry is judged as ever.
#[test]
fn root_fast_open_to_an_older_listener() {
    let net = Net::new();
    let mut stage = Stage::inside(&net.path("host"));
    let server_dir = stage.folder("server");
    let stranger = stage.folder("stranger");
    let server = stage.serve(&server_dir, "fast-serve", "127.0.0.1");
    let to = format!("fast {}", server.address);
    assert!(stage.ask(&stranger, &to).ok, "the stranger has a cookie");
    stage.workload("server", 1, &[identity(2)]);
    let friend = stage.workload("friend", 2, &[]);
    assert!(stage.ask(&friend, &to).ok);
    let outcome = stage.ask(&stranger, &format!("fast-once {}", server.address));
    assert!(!outcome.ok, "nothing was served to a stranger's SYN: {outcome:?}");
}

/// How many forgeries of each kind; `cargo xtask soak` asks for 10,000.
fn forgeries() -> u32 {
    std::env::var("COFFERDAM_FORGERIES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(200)
}

/// A root process outside of every workload that writes packets of its own.
struct Forger {
    raw: Socket,
    random: u64,
}

impl Forger {
    fn new(net: &Net) -> Self {
        // The kernel would reset handshakes that it did not begin.
        net.silence_resets();
        let raw = in_namespace(&net.path("host"), || {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).unwrap();
            socket.set_header_included_v4(true).unwrap();
            socket
        });
        Self {
            raw,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn send(&self, to: SocketAddr, segment: &Segment) {
        let mut option = Vec::new();
        if let Some(seen) = segment.option {
            option.extend([254, 16]);
            option.extend(EXPERIMENT.to_be_bytes());
            option.extend(seen.claim.to_be_bytes());
            option.extend(seen.tag.to_be_bytes());
        }
        let builder = etherparse::PacketBuilder::ipv4([127, 0, 0, 1], v4(to), 64)
            .tcp(segment.source, segment.destination, segment.seq, 65_000)
            .options_raw(&option)
            .unwrap();
        let builder = if segment.flags & SYN != 0 {
            builder.syn()
        } else {
            builder
        };
        let builder = if segment.flags & ACK != 0 {
            builder.ack(segment.ack)
        } else {
            builder
        };
        let mut packet = Vec::new();
        builder.write(&mut packet, &[]).unwrap();
        self.raw.send_to(&packet, &to.into()).unwrap();
    }
}

fn v4(to: SocketAddr) -> [u8; 4] {
    match to.ip() {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => panic!("{ip}"),
    }
}

/// What the server sent to a port.
fn answers(wire: &Wire, port: u16) -> Vec<Segment> {
    wire.segments()
        .into_iter()
        .filter(|s| s.destination == port)
        .collect()
}

struct Attack {
    pair: Pair,
    _server: support::Server,
    at: SocketAddr,
    syn: Segment,
    client: Segment,
}

impl Attack {
    /// A server that only its friend may reach, and the friend's handshake as a sniffer saw it.
    fn prepare() -> Self {
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

/// G-FORGED-SYN: a SYN with an invented, altered or borrowed tag is not answered.
#[test]
fn root_forged_syns_are_not_answered() {
    let mut attack = Attack::prepare();
    let mut forger = Forger::new(&attack.pair.net);
    let wire = Wire::open(&attack.pair.net);
    let genuine = attack.syn.option.unwrap();
    let count = forgeries();
    for n in 0..count {
        let random = forger.next();
        let option = match n % 4 {
            0 => Some(Seen {
                tag: random,
                ..genuine
            }),
            1 => Some(Seen {
                claim: genuine.claim ^ 1,
                ..genuine
            }),
            2 => Some(genuine),
            _ => None,
        };
        let syn = Segment {
            source: 20_000 + (n % 10_000) as u16,
            seq: random as u32,
            option,
            ..attack.syn.clone()
        };
        forger.send(attack.at, &syn);
    }
    let answered: Vec<Segment> = wire
        .segments()
        .into_iter()
        .filter(|s| s.flags & (SYN | ACK) == SYN | ACK)
        .collect();
    assert!(
        answered.is_empty(),
        "{} of {count}: {:?}",
        answered.len(),
        answered.first()
    );
    let bad = attack.pair.stage.datapath().losses().unwrap().bad_tags;
    assert!(bad >= u64::from(count / 4 * 3), "{bad} were noticed");
}

/// G-REPLAY: a replayed SYN may be answered, but whoever does not live in that handshake cannot complete it.
#[test]
fn root_replayed_handshakes_do_not_complete() {
    let attack = Attack::prepare();
    let mut forger = Forger::new(&attack.pair.net);
    // Each takes half a second, most of it waiting for an answer that must not come.
    let count = (forgeries() / 20).min(500);
    for n in 0..count {
        let port = 30_000 + n as u16;
        let wire = Wire::open(&attack.pair.net);
        forger.send(
            attack.at,
            &Segment {
                source: port,
                ..attack.syn.clone()
            },
        );
        let Some(synack) = answers(&wire, port).into_iter().next() else {
            continue;
        };
        let random = forger.next();
        let claim = attack.syn.option.unwrap().claim;
        for option in [
            None,
            Some(Seen { claim, tag: random }),
            attack.client.option,
            attack.syn.option,
        ] {
            let seq = attack.syn.seq.wrapping_add(1);
            let ack = synack.seq.wrapping_add(1);
            forger.send(
                attack.at,
                &Segment {
                    source: port,
                    seq,
                    ack,
                    flags: ACK,
                    option,
                    ..attack.syn.clone()
                },
            );
        }
        let more = answers(&wire, port);
        assert!(
            more.iter().all(|s| s.flags & SYN != 0),
            "the server went on: {more:?}"
        );
    }
}
