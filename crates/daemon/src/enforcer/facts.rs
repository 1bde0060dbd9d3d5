//! Where addresses and published ports lead: told when it changed.

use std::collections::BTreeSet;
use std::path::Path;

use cofferdam_workload::host;

use super::{Contained, Enforcer, Target};
use crate::error::chain;

// === impl Enforcer ===

impl Enforcer {
    pub(super) fn set_facts(&mut self, target: &Target, trouble: &mut Vec<String>) {
        if self.addresses.as_ref() != Some(&target.addresses) {
            match self.datapath.set_namespace_addresses(&target.addresses) {
                Ok(()) => self.addresses = Some(target.addresses.clone()),
                Err(error) => trouble.push(format!(
                    "addresses of this host are out of date: {}",
                    chain(&error)
                )),
            }
        }
        if self.owners.as_ref() != Some(&target.owners) {
            match self.datapath.set_namespace_owners(&target.owners) {
                Ok(()) => self.owners = Some(target.owners.clone()),
                Err(error) => {
                    trouble.push(format!("owners of namespaces are out of date: {}", chain(&error)))
                }
            }
        }
        if self.contained.as_ref() != Some(&target.contained) {
            match self.contain(&target.contained) {
                Ok(()) => self.contained = Some(target.contained.clone()),
                Err(line) => trouble.push(line),
            }
        }
        if self.published.as_ref() != Some(&target.published) {
            match self.datapath.set_published(&target.published) {
                Ok(()) => self.published = Some(target.published.clone()),
                Err(error) => trouble.push(format!("published ports are out of date: {}", chain(&error))),
            }
        }
    }

    /// A `::1` has to be there before somebody binds it, who does not before its entry says so.
    fn contain(&mut self, contained: &[Contained]) -> Result<(), String> {
        let done = self.datapath.set_contained(contained).map_err(|error| {
            format!(
                "what is declared of the host's network is out of date: {}",
                chain(&error)
            )
        });
        self.set_loopbacks().and(done)
    }

    /// Where the host has no IPv6, nobody can bind one.
    fn set_loopbacks(&mut self) -> Result<(), String> {
        let wanted = self.datapath.loopbacks().map_err(|error| chain(&error))?;
        if self.loopbacks.as_ref() == Some(&wanted) {
            return Ok(());
        }
        match host::set_loopbacks(&wanted) {
            Ok(()) => self.loopbacks = Some(wanted),
            Err(error) if Path::new("/proc/sys/net/ipv6").exists() => {
                return Err(format!("there is no private ::1: {}", chain(&error)));
            }
            Err(_) => self.loopbacks = Some(BTreeSet::new()),
        }
        Ok(())
    }
}
