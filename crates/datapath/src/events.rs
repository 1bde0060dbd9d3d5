//! Records from the kernel: what was decided about whom, and which cgroups came and went.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};

use cofferdam_policy::containment::family;
use cofferdam_policy::{Peer, PeerClass, Protocol, Verdict};
use libbpf_rs::{MapCore, MapFlags, RingBuffer, RingBufferBuilder};

use crate::abi::{self, bytes, types};
use crate::{Datapath, Error, Result};

/// Where a flow was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// `connect()`, the caller got the answer.
    Connect,
    /// `sendmsg()`, the caller got the answer.
    Sendmsg,
    /// A packet on its way out.
    Egress,
    /// A packet on its way in.
    Ingress,
    /// `bind()`.
    Bind,
    /// A look at established flows after a change: this one was ended.
    End,
    /// `socket()`, of a raw one.
    Socket,
    /// `connect()` to a unix socket with an abstract name.
    Unix,
    /// A write to a sysctl.
    Sysctl,
}

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndPoint {
    /// Identity, class or prefix number.
    pub peer: Peer,
    /// Workload number; 0 is not protected.
    pub workload: u32,
    /// cgroup id; 0 is unknown.
    pub cgroup: u64,
}

/// A verdict that fell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowEvent {
    /// Nanoseconds of CLOCK_BOOTTIME.
    pub time_ns: u64,
    /// What was decided and why.
    pub verdict: Verdict,
    /// A denial that was only recorded.
    pub observed: bool,
    /// Where.
    pub hook: Hook,
    /// Who started it.
    pub from: EndPoint,
    /// Who was reached.
    pub to: EndPoint,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Source; unspecified where the socket had none yet.
    pub source: SocketAddr,
    /// Destination, as the caller named it.
    pub destination: SocketAddr,
    /// The port that rules are about, where the destination's is published for it.
    pub inner_port: Option<u16>,
    /// What was acted on, where that is no address.
    pub object: Option<Box<str>>,
    /// Calling process; 0 where a packet was judged.
    pub pid: u32,
    /// Its name, at most 15 bytes.
    pub comm: String,
}

/// A cgroup that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupEvent {
    /// Its id.
    pub id: u64,
    /// Id of the folder it is in.
    pub parent: u64,
    /// Its name.
    pub name: String,
    /// Whether an announcement was waiting for it; if not, it is pending.
    pub bound: bool,
}

/// What a resolver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamesEvent {
    /// Number of the workload that had asked.
    pub workload: u32,
    /// The DNS message, or as much of it as there was room for. Whoever answers wrote it.
    pub message: Vec<u8>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A verdict.
    Flow(FlowEvent),
    /// Names of addresses.
    Names(NamesEvent),
    /// A container's cgroup was made.
    CgroupCreated(CgroupEvent),
    /// A cgroup with an entry was removed.
    CgroupRemoved(CgroupEvent),
}

/// What was lost since the maps were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Records that the ring had no room for. Their verdicts stand.
    pub events: u64,
    /// Listeners that the directory had no room for.
    pub listeners: u64,
    /// cgroups that got no entry.
    pub entries: u64,
    /// Exchanges of datagrams that could not be remembered.
    pub memories: u64,
    /// Kernel structures that could not be read.
    pub reads: u64,
    /// Handshakes in which the option had no room.
    pub no_room: u64,
    /// Options that did not verify: forged, altered or replayed.
    pub bad_tags: u64,
}

/// The one consumer of the ring.
pub(crate) struct Ring {
    buffer: RingBuffer<'static>,
    seen: Arc<Mutex<Vec<Event>>>,
}

// === impl Hook ===

impl Hook {
    /// Whether records of it say who reaches whom, or no longer does; else what a workload takes for itself.
    #[must_use]
    pub fn is_about_flows(self) -> bool {
        self.starts_flows() || self == Self::End
    }

    /// Whether a flow begins with its record.
    #[must_use]
    pub fn starts_flows(self) -> bool {
        matches!(self, Self::Connect | Self::Sendmsg | Self::Egress | Self::Ingress)
    }
}

// === impl FlowEvent ===

