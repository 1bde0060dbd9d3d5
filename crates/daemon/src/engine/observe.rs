//! What changed outside: Docker, the host's addresses, units, cgroups that came by name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cofferdam_workload::{Change, Container, ContainerId, host};
use tokio::sync::mpsc;

use super::{Appeared, Engine};
use crate::config::OnDead;
use crate::enforcer::cgroup_id;
use crate::error::chain;
use crate::{Error, Kinds};

/// How long the kernel holds an unannounced container's cgroup back.
const PENDING: Duration = Duration::from_secs(10);
/// Where Docker's own configuration lies.
const DAEMON_JSON: &str = "/etc/docker/daemon.json";

// === impl Engine ===

impl Engine {
    /// At the start: what the state file knows is announced and bound before anybody is asked.
    pub(super) fn recall(&mut self) -> Result<(), Error> {
        let largest = self
            .enforcer
            .largest_numbers()
            .map_err(|error| Error::datapath(&error))?;
        self.state.numbers.start_above(largest);
        self.find_strays()?;
        if self.enforcer.kernel().adopted() {
            // `off` and `on` work without a daemon: the kernel has the last word.
            let global = self
                .enforcer
                .kernel()
                .global()
                .map_err(|error| Error::datapath(&error))?;
            self.state.choices.off = global.off;
        }
        if self.state.choices.off {
            tracing::warn!("ENFORCEMENT IS OFF for the whole host until `cofferdam on`");
        }
        if self.options.kinds == Kinds::Processes {
            self.state.containers.clear();
        }
        if self.options.kinds == Kinds::Containers {
            self.state.runs.clear();
        }
        for container in self.state.containers.values_mut() {
            forget_process_unless_same(container);
        }
        self.state.runs.retain(|_, run| run.cgroup.is_dir());
        self.host.subnets.clone_from(&self.state.subnets);
        self.apply_global();
        self.watch_parents();
        // By the folder, not by the books: they may be lost.
        if self.cgroup_root.join(super::runs::FOLDER).is_dir() {
            self.watch_parent(self.cgroup_root.join(super::runs::FOLDER));
        }
        self.find_units();
        self.recover_units();
        let before = self.state.numbers.workload_numbers();
        self.recall_policies();
        self.forget_dropped(&before);
        Ok(())
    }

    /// What the earlier daemon protected and this one shall not: a unit that left the configuration, containers under
    /// `--processes`. Its rows are gone, so it must not stay bound.
    fn forget_dropped(&mut self, before: &BTreeSet<u32>) {
        let now = self.state.numbers.workload_numbers();
        let dropped: BTreeSet<u32> = before.difference(&now).copied().collect();
        match self.enforcer.forget(&dropped) {
            Ok(0) => {}
            Ok(cgroups) => tracing::info!("{cgroups} cgroups are no longer protected"),
            Err(error) => self.complain(format!(
                "what is no longer protected is still bound: {}",
                chain(&error)
            )),
        }
    }

    /// Takes one change and all that wait behind it, then acts once.
    pub(super) fn absorb_all(&mut self, first: Change, more: &mut mpsc::Receiver<Change>) {
        let mut act = self.absorb(first);
        while let Ok(change) = more.try_recv() {
            act |= self.absorb(change);
        }
        if act {
            self.watch_parents();
            self.appeared.retain(|_, appeared| appeared.cgroup.exists());
            self.reconcile();
        }
    }

    /// Whether something has to be done about it.
    fn absorb(&mut self, change: Change) -> bool {
        match change {
            Change::Connected(info) => {
                tracing::info!("Docker {} answers (API {})", info.version, info.api_version);
                self.docker.info = Some(info);
                self.docker.error = None;
                false
            }
            Change::Disconnected(why) => {
                tracing::warn!(
                    "Docker does not answer ({why}); what is protected stays protected, and it is picked up \
                     when it appears"
                );
                self.docker.info = None;
                self.docker.error = Some(why);
                false
            }
            Change::Resync { containers, subnets } => {
                self.resync(containers, subnets);
                true
            }
            Change::Upsert(container) => self
                .state
                .containers
                .insert(container.id.clone(), (*container).clone())
                .is_none_or(|old| old != *container),
            Change::Gone(id) => {
                self.state
                    .choices
                    .modes
                    .remove(&crate::resolve::container_key(&id));
                self.state.containers.remove(&id).is_some()
            }
            Change::Trouble(line) => {
                tracing::warn!("{line}");
                false
            }
        }
    }

    fn resync(&mut self, containers: Vec<Container>, subnets: Vec<ipnet::IpNet>) {
        if !self.docker.synced && self.state.choices.adopted.is_some() {
            self.tell_unseen(&containers);
        }
        self.state.containers = containers
            .into_iter()
            .map(|container| (container.id.clone(), container))
            .collect();
        self.state.subnets.clone_from(&subnets);
        self.host.subnets = subnets;
        self.docker.synced = true;
        let known = &self.state.containers;
        let lives = |key: &str| {
            let id = key
                .strip_prefix("container:")
                .and_then(|id| ContainerId::new(id).ok());
            id.is_none_or(|id| known.contains_key(&id))
        };
        self.state.choices.modes.retain(|key, _| lives(key));
        self.recover_containers();
        match &mut self.state.choices.adopted {
            Some(adopted) => adopted.retain(|id| self.state.containers.contains_key(id)),
            None => self.state.choices.adopted = Some(self.adopt()),
        }
    }

