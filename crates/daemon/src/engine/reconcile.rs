//! resolve → compile → plan → apply: from what is known to what the kernel holds.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cofferdam_policy::{CompileError, Document};
use cofferdam_workload::{Container, host};
use rustc_hash::FxHashMap;

use super::Engine;
use super::views::network_of;
use crate::enforcer::{Binding, Contained, Prepared, Target, cgroup_id, netns_cookie};
use crate::error::chain;
use crate::names::{Named, Names};
use crate::resolve::{Inputs, Place, Placement, Resolved, pairs, resolve};

/// What happened since the kernel was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// Nothing that moves a cgroup that was there.
    NoMove,
    /// Whatever can.
    Anything,
}

// === impl Engine ===

impl Engine {
    /// Makes the kernel hold what is known now.
    pub(super) fn reconcile(&mut self) {
        self.reconcile_after(Since::Anything);
    }

    /// The same after something of which is known where it happened.
    pub(super) fn reconcile_after(&mut self, since: Since) {
        let start = Instant::now();
        self.find_namespaces();
        let documents = self.policies.in_force(super::policies::now());
        let resolved = self.resolve(documents);
        // Without rows the new fails closed; unannounced it would be a stranger after a while, and open.
        let policy = match self.prepare(&resolved) {
            Ok(prepared) => Some(prepared),
            Err(error) => {
                let line = format!(
                    "the policy cannot be compiled, the old one stays and what is new is cut off: {error}"
                );
                if !self.complaints.contains(&line) {
                    self.alerts.policy(&line);
                }
                self.complain(line);
                None
            }
        };
        self.carry_out(resolved, policy, since);
        self.metrics.applied(start.elapsed());
    }

    /// Makes the kernel hold what is known now under these documents, or changes nothing and says what does not fit.
    pub(super) fn try_documents(&mut self, documents: Vec<Arc<Document>>) -> Result<(), CompileError> {
        let start = Instant::now();
        self.find_namespaces();
        let resolved = self.resolve(documents);
        let prepared = self.prepare(&resolved)?;
        self.carry_out(resolved, Some(prepared), Since::NoMove);
        self.metrics.applied(start.elapsed());
        Ok(())
    }

    fn resolve(&mut self, documents: Vec<Arc<Document>>) -> Resolved {
        let start = Instant::now();
        let mut numbers = std::mem::take(&mut self.state.numbers);
        let mut fingerprints = std::mem::take(&mut self.fingerprints);
        let resolved = resolve(&self.inputs(), documents, (&mut numbers, &mut fingerprints));
        (self.state.numbers, self.fingerprints) = (numbers, fingerprints);
        tracing::debug!(resolved = ?start.elapsed(), "workloads");
        resolved
    }

    fn prepare(&mut self, resolved: &Resolved) -> Result<Prepared, CompileError> {
        let start = Instant::now();
        let compiled = self
            .compiler
            .compile(&resolved.world, &self.enforcer.applied().rules)?;
        let compiled_in = start.elapsed();
        let prepared = self.enforcer.prepare(compiled);
        tracing::debug!(compiled = ?compiled_in, prepared = ?start.elapsed(), "a policy");
        prepared
    }

    fn carry_out(&mut self, resolved: Resolved, policy: Option<Prepared>, since: Since) {
        let start = Instant::now();
        resolved.forget_others(&mut self.state.numbers);
        let mut target = self.target(&resolved, policy);
        target.unmoved = since == Since::NoMove;
        self.strays.join(&mut target);
        let aimed = start.elapsed();
        for line in self.enforcer.enforce(target) {
            self.complain(line);
        }
        let enforced = start.elapsed();
        if self.state.rules != self.enforcer.applied().rules {
            self.state.rules.clone_from(&self.enforcer.applied().rules);
        }
        self.learn_and_tell(&resolved);
        self.flows
            .counts
            .forget(resolved.placements.iter().map(|one| one.entry.workload));
        self.resolved = resolved;
        self.leftover = None;
        self.dirty = true;
        let noted = start.elapsed();
        tracing::debug!(?aimed, ?enforced, ?noted, "carried out");
    }