impl FlowEvent {
    /// Whether it says the same of another attempt: another moment, source port or process, and nothing else.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let what = |one: &Self| (one.verdict, one.observed, one.hook, one.protocol, one.inner_port);
        let whom = |one: &Self| (one.from, one.to, one.source.ip(), one.destination);
        what(self) == what(other) && whom(self) == whom(other) && self.object == other.object
    }
}

// === impl Ring ===

impl Ring {
    pub(crate) fn open(map: &dyn MapCore) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let mut builder = RingBufferBuilder::new();
        builder
            .add(map, move |record| {
                if let Some(event) = decode(record) {
                    sink.lock().unwrap_or_else(PoisonError::into_inner).push(event);
                }
                0
            })
            .map_err(Error::map("events", "read"))?;
        let buffer = builder.build().map_err(Error::map("events", "read"))?;
        Ok(Self { buffer, seen })
    }
}

// === impl Datapath ===

impl Datapath {
    /// Readable when a denial or a cgroup record waits, or a quarter of the ring is full. What was allowed waits in
    /// silence, because waking a reader costs more than a connection: drain on a timer, too.
    #[must_use]
    pub fn event_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor belongs to the ring buffer, which lives as long as `self`.
        unsafe { BorrowedFd::borrow_raw(self.ring.buffer.epoll_fd()) }
    }

    /// The most records that one [`Datapath::drain`] takes: who floods must not keep the daemon here, nor fill its memory.
    pub const DRAIN: usize = 4096;

    /// Appends waiting records to `into`; returns how many. At [`Datapath::DRAIN`] there may be more, and the descriptor
    /// does not tell of those again.
    pub fn drain(&mut self, into: &mut Vec<Event>) -> Result<usize> {
        let taken = self.ring.buffer.consume_raw_n(Self::DRAIN);
        let Ok(taken) = usize::try_from(taken) else {
            let error = libbpf_rs::Error::from_raw_os_error(-taken);
            return Err(Error::map("events", "read")(error));
        };
        let mut seen = self.ring.seen.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut seen);
        Ok(taken)
    }

    /// Counters over all CPUs.
    pub fn losses(&self) -> Result<Losses> {
        let sum = |counter: types::counter| -> Result<u64> {
            let per_cpu = self
                .skel
                .maps
                .counters
                .lookup_percpu(bytes(&counter.0), MapFlags::ANY)
                .map_err(Error::map("counters", "read"))?;
            Ok(per_cpu
                .unwrap_or_default()
                .iter()
                .filter_map(|v| abi::read::<u64>(v))
                .sum())
        };
        Ok(Losses {
            events: sum(types::counter::LOST_EVENT)?,
            listeners: sum(types::counter::FULL_LISTENERS)?,
            entries: sum(types::counter::FULL_ENTRIES)?,
            memories: sum(types::counter::FULL_MEMORY)?,
            reads: sum(types::counter::FAILED_READ)?,
            no_room: sum(types::counter::NO_ROOM)?,
            bad_tags: sum(types::counter::BAD_TAG)?,
        })
    }
}

// === decoding ===

fn decode(record: &[u8]) -> Option<Event> {
    match types::event_type(abi::read::<u32>(record)?) {
        types::event_type::EVENT_FLOW => flow(&abi::read(record)?).map(Event::Flow),
        types::event_type::EVENT_OBJECT => object(&abi::read(record)?).map(Event::Flow),
        types::event_type::EVENT_NAMES => names(&abi::read(record)?).map(Event::Names),
        types::event_type::EVENT_CGROUP_CREATED => Some(Event::CgroupCreated(cgroup(&abi::read(record)?))),
        types::event_type::EVENT_CGROUP_REMOVED => Some(Event::CgroupRemoved(cgroup(&abi::read(record)?))),
        _ => None,
    }
}

