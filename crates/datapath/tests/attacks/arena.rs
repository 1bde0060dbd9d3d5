//! A client and a server whom two attackers try to deceive, and the count of what they achieved.

use std::cell::RefCell;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cofferdam_datapath::{Entry, FlowEvent, Hook, netns_cookie};
use cofferdam_policy::{Action, Direction, Peer, PeerClass, Step};
use socket2::Socket;

use crate::support::forger::Forger;
use crate::support::net::{BRIDGE, Net};
use crate::support::wire::{ACK, SYN, Seen, Segment, Wire, in_namespace, secret, tag_by};
use crate::support::{Stage, entry, identity, rows, sockets_in};

/// Where the friend is.
pub(crate) const FRIEND: &str = "172.17.0.101";
/// Somewhere in the Internet.
const SITE: &str = "198.51.100.9";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Invented tags, and keys that are all zero.
    Forged,
    /// Right for these very numbers, but for one bit.
    Tampered,
    /// A segment that was good once, bit for bit.
    Replayed,
    /// An option that was good in another segment, or none.
    Borrowed,
    /// No option, but the sequence number of a segment that rightly had none.
    Unsigned,
}

/// The workload that everybody may reach.
const OPEN: u32 = 4;

/// What everybody is asked about.
pub(crate) const ALL: [How; 4] = [How::Forged, How::Tampered, How::Replayed, How::Borrowed];

/// A segment that somebody wants to be believed, and where it is said to come from.
pub(crate) struct Attacker {
    pub name: &'static str,
    pub address: IpAddr,
    pub forger: Forger,
    pub wire: Wire,
}

/// A handshake that was allowed, as a sniffer saw it.
pub(crate) struct Genuine {
    pub syn: Segment,
    pub synack: Segment,
    pub client: Segment,
}

pub(crate) struct Listener {
    socket: Socket,
    pub at: SocketAddr,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub sent: u32,
    /// That left the attacker's own cgroup.
    pub left: u32,
    pub accepted: u32,
}

pub(crate) struct Arena {
    pub net: Net,
    pub stage: Stage,
    pub friend_netns: PathBuf,
    friend: PathBuf,
    server: PathBuf,
    open: PathBuf,
    pub key: [u64; 2],
    /// Sends what must be accepted, on the way that the attackers take.
    pub witness: Forger,
    pool: RefCell<Vec<Socket>>,
    stranger: PathBuf,
}

/// The claim of a workload under the first key.
pub(crate) fn claim(number: u32) -> u32 {
    1 << 28 | (256 + number)
}

impl Arena {
    pub(crate) fn new() -> (Self, [Attacker; 2]) {
        let mut net = Net::new();
        let containers: Vec<_> = (0..3).map(|_| net.add_container(None)).collect();
        let mut stage = Stage::inside(&net.path("host"));
        let cookie = |path: &Path| netns_cookie(&std::fs::File::open(path).unwrap()).unwrap();
        let host = cookie(&net.path("host"));
        let mut all: Vec<(IpAddr, u64)> = BRIDGE.map(|a| (a.parse().unwrap(), host)).to_vec();
        for (netns, addresses) in &containers {
            all.extend(addresses.map(|a| (a, cookie(netns))));
        }
        stage.datapath().set_namespace_addresses(&all).unwrap();
        net.add_stranger(SITE.parse().unwrap());
        net.silence_resets(&net.path("host"));
        let server = stage.workload("server", 1, &[identity(2)]);
        let friend = stage.workload("friend", 2, &[]);
        trust_the_server_only(&mut stage);
        let other = stage.workload("other", 3, &[]);
        let open = open_server(&mut stage);
        let attackers = [
            attacker(&net, "another namespace", &containers[1], None),
            attacker(&net, "another workload", &containers[2], Some(&other)),
        ];
        let key = secret(&stage, 0);
        let friend_netns = containers[0].0.clone();
        let arena = Self {
            net,
            stage,
            friend_netns,
            friend,
            server,
            open,
            key,
            witness: Forger::at(&containers[1].0),
            pool: RefCell::default(),
            stranger: containers[1].0.clone(),
        };
        (arena, attackers)
    }

