//! Identities by what a rule may ask for, so that a subject's rows do not cost a walk over all identities.

use std::collections::{BTreeMap, HashMap};

use crate::{Direction, Identity, Labels, OpeningPeer, Peer, Subject, World};

use super::openings_of;

/// The index. It proposes; the clauses decide.
pub(crate) struct PeerIndex<'w> {
    all: &'w [Identity],
    same: HashMap<(&'w str, &'w Labels), Vec<&'w Identity>>,
    carrying: HashMap<(&'w str, &'w str, &'w str), Vec<&'w Identity>>,
}

// === impl PeerIndex ===

impl<'w> PeerIndex<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let mut index = Self {
            all: &world.identities,
            same: HashMap::new(),
            carrying: HashMap::new(),
        };
        for identity in &world.identities {
            let namespace = identity.namespace.as_str();
            if !identity.identity_labels.is_empty() {
                index
                    .same
                    .entry((namespace, &identity.identity_labels))
                    .or_default()
                    .push(identity);
            }
            for (key, value) in &identity.labels {
                index
                    .carrying
                    .entry((namespace, key, value))
                    .or_default()
                    .push(identity);
            }
        }
        index
    }

    /// The identities that a rule of this subject may tell from other workloads, by number.
    pub(crate) fn special(
        &self,
        subject: &'w Subject,
        own: &'w Identity,
        direction: Direction,
    ) -> impl Iterator<Item = &'w Identity> + use<'w> {
        let namespace = own.namespace.as_str();
        let mut found: BTreeMap<Peer, &'w Identity> = BTreeMap::new();
        let mut add = |identities: &[&'w Identity]| {
            found.extend(identities.iter().map(|identity| (identity.number, *identity)));
        };
        add(self
            .same
            .get(&(namespace, &own.identity_labels))
            .map_or(&[], Vec::as_slice));
        for peer in openings_of(subject, direction) {
            let OpeningPeer::Labels(wanted) = peer else {
                continue;
            };
            // One label narrows enough; an empty selector selects the whole namespace.
            match wanted.first_key_value() {
                Some((key, value)) => {
                    let key = (namespace, key.as_str(), value.as_str());
                    add(self.carrying.get(&key).map_or(&[], Vec::as_slice));
                }
                None => add(&self
                    .all
                    .iter()
                    .filter(|one| one.namespace == namespace)
                    .collect::<Vec<_>>()),
            }
        }
        found.into_values()
    }
}
