//! Carries a [`Target`] into the kernel, in the order that leaves no gap: rows in, cgroups over, rows out.
//!
//! The only place that names the data plane. It has no choices left: what is right was decided by `resolve` and
//! `compile`; here lie the order, the memory of what was done, and what happens when the kernel says no.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_policy::Compiled;
use cofferdam_workload::{ContainerId, host};
use tokio::sync::Notify;

use crate::error::chain;

use cofferdam_datapath as datapath;

mod ends;
mod facts;
mod fills;
mod retirement;
mod rows;
mod scan;
mod succession;
#[cfg(test)]
mod tests;
mod verify;

use scan::beside;

pub(crate) use rows::Prepared;
pub(crate) use verify::Verified;

pub(crate) use datapath::{
    Closed, Contained, EndPoint, Entry, Error as KernelError, Event, FlowEvent, Global, Hook, Listener,
    Published, Settings, netns_cookie, set_off,
};

/// What the kernel is to hold.
#[derive(Debug, Default)]
pub(crate) struct Target {
    /// The policy, and the way to it. `None`: there is no new one, the old one stays.
    pub(crate) policy: Option<Prepared>,
    /// Subjects of cgroups in `bound` that are in no policy: their rows stay.
    pub(crate) kept: BTreeSet<u32>,
    /// Every container that exists, running or not.
    pub(crate) announced: BTreeMap<ContainerId, Entry>,
    /// Cgroups that exist, with what runs in them; subject 0 is a stranger.
    pub(crate) bound: BTreeMap<PathBuf, Binding>,
    /// No cgroup was made again since the last target: those that stay who they are need no look.
    pub(crate) unmoved: bool,
    /// Address → namespace.
    pub(crate) addresses: Vec<(IpAddr, u64)>,
    /// Namespaces that one identity has for itself.
    pub(crate) owners: Vec<(u64, Entry)>,
    /// Published ports.
    pub(crate) published: Vec<Published>,
    /// What workloads on the host's network may take of it.
    pub(crate) contained: Vec<Contained>,
}

/// What is to be true of one cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// What the kernel is told.
    pub(crate) entry: Entry,
    /// A process in it, through which its sockets' namespace is reached; `None`: nobody told, it is looked for.
    pub(crate) pid: Option<u32>,
    /// The kernel bound it when it was made, so it has no socket that the programs did not see.
    pub(crate) born_bound: bool,
}

/// The data plane, and what was told it.
pub(crate) struct Enforcer {
    datapath: datapath::Datapath,
    features: Vec<(String, bool)>,
    applied: Compiled,
    /// What is to be taken out yet.
    retirement: Option<retirement::Retirement>,
    retired: Arc<Notify>,
    announced: BTreeMap<ContainerId, Entry>,
    bound: BTreeMap<PathBuf, (u64, Entry)>,
    addresses: Option<Vec<(IpAddr, u64)>>,
    owners: Option<Vec<(u64, Entry)>>,
    published: Option<Vec<Published>>,
    contained: Option<Vec<Contained>>,
    loopbacks: Option<BTreeSet<Ipv6Addr>>,
    /// Processes in whose namespaces the denied are refused.
    refusing: BTreeSet<u32>,
    /// Protected cgroups whose process nobody told, and the one that was found.
    found: BTreeMap<PathBuf, Option<u32>>,
    /// How many of those without one were looked into again.
    looked: usize,
    told_global: bool,
    /// The last policy that was given is in force.
    took_policy: bool,
    unverified: bool,
    ends: ends::Ends,
    /// Where established flows may be denied since the last look.
    stricter: ends::Change,
    /// Whether flows that are denied now are ended, and every workload is bound, so that it can be known.
    ends_flows: bool,
    settled: bool,
}

// === impl Enforcer ===

impl Enforcer {
    /// Loads the programs, or adopts those that are alive; `rules` are the texts for the numbers that are there.
    pub(crate) fn open(
        settings: &Settings,
        rules: Vec<cofferdam_policy::RuleText>,
    ) -> Result<Self, datapath::Error> {
        let mut datapath = datapath::Datapath::open(settings)?;
        let applied = rows::with_texts(datapath.recall()?, rules);
        Ok(Self {
            // Asked once: the answer reads the kernel's whole symbol table.
            features: datapath.features(),
            datapath,
            applied,
            retirement: None,
            retired: Arc::default(),
            announced: BTreeMap::new(),
            bound: BTreeMap::new(),
            addresses: None,
            owners: None,
            published: None,
            contained: None,
            loopbacks: None,
            refusing: BTreeSet::new(),
            found: BTreeMap::new(),
            looked: 0,
            told_global: false,
            took_policy: true,
            unverified: false,
            ends: ends::Ends::start(&settings.bpffs),
            stricter: ends::Change::default(),
            ends_flows: true,
            settled: false,
        })
    }

    /// The data plane itself, for what needs no order.
    pub(crate) fn kernel(&self) -> &datapath::Datapath {
        &self.datapath
    }

    /// What the kernel gives, by name.
    pub(crate) fn features(&self) -> &[(String, bool)] {
        &self.features
    }

