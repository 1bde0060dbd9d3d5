//! Port ranges as aligned blocks, each a power of two of ports.
//!
//! Tables with the same content are one table, and its number comes from its content.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::clauses::{Stage, outcome};
use crate::{Effect, PortKey, PortRange, PortValue, Protocol, RowValue};

use super::content_number;
use super::lines::{Body, Line};

/// A block: protocol, first port, bits fixed.
type Block = (Protocol, u16, u8);
type Content = Vec<(Block, PortValue)>;

/// A line that is about the peer in question.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) line: &'a Line,
    pub(crate) priority: u16,
    /// `None`: every port.
    pub(crate) ports: Option<&'a [PortRange]>,
}

/// What a row answers.
#[derive(Clone, Copy)]
pub(crate) enum Question {
    /// The verdict.
    Final,
    /// What one stage says.
    Stage {
        stage: Stage,
        /// Policies that are only observed count.
        observed: bool,
        /// An allowance is to be compared with the observed one.
        asks_observed: bool,
    },
}

/// All port tables.
#[derive(Default)]
pub(crate) struct Tables {
    numbers: FxHashMap<Content, u32>,
    taken: HashSet<u32>,
}

// === impl Question ===

impl Question {
    pub(crate) fn stage(&self) -> Option<Stage> {
        match self {
            Self::Final => None,
            Self::Stage { stage, .. } => Some(*stage),
        }
    }

    /// The answer, given the entries that match, in order.
    fn answer<'e, 'a: 'e>(&self, matching: impl Iterator<Item = &'e Entry<'a>> + Clone) -> Option<PortValue> {
        let of = |entry: &Entry<'_>| (entry.line.stage, entry.line.effect, entry.line.observe);
        match *self {
            Self::Final => {
                let found = outcome(matching, of)?;
                // Nothing is compared with it; without a place, a table can serve many subjects, and a rule that comes
                // or goes before it changes nothing.
                Some(PortValue {
                    priority: 0,
                    ..value(found.decided, found.observed)
                })
            }
            Self::Stage {
                stage,
                observed,
                asks_observed,
            } => {
                let mut matching =
                    matching.filter(|entry| entry.line.stage == stage && (observed || !entry.line.observe));
                // The first of a stage, also if it passes.
                let Some(entry) = matching.next() else {
                    return Some(NOTHING);
                };
                let allows = entry.line.effect == Effect::Allow;
                Some(value(entry, allows && asks_observed || !allows && observed))
            }
        }
    }
}

/// The stage says nothing.
const NOTHING: PortValue = PortValue {
    effect: Effect::Pass,
    observe: false,
    rule: 0,
    priority: u16::MAX,
};

fn value(entry: &Entry<'_>, observe: bool) -> PortValue {
    PortValue {
        effect: entry.line.effect,
        observe,
        rule: entry.line.rule,
        priority: entry.priority,
    }
}

// === impl Tables ===

impl Tables {
    /// What `entries`, asked in order, say about each port. `None` if none of them is about every port.
    pub(crate) fn row(&mut self, entries: &[Entry<'_>], question: &Question) -> Option<RowValue> {
        let verdict = question.answer(entries.iter().filter(|entry| entry.ports.is_none()))?;
        let mut content = Content::new();
        for protocol in protocols(entries) {
            for (first, last, value) in segments(protocol, entries, question, verdict) {
                content.extend(blocks(first, last).map(|(port, bits)| ((protocol, port, bits), value)));
            }
        }
        let sizes = content
            .iter()
            .map(|((_, _, bits), _)| crate::lookup::block_size(*bits));
        let sizes = sizes.fold(0, |all, size| all | size);
        let table = if content.is_empty() {
            0
        } else {
            self.number(content)
        };
        Some(RowValue {
            verdict,
            table,
            sizes,
        })
    }

    /// The blocks of those tables that are used.
    pub(crate) fn blocks(&self, used: &FxHashSet<u32>) -> BTreeMap<PortKey, PortValue> {
        let tables = self.numbers.iter().filter(|(_, table)| used.contains(table));
        let blocks = tables.flat_map(|(content, table)| {
            content.iter().map(|((protocol, port, bits), value)| {
                let key = PortKey {
                    table: *table,
                    protocol: *protocol,
                    port: *port,
                    bits: *bits,
                };
                (key, *value)
            })
        });
        blocks.collect()
    }

    /// Forgets those that are not used.
    pub(crate) fn retain(&mut self, used: &FxHashSet<u32>) {
        self.numbers.retain(|_, table| used.contains(table));
        self.taken.retain(|table| used.contains(table));
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

/// The protocols that these entries are about, those about every port left out.
fn protocols(entries: &[Entry<'_>]) -> BTreeSet<Protocol> {
    entries
        .iter()
        .filter_map(|entry| entry.ports)
        .flat_map(Body::protocols)
        .collect()
}

/// The ports of one protocol, cut where the verdict changes; those that `rest` answers for are left out.
fn segments(
    protocol: Protocol,
    entries: &[Entry<'_>],
    question: &Question,
    rest: PortValue,
) -> Vec<(u16, u16, PortValue)> {
    let about = |range: &&PortRange| range.protocol == protocol || range.protocol == Protocol::ANY;
    let mut starts = BTreeSet::from([0]);
    for range in entries
        .iter()
        .filter_map(|entry| entry.ports)
        .flatten()
        .filter(about)
    {
        starts.insert(range.first);
        starts.extend(range.last.checked_add(1));
    }
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([u16::MAX]);
    let mut found: Vec<(u16, u16, PortValue)> = Vec::new();
    for (first, last) in starts.iter().copied().zip(ends) {
        let matches = |entry: &&Entry<'_>| {
            entry
                .ports
                .is_none_or(|ports| ports.iter().any(|range| range.contains(protocol, first)))
        };
        let value = question.answer(entries.iter().filter(matches)).unwrap_or(rest);
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
