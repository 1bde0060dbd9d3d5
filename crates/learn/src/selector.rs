//! The smallest selector that tells workloads from all others of their namespace.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_policy::Labels;
use cofferdam_policy::documents::{Expression, LabelSelector, Operator};
use cofferdam_policy::labels::IDENTITY_KEYS;

use crate::evidence::some;
use crate::{End, Policy, Seen, Workload};

/// Workloads that are alike: the subject of one document, or one peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    /// The identity; of workloads without one every label that selectors see.
    pub(crate) labels: Labels,
}

/// Everybody who is there.
pub(crate) struct Known {
    members: BTreeMap<Key, Vec<Workload>>,
    /// Names of those who are listed, not only seen.
    there: BTreeSet<String>,
}

/// More labels than that are not combined in search of the fewest.
const COMBINED: usize = 10;

/// What stands before every name, so that no name is one that somebody chose.
const PREFIX: &str = "learned";
const LONGEST_NAME: usize = 200;

// === impl Key ===

impl Key {
    pub(crate) fn of(workload: &Workload) -> Self {
        let labels = if workload.identity.is_empty() {
            &workload.visible
        } else {
            &workload.identity
        };
        Self {
            namespace: workload.namespace.clone(),
            labels: labels.clone(),
        }
    }
}

// === impl Known ===

impl Known {
    pub(crate) fn new(seen: Seen<'_>) -> Self {
        let mut known = Self {
            members: BTreeMap::new(),
            there: seen.there.iter().map(|one| one.name.clone()).collect(),
        };
        let flows = seen.passed.iter().chain(seen.refused);
        let ends = flows.flat_map(|flow| [&flow.from, &flow.to]);
        let ends = ends.filter_map(|end| match end {
            End::Workload(workload) => Some(workload),
            End::Outside(_) => None,
        });
        for workload in seen.there.iter().chain(ends) {
            let alike = known.members.entry(Key::of(workload)).or_default();
            if !alike.contains(workload) {
                alike.push(workload.clone());
            }
        }
        known
    }

    pub(crate) fn members(&self, key: &Key) -> Vec<&Workload> {
        self.members.get(key).into_iter().flatten().collect()
    }

    /// Their names, each once.
    pub(crate) fn names(&self, key: &Key) -> Vec<String> {
        let names: BTreeSet<&String> = self.members(key).into_iter().map(|one| &one.name).collect();
        names.into_iter().cloned().collect()
    }

    /// Why a document cannot select a workload. One without labels is told by what it lacks, which protects all who lack it:
    /// that is said only where it is known that they all have a policy already.
    pub(crate) fn unselectable(&self, workload: &Workload) -> Option<String> {
        let name = &workload.name;
        let key = Key::of(workload);
        if key.labels.is_empty() {
            let selector = self.selector(&key);
            let taken = self.others(&key).filter(|one| selector.matches(&one.visible));
            let mut all = self.members(&key).into_iter().chain(taken);
            if selector.is_everything() || !all.all(|one| one.protected && self.there.contains(&one.name)) {
                return Some(format!("{name} has no label by which a policy could select it"));
            }
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let is_name =
            (1..=LONGEST_NAME).contains(&workload.namespace.len()) && workload.namespace.bytes().all(plain);
        (!is_name).then(|| format!("{:?} can be no namespace of a policy", workload.namespace))
    }

    /// Those of the namespace who are somebody else.
    fn others<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Workload> {
        let others = self
            .members
            .iter()
            .filter(move |(other, _)| other.namespace == key.namespace && *other != key);
        others.flat_map(|(_, members)| members)
    }

    /// Others whom the selector takes all the same: they have the same labels, and not all of theirs say who they are.
    pub(crate) fn taken_too(&self, key: &Key, selector: &LabelSelector) -> Option<String> {
        let taken = self.others(key).filter(|one| selector.matches(&one.visible));
        let alike = self.members(key).into_iter();
        let alike = alike.filter(|one| !one.protected && one.identity.is_empty());
        let names: BTreeSet<&String> = taken.chain(alike).map(|one| &one.name).collect();
        let names = (!names.is_empty()).then(|| some(names.into_iter()))?;
        Some(format!(
            "{names} too, whose labels are the same to every selector"
        ))
    }

    /// The fewest conditions that hold for these workloads, and for no other of the namespace.
    pub(crate) fn selector(&self, key: &Key) -> LabelSelector {
        let others: Vec<&Labels> = self.others(key).map(|one| &one.visible).collect();
        let tells = |selector: &LabelSelector| !others.iter().any(|labels| selector.matches(labels));
        let mut pairs: Vec<(&String, &String)> = key.labels.iter().collect();
        pairs.sort_by_key(|(name, _)| {
            IDENTITY_KEYS
                .iter()
                .position(|one| one == name)
                .unwrap_or(usize::MAX)
        });
        let mut best = equal(pairs.iter().copied());
        for chosen in fewest_first(pairs.len()) {
            let some = equal(
                pairs
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| chosen & 1 << at != 0)
                    .map(|(_, pair)| *pair),
            );
            if tells(&some) {
                best = some;
                break;
            }
        }
        let own = self.members(key).into_iter().filter(|one| one.protected);
        let own: Vec<&Labels> = own.map(|one| &one.visible).collect();
        exclude(&mut best, &own, &others);
        best
    }
}

