//! Every identity ever given, found by its number and by what it says: with thousands a search among all of them for each
//! would take most of a start's time.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use cofferdam_policy::{Identity, Peer};
use rustc_hash::{FxHashMap, FxHasher};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The oldest (the smallest number) first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identities {
    all: Vec<Identity>,
    /// Numbers by a hash of all else.
    alike: FxHashMap<u64, Vec<Peer>>,
}

// === impl Identities ===

impl Identities {
    pub(super) fn get(&self, number: Peer) -> Option<&Identity> {
        let at = self.all.binary_search_by_key(&number, |known| known.number);
        self.all.get(at.ok()?)
    }

    /// The first that says the same, its number left out.
    pub(super) fn like(&self, wanted: &Identity) -> Option<&Identity> {
        let numbers = self.alike.get(&content(wanted))?;
        numbers
            .iter()
            .filter_map(|number| self.get(*number))
            .filter(|known| same(known, wanted))
            .min_by_key(|known| known.number)
    }

    pub(super) fn insert(&mut self, identity: Identity) {
        let number = identity.number;
        self.alike.entry(content(&identity)).or_default().push(number);
        let at = self.all.partition_point(|known| known.number < number);
        self.all.insert(at, identity);
    }

    /// Forgets the oldest that are not in use, down to `most`.
    pub(super) fn forget(&mut self, most: usize, used: &BTreeSet<Peer>) {
        let mut excess = self.all.len().saturating_sub(most);
        if excess == 0 {
            return;
        }
        self.all.retain(|identity| {
            let drop = excess > 0 && !used.contains(&identity.number);
            excess -= usize::from(drop);
            !drop
        });
        *self = Self::from(std::mem::take(&mut self.all));
    }
}

/// Whether two say the same but for their numbers.
pub(super) fn same(one: &Identity, other: &Identity) -> bool {
    one.namespace == other.namespace
        && one.identity_labels == other.identity_labels
        && one.labels == other.labels
        && one.named_ports == other.named_ports
}

fn content(identity: &Identity) -> u64 {
    let mut hasher = FxHasher::default();
    let Identity {
        number: _,
        namespace,
        identity_labels,
        labels,
        named_ports,
    } = identity;
    (namespace, identity_labels, labels, named_ports).hash(&mut hasher);
    hasher.finish()
}

impl From<Vec<Identity>> for Identities {
    fn from(all: Vec<Identity>) -> Self {
        let mut alike: FxHashMap<u64, Vec<Peer>> = FxHashMap::default();
        for identity in &all {
            alike.entry(content(identity)).or_default().push(identity.number);
        }
        Self { all, alike }
    }
}

impl Serialize for Identities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Identities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}