    /// The policy that the kernel holds.
    pub(crate) fn applied(&self) -> &Compiled {
        &self.applied
    }

    /// Every workload is bound again: what an earlier daemon attached may go.
    pub(crate) fn settle(&mut self) -> Result<(), datapath::Error> {
        let done = self.datapath.settle();
        self.settled = true;
        self.look_everywhere();
        done
    }

    /// A handle to wait on; readable when there are events.
    pub(crate) fn event_handle(&self) -> std::io::Result<OwnedFd> {
        self.datapath.event_fd().try_clone_to_owned()
    }

    /// Takes what the ring holds, a bounded part of it; `true`: there may be more.
    pub(crate) fn drain(&mut self, events: &mut Vec<Event>) -> Result<bool, datapath::Error> {
        let taken = self.datapath.drain(events)?;
        Ok(taken >= datapath::Datapath::DRAIN)
    }

    /// Allowed connects that equal an earlier record, and how many there were since the last call.
    pub(crate) fn repeated(&mut self) -> Result<Vec<(FlowEvent, u64)>, datapath::Error> {
        self.datapath.repeated()
    }

    /// What connections carried that have ended since the last call.
    pub(crate) fn closed(&mut self) -> Result<Vec<Closed>, datapath::Error> {
        self.datapath.closed()
    }

    /// The largest workload, identity and subject numbers that the kernel holds: no number may mean two things.
    pub(crate) fn largest_numbers(&self) -> Result<(u32, u32, u32), datapath::Error> {
        let rows = self.applied.rows.keys().map(|row| (0, 0, row.subject));
        let entries = self.datapath.entries()?;
        let entries = entries
            .iter()
            .map(|(_, entry)| (entry.workload, entry.identity.0, entry.subject));
        Ok(rows.chain(entries).fold((0, 0, 0), |most, one| {
            (most.0.max(one.0), most.1.max(one.1), most.2.max(one.2))
        }))
    }

    /// Switches that hold for every program at once.
    pub(crate) fn set_global(&mut self, global: Global) -> Result<(), datapath::Error> {
        // Compared with the kernel, not with what was told it last: `off` works past a daemon that hangs.
        if !self.told_global || self.datapath.global()? != global {
            self.datapath.set_global(global)?;
            self.told_global = true;
            self.look_everywhere();
        }
        Ok(())
    }

    /// Takes out of the kernel what an earlier daemon bound as one of these workloads: their rows are gone, and without
    /// them they would be cut off.
    pub(crate) fn forget(&mut self, workloads: &BTreeSet<u32>) -> Result<usize, datapath::Error> {
        self.datapath.forget_workloads(workloads)
    }

    /// Handshakes are signed with another key from now on.
    pub(crate) fn rotate_key(&mut self) -> Result<(), datapath::Error> {
        self.datapath.rotate_key().map(drop)
    }

    /// Keys that nothing under way was signed with any more.
    pub(crate) fn forget_keys(&mut self) -> Result<(), datapath::Error> {
        self.datapath.forget_keys().map(drop)
    }

    /// New cgroups below this one are bound by their names.
    pub(crate) fn watch_parent(&mut self, cgroup: &Path) -> Result<(), datapath::Error> {
        self.datapath.watch_parent(cgroup)
    }

    /// Whether the last target's policy is in force.
    pub(crate) fn took_policy(&self) -> bool {
        self.took_policy
    }

    /// Makes the kernel hold the target. Trouble is returned as lines for the log; whatever could be done was done.
    ///
    /// What the old policy leaves behind goes later, by [`Enforcer::finish`].
    pub(crate) fn enforce(&mut self, mut target: Target) -> Vec<String> {
        let mut trouble = self.finish();
        let next = target
            .policy
            .take()
            .and_then(|new| self.install(new, &mut trouble));
        self.took_policy = next.is_some();
        let succession = next.is_some() && self.succeed(&target, &mut trouble);
        self.set_facts(&target, &mut trouble);
        self.announce(&target, next.is_some(), &mut trouble);
        self.bind(&target, next.is_some(), &mut trouble);
        self.refuse(&target, &mut trouble);
        if let Some((new, retire)) = next {
            self.retire(new, retire, &target.kept, succession, &mut trouble);
        }
        self.end_denied();
        trouble
    }

    /// Whether the kernel took the entry of that cgroup as it is now.
    pub(crate) fn is_bound(&self, cgroup: &Path) -> bool {
        cgroup_id(cgroup).is_ok_and(|id| self.bound.get(cgroup).is_some_and(|(known, _)| *known == id))
    }

    /// A cgroup is gone; its name may come back with another one behind it.
    pub(crate) fn cgroup_removed(&mut self, id: u64) {
        self.bound.retain(|_, (known, _)| *known != id);
    }

    /// Takes everything out of the kernel.
    pub(crate) fn remove(self) -> Result<(), datapath::Error> {
        drop(self.ends);
        // Only where there may be some; what remains is an address of `lo` that nobody uses.
        if self.loopbacks.is_some_and(|loopbacks| !loopbacks.is_empty()) {
            let _ = host::set_loopbacks(&BTreeSet::new());
        }
        self.datapath.remove()
    }