    /// What started while nobody was there to announce it had no policy until now.
    fn tell_unseen(&self, containers: &[Container]) {
        let unseen = |one: &&Container| one.is_alive() && !self.state.containers.contains_key(&one.id);
        for container in containers.iter().filter(unseen) {
            tracing::warn!(
                "container {} started while no daemon lived: until now it was {} to protected workloads",
                container.name,
                if self.config.on_dead == OnDead::Closed {
                    "pending"
                } else {
                    "a stranger"
                }
            );
        }
    }

    /// Has the kernel watch every folder in which a container's cgroup may appear.
    pub(super) fn watch_parents(&mut self) {
        if self.options.kinds == Kinds::Processes {
            return;
        }
        let mut wanted: Vec<PathBuf> = self.engine_parents();
        wanted.extend(
            self.state
                .containers
                .values()
                .filter_map(|one| one.cgroup_parent.clone()),
        );
        wanted.sort();
        wanted.dedup();
        for parent in wanted {
            let path = self.cgroup2.join(parent.strip_prefix("/").unwrap_or(&parent));
            let path = if parent.starts_with(&self.cgroup2) {
                parent
            } else {
                path
            };
            // By id: a folder that was removed and made again is another one.
            if cgroup_id(&path).is_ok_and(|id| self.parents.get(&id) == Some(&path)) {
                continue;
            }
            self.watch_parent(path);
        }
    }

    pub(super) fn watch_parent(&mut self, path: PathBuf) {
        if !path.starts_with(&self.cgroup_root) {
            let line = format!(
                "containers below {} are not enforced: it lies outside of {}",
                path.display(),
                self.cgroup_root.display()
            );
            if self.said.insert(line.clone()) {
                tracing::warn!("{line}");
            }
            return;
        }
        let new = !path.exists();
        if let Err(error) = self.enforcer.watch_parent(&path) {
            self.complain(format!(
                "new containers below {} are not seen: {}",
                path.display(),
                chain(&error)
            ));
            return;
        }
        if new {
            self.state.made.push(path.clone());
            self.dirty = true;
        }
        self.parents.retain(|_, known| *known != path);
        if let Ok(id) = cgroup_id(&path) {
            self.parents.insert(id, path);
        }
    }

    /// The command line, else the configuration, else what the engine says, else what it said last.
    fn engine_parents(&mut self) -> Vec<PathBuf> {
        if !self.options.docker_cgroup_parents.is_empty() {
            return self.options.docker_cgroup_parents.clone();
        }
        if !self.config.docker.cgroup_parents.is_empty() {
            return self.config.docker.cgroup_parents.clone();
        }
        if let Some(info) = &self.docker.info {
            match host::docker_cgroup_parents(info, Path::new(DAEMON_JSON)) {
                Ok(parents) => self.state.parents = parents,
                Err(error) => tracing::warn!("{}", chain(&error)),
            }
        }
        self.state.parents.clone()
    }

    /// A container's cgroup was made; its name says whose it is.
    pub(super) fn cgroup_created(&mut self, parent: u64, name: &str, bound: bool) -> bool {
        let (Some(folder), Some(id)) = (self.parents.get(&parent), container_of(name)) else {
            return false;
        };
        let appeared = Appeared {
            cgroup: folder.join(name),
            bound,
            at: Instant::now(),
        };
        self.appeared.insert(id.clone(), appeared);
        if !bound && !self.state.containers.contains_key(&id) {
            tracing::debug!(
                "container {} started before it was announced: pending",
                id.short()
            );
        }
        true
    }

    /// A container's cgroup that no engine of ours vouched for in time: the kernel takes it for a stranger's now.
    pub(super) fn name_strangers(&mut self) {
        let containers = &self.state.containers;
        self.appeared.retain(|id, appeared| {
            let waits = !appeared.bound && !containers.contains_key(id);
            if waits && appeared.at.elapsed() >= PENDING {
                tracing::warn!(
                    "{} is no container that Docker knows: it is a stranger to protected workloads",
                    appeared.cgroup.display()
                );
                return false;
            }
            true
        });
    }

    /// Asks the host again.
    pub(super) async fn host_changed(&mut self) {
        let facts = (
            host::addresses().await,
            host::link_prefixes().await,
            host::interfaces(),
        );
        let (Ok(addresses), Ok(links), Ok(interfaces)) = facts else {
            tracing::warn!("the host's addresses could not be read; the old ones stay");
            return;
        };
        let host = &mut self.host;
        if (&addresses, &links, &interfaces) != (&host.addresses, &host.links, &host.interfaces) {
            (host.addresses, host.links, host.interfaces) = (addresses, links, interfaces);
            self.reconcile();
        }
    }
}

/// The state file's process may be another one's by now.
fn forget_process_unless_same(container: &mut Container) {
    let same = match (container.pid, &container.cgroup) {
        (Some(pid), Some(cgroup)) => host::cgroup_of(pid).is_ok_and(|now| now == *cgroup),
        _ => false,
    };
    if !same {
        container.pid = None;
        container.cgroup = container.cgroup.take().filter(|cgroup| cgroup.is_dir());
    }
}

/// `<id>` (cgroupfs driver) or `docker-<id>.scope` (systemd driver).
pub(super) fn container_of(name: &str) -> Option<ContainerId> {
    let bare = name
        .strip_prefix("docker-")
        .and_then(|rest| rest.strip_suffix(".scope"));
    ContainerId::new(bare.unwrap_or(name)).ok()
}
