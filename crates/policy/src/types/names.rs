//! The names and the small questions that the words of [`super`] answer.

use std::fmt;

use super::{Action, Direction, Effect, Peer, PeerClass, Plane, PortRange, Protocol};

// === impl PeerClass ===

impl PeerClass {
    /// The class as a peer number, which is what its row has for a key.
    #[must_use]
    pub const fn peer(self) -> Peer {
        Peer(self as u32)
    }

    /// The word for it in labels, documents and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Lan => "lan",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::World => "world",
            Self::Pending => "pending",
            Self::Workload => "workload",
        }
    }
}

// === impl Effect ===

impl Effect {
    /// The verdict that it is, unless the next tier decides.
    #[must_use]
    pub const fn action(self) -> Option<Action> {
        match self {
            Self::Allow => Some(Action::Allow),
            Self::Deny => Some(Action::Deny),
            Self::Pass => None,
        }
    }
}

impl From<Action> for Effect {
    fn from(action: Action) -> Self {
        match action {
            Action::Allow => Self::Allow,
            Action::Deny => Self::Deny,
        }
    }
}

// === impl Plane ===

impl Plane {
    /// The only question, and the first stage of several.
    pub const FIRST: Self = Self(0);
    /// Stages: Admin tier, NetworkPolicies, Baseline tier, default profile.
    pub const STAGES: u8 = 4;
    /// Added to a stage: what policies would say that are only observed.
    pub const OBSERVED: u8 = 4;
    /// Added to a stage: what rules about addresses say; the peer is a prefix number.
    pub const BESIDE: u8 = 8;
}

// === impl Direction ===

impl Direction {
    /// The word for it in labels and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

// === impl Protocol ===

impl Protocol {
    /// Matches every protocol, in rules only.
    pub const ANY: Self = Self(0);
    /// Transmission Control Protocol.
    pub const TCP: Self = Self(6);
    /// Internet Control Message Protocol for IPv4.
    pub const ICMP: Self = Self(1);
    /// User Datagram Protocol.
    pub const UDP: Self = Self(17);
    /// Internet Control Message Protocol for IPv6.
    pub const ICMP6: Self = Self(58);
    /// Stream Control Transmission Protocol.
    pub const SCTP: Self = Self(132);
    /// The protocols that have ports: those that a rule for ports of any protocol is about.
    pub const WITH_PORTS: [Self; 3] = [Self::TCP, Self::UDP, Self::SCTP];
}

impl fmt::Display for Protocol {
    /// The name that labels use, else the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ANY => f.write_str("any"),
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::SCTP => f.write_str("sctp"),
            Self::ICMP | Self::ICMP6 => f.write_str("icmp"),
            Self(number) => write!(f, "protocol {number}"),
        }
    }
}

// === impl PortRange ===

impl PortRange {
    /// Every port of every protocol, those without ports included.
    pub const EVERYTHING: Self = Self {
        protocol: Protocol::ANY,
        first: 0,
        last: u16::MAX,
    };

    /// Whether it covers a port. Some ports of `Protocol::ANY` are ports of [`Protocol::WITH_PORTS`] only.
    #[must_use]
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        let every_port = self.first == 0 && self.last == u16::MAX;
        let any = self.protocol == Protocol::ANY && (every_port || Protocol::WITH_PORTS.contains(&protocol));
        (any || self.protocol == protocol) && (self.first..=self.last).contains(&port)
    }
}

impl fmt::Display for PortRange {
    /// As labels write it: `80`, `80-90/tcp`, `udp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == 0 && self.last == u16::MAX {
            return write!(f, "{}", self.protocol);
        }
        write!(f, "{}", self.first)?;
        if self.last != self.first {
            write!(f, "-{}", self.last)?;
        }
        if self.protocol == Protocol::ANY {
            Ok(())
        } else {
            write!(f, "/{}", self.protocol)
        }
    }
}
