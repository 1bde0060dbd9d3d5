//! What is measured, where, under what. All lists are closed: the report and the goals name their members.

use serde::Serialize;

/// A part of the benchmark: one topology with its own settings and measures, or the part without pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// TCP on loopback of one network namespace
    Loopback,
    /// TCP between two network namespaces, with the proof in the handshake
    Veth,
    /// UDP on loopback of one network namespace
    Udp,
    /// What it costs to record what is allowed
    Records,
    /// What a loopback of one's own costs
    Contain,
    /// Memory, start and verdict by the number of workloads
    Scale,
}

/// A way to run the same pair of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Setting {
    /// Nothing attached to the pair's cgroups.
    Bare,
    /// Cofferdam's hooks, each with a program that returns at once.
    Empty,
    /// The same, but the handshake carries an option of the real one's length that proves nothing.
    Constant,
    /// A protected pair with the same labels, under a running daemon.
    Protected,
    /// A pair without labels, under the same daemon.
    Unprotected,
    /// A protected pair under a daemon that records denials alone.
    Unrecorded,
    /// A client without labels and a protected server that is open to it: each connection is a record of its own.
    Visitor,
    /// The same under a daemon that records denials alone.
    VisitorUnrecorded,
    /// A protected pair on the host's loopback, under a daemon that contains nobody.
    Shared,
    /// A protected pair that shares a loopback of its own.
    Private,
    /// Ten nftables rules that match on the socket's cgroup.
    Nft10,
    /// A thousand of them.
    Nft1000,
    /// SYN and SYN-ACK go through a program in user space that accepts all.
    Nfqueue,
}

/// A number that a pair can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measure {
    /// Nanoseconds from the client's connect to the return of the server's accept, two processes on two cores.
    Connect,
    /// Nanoseconds of connect and accept called by one thread: no scheduler, no sleeping core.
    Handshake,
    /// Connections a second, 16 at a time.
    Rate,
    /// The same over a time in which the daemon does its share.
    Sustained,
    /// Requests and responses of one byte a second.
    Ping,
    /// Bytes a second.
    Bulk,
    /// Nanoseconds of a datagram of one byte there and one back, on a connected socket.
    Exchange,
    /// Datagrams of one byte a second that an unconnected socket sends.
    Send,
}

// === impl Part ===

impl Part {
    /// In the order of the report.
    pub(crate) const ALL: [Self; 6] = [
        Self::Loopback,
        Self::Veth,
        Self::Udp,
        Self::Records,
        Self::Contain,
        Self::Scale,
    ];

    /// The heading of its tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Loopback => "TCP on loopback",
            Self::Veth => "TCP between two network namespaces, with the proof in the handshake",
            Self::Udp => "UDP on loopback",
            Self::Records => "What recording costs, TCP on loopback",
            Self::Contain => "What a loopback of one's own costs, TCP",
            Self::Scale => "By the number of workloads",
        }
    }

    /// One word, for file names and goals.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Veth => "veth",
            Self::Udp => "udp",
            Self::Records => "records",
            Self::Contain => "contain",
            Self::Scale => "scale",
        }
    }

    /// What its pairs run under, in the order of the report.
    pub(crate) fn settings(self) -> &'static [Setting] {
        match self {
            Self::Loopback => &[
                Setting::Bare,
                Setting::Unprotected,
                Setting::Empty,
                Setting::Protected,
                Setting::Nft10,
                Setting::Nft1000,
                Setting::Nfqueue,
            ],
            Self::Veth => &[
                Setting::Bare,
                Setting::Unprotected,
                Setting::Empty,
                Setting::Constant,
                Setting::Protected,
                Setting::Nfqueue,
            ],
            Self::Udp => &[
                Setting::Bare,
                Setting::Unprotected,
                Setting::Empty,
                Setting::Protected,
            ],
            Self::Records => &[
                Setting::Unrecorded,
                Setting::Protected,
                Setting::VisitorUnrecorded,
                Setting::Visitor,
            ],
            Self::Contain => &[Setting::Shared, Setting::Private],
            Self::Scale => &[],
        }
    }

    /// What its pairs are asked for, in the order of the report.
    pub(crate) fn measures(self) -> &'static [Measure] {
        match self {
            Self::Loopback => &[
                Measure::Connect,
                Measure::Handshake,
                Measure::Rate,
                Measure::Ping,
                Measure::Bulk,
            ],
            Self::Veth => &[Measure::Connect, Measure::Handshake, Measure::Rate, Measure::Bulk],
            Self::Udp => &[Measure::Exchange, Measure::Send],
            Self::Records => &[Measure::Sustained],
            Self::Contain => &[
                Measure::Connect,
                Measure::Handshake,
                Measure::Rate,
                Measure::Ping,
                Measure::Bulk,
            ],
            Self::Scale => &[],
        }
    }

    /// What the programs' time is told of: a measure whose batch is a count, and the word for one of it.
    pub(crate) fn unit(self) -> (Measure, &'static str) {
        match self {
            Self::Loopback | Self::Veth | Self::Records | Self::Contain | Self::Scale => {
                (Measure::Connect, "connection")
            }
            Self::Udp => (Measure::Exchange, "request"),
        }
    }
}

