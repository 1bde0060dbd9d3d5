//! Where addresses and published ports lead: told when it changed.

use super::{Enforcer, Target};
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
        if self.published.as_ref() != Some(&target.published) {
            match self.datapath.set_published(&target.published) {
                Ok(()) => self.published = Some(target.published.clone()),
                Err(error) => trouble.push(format!("published ports are out of date: {}", chain(&error))),
            }
        }
    }
}
