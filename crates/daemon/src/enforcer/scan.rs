//! Sockets that are older than the programs: one look a network namespace.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use super::Enforcer;
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
}
