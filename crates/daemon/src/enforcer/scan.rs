//! What is done once a network namespace: sockets that are older than the programs, refusals.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use super::{Enforcer, Target};
use crate::error::chain;

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

    /// Wherever a protected workload may listen, who is denied is to be refused. Asked once a process: a look at its
    /// namespace costs more than all else when nothing changes.
    pub(super) fn refuse(&mut self, target: &Target, trouble: &mut Vec<String>) {
        let listening = target.bound.values().filter(|b| b.entry.subject != 0);
        let pids: BTreeSet<u32> = listening.filter_map(|b| b.pid).collect();
        for pid in pids.difference(&self.refusing) {
            // A process that has ended needs nothing.
            let Ok(file) = cofferdam_workload::host::namespace_file(*pid) else {
                continue;
            };
            if let Err(error) = self.datapath.refuse_in(&file) {
                trouble.push(format!("denials at process {pid} are silent: {}", chain(&error)));
            }
        }
        self.refusing = pids;
    }
}