    pub(super) fn inputs(&self) -> Inputs<'_> {
        Inputs {
            containers: &self.state.containers,
            runs: &self.state.runs,
            units: &self.units,
            config: &self.config,
            choices: &self.state.choices,
            host: &self.host,
        }
    }

    fn target(&self, resolved: &Resolved, policy: Option<Prepared>) -> Target {
        let mut target = Target {
            policy,
            addresses: resolved.addresses.clone(),
            owners: resolved.owners.clone(),
            published: resolved.published.clone(),
            contained: contained(resolved),
            ..Target::default()
        };
        for placement in &resolved.placements {
            if let Place::Container(id, _) = &placement.place {
                target.announced.insert(id.clone(), placement.entry);
            }
            if let Some(cgroup) = self.cgroup_of(&placement.place) {
                target.bound.insert(cgroup, self.binding(placement));
            }
        }
        target
    }

    /// Where a workload's processes are now; the kernel knows it before Docker says it.
    pub(super) fn cgroup_of(&self, place: &Place) -> Option<PathBuf> {
        match place {
            Place::Container(id, cgroup) => cgroup
                .clone()
                .or_else(|| self.appeared.get(id).map(|appeared| appeared.cgroup.clone())),
            Place::Run(cgroup) => Some(cgroup.clone()),
            Place::Unit(cgroup) => cgroup.clone(),
        }
    }

    /// A unit's processes are looked for when they are needed: that costs more than all else when nothing changes.
    fn binding(&self, placement: &Placement) -> Binding {
        let (pid, born_bound) = match &placement.place {
            Place::Container(id, _) => (
                self.state.containers.get(id).and_then(|container| container.pid),
                self.appeared.get(id).is_some_and(|appeared| appeared.bound),
            ),
            // Whoever calls `run` has no socket that matters: it executes the command after it was bound.
            Place::Run(_) => (None, true),
            Place::Unit(_) => (None, false),
        };
        Binding {
            entry: placement.entry,
            pid,
            born_bound,
        }
    }

    /// Cookies of the namespaces of running containers; one look a container and process.
    fn find_namespaces(&mut self) {
        let mut found = BTreeMap::new();
        let mut cookies = HashMap::new();
        for container in self.state.containers.values() {
            if let Some((pid, cookie)) = self.cookie_of(container) {
                found.insert(container.id.clone(), cookie);
                cookies.insert(container.id.clone(), (pid, cookie));
            }
        }
        self.cookies = cookies;
        self.host.namespaces = found;
    }

    fn cookie_of(&self, container: &Container) -> Option<(u32, u64)> {
        let pid = container.pid?;
        if container.host_network {
            return Some((pid, self.host.netns));
        }
        if let Some(known) = self.cookies.get(&container.id).filter(|(known, _)| *known == pid) {
            return Some(*known);
        }
        let file = host::namespace_file(pid).ok()?;
        match netns_cookie(&file) {
            Ok(cookie) => Some((pid, cookie)),
            Err(error) => {
                tracing::warn!(
                    "the namespace of container {} is unknown: {}",
                    container.name,
                    chain(&error)
                );
                None
            }
        }
    }

    /// Gives names to those that are not as before, and one line to each whose protection changed or whose labels are not
    /// understood. Where cgroups are now is looked up by the next beat.
    fn learn_and_tell(&mut self, resolved: &Resolved) {
        let old = self.resolved.placements.iter();
        let mut old: FxHashMap<&str, &Placement> = old.map(|one| (one.key.as_str(), one)).collect();
        for placement in &resolved.placements {
            let before = old.remove(placement.key.as_str());
            if before != Some(placement) {
                let cgroup = self.cgroup_of(&placement.place);
                let network = network_of(&self.state, placement);
                learn(&mut self.names, placement, network, cgroup.as_deref());
                tell(placement, before);
            }
        }
        self.names_due = true;
        for gone in old.into_keys() {
            self.names.forget(gone);
        }
    }

    /// Cgroups that were made again have other numbers.
    pub(super) fn refresh_names(&mut self) {
        if std::mem::take(&mut self.names_due) {
            for placement in &self.resolved.placements {
                let cgroup = self.cgroup_of(&placement.place);
                let network = network_of(&self.state, placement);
                learn(&mut self.names, placement, network, cgroup.as_deref());
            }
        }
    }
}

fn contained(resolved: &Resolved) -> Vec<Contained> {
    let said = resolved.placements.iter().filter(|one| one.entry.contained);
    said.filter_map(|one| one.contained.clone()).collect()
}

/// What changed about one workload.
fn tell(placement: &Placement, before: Option<&Placement>) {
    let same = before.is_some_and(|before| {
        (before.protected_by.is_some(), before.mode) == (placement.protected_by.is_some(), placement.mode)
    });
    if !same && (before.is_some() || placement.protected_by.is_some()) {
        tracing::info!("{}", describe(placement));
    }
    for warning in &placement.warnings {
        if before.is_none_or(|before| !before.warnings.contains(warning)) {
            tracing::warn!("{}: {warning}", placement.name);
        }
    }
}

fn learn(names: &mut Names, placement: &Placement, network: String, cgroup: Option<&Path>) {
    let cgroup = cgroup.and_then(|path| cgroup_id(path).ok());
    let named = Named {
        name: placement.name.clone(),
        namespace: placement.namespace.clone(),
        labels: placement.labels.clone(),
        identity: placement.identity.as_ref().map(|who| who.number.0),
        who: placement.identity.as_ref().map_or_else(String::new, |who| {
            format!("{}/{}", who.namespace, pairs(&who.identity_labels))
        }),
        network,
    };
    names.learn(
        &placement.key,
        (placement.entry.workload, cgroup.unwrap_or(0)),
        named,
    );
}

fn describe(placement: &Placement) -> String {
    let name = &placement.name;
    match (&placement.protected_by, placement.mode) {
        (None, _) => format!("{name} is not protected"),
        (Some(by), cofferdam_policy::Mode::Enforce) => format!("{name} is protected ({by})"),
        (Some(by), cofferdam_policy::Mode::Observe) => format!("{name} is observed, not enforced ({by})"),
    }
}
