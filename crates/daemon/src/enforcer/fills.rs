//! How full the kernel's maps are, by what was put into them: nothing is counted there.

use super::Enforcer;
use crate::metrics::Fill;

// === impl Enforcer ===

impl Enforcer {
    /// Each map that can be full. While a policy is swapped the old one's rows are there, too, which nobody counts here.
    pub(crate) fn fills(&self) -> Vec<Fill> {
        let entries = |map: &str| {
            let applied = &self.applied;
            match map {
                "rows" => applied.rows.len(),
                "ports" => applied.ports.len(),
                "prefixes" => applied.prefixes.len(),
                "kept_rules" => applied.kept.len(),
                "entries" => self.bound.len(),
                "announcements" => self.announced.len(),
                "addresses" => self.addresses.as_ref().map_or(0, Vec::len),
                "owners" => self.owners.as_ref().map_or(0, Vec::len),
                "published_ports" => self.published.as_ref().map_or(0, Vec::len),
                // The programs fill this one.
                _ => self.datapath.listeners().map_or(0, |all| all.len()),
            }
        };
        let rooms = self.datapath.rooms().into_iter();
        rooms
            .map(|(map, most)| Fill {
                map,
                entries: entries(map) as u64,
                most: u64::from(most),
            })
            .collect()
    }
}
