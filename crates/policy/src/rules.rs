//! Rule numbers: which index of `Compiled::rules` stands for which rule text.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::clauses::Index;
use crate::documents::Document;
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
        let mut made = BTreeSet::new();
        for subject in &index.world.subjects {
            let Some((_, own)) = index.subject(subject.number) else {
                continue;
            };
            let selecting = index.selecting(own);
            for direction in DIRECTIONS {
                let clauses = index.clauses_of(subject, &selecting, direction);
                made.extend(clauses.into_iter().filter_map(|clause| match clause.rule {
                    std::borrow::Cow::Owned(text) => Some(text),
                    std::borrow::Cow::Borrowed(_) => None,
                }));
            }
        }
        Self::numbered(index, made, previous)
    }

    /// The same, given the texts that no document holds: openings, and what NetworkPolicies do not allow.
    pub(crate) fn numbered(index: &Index<'_>, made: BTreeSet<RuleText>, previous: &[RuleText]) -> Self {
        let needed = needed(index, made);
        let mut texts = previous.to_vec();
        if texts.is_empty() {
            texts.push(RuleText {
                name: String::new(),
                source: String::new(),
            });
        }
        let crowded = texts.len() > 2 * needed.len() + SLACK;
        let known: HashSet<&RuleText> = texts.iter().skip(1).collect();
        let missing: Vec<RuleText> = needed
            .iter()
            .filter(|text| !known.contains(text))
            .cloned()
            .collect();
        let wanted: HashSet<&RuleText> = needed.iter().collect();
        let free: Vec<usize> = (1..texts.len())
            .filter(|slot| crowded && !wanted.contains(&texts[*slot]))
            .collect();
        let mut free = free.into_iter();
        for text in missing {
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

    pub(crate) fn texts(&self) -> &[RuleText] {
        &self.texts
    }

    pub(crate) fn into_texts(self) -> Vec<RuleText> {
        self.texts
    }
}

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// The rules of the default profiles and of documents in their order, then the others, sorted; each once.
fn needed(index: &Index<'_>, made: BTreeSet<RuleText>) -> Vec<RuleText> {
    let mut profiles: Vec<&Document> = Vec::new();
    for profile in index
        .world
        .subjects
        .iter()
        .filter_map(|subject| index.profile(subject))
    {
        if !profiles.iter().any(|known| std::ptr::eq(*known, profile)) {
            profiles.push(profile);
        }
    }
    profiles.sort_by_key(|profile| &profile.name);
    let documents = profiles.into_iter().chain(index.documents.iter().copied());
    let written = documents.flat_map(|document| {
        let rules = DIRECTIONS
            .into_iter()
            .filter_map(|direction| document.rules(direction));
        rules.flatten().map(|rule| rule.text.clone())
    });
    let mut seen = HashSet::new();
    written
        .chain(made)
        .filter(|text| seen.insert(text.clone()))
        .collect()
}