    /// Without its rows in place a subject must not be given to what has another one: it would be cut off. What is
    /// new gets it all the same, and so fails closed.
    fn announce(&mut self, target: &Target, installed: bool, trouble: &mut Vec<String>) {
        for (id, entry) in &target.announced {
            let known = self.announced.get(id);
            if known == Some(entry) || (known.is_some() && !installed) {
                continue;
            }
            match self.datapath.announce(id.as_str(), entry) {
                Ok(()) => drop(self.announced.insert(id.clone(), *entry)),
                Err(error) => trouble.push(format!(
                    "container {} is not announced: {}",
                    id.short(),
                    chain(&error)
                )),
            }
        }
        let gone: Vec<_> = self
            .announced
            .keys()
            .filter(|id| !target.announced.contains_key(*id))
            .cloned()
            .collect();
        for id in gone {
            if let Err(error) = self.datapath.withdraw(id.as_str()) {
                trouble.push(format!(
                    "container {} is still announced: {}",
                    id.short(),
                    chain(&error)
                ));
            }
            self.announced.remove(&id);
        }
    }

    fn bind(&mut self, target: &Target, installed: bool, trouble: &mut Vec<String>) {
        let mut namespaces = BTreeSet::new();
        // What is done to a cgroup is done to all below it, so what is known of those no longer holds.
        let unbound = self.unbind_gone(target, trouble);
        let known: Vec<Option<(u64, Entry)>> = beside(&target.bound, &self.bound)
            .map(|known| known.copied())
            .collect();
        let mut above: Option<&Path> = None;
        for ((cgroup, binding), known) in target.bound.iter().zip(known) {
            let below = above.is_some_and(|above| cgroup.starts_with(above));
            let mut ancestors = cgroup.ancestors().skip(1);
            let disturbed = below || !unbound.is_empty() && ancestors.any(|above| unbound.contains(above));
            let stays = known.is_some_and(|(_, entry)| entry == binding.entry);
            if target.unmoved && stays && !disturbed {
                continue;
            }
            let Ok(id) = cgroup_id(cgroup) else { continue };
            let known = known.filter(|(known, _)| *known == id).map(|(_, entry)| entry);
            let entry = known.filter(|_| !installed).unwrap_or(binding.entry);
            if known == Some(entry) && !disturbed {
                continue;
            }
            // A stranger's sockets are in no directory; those of a cgroup that was born protected all are.
            let older_sockets = match known {
                None => !binding.born_bound,
                Some(known) => known.subject == 0,
            };
            if let Err(error) = self.bind_one(cgroup, &entry) {
                // A container that ended meanwhile is no trouble.
                if cgroup.exists() {
                    trouble.push(format!("{} is not bound: {}", cgroup.display(), chain(&error)));
                }
                continue;
            }
            self.bound.insert(cgroup.clone(), (id, entry));
            // Sorted, so all that is below a folder comes next.
            above = above.filter(|_| below).or(Some(cgroup));
            self.note_stricter(cgroup, known, &entry, binding.born_bound);
            if older_sockets && entry.subject != 0 {
                namespaces.extend(binding.pid.or_else(|| self.find_process(cgroup)));
            }
        }
        self.scan(&namespaces, trouble);
    }

    /// Returns what was unbound.
    fn unbind_gone(&mut self, target: &Target, trouble: &mut Vec<String>) -> BTreeSet<PathBuf> {
        let stays = beside(&self.bound, &target.bound);
        let gone = self.bound.keys().zip(stays).filter(|(_, stays)| stays.is_none());
        let gone: BTreeSet<PathBuf> = gone.map(|(path, _)| path.clone()).collect();
        for cgroup in &gone {
            self.found.remove(cgroup);
            let known = self.bound.remove(cgroup).map(|(id, _)| id);
            // Another cgroup under the name of the old one is a new start, which the kernel has bound already.
            if cgroup_id(cgroup).ok() == known
                && let Err(error) = self.datapath.unbind(cgroup)
            {
                trouble.push(format!("{} is still bound: {}", cgroup.display(), chain(&error)));
            }
            if cgroup_id(cgroup).ok() == known {
                self.stricter = ends::Change::All;
            }
        }
        gone
    }

    fn bind_one(&mut self, cgroup: &Path, entry: &Entry) -> Result<(), datapath::Error> {
        match entry.subject {
            0 => self.datapath.unbind(cgroup),
            _ => self.datapath.bind(cgroup, entry),
        }
    }
}

/// The id of a cgroup, as the kernel's programs see it.
pub(crate) fn cgroup_id(cgroup: &Path) -> std::io::Result<u64> {
    std::fs::metadata(cgroup).map(|metadata| metadata.ino())
}

/// The cookie of this process's network namespace.
pub(crate) fn own_netns() -> Result<u64, String> {
    let file = File::open("/proc/self/ns/net").map_err(|error| format!("/proc/self/ns/net: {error}"))?;
    netns_cookie(&file).map_err(|error| chain(&error))
}
