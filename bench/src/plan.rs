//! What is measured, under what. Both lists are closed: the report and the goals name their members.

use serde::Serialize;

/// A way to run the same pair of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Setting {
    /// Nothing attached to the pair's cgroups.
    Bare,
    /// Cofferdam's hooks, each with a program that returns at once.
    Empty,
    /// A protected pair with the same labels, under a running daemon.
    Protected,
    /// A pair without labels, under the same daemon.
    Unprotected,
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
    /// Requests and responses of one byte a second.
    Ping,
    /// Bytes a second.
    Bulk,
}

// === impl Setting ===

impl Setting {
    /// As the table says it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Empty => "empty programs",
            Self::Protected => "Cofferdam, protected pair",
            Self::Unprotected => "Cofferdam, unprotected pair",
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
            Self::Protected => "protected",
            Self::Unprotected => "unprotected",
            Self::Nft10 => "nft10",
            Self::Nft1000 => "nft1000",
            Self::Nfqueue => "nfqueue",
        }
    }

    /// Peers give orientation, no goal depends on them: every fourth round is enough.
    pub(crate) fn takes_part(self, round: usize) -> bool {
        !matches!(self, Self::Nft10 | Self::Nft1000 | Self::Nfqueue) || round.is_multiple_of(4)
    }
}

// === impl Measure ===

impl Measure {
    /// In the order of the report.
    pub(crate) const ALL: [Self; 5] = [Self::Connect, Self::Handshake, Self::Rate, Self::Ping, Self::Bulk];

    /// The heading of its table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Connect => "connect + accept, two processes on two cores, median ns",
            Self::Handshake => "connect + accept by one thread, median ns",
            Self::Rate => "connections a second, 16 at a time",
            Self::Ping => "request/response of 1 byte, a second",
            Self::Bulk => "bulk, MB a second",
        }
    }

    /// The client's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::Rate => "rate",
            Self::Ping => "ping",
            Self::Bulk => "bulk",
        }
    }

    /// Size of one batch: a count for latencies, milliseconds for rates. Short, because what disturbs a machine
    /// comes in bursts of tens of milliseconds, and a burst must fall on all settings of a round.
    pub(crate) fn batch(self) -> u32 {
        match self {
            Self::Connect => 400,
            Self::Handshake => 800,
            Self::Rate | Self::Ping => 8,
            Self::Bulk => 40,
        }
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
