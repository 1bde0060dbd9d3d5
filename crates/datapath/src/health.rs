//! How the data plane is: which hooks everybody passes are in place, and how much the maps hold at most.

use std::path::PathBuf;

use libbpf_rs::query::LinkTypeInfo;
use libbpf_rs::{Link, MapCore};

use crate::Datapath;
use crate::cgroups::cgroup_id;

// === impl Datapath ===

impl Datapath {
    /// The hooks that every caller passes, and whether each is attached. Somebody with CAP_BPF may have taken one off.
    #[must_use]
    pub fn hooks(&self) -> Vec<(&'static str, bool)> {
        const HOOKS: [(&str, &str); 6] = [
            ("on_connect4", "connect4"),
            ("on_connect6", "connect6"),
            ("on_sendmsg4", "sendmsg4"),
            ("on_sendmsg6", "sendmsg6"),
            ("on_mkdir", "cgroup_mkdir"),
            ("on_rmdir", "cgroup_rmdir"),
        ];
        let pinned = |program: &str| {
            self.links.iter().find(|link| {
                let name = link
                    .pin_path()
                    .and_then(|path| path.file_name().map(ToOwned::to_owned));
                name.is_some_and(|name| name.to_string_lossy().ends_with(program))
            })
        };
        let attached = |program: &str| pinned(program).is_some_and(is_attached);
        HOOKS.map(|(program, hook)| (hook, attached(program))).to_vec()
    }

    /// How many folders have packet hooks.
    #[must_use]
    pub fn hooked(&self) -> usize {
        self.hooked.len()
    }

    /// Of those, `count` from the `first` on, the ones whose hooks somebody took off.
    #[must_use]
    pub fn unhooked(&self, first: usize, count: usize) -> Vec<PathBuf> {
        let some = self.hooked.iter().skip(first).take(count);
        let off = some.filter(|(_, hooked)| {
            hooked
                .pins
                .iter()
                .any(|pin| !Link::open(pin).is_ok_and(|link| is_attached(&link)))
        });
        // The kernel takes them off a folder that is removed.
        off.filter(|(folder, hooked)| cgroup_id(folder).is_ok_and(|id| id == hooked.id))
            .map(|(folder, _)| folder.clone())
            .collect()
    }

    /// The maps that can be full of what runs on this host and of its policy, and how much each holds at most.
    #[must_use]
    pub fn rooms(&self) -> Vec<(&'static str, u32)> {
        let maps = &self.skel.maps;
        vec![
            ("rows", maps.rows.max_entries()),
            ("ports", maps.ports.max_entries()),
            ("prefixes", maps.prefixes.max_entries()),
            ("kept_rules", maps.kept_rules.max_entries()),
            ("entries", maps.entries.max_entries()),
            ("announcements", maps.announcements.max_entries()),
            ("addresses", maps.addresses.max_entries()),
            ("owners", maps.owners.max_entries()),
            ("published_ports", maps.published_ports.max_entries()),
            ("listeners", maps.listeners.max_entries()),
        ]
    }
}

/// A link that was detached goes on, to no cgroup.
fn is_attached(link: &Link) -> bool {
    link.info().is_ok_and(|link| match link.info {
        LinkTypeInfo::Cgroup(to) => to.cgroup_id != 0,
        _ => true,
    })
}
