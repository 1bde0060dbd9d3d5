//! What the kernel does with a [`Compiled`], step by step; the mirror of `crates/datapath/bpf`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::decide::{UNPROTECTED, no_policy, structural};
use crate::{
    Action, Attempt, Compiled, Direction, End, Peer, PeerClass, PortKey, PortValue, PrefixValue, Protocol,
    Reason, RowKey, Verdict, World,
};

#[cfg(test)]
mod tests;

/// A block of ports fixes at least the protocol and at most all of protocol and port.
const BITS: std::ops::RangeInclusive<u8> = 8..=24;

/// One question to the compiled policy: what one subject's rules say about one peer and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whose policy.
    pub subject: u32,
    /// Which end of the flow it is.
    pub direction: Direction,
    /// The other end: identity, class or prefix number.
    pub peer: Peer,
    /// The class of the other end.
    pub class: PeerClass,
    /// The protocol.
    pub protocol: Protocol,
    /// The port that is reached, at whichever end it is.
    pub port: u16,
}

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

    /// The verdict on an attempt, as the kernel reaches it: the sender's egress, then the receiver's ingress.
    #[must_use]
    pub fn verdict(&self, world: &World, attempt: &Attempt) -> Verdict {
        self.verdict_by(world, attempt, |asked| {
            let Question {
                subject,
                direction,
                peer,
                class,
                protocol,
                port,
            } = asked;
            self.lookup(subject, direction, peer, class, protocol, port)
        })
    }

    /// As [`Compiled::verdict`], with another engine in the place of [`Compiled::lookup`]. `world` only serves to tell
    /// which identity a subject has.
    pub fn verdict_by(
        &self,
        world: &World,
        attempt: &Attempt,
        mut ask: impl FnMut(Question) -> Option<PortValue>,
    ) -> Verdict {
        if let Some(verdict) = structural(attempt) {
            return verdict;
        }
        let ends = [
            (attempt.from, Direction::Egress, attempt.to),
            (attempt.to, Direction::Ingress, attempt.from),
        ];
        let mut verdict = UNPROTECTED;
        for (end, direction, peer) in ends {
            let End::Subject(subject) = end else { continue };
            let PrefixValue { peer, class } = self.peer(world, peer);
            let (protocol, port) = (attempt.protocol, attempt.port);
            let answer = ask(Question {
                subject,
                direction,
                peer,
                class,
                protocol,
                port,
            });
            verdict = answer.map_or_else(
                || no_policy(direction),
                |value| Verdict {
                    action: value.action,
                    reason: Reason::Rule,
                    direction: Some(direction),
                    rule: value.rule,
                },
            );
            if verdict.action == Action::Deny {
                break;
            }
        }
        verdict
    }

    fn peer(&self, world: &World, end: End) -> PrefixValue {
        let class = PeerClass::Workload;
        match end {
            End::Address(address) => self.classify(address),
            End::Subject(number) => {
                let known = world.subjects.iter().find(|subject| subject.number == number);
                PrefixValue {
                    peer: known.map_or(class.peer(), |subject| subject.identity),
                    class,
                }
            }
            End::Pending => PrefixValue {
                peer: PeerClass::Pending.peer(),
                class: PeerClass::Pending,
            },
        }
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
