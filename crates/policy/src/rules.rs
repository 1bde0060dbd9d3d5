//! Rule numbers: which index of `Compiled::rules` stands for which rule text.

use std::collections::{BTreeSet, HashMap};

use crate::clauses::{BUILT_IN, Index};
use crate::{Direction, RuleText};

/// Unused numbers are kept until there are this many more than twice those in use: a flow record that still holds an
/// old number should find its text.
const SLACK: usize = 1024;

/// Rule texts by number and numbers by rule text.
pub(crate) struct Rules {
    texts: Vec<RuleText>,
    numbers: HashMap<RuleText, u32>,
}

// === impl Rules ===

impl Rules {
    /// Numbers every rule of the world. A text of `previous` keeps its number.
    pub(crate) fn new(index: &Index<'_>, previous: &[RuleText]) -> Self {
        let needed = needed(index);
        let mut texts = previous.to_vec();
        if texts.is_empty() {
            texts.push(RuleText {
                name: String::new(),
                source: String::new(),
            });
        }
        let known: BTreeSet<RuleText> = texts.iter().skip(1).cloned().collect();
        let wanted: BTreeSet<&RuleText> = needed.iter().collect();
        let crowded = texts.len() > 2 * needed.len() + SLACK;
        let free: Vec<usize> = (1..texts.len())
            .filter(|slot| crowded && !wanted.contains(&texts[*slot]))
            .collect();
        let mut free = free.into_iter();
        for text in needed.into_iter().filter(|text| !known.contains(text)) {
            match free.next() {
                Some(slot) => texts[slot] = text,
                None => texts.push(text),
            }
        }
        let numbered = texts.iter().zip(0..).skip(1);
        let numbers = numbered.map(|(text, number)| (text.clone(), number)).collect();
        Self { texts, numbers }
    }

    /// The number of a text; 0, which no rule has, if it is unknown.
    pub(crate) fn number(&self, text: &RuleText) -> u32 {
        self.numbers.get(text).copied().unwrap_or(0)
    }

    pub(crate) fn into_texts(self) -> Vec<RuleText> {
        self.texts
    }
}

/// The profile's rules in their order, then what subjects opened, sorted; each once.
fn needed(index: &Index<'_>) -> Vec<RuleText> {
    let directions = [Direction::Ingress, Direction::Egress];
    let rules = directions.iter().flat_map(|direction| {
        let rules = index.profile.map_or(&[][..], |profile| profile.rules(*direction));
        rules.iter().map(|rule| RuleText {
            name: rule.name.clone(),
            source: BUILT_IN.to_owned(),
        })
    });
    let opened: BTreeSet<RuleText> = index
        .world
        .subjects
        .iter()
        .flat_map(|subject| directions.map(|direction| index.clauses(subject, direction)))
        .flatten()
        .map(|clause| clause.rule)
        .filter(|rule| rule.source != BUILT_IN)
        .collect();
    let mut seen = BTreeSet::new();
    rules
        .chain(opened)
        .filter(|text| seen.insert(text.clone()))
        .collect()
}