fn flow(e: &types::flow_event) -> Option<FlowEvent> {
    let hook = match types::hook(u32::from(e.hook)) {
        types::hook::HOOK_CONNECT => Hook::Connect,
        types::hook::HOOK_SENDMSG => Hook::Sendmsg,
        types::hook::HOOK_EGRESS => Hook::Egress,
        types::hook::HOOK_INGRESS => Hook::Ingress,
        types::hook::HOOK_BIND => Hook::Bind,
        types::hook::HOOK_END => Hook::End,
        _ => return None,
    };
    Some(FlowEvent {
        time_ns: e.time,
        verdict: Verdict {
            action: abi::action(e.action)?,
            reason: abi::reason(e.reason)?,
            direction: abi::direction(u32::from(e.direction)),
            rule: e.rule,
            observed: e.observed != 0,
        },
        observed: e.observed != 0,
        hook,
        from: end_point(&e.from),
        to: end_point(&e.to),
        protocol: Protocol(e.protocol),
        source: SocketAddr::new(abi::ip(&e.source), e.source_port),
        destination: SocketAddr::new(abi::ip(&e.destination), e.destination_port),
        inner_port: Some(e.inner_port).filter(|port| *port != 0),
        object: None,
        pid: e.pid,
        comm: printable(&abi::text(&e.comm)).into(),
    })
}

fn object(e: &types::object_event) -> Option<FlowEvent> {
    let text = abi::text(&e.text);
    let (hook, object, protocol) = match types::hook(u32::from(e.hook)) {
        types::hook::HOOK_SOCKET => {
            let (object, protocol) = socket(e.family, e.protocol)?;
            (Hook::Socket, object, protocol)
        }
        types::hook::HOOK_UNIX => {
            let start = usize::try_from(types::name_limits::NAME_START.0).ok()?;
            let name = abi::text(e.text.get(start..)?);
            (Hook::Unix, format!("@{name}"), Protocol(0))
        }
        types::hook::HOOK_SYSCTL => {
            let value = abi::text(&e.value);
            let name = text.replace('/', ".");
            (
                Hook::Sysctl,
                format!("{name} = {}", value.trim_end()),
                Protocol(0),
            )
        }
        _ => return None,
    };
    let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    Some(FlowEvent {
        time_ns: e.time,
        verdict: Verdict {
            action: abi::action(e.action)?,
            reason: abi::reason(e.reason)?,
            direction: None,
            rule: 0,
            observed: e.observed != 0,
        },
        observed: e.observed != 0,
        hook,
        from: end_point(&e.who),
        to: EndPoint {
            peer: Peer(PeerClass::Host as u32),
            workload: 0,
            cgroup: 0,
        },
        protocol,
        source: nowhere,
        destination: nowhere,
        inner_port: None,
        object: Some(printable(&object)),
        pid: e.pid,
        comm: printable(&abi::text(&e.comm)).into(),
    })
}

/// What a socket is that is made for no peer.
fn socket(domain: u16, protocol: u16) -> Option<(String, Protocol)> {
    const IPV4: u16 = 2;
    const IPV6: u16 = 10;
    const NETLINK: u16 = 16;
    const PACKET: u16 = 17;
    const VSOCK: u16 = 40;
    const XDP: u16 = 44;
    match domain {
        IPV4 | IPV6 => Some(("raw".to_owned(), Protocol(u8::try_from(protocol).ok()?))),
        NETLINK => Some((
            format!("netlink:{}", family(u8::try_from(protocol).ok()?)),
            Protocol(0),
        )),
        PACKET | XDP => Some(("packet".to_owned(), Protocol(0))),
        VSOCK => Some(("vsock".to_owned(), Protocol(0))),
        _ => None,
    }
}

/// Whoever has that name wrote it: nothing in it may move a terminal's cursor.
pub(crate) fn printable(text: &str) -> Box<str> {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn names(e: &types::names_event) -> Option<NamesEvent> {
    let message = e.message.get(..usize::try_from(e.length).ok()?)?;
    Some(NamesEvent {
        workload: e.workload,
        message: message.to_vec(),
    })
}

pub(crate) fn end_point(e: &types::endpoint) -> EndPoint {
    EndPoint {
        peer: Peer(e.peer),
        workload: e.workload,
        cgroup: e.cgroup,
    }
}

fn cgroup(e: &types::cgroup_event) -> CgroupEvent {
    CgroupEvent {
        id: e.id,
        parent: e.parent,
        name: abi::text(&e.name),
        bound: e.bound != 0,
    }
}
