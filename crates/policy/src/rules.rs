//! Rule numbers: which index of `Compiled::rules` stands for which rule text.

use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::clauses::Index;
use crate::documents::Document;
use crate::{Direction, RuleText};

/// Unused numbers are kept until there are this many more than twice those in use: a flow record that still holds an
/// old number should find its text.
const SLACK: usize = 1024;

/// Rule texts by number and numbers by rule text.
pub(crate) struct Rules {
    texts: Vec<RuleText>,
    numbers: Numbers,
}

/// Numbers of texts that lie elsewhere, by a hash of each or the next free one after it: a copy of every text would take
/// most of a compilation's time.
struct Numbers(FxHashMap<u64, u32>);

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
        Self::numbered(index, &made, previous, None)
    }

    /// The same, given the texts that no document holds: openings, and what NetworkPolicies do not allow. `last` is what it
    /// returned last.
    pub(crate) fn numbered(
        index: &Index<'_>,
        made: &BTreeSet<RuleText>,
        previous: &[RuleText],
        last: Option<Self>,
    ) -> Self {
        let known = last.filter(|last| last.texts == previous);
        let Self { mut texts, numbers } = known.unwrap_or_else(|| Self::known(previous));
        if texts_of(index, made).all(|text| numbers.find(&texts, text).is_some()) {
            return Self { texts, numbers };
        }
        let needed = needed(index, made);
        let missing = needed.iter().copied();
        let missing: Vec<&RuleText> = missing
            .filter(|text| numbers.find(&texts, text).is_none())
            .collect();
        let crowded = texts.len() > 2 * needed.len() + SLACK;
        let wanted: HashSet<&RuleText> = if crowded {
            needed.into_iter().collect()
        } else {
            HashSet::new()
        };
        let free: Vec<usize> = (1..texts.len())
            .filter(|slot| crowded && !wanted.contains(&texts[*slot]))
            .collect();
        let mut free = free.into_iter();
        for text in missing {
            match free.next() {
                Some(slot) => texts[slot] = text.clone(),
                None => texts.push(text.clone()),
            }
        }
        let numbers = Numbers::of(&texts);
        Self { texts, numbers }
    }

    fn known(previous: &[RuleText]) -> Self {
        let mut texts = previous.to_vec();
        if texts.is_empty() {
            texts.push(RuleText {
                name: String::new(),
                source: String::new(),
            });
        }
        let numbers = Numbers::of(&texts);
        Self { texts, numbers }
    }

    /// The number of a text; 0, which no rule has, if it is unknown.
    pub(crate) fn number(&self, text: &RuleText) -> u32 {
        self.numbers.find(&self.texts, text).unwrap_or(0)
    }

    pub(crate) fn texts(&self) -> &[RuleText] {
        &self.texts
    }
}

// === impl Numbers ===

impl Numbers {
    /// Of all but the first, which stands for no rule.
    fn of(texts: &[RuleText]) -> Self {
        let mut numbers = FxHashMap::with_capacity_and_hasher(texts.len(), Default::default());
        for (text, number) in texts.iter().zip(0..).skip(1) {
            let mut place = content(text);
            while numbers.contains_key(&place) {
                place = place.wrapping_add(1);
            }
            numbers.insert(place, number);
        }
        Self(numbers)
    }

    fn find(&self, texts: &[RuleText], text: &RuleText) -> Option<u32> {
        let mut place = content(text);
        loop {
            let number = *self.0.get(&place)?;
            if texts.get(number as usize) == Some(text) {
                return Some(number);
            }
            place = place.wrapping_add(1);
        }
    }
}

fn content(text: &RuleText) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    text.hash(&mut hasher);
    hasher.finish()
}

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// Each text of [`texts_of`] once.
fn needed<'t>(index: &Index<'t>, made: &'t BTreeSet<RuleText>) -> Vec<&'t RuleText> {
    let mut seen = FxHashSet::default();
    texts_of(index, made).filter(|text| seen.insert(*text)).collect()
}

/// The rules of the default profiles and of documents in their order, then the others, sorted.
fn texts_of<'t>(index: &Index<'t>, made: &'t BTreeSet<RuleText>) -> impl Iterator<Item = &'t RuleText> {
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
    let documents = profiles.into_iter().chain(index.documents.clone());
    let written = documents.flat_map(|document| {
        let rules = DIRECTIONS
            .into_iter()
            .filter_map(|direction| document.rules(direction));
        rules.flatten().map(|rule| &rule.text)
    });
    written.chain(made)
}
