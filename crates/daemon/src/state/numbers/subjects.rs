//! The subjects in use, found by their identity: few share one.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_policy::{DefaultProfile, Opening, Peer, Subject};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What makes a subject: another profile or other documents are another policy, and so another number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(flatten)]
    pub(super) subject: Subject,
    pub(super) profile: DefaultProfile,
    /// What the documents that select it say, as one number; 0 where none does.
    #[serde(default)]
    pub(super) policy: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subjects(BTreeMap<Peer, Vec<Record>>);

// === impl Subjects ===

impl Subjects {
    /// The number of the one with this policy, if there is one.
    pub(super) fn find(
        &self,
        identity: Peer,
        profile: DefaultProfile,
        openings: &[Opening],
        policy: u64,
    ) -> Option<u32> {
        let known = self.0.get(&identity)?.iter().find(|record| {
            record.profile == profile && record.policy == policy && record.subject.openings == openings
        });
        known.map(|record| record.subject.number)
    }

    pub(super) fn insert(&mut self, record: Record) {
        self.0.entry(record.subject.identity).or_default().push(record);
    }

    pub(super) fn retain(&mut self, used: &BTreeSet<u32>) {
        self.0.retain(|_, records| {
            records.retain(|record| used.contains(&record.subject.number));
            !records.is_empty()
        });
    }
}

impl Serialize for Subjects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.values().flatten())
    }
}

impl<'de> Deserialize<'de> for Subjects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut found = Self::default();
        for record in Vec::deserialize(deserializer)? {
            found.insert(record);
        }
        Ok(found)
    }
}
