//! Which subjects get their new policy in one instant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::scan::beside;
use super::{Enforcer, Entry, Target};
use crate::error::chain;

// === impl Enforcer ===

impl Enforcer {
    /// Gives the new policy to all whose policy changes, in one instant: one by one, a flow between two of them could be judged
    /// by half of either.
    pub(super) fn succeed(&mut self, target: &Target, trouble: &mut Vec<String>) -> bool {
        let changes = successions(&self.bound, target);
        if changes.is_empty() {
            return false;
        }
        if let Err(error) = self.datapath.succeed(&changes) {
            trouble.push(format!(
                "the new policy comes into force for one workload after the other: {}",
                chain(&error)
            ));
            return false;
        }
        match self.datapath.follow(&changes) {
            Ok(()) => self.note_followed(&changes.into_iter().collect()),
            // Whoever was left out is bound again, like all that differ.
            Err(error) => trouble.push(format!(
                "workloads get the new policy one after the other: {}",
                chain(&error)
            )),
        }
        true
    }

    fn note_followed(&mut self, next: &BTreeMap<u32, u32>) {
        let mut bound = std::mem::take(&mut self.bound);
        for (cgroup, (_, entry)) in &mut bound {
            let Some(subject) = next.get(&entry.subject) else {
                continue;
            };
            let before = *entry;
            entry.subject = *subject;
            self.note_stricter(cgroup, Some(before), entry, false);
        }
        self.bound = bound;
    }
}

/// Which subject takes the place of which, where that is the same for all who have it, and they stay who they are.
pub(super) fn successions(bound: &BTreeMap<PathBuf, (u64, Entry)>, target: &Target) -> Vec<(u32, u32)> {
    let mut next: BTreeMap<u32, Option<u32>> = target.kept.iter().map(|kept| (*kept, None)).collect();
    for (binding, known) in target.bound.values().zip(beside(&target.bound, bound)) {
        let Some((_, known)) = known else { continue };
        let same = Entry {
            subject: known.subject,
            ..binding.entry
        };
        let new = Some(binding.entry.subject).filter(|new| *new != 0 && same == *known);
        next.entry(known.subject)
            .and_modify(|one| *one = one.filter(|_| *one == new))
            .or_insert(new);
    }
    let changes = next
        .iter()
        .filter_map(|(old, new)| Some((*old, new.filter(|new| new != old)?)));
    let given = target.bound.values().map(|binding| binding.entry.subject);
    let given: BTreeSet<u32> = given.collect();
    changes
        .filter(|(old, new)| *old != 0 && !given.contains(old) && !next.contains_key(new))
        .collect()
}
