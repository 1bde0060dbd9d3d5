//! What is done once a network namespace: sockets that are older than the programs, refusals; and where its processes are.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Enforcer, Target};
use crate::cgroups::first_process;
use crate::error::chain;

/// How many cgroups are looked into at once: the loop has other things to do.
const LOOKS: usize = 64;

// === impl Enforcer ===

impl Enforcer {
    /// Finds the sockets that are older than the programs, one look a namespace.
    pub(super) fn scan(&mut self, pids: &BTreeSet<u32>, trouble: &mut Vec<String>) {
        let mut seen = BTreeSet::new();
        for pid in pids {
            let Ok(file) = cofferdam_workload::host::namespace_file(*pid) else {
                continue;
            };
            let Ok(inode) = file.metadata().map(|metadata| metadata.ino()) else {
                continue;
            };
            if !seen.insert(inode) {
                continue;
            }
            match self.datapath.scan_sockets(&file) {
                Ok(found) => tracing::debug!(pid, found, "older sockets"),
                Err(error) => trouble.push(format!(
                    "older sockets of process {pid} are unknown: {}",
                    chain(&error)
                )),
            }
        }
    }

    /// A process of a cgroup about which nobody told one.
    pub(super) fn find_process(&mut self, cgroup: &Path) -> Option<u32> {
        let process = first_process(cgroup);
        self.found.insert(cgroup.to_owned(), process);
        process
    }

    /// Wherever a protected workload may listen, who is denied is to be refused. Asked once a process: a look at its
    /// namespace costs more than all else when nothing changes.
    pub(super) fn refuse(&mut self, target: &Target, trouble: &mut Vec<String>) {
        let listening = target.bound.values().filter(|b| b.entry.subject != 0);
        let found = self.found.values().flatten().copied();
        let pids: BTreeSet<u32> = listening.filter_map(|b| b.pid).chain(found).collect();
        for pid in pids.difference(&self.refusing).copied().collect::<Vec<_>>() {
            trouble.extend(self.refuse_at(pid));
        }
        self.refusing = pids;
    }

    /// Looks again into some of the cgroups that had no process.
    pub(crate) fn look_for_processes(&mut self) -> Vec<String> {
        let empty = self.found.iter().filter(|(_, process)| process.is_none());
        let empty: Vec<PathBuf> = empty.map(|(cgroup, _)| cgroup.clone()).collect();
        let first = self.looked % empty.len().max(1);
        self.looked = first + LOOKS.min(empty.len());
        let mut trouble = Vec::new();
        for cgroup in empty.iter().cycle().skip(first).take(LOOKS.min(empty.len())) {
            let Some(process) = self.find_process(cgroup) else {
                continue;
            };
            if self.refusing.insert(process) {
                trouble.extend(self.refuse_at(process));
            }
        }
        trouble
    }

    fn refuse_at(&mut self, pid: u32) -> Option<String> {
        // A process that has ended needs nothing.
        let file = cofferdam_workload::host::namespace_file(pid).ok()?;
        let error = self.datapath.refuse_in(&file).err()?;
        Some(format!("denials at process {pid} are silent: {}", chain(&error)))
    }
}

/// What `held` has under each key of `wanted`. Both are walked once: a search for each would take longer than all else, with
/// hundreds of thousands of rows or thousands of paths.
pub(super) fn beside<'m, K: Ord, W, H>(
    wanted: &'m BTreeMap<K, W>,
    held: &'m BTreeMap<K, H>,
) -> impl Iterator<Item = Option<&'m H>> {
    let mut held = held.iter().peekable();
    wanted.keys().map(move |key| {
        while held.next_if(|(one, _)| *one < key).is_some() {}
        held.next_if(|(one, _)| *one == key).map(|(_, value)| value)
    })
}
