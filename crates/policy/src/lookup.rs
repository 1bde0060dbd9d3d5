//! What the kernel does with a [`Compiled`], step by step; the mirror of `crates/datapath/bpf`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::decide::{both, no_policy, structural};
use crate::{
    Attempt, Compiled, Direction, Effect, End, PREFIX_MIN, Peer, PeerClass, Plane, PortKey, PortValue,
    PrefixValue, Protocol, Reason, RowKey, Verdict, World,
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
    /// The number of the longest named prefix around the address of a protected peer; `None`: no rule names one, or
    /// the address is not known.
    pub region: Option<Peer>,
    /// The protocol.
    pub protocol: Protocol,
    /// The port that is reached, at whichever end it is.
    pub port: u16,
}

// === impl Compiled ===

impl Compiled {
    /// The verdict of one end about a peer without a region; see [`Compiled::answer`].
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
        self.answer(&Question {
            subject,
            direction,
            peer,
            class,
            region: None,
            protocol,
            port,
        })
    }

    /// The verdict of one end. Stage by stage, until one does not pass: the row of `peer`, else that of `class`; there
    /// the longest port block, else the row's own verdict; the row of `region` in its place, if that has the smaller
    /// priority. `None` is [`crate::Reason::NoPolicy`].
    #[must_use]
    pub fn answer(&self, asked: &Question) -> Option<PortValue> {
        let enforced = self.stages(asked, 0)?;
        if enforced.effect == Effect::Allow && enforced.observe {
            let observed = self.stages(asked, Plane::OBSERVED);
            if let Some(denied) = observed.filter(|value| value.effect == Effect::Deny) {
                return Some(denied);
            }
        }
        Some(enforced)
    }

    fn stages(&self, asked: &Question, observed: u8) -> Option<PortValue> {
        for stage in 0..Plane::STAGES {
            let plane = stage | observed;
            let mut found = self.row_value(asked, asked.peer, plane);
            if found.is_none() {
                found = self.row_value(asked, asked.class.peer(), plane);
            }
            let mut found = found?;
            if let Some(region) = asked.region
                && let Some(beside) = self.row_value(asked, region, plane | Plane::BESIDE)
                && beside.priority < found.priority
            {
                found = beside;
            }
            if found.effect != Effect::Pass {
                return Some(found);
            }
        }
        None
    }

    fn row_value(&self, asked: &Question, peer: Peer, plane: u8) -> Option<PortValue> {
        let row = self.rows.get(&RowKey {
            subject: asked.subject,
            peer,
            direction: asked.direction,
            plane: Plane(plane),
        })?;
        let block = match row.table {
            0 => None,
            table => self.port_block(table, row.sizes, asked.protocol, asked.port),
        };
        Some(block.unwrap_or(row.verdict))
    }

    /// The verdict on an attempt, as the kernel reaches it: the sender's egress, then the receiver's ingress.
    #[must_use]
    pub fn verdict(&self, world: &World, attempt: &Attempt) -> Verdict {
        self.verdict_by(world, attempt, |asked| self.answer(&asked))
    }

    /// As [`Compiled::verdict`], with another engine in the place of [`Compiled::answer`]. `world` only serves to tell
    /// which identity a subject has.
    pub fn verdict_by(
        &self,
        world: &World,
        attempt: &Attempt,
        ask: impl FnMut(Question) -> Option<PortValue>,
    ) -> Verdict {
        if let Some(verdict) = structural(attempt) {
            return verdict;
        }
        both(
            self.ends_by(world, attempt, ask)
                .into_iter()
                .map(|(_, verdict)| verdict),
        )
    }

    /// What each end that has a policy says on its own, the sender first.
    pub fn ends_by(
        &self,
        world: &World,
        attempt: &Attempt,
        mut ask: impl FnMut(Question) -> Option<PortValue>,
    ) -> Vec<(Direction, Verdict)> {
        let ends = [
            (attempt.from, Direction::Egress, attempt.to, attempt.to_address),
            (attempt.to, Direction::Ingress, attempt.from, attempt.from_address),
        ];
        let mut found = Vec::with_capacity(2);
        for (end, direction, peer, address) in ends {
            let End::Subject(subject) = end else { continue };
            let region = address.filter(|_| matches!(peer, End::Subject(_)));
            let region = region.map(|address| self.classify(address).peer);
            let PrefixValue { peer, class } = self.peer(world, peer);
            let answer = ask(Question {
                subject,
                direction,
                peer,
                class,
                region: region.filter(|region| region.0 >= PREFIX_MIN),
                protocol: attempt.protocol,
                port: attempt.port,
            });
            let decided = answer.and_then(|value| Some((value, value.effect.action()?)));
            let verdict = decided.map_or_else(
                || no_policy(direction),
                |(value, action)| Verdict {
                    action,
                    reason: Reason::Rule,
                    direction: Some(direction),
                    rule: value.rule,
                    observed: value.observe && value.effect == Effect::Deny,
                },
            );
            found.push((direction, verdict));
        }
        found
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

    fn port_block(&self, table: u32, sizes: u32, protocol: Protocol, port: u16) -> Option<PortValue> {
        let mut sizes = BITS.rev().filter(|bits| sizes & block_size(*bits) != 0);
        sizes.find_map(|bits| {
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

/// The ports in a block of `bits` bits, which is also the bit of [`crate::RowValue::sizes`] for it.
pub(crate) fn block_size(bits: u8) -> u32 {
    1 << (24 - bits.clamp(8, 24))
}

/// Which bits of the port a block of `bits` bits fixes.
pub(crate) fn block_mask(bits: u8) -> u16 {
    let free = u32::from(24 - bits.clamp(8, 24));
    u16::MAX.checked_shl(free).unwrap_or(0)
}
