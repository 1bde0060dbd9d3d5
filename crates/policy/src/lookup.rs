//! What the kernel does with a [`Compiled`], step by step; the mirror of `crates/datapath/bpf`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Compiled, Direction, Peer, PeerClass, PortKey, PortValue, PrefixValue, Protocol, RowKey};

/// A block of ports fixes at least the protocol and at most all of protocol and port.
const BITS: std::ops::RangeInclusive<u8> = 8..=24;

// === impl Compiled ===

impl Compiled {
    /// The verdict of one end: the row of `peer`, else that of `class`; there the longest port block, else the row's
    /// own verdict. `None` is [`crate::Reason::NoPolicy`].
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
        let row = |peer| {
            self.rows.get(&RowKey {
                subject,
                peer,
                direction,
            })
        };
        let row = row(peer).or_else(|| row(class.peer()))?;
        let block = match row.table {
            0 => None,
            table => self.port_block(table, protocol, port),
        };
        Some(block.unwrap_or(row.verdict))
    }

    /// Who an address is, by the longest prefix. IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn classify(&self, address: IpAddr) -> PrefixValue {
        let address = address.to_canonical();
        let longest: u8 = if address.is_ipv4() { 32 } else { 128 };
        let nets = (0..=longest)
            .rev()
            .filter_map(|length| IpNet::new(address, length).ok());
        let found = nets
            .map(|net| net.trunc())
            .find_map(|net| self.prefixes.get(&net).copied());
        found.unwrap_or(PrefixValue {
            peer: PeerClass::World.peer(),
            class: PeerClass::World,
        })
    }

    fn port_block(&self, table: u32, protocol: Protocol, port: u16) -> Option<PortValue> {
        BITS.rev().find_map(|bits| {
            let port = port & block_mask(bits);
            self.ports
                .get(&PortKey {
                    table,
                    protocol,
                    port,
                    bits,
                })
                .copied()
        })
    }
}

/// Which bits of the port a block of `bits` bits fixes.
pub(crate) fn block_mask(bits: u8) -> u16 {
    let free = u32::from(24 - bits.clamp(8, 24));
    u16::MAX.checked_shl(free).unwrap_or(0)
}