    /// Who trusts the friend only.
    pub(crate) fn listener(&self) -> Listener {
        self.listen(&self.server)
    }

    fn listen(&self, dir: &Path) -> Listener {
        let words = format!("hold-listener {}:0", BRIDGE[0]);
        let socket = sockets_in(&self.stage.host, dir, &words).remove(0);
        socket.set_nonblocking(true).unwrap();
        let at = socket.local_addr().unwrap().as_socket().unwrap();
        Listener { socket, at }
    }

    /// A socket of the friend.
    pub(crate) fn stream(&self) -> Socket {
        let mut pool = self.pool.borrow_mut();
        if pool.is_empty() {
            *pool = sockets_in(&self.friend_netns, &self.friend, "hold-streams 64");
        }
        pool.pop().unwrap()
    }

    /// The option that only who has the key can make.
    pub(crate) fn sign(&self, number: u32, segment: u32, seq: u32, ack: u32) -> Seen {
        let claim = claim(number);
        let tag = tag_by(self.key, claim, segment, seq, ack);
        Seen { claim, tag }
    }

    /// A handshake of the friend, to its end.
    pub(crate) fn genuine(&self, listener: &Listener) -> Genuine {
        let (to_server, to_client) = (Wire::open(&self.net), Wire::open_at(&self.friend_netns));
        let stream = self.stream();
        stream.connect(&listener.at.into()).unwrap();
        let port = stream.local_addr().unwrap().as_socket().unwrap().port();
        listener.wait(port);
        let find = |all: &[Segment], flags: u8| {
            let found = all
                .iter()
                .find(|s| s.flags & (SYN | ACK) == flags && s.option.is_some());
            found.unwrap_or_else(|| panic!("{flags} in {all:?}")).clone()
        };
        let (up, down) = (to_server.drain(), to_client.drain());
        Genuine {
            syn: find(&up, SYN),
            synack: find(&down, SYN | ACK),
            client: find(&up, ACK),
        }
    }

    /// The number of a SYN of the friend's that was not signed, because it went to the Internet.
    pub(crate) fn unsigned_syn(&self) -> u32 {
        let wire = Wire::open_in(&self.net, "lan");
        let stream = self.stream();
        stream.set_nonblocking(true).unwrap();
        let site: SocketAddr = format!("{SITE}:443").parse().unwrap();
        stream.connect(&site.into()).ok();
        let syn = wire.wait(|s| s.flags == SYN && s.destination == 443).unwrap();
        assert!(syn.option.is_none());
        syn.seq
    }

    /// The number of a SYN-ACK that was not signed, because a stranger was answered who may reach another server with the
    /// server's labels.
    pub(crate) fn unsigned_synack(&self) -> u32 {
        let open = self.listen(&self.open);
        let wire = Wire::open_at(&self.stranger);
        let stream = in_namespace(&self.stranger, || TcpStream::connect(open.at).unwrap());
        let port = stream.local_addr().unwrap().port();
        let answer = wire.wait(|s| s.destination == port && s.flags == SYN | ACK);
        let answer = answer.unwrap();
        assert!(answer.option.is_none());
        answer.seq
    }

    /// Flow records since the last call that say of a packet for one of the victims that it was allowed in. What the victims
    /// allow each other is said by `connect`.
    pub(crate) fn allowed_on_ingress(&mut self) -> u32 {
        let mut count = 0;
        loop {
            let flows = self.stage.flows();
            if flows.is_empty() {
                return count;
            }
            let allowed = |f: &&FlowEvent| {
                f.hook == Hook::Ingress && f.verdict.action == Action::Allow && f.to.workload != OPEN
            };
            count += flows.iter().filter(allowed).count() as u32;
        }
    }
}

