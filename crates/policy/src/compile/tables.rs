//! Port ranges as blocks of a longest-prefix table: protocol 8 bits, port 16 bits.
//!
//! Tables with the same content are one table, and its number comes from its content.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::{PortKey, PortRange, PortValue, Protocol, RowValue};

use super::content_number;

/// A block: protocol, first port, bits fixed.
type Block = (Protocol, u16, u8);
type Content = Vec<(Block, PortValue)>;

/// All port tables of a compilation.
#[derive(Default)]
pub(crate) struct Tables {
    numbers: HashMap<Content, u32>,
    taken: HashSet<u32>,
}

// === impl Tables ===

impl Tables {
    /// What `clauses`, asked in order, say about each port. `None` if no clause is about every port.
    pub(crate) fn row(&mut self, clauses: &[(PortRange, PortValue)]) -> Option<RowValue> {
        let last = clauses
            .iter()
            .position(|(ports, _)| *ports == PortRange::EVERYTHING)?;
        let (narrow, rest) = clauses.split_at(last);
        let verdict = rest.first()?.1;
        let mut content = Content::new();
        for protocol in protocols(narrow) {
            for (first, last, value) in segments(protocol, narrow, verdict) {
                content.extend(blocks(first, last).map(|(port, bits)| ((protocol, port, bits), value)));
            }
        }
        let table = if content.is_empty() {
            0
        } else {
            self.number(content)
        };
        Some(RowValue { verdict, table })
    }

    pub(crate) fn into_blocks(self) -> BTreeMap<PortKey, PortValue> {
        let tables = self.numbers.into_iter();
        let blocks = tables.flat_map(|(content, table)| {
            content.into_iter().map(move |((protocol, port, bits), value)| {
                let key = PortKey {
                    table,
                    protocol,
                    port,
                    bits,
                };
                (key, value)
            })
        });
        blocks.collect()
    }

    fn number(&mut self, content: Content) -> u32 {
        if let Some(number) = self.numbers.get(&content) {
            return *number;
        }
        let number = content_number(&content, 1..u32::MAX, &self.taken);
        self.taken.insert(number);
        self.numbers.insert(content, number);
        number
    }
}

/// The protocols that these clauses are about, `ANY` spelt out.
fn protocols(clauses: &[(PortRange, PortValue)]) -> BTreeSet<Protocol> {
    let mut found = BTreeSet::new();
    for (ports, _) in clauses {
        match ports.protocol {
            Protocol::ANY => found.extend(Protocol::WITH_PORTS),
            protocol => _ = found.insert(protocol),
        }
    }
    found
}

/// The ports of one protocol, cut where the verdict changes; those that `rest` answers for are left out.
fn segments(
    protocol: Protocol,
    clauses: &[(PortRange, PortValue)],
    rest: PortValue,
) -> Vec<(u16, u16, PortValue)> {
    let mut starts = BTreeSet::from([0]);
    for (ports, _) in clauses {
        starts.insert(ports.first);
        starts.extend(ports.last.checked_add(1));
    }
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([u16::MAX]);
    let mut found: Vec<(u16, u16, PortValue)> = Vec::new();
    for (first, last) in starts.iter().copied().zip(ends) {
        let decided = clauses.iter().find(|(ports, _)| ports.contains(protocol, first));
        let value = decided.map_or(rest, |(_, value)| *value);
        match found.last_mut() {
            Some(before) if before.2 == value => before.1 = last,
            _ => found.push((first, last, value)),
        }
    }
    found.retain(|(_, _, value)| *value != rest);
    found
}

/// The fewest aligned blocks that cover `first..=last`, as (first port, bits).
fn blocks(first: u16, last: u16) -> impl Iterator<Item = (u16, u8)> {
    let mut next = Some(first).filter(|first| *first <= last);
    std::iter::from_fn(move || {
        let start = next?;
        let mut bits = 24;
        let mut end = start;
        while bits > 8 {
            let mask = crate::lookup::block_mask(bits - 1);
            if start & !mask != 0 || start | !mask > last {
                break;
            }
            bits -= 1;
            end = start | !mask;
        }
        next = end.checked_add(1).filter(|next| *next <= last);
        Some((start, bits))
    })
}
