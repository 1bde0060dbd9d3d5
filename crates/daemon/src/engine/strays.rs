//! What the kernel holds and the books do not know: the state file was lost, or the daemon died before it wrote it.
//!
//! It stays as it is, rows and all, until Docker or the configuration names it; then it keeps its mode. What nobody
//! names again, a tree of `cofferdam run`, stays enforced until it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cofferdam_policy::{Labels, Mode};
use cofferdam_workload::ContainerId;

use super::{Engine, runs};
use crate::Error;
use crate::cgroups::tree;
use crate::enforcer::{Binding, Entry, Target, cgroup_id};
use crate::resolve::{Fingerprints, Place, container_key, resolve};

/// Cgroups that are bound in the kernel and in no book.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// Folder → its id and what the kernel was told.
    found: BTreeMap<PathBuf, (u64, Entry)>,
    /// There were some: this is no first start, whatever the state file says.
    were: bool,
    /// The earlier daemon observed everything, so an entry says nothing of its workload's own mode.
    all_observed: bool,
}

// === impl Strays ===

impl Strays {
    fn at(&self, cgroup: Option<&Path>) -> Option<Entry> {
        self.found.get(cgroup?).map(|(_, entry)| *entry)
    }

    /// Puts them beside what has a policy; what was named again is none any more.
    pub(super) fn join(&mut self, target: &mut Target) {
        let named_above: Vec<(PathBuf, u32)> = self
            .found
            .iter()
            .filter(|(path, _)| target.bound.contains_key(*path))
            .map(|(path, (_, entry))| (path.clone(), entry.workload))
            .collect();
        self.found.retain(|path, (id, entry)| {
            // A workload's own cgroups go with it; another workload below it does not.
            let named =
                |(above, workload): &(PathBuf, u32)| path.starts_with(above) && *workload == entry.workload;
            cgroup_id(path).is_ok_and(|now| now == *id) && !named_above.iter().any(named)
        });
        for (path, (_, entry)) in &self.found {
            let binding = Binding {
                entry: *entry,
                pid: None,
                born_bound: true,
            };
            target.bound.insert(path.clone(), binding);
            target.kept.insert(entry.subject);
        }
    }

    /// The folders of `run` among them, which lie below `runs`.
    pub(super) fn runs(&self, runs: &Path) -> impl Iterator<Item = PathBuf> {
        let of_run = move |path: &&PathBuf| path.parent() == Some(runs);
        self.found.keys().filter(of_run).cloned()
    }

    /// Removes the empty folders of `run`; `true` if some stray ended.
    pub(super) fn sweep(&mut self, runs: &Path) -> bool {
        let before = self.found.len();
        self.found.retain(|path, (id, _)| {
            let ended = path.parent() == Some(runs) && !runs::is_populated(path) && runs::remove_tree(path);
            !ended && cgroup_id(path).is_ok_and(|now| now == *id)
        });
        self.found.len() != before
    }
}

// === impl Engine ===

impl Engine {
    /// At the start, before anything is applied: whom the kernel holds that the books do not.
    pub(super) fn find_strays(&mut self) -> Result<(), Error> {
        let books = self.state.numbers.workload_numbers();
        let held = self.enforcer.kernel().entries();
        let mut unknown: BTreeMap<u64, Entry> = held
            .map_err(|error| Error::datapath(&error))?
            .into_iter()
            .collect();
        unknown.retain(|_, entry| entry.subject != 0 && !books.contains(&entry.workload));
        if unknown.is_empty() {
            return Ok(());
        }
        let global = self.enforcer.kernel().global();
        self.strays.all_observed = global.is_ok_and(|global| global.observe);
        for path in tree(&self.cgroup_root) {
            let entry = cgroup_id(&path)
                .ok()
                .and_then(|id| Some((id, unknown.remove(&id)?)));
            self.strays.found.extend(entry.map(|entry| (path, entry)));
        }
        self.strays.were = !self.strays.found.is_empty();
        if self.strays.were {
            let found = self.strays.found.values();
            let observed = found.filter(|(_, entry)| entry.observe).count();
            tracing::warn!(
                "the kernel protects {} cgroups that the state file does not know ({observed} of them observed): \
                 they stay as they are, and keep their mode when they are named again",
                self.strays.found.len()
            );
        }
        Ok(())
    }

    /// Units that are strays keep their numbers and their mode.
    pub(super) fn recover_units(&mut self) {
        for unit in &self.units {
            let Some(entry) = self.strays.at(unit.cgroup.as_deref()) else {
                continue;
            };
            let key = format!("unit:{}", unit.name);
            self.state.numbers.recover(&key, entry.workload, entry.identity);
            if entry.observe && !self.strays.all_observed {
                self.state.choices.modes.entry(key).or_insert(Mode::Observe);
            }
        }
    }

    /// Containers that are strays keep their numbers, so that the rows of strays that stay still know them.
    pub(super) fn recover_containers(&mut self) {
        for container in self.state.containers.values() {
            if let Some(entry) = self.strays.at(container.cgroup.as_deref()) {
                let key = container_key(&container.id);
                self.state.numbers.recover(&key, entry.workload, entry.identity);
            }
        }
    }

    /// Whom nobody locks out at a first look at Docker: all who are here, or where the kernel knew better, all whom it
    /// observes.
    pub(super) fn adopt(&mut self) -> BTreeSet<ContainerId> {
        let containers = &self.state.containers;
        if !self.strays.were {
            if !containers.is_empty() {
                tracing::info!(
                    "first start: {} containers were here before; they are observed, not enforced \
                     (`cofferdam flows` says what would be denied, `cofferdam enforce --all` switches them)",
                    containers.len()
                );
            }
            return containers.keys().cloned().collect();
        }
        let observed = containers.values().filter(|one| {
            let entry = self.strays.at(one.cgroup.as_deref());
            entry.is_some_and(|entry| entry.observe)
        });
        let observed: BTreeSet<ContainerId> = observed.map(|one| one.id.clone()).collect();
        tracing::warn!(
            "the state was lost, the kernel's was not: of {} containers, {} stay observed and all others enforced",
            containers.len(),
            observed.len()
        );
        self.keep_protected();
        observed
    }

    /// `cofferdam protect` was lost with the state: whom only that protected stays protected, without its labels.
    fn keep_protected(&mut self) {
        let mut numbers = self.state.numbers.clone();
        let documents = self.policies.in_force(super::policies::now());
        let resolved = resolve(
            &self.inputs(),
            documents,
            (&mut numbers, &mut Fingerprints::default()),
        );
        for placement in resolved.placements {
            let Place::Container(_, cgroup) = &placement.place else {
                continue;
            };
            if placement.protected_by.is_none() && self.strays.at(cgroup.as_deref()).is_some() {
                tracing::warn!(
                    "{0} stays protected; labels of `cofferdam protect {0} --label` are to be given again",
                    placement.name
                );
                let protected = &mut self.state.choices.protected;
                protected.insert(placement.name, Labels::new());
            }
        }
    }
}