impl Listener {
    /// Connections that wait: the peer's port and the first of what it sent.
    pub(crate) fn accepted(&self) -> Vec<(SocketAddr, String)> {
        let mut found = Vec::new();
        while let Ok((socket, from)) = self.socket.accept() {
            socket.set_nonblocking(true).unwrap();
            let mut text = [0; 16];
            let n = (&socket).read(&mut text).unwrap_or_default();
            found.push((
                from.as_socket().unwrap(),
                String::from_utf8_lossy(&text[..n]).into_owned(),
            ));
        }
        found
    }

    /// Waits for the connection from a port: what was sent on it first, and which other connections came.
    pub(crate) fn wait(&self, port: u16) -> (String, Vec<(SocketAddr, String)>) {
        let end = Instant::now() + Duration::from_secs(3);
        let mut others = Vec::new();
        while Instant::now() < end {
            others.extend(self.accepted());
            if let Some(at) = others.iter().position(|(from, _)| from.port() == port) {
                let (_, first) = others.remove(at);
                return (first, others);
            }
            std::thread::yield_now();
        }
        panic!("no connection from port {port}: {others:?}");
    }
}

impl Tally {
    pub(crate) fn print(&self, segment: &str, how: How, by: &str) {
        let how = format!("{how:?}").to_lowercase();
        let Self { sent, left, accepted } = self;
        println!(
            "{segment:<8} {how:<9} from {by:<18} {sent:>6} sent, {left:>6} let out, {accepted} accepted"
        );
    }
}

/// Flips one of the option's 96 bits that mean something.
pub(crate) fn flip(option: Seen, bit: u32) -> Seen {
    let Seen { claim, tag } = option;
    match bit % 96 {
        bit @ 0..32 => Seen {
            claim: claim ^ 1 << bit,
            tag,
        },
        bit => Seen {
            claim,
            tag: tag ^ 1 << (bit - 32),
        },
    }
}

/// An invented tag, or a right one under the key that is none: of an epoch that has not been.
pub(crate) fn invent(number: u32, random: u64, segment: u32, seq: u32, ack: u32) -> Seen {
    let claim = claim(number);
    if random & 1 == 0 {
        return Seen { claim, tag: random };
    }
    let claim = claim | 3 << 24;
    Seen {
        claim,
        tag: tag_by([0, 0], claim, segment, seq, ack),
    }
}

fn attacker(net: &Net, name: &'static str, at: &(PathBuf, [IpAddr; 2]), dir: Option<&Path>) -> Attacker {
    let (netns, addresses) = at;
    net.silence_resets(netns);
    let forger = match dir {
        Some(dir) => Forger::with(sockets_in(netns, dir, "hold-raw").remove(0)),
        None => Forger::at(netns),
    };
    Attacker {
        name,
        address: addresses[0],
        forger,
        wire: Wire::open_at(netns),
    }
}

/// As the default profile has it: the friend reaches its peers and the Internet.
fn trust_the_server_only(stage: &mut Stage) {
    let world = Peer(PeerClass::World as u32);
    let mut steps = Vec::new();
    for step in rows(2, &[]) {
        if let Step::SetRow(mut key, mut value) = step
            && key.direction == Direction::Egress
            && key.peer != world
        {
            if steps.is_empty() {
                let mut key = key;
                key.peer = identity(1);
                steps.push(Step::SetRow(key, value));
            }
            value.verdict.effect = cofferdam_policy::Effect::Deny;
            key.direction = Direction::Egress;
            steps.push(Step::SetRow(key, value));
        }
    }
    stage.datapath().apply(&steps).unwrap();
}

/// Another server with the server's labels, which its user has opened to everybody.
fn open_server(stage: &mut Stage) -> PathBuf {
    let dir = stage.folder("open");
    let everybody = [PeerClass::Host, PeerClass::Lan, PeerClass::World].map(|c| Peer(c as u32));
    let everybody: Vec<Peer> = everybody.into_iter().chain([identity(2)]).collect();
    stage.datapath().apply(&rows(OPEN, &everybody)).unwrap();
    let entry = Entry {
        identity: identity(1),
        ..entry(OPEN)
    };
    stage.datapath().bind(&dir, &entry).unwrap();
    dir
}