/// Every choice of `count` things as bits: fewest first, and of equally many those that come first.
fn fewest_first(count: usize) -> Vec<u32> {
    if count > COMBINED {
        return Vec::new();
    }
    let mut choices: Vec<u32> = (1..1_u32 << count).collect();
    choices.sort_by_key(|chosen| (chosen.count_ones(), chosen.reverse_bits() ^ u32::MAX));
    choices
}

fn equal<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> LabelSelector {
    let mut expressions: Vec<Expression> = pairs
        .map(|(key, value)| Expression {
            key: key.clone(),
            operator: Operator::In,
            values: vec![value.clone()],
        })
        .collect();
    expressions.sort();
    LabelSelector { expressions }
}

/// Conditions for those who have all these labels and more: they lack the label that most of the others have.
fn exclude(selector: &mut LabelSelector, own: &[&Labels], others: &[&Labels]) {
    loop {
        let taken: Vec<&&Labels> = others.iter().filter(|labels| selector.matches(labels)).collect();
        let mut marks: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for (key, value) in taken.iter().flat_map(|labels| labels.iter()) {
            if !own.iter().any(|labels| labels.get(key) == Some(value)) {
                marks.entry(key).or_default().insert(value);
                *counts.entry(key).or_default() += 1;
            }
        }
        // None where two have the same labels: then they are one to every selector.
        let Some((key, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
            return;
        };
        let has_it = own.iter().any(|labels| labels.contains_key(key));
        let values = marks
            .remove(key)
            .unwrap_or_default()
            .into_iter()
            .cloned()
            .collect();
        selector.expressions.push(Expression {
            key: key.clone(),
            operator: if has_it {
                Operator::NotIn
            } else {
                Operator::DoesNotExist
            },
            values: if has_it { values } else { Vec::new() },
        });
    }
}

/// `learned-web`, of the values that select it; with a number where that name is given.
pub(crate) fn name(key: &Key, selector: &LabelSelector, before: &[Policy]) -> String {
    let values = selector
        .expressions
        .iter()
        .filter(|one| one.operator == Operator::In);
    let values: Vec<&String> = values.flat_map(|one| &one.values).collect();
    let mut name = PREFIX.to_owned();
    for value in values {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        let word: String = value.chars().map(plain).collect();
        let word = word.trim_matches('-');
        if !word.is_empty() {
            name = format!("{name}-{word}");
        }
    }
    name.truncate(LONGEST_NAME);
    let is_given = |name: &str| {
        let same = |policy: &&Policy| policy.namespace == key.namespace && policy.name == name;
        before.iter().any(|policy| same(&policy))
    };
    let mut found = name.clone();
    let mut number = 2;
    while is_given(&found) {
        found = format!("{name}-{number}");
        number += 1;
    }
    found
}