// === impl Setting ===

impl Setting {
    /// As the table says it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Empty => "empty programs",
            Self::Constant => "empty, a constant option",
            Self::Protected => "Cofferdam, protected pair",
            Self::Unprotected => "Cofferdam, unprotected pair",
            Self::Unrecorded => "pair, denials recorded",
            Self::Visitor => "visitor, all recorded",
            Self::VisitorUnrecorded => "visitor, denials recorded",
            Self::Shared => "pair on the host's loopback",
            Self::Private => "pair on a loopback of its own",
            Self::Nft10 => "nft, 10 cgroup rules",
            Self::Nft1000 => "nft, 1,000 cgroup rules",
            Self::Nfqueue => "NFQUEUE, accept all",
        }
    }

    /// One word, for file and directory names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Empty => "empty",
            Self::Constant => "constant",
            Self::Protected => "protected",
            Self::Unprotected => "unprotected",
            Self::Unrecorded => "unrecorded",
            Self::Visitor => "visitor",
            Self::VisitorUnrecorded => "visitor-unrecorded",
            Self::Shared => "shared",
            Self::Private => "private",
            Self::Nft10 => "nft10",
            Self::Nft1000 => "nft1000",
            Self::Nfqueue => "nfqueue",
        }
    }

    /// What it is compared with in the report's first column.
    pub(crate) fn base(self, part: Part) -> Self {
        match (part, self) {
            (Part::Records, Self::Visitor | Self::VisitorUnrecorded) => Self::VisitorUnrecorded,
            (Part::Records, _) => Self::Unrecorded,
            (Part::Contain, _) => Self::Shared,
            _ => Self::Bare,
        }
    }

    /// Peers give orientation, no goal depends on them: every fourth round is enough.
    pub(crate) fn takes_part(self, round: usize) -> bool {
        !matches!(self, Self::Nft10 | Self::Nft1000 | Self::Nfqueue) || round.is_multiple_of(4)
    }
}

// === impl Measure ===

impl Measure {
    /// The heading of its table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Connect => "connect + accept, two processes on two cores, median ns",
            Self::Handshake => "connect + accept by one thread, median ns",
            Self::Rate => "connections a second, 16 at a time",
            Self::Sustained => "connections a second, 16 at a time, over 400 ms",
            Self::Ping => "request/response of 1 byte, a second",
            Self::Bulk => "bulk, MB a second",
            Self::Exchange => "request/response of 1 byte, connected socket, median ns",
            Self::Send => "datagrams of 1 byte a second, unconnected socket",
        }
    }

    /// The client's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::Rate => "rate",
            Self::Sustained => "sustained",
            Self::Ping => "ping",
            Self::Bulk => "bulk",
            Self::Exchange => "exchange",
            Self::Send => "send",
        }
    }

    /// Size of one batch: a count for latencies, milliseconds for rates. Short, because what disturbs a machine
    /// comes in bursts of tens of milliseconds, and a burst must fall on all settings of a round.
    pub(crate) fn batch(self) -> u32 {
        match self {
            Self::Connect | Self::Exchange => 400,
            Self::Handshake => 800,
            Self::Rate | Self::Ping | Self::Send => 8,
            Self::Bulk => 40,
            Self::Sustained => 400,
        }
    }

    /// Whether more is slower.
    pub(crate) fn is_time(self) -> bool {
        matches!(self, Self::Connect | Self::Handshake | Self::Exchange)
    }

    /// A connection's window needs tens of milliseconds to open, so a batch of bulk is long, and rarer.
    pub(crate) fn takes_part(self, round: usize) -> bool {
        self != Self::Bulk || round.is_multiple_of(4)
    }

    /// What the raw number is divided by for the table.
    pub(crate) fn scale(self) -> u32 {
        if self == Self::Bulk { 1_000_000 } else { 1 }
    }
}
