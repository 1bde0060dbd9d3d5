//! What the kernel does with a [`Compiled`], step by step; the mirror of `crates/datapath/bpf`.

use std::net::IpAddr;

use crate::{Compiled, Direction, Peer, PeerClass, PortValue, PrefixValue, Protocol};

// === impl Compiled ===

impl Compiled {
    /// The verdict of one end: the row of `peer`, else that of `class`; there the longest port block, else the row's own
    /// verdict. `None` is [`crate::Reason::NoPolicy`].
    #[must_use]
    pub fn lookup(
        &self,
        subject: u32,
        direction: Direction,
        peer: Peer,
        class: PeerClass,
        protocol: Protocol,
        port: u16,
    ) -> Option<PortValue> {
        let _ = (subject, direction, peer, class, protocol, port);
        None
    }

    /// Who an address is, by the longest prefix. IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn classify(&self, address: IpAddr) -> PrefixValue {
        let _ = address;
        PrefixValue {
            peer: Peer(PeerClass::World as u32),
            class: PeerClass::World,
        }
    }
}
