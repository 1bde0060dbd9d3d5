//! Where addresses and published ports lead: told when it changed.

use std::collections::BTreeSet;

use cofferdam_datapath as datapath;
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

    /// A `::1` has to be there before somebody binds it. Where the host has no IPv6, nobody can.
    fn contain(&mut self, contained: &[Contained]) -> Result<(), String> {
        let loopbacks = contained.iter().filter_map(|one| one.loopback);
        let loopbacks: BTreeSet<_> = loopbacks.map(|number| datapath::loopback(number).1).collect();
        if self.loopbacks.as_ref() != Some(&loopbacks) {
            if let Err(error) = host::set_loopbacks(&loopbacks, datapath::is_private_loopback) {
                tracing::debug!("no private ::1: {}", chain(&error));
            }
            self.loopbacks = Some(loopbacks);
        }
        self.datapath.set_contained(contained).map_err(|error| {
            format!(
                "what is declared of the host's network is out of date: {}",
                chain(&error)
            )
        })
    }
}
