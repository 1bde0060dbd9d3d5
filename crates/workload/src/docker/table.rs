//! All containers of one engine: who joined whose namespace, and what the receiver was already told. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Change;
use crate::{Container, ContainerId, NetworkMode};

/// What is known. `raw` is as decoded, `told` as sent, with everything that a joined container has from its owner.
#[derive(Default)]
pub(super) struct Table {
    raw: BTreeMap<ContainerId, Container>,
    told: BTreeMap<ContainerId, Container>,
}

impl Table {
    /// Replaces everything; the result is the whole truth, and counts as told.
    pub(super) fn replace(&mut self, containers: Vec<Container>) -> Vec<Container> {
        self.raw = containers
            .into_iter()
            .map(|container| (container.id.clone(), container))
            .collect();
        self.told = self
            .raw
            .values()
            .map(|raw| (raw.id.clone(), self.joined(raw)))
            .collect();
        self.all()
    }

    /// Everything as it was told last.
    pub(super) fn all(&self) -> Vec<Container> {
        self.told.values().cloned().collect()
    }

    /// Of all that were put and not removed.
    pub(super) fn ids(&self) -> Vec<ContainerId> {
        self.raw.keys().cloned().collect()
    }

    /// Whether it was put and not removed.
    pub(super) fn knows(&self, id: &ContainerId) -> bool {
        self.raw.contains_key(id)
    }

    /// Takes a container's new facts; the result is what the receiver has to hear: the container if it changed, and those
    /// that joined it.
    pub(super) fn put(&mut self, container: Container) -> Vec<Change> {
        let id = container.id.clone();
        self.raw.insert(id.clone(), container);
        self.news(Some(&id))
    }

    /// Forgets a container.
    pub(super) fn remove(&mut self, id: &ContainerId) -> Vec<Change> {
        self.raw.remove(id);
        let Some(_) = self.told.remove(id) else {
            return Vec::new();
        };
        let mut news = self.news(None);
        news.push(Change::Gone(id.clone()));
        news
    }

    /// What differs from what was told, for `changed` and for all joined containers. The owner comes before those that
    /// joined it.
    fn news(&mut self, changed: Option<&ContainerId>) -> Vec<Change> {
        let is_joined = |raw: &&Container| matches!(raw.network_mode, NetworkMode::Container(_));
        let others = self
            .raw
            .values()
            .filter(is_joined)
            .map(|raw| &raw.id)
            .filter(|id| Some(*id) != changed);
        let mut news = Vec::new();
        for id in changed.into_iter().chain(others) {
            let Some(raw) = self.raw.get(id) else { continue };
            let now = self.joined(raw);
            if self.told.get(id) != Some(&now) {
                news.push(now);
            }
        }
        self.told.extend(
            news.iter()
                .map(|container| (container.id.clone(), container.clone())),
        );
        let upsert = |container| Change::Upsert(Box::new(container));
        news.into_iter().map(upsert).collect()
    }

    /// A container with what it shares with the owner of its namespace. Without an owner it stays as decoded: such a
    /// container cannot start, and one that outlived its owner keeps what /proc says about it.
    fn joined(&self, raw: &Container) -> Container {
        let mut container = raw.clone();
        if let Some(owner) = self.owner(raw) {
            container.netns_owner = Some(owner.id.clone());
            container.host_network = owner.network_mode == NetworkMode::Host;
            container.addresses.clone_from(&owner.addresses);
            container.virtual_addresses.clone_from(&owner.virtual_addresses);
            container.resolvers.clone_from(&owner.resolvers);
        }
        container
    }

    /// The end of the chain of `container:` modes; `None` without one, where a link is missing, and in a circle.
    fn owner(&self, start: &Container) -> Option<&Container> {
        let NetworkMode::Container(reference) = &start.network_mode else {
            return None;
        };
        let mut seen = BTreeSet::from([&start.id]);
        let mut at = self.find(reference)?;
        while let NetworkMode::Container(reference) = &at.network_mode {
            if !seen.insert(&at.id) {
                return None;
            }
            at = self.find(reference)?;
        }
        (at.id != start.id).then_some(at)
    }

    /// By id, else by name, else by the only id that starts so: the order in which Docker looks.
    fn find(&self, reference: &str) -> Option<&Container> {
        if let Some(found) = ContainerId::new(reference).ok().and_then(|id| self.raw.get(&id)) {
            return Some(found);
        }
        if let Some(found) = self.raw.values().find(|raw| raw.name == reference) {
            return Some(found);
        }
        let mut starts = self
            .raw
            .values()
            .filter(|raw| raw.id.as_str().starts_with(reference));
        starts
            .next()
            .filter(|_| !reference.is_empty() && starts.next().is_none())
    }
}

#[cfg(test)]
mod tests;
