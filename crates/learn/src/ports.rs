//! Ports as rules name them: one by one, or as ranges that say where they hold more than was seen.

use std::collections::BTreeSet;

use cofferdam_policy::{PortRange, Protocol};

use crate::edges::Port;

/// Ports that a rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// The protocol.
    pub protocol: Protocol,
    /// The first port; of ICMP, the type.
    pub first: u16,
    /// The last port.
    pub last: u16,
    /// How many of them were seen.
    pub seen: usize,
}

/// So many ports in a row make a range.
const RUN: usize = 3;

/// The fewest items for these ports: runs are joined, and where still more than `limit` remain, the nearest ones.
pub(crate) fn join(ports: &BTreeSet<Port>, limit: usize) -> Vec<Ports> {
    let protocols: BTreeSet<Protocol> = ports.iter().map(|(protocol, _)| *protocol).collect();
    let mut found = Vec::new();
    for protocol in protocols {
        let mut items: Vec<Ports> = ports
            .iter()
            .filter(|(one, _)| *one == protocol)
            .map(|(_, port)| Ports {
                protocol,
                first: *port,
                last: *port,
                seen: 1,
            })
            .collect();
        // A type of ICMP is no number on a scale.
        if [Protocol::TCP, Protocol::UDP].contains(&protocol) {
            items = runs(&items);
            while items.len() > limit.max(1) {
                join_nearest(&mut items);
            }
        }
        found.extend(items);
    }
    found
}

fn runs(items: &[Ports]) -> Vec<Ports> {
    let chunks = items.chunk_by(|one, next| next.first - one.last == 1);
    let join = |chunk: &[Ports]| match chunk {
        [first, .., last] if chunk.len() >= RUN => vec![joined(first, last, chunk.len())],
        _ => chunk.to_vec(),
    };
    chunks.flat_map(join).collect()
}

fn join_nearest(items: &mut Vec<Ports>) {
    let gaps = items.windows(2).enumerate();
    let nearest = gaps.min_by_key(|(_, pair)| pair[1].first - pair[0].last);
    let Some(at) = nearest.map(|(at, _)| at) else {
        return;
    };
    let next = items.remove(at + 1);
    items[at] = joined(&items[at], &next, items[at].seen + next.seen);
}

fn joined(first: &Ports, last: &Ports, seen: usize) -> Ports {
    Ports {
        last: last.last,
        seen,
        ..*first
    }
}

// === impl Ports ===

impl Ports {
    /// How many ports it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::from(self.last - self.first) + 1
    }

    /// Whether it is about this port.
    #[must_use]
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.protocol == protocol && (self.first..=self.last).contains(&port)
    }

    /// How it says more than was seen, where it does, or joins what was seen one by one.
    pub(crate) fn generalisation(&self) -> Option<String> {
        let range = PortRange {
            protocol: self.protocol,
            first: self.first,
            last: self.last,
        };
        match (self.count(), self.seen) {
            (1, _) => None,
            (count, seen) if count == seen => Some(format!("ports {range} as one range, each of them seen")),
            (count, seen) => Some(format!("ports {range} as one range, {seen} of {count} seen")),
        }
    }
}
