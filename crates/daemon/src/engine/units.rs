//! Where the cgroups of `[[unit]]` are: systemd makes them, under the same name each time, with another id.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use super::Engine;
use crate::Kinds;
use crate::config::Unit;
use crate::enforcer::cgroup_id;
use crate::resolve::FoundUnit;

/// Hears at once when a unit starts. Without it, or where systemd uses a slice for the first time, the next beat finds it.
#[derive(Default)]
pub(super) struct UnitWatch {
    inotify: Option<Inotify>,
    /// Folder → its id, and the watch on it.
    folders: BTreeMap<PathBuf, (u64, WatchDescriptor)>,
    /// Unit → where it was last.
    last: BTreeMap<String, PathBuf>,
}

// === impl UnitWatch ===

impl UnitWatch {
    pub(super) fn start() -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC);
        let inotify = inotify.inspect_err(|error| {
            tracing::warn!("a [[unit]] that starts is a stranger for up to a second: {error}")
        });
        Self {
            inotify: inotify.ok(),
            ..Self::default()
        }
    }

    /// A handle to wait on; `None` where there is no watch.
    pub(super) fn handle(&self) -> std::io::Result<Option<OwnedFd>> {
        let inotify = self.inotify.as_ref();
        inotify
            .map(|inotify| inotify.as_fd().try_clone_to_owned())
            .transpose()
    }

    /// Takes all that was heard: what counts is what is there now.
    fn drain(&self) {
        while self
            .inotify
            .as_ref()
            .is_some_and(|inotify| inotify.read_events().is_ok())
        {}
    }

    /// Watches the folders above each unit, up to `top`: a slice may be made again, too. `true` if one is new.
    fn aim(&mut self, top: &Path, units: &[(String, PathBuf)]) -> bool {
        let Some(inotify) = &self.inotify else {
            return false;
        };
        // Most lie beside each other.
        let mut parents: Vec<&Path> = units.iter().filter_map(|(_, path)| path.parent()).collect();
        parents.dedup();
        let above = parents.into_iter().flat_map(Path::ancestors);
        let above: BTreeSet<&Path> = above.filter(|above| above.starts_with(top)).collect();
        let wanted = above.into_iter().filter(|above| above.is_dir());
        let wanted: BTreeSet<PathBuf> = wanted.map(Path::to_owned).collect();
        self.folders.retain(|path, (id, watch)| {
            // A folder that was made again is another one, and the watch went with the old one.
            let stays = wanted.contains(path) && cgroup_id(path).is_ok_and(|now| now == *id);
            if !stays {
                let _ = inotify.rm_watch(*watch);
            }
            stays
        });
        let mut new = false;
        for path in wanted {
            if self.folders.contains_key(&path) {
                continue;
            }
            let flags = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_ONLYDIR;
            if let (Ok(id), Ok(watch)) = (cgroup_id(&path), inotify.add_watch(&path, flags)) {
                self.folders.insert(path, (id, watch));
                new = true;
            }
        }
        new
    }
}

// === impl Engine ===

impl Engine {
    /// Where the configured units are now; `true` if one moved, came or went.
    pub(super) fn find_units(&mut self) -> bool {
        if self.options.kinds == Kinds::Containers {
            return false;
        }
        let (mut found, mut ids) = self.look_for_units();
        // What starts between the look and the watch is heard by neither.
        if self.aim_watch(&found) {
            (found, ids) = self.look_for_units();
        }
        let moved = found != self.units || ids != self.unit_ids;
        self.unit_ids = ids;
        self.units = found;
        moved
    }

    /// Each unit, and the id of its cgroup.
    fn look_for_units(&self) -> (Vec<FoundUnit>, Vec<Option<u64>>) {
        let units = self.config.unit.iter();
        let found = units.map(|unit| {
            let (cgroup, id) = self.unit_cgroup(unit).unzip();
            let unit = FoundUnit {
                name: unit.name(),
                namespace: unit.namespace.clone(),
                labels: unit.all_labels(),
                cgroup,
            };
            (unit, id)
        });
        found.unzip()
    }

    /// Watches where each unit is, was last, or would be.
    fn aim_watch(&mut self, found: &[FoundUnit]) -> bool {
        let mut places = Vec::new();
        for (unit, found) in self.config.unit.iter().zip(found) {
            let last = self.unit_watch.last.get(&found.name).cloned();
            let place = found.cgroup.clone().or(last);
            let place = place.unwrap_or_else(|| self.usual_place(unit));
            places.push((found.name.clone(), place));
        }
        let new = self.unit_watch.aim(&self.cgroup2, &places);
        self.unit_watch.last = places.into_iter().collect();
        new
    }

    /// A folder was made where a unit may start.
    pub(super) fn hear_units(&mut self) {
        self.unit_watch.drain();
        if self.find_units() {
            self.reconcile();
        }
    }

    fn usual_place(&self, unit: &Unit) -> PathBuf {
        match &unit.cgroup {
            Some(path) if path.starts_with(&self.cgroup2) => path.clone(),
            Some(path) => self.cgroup2.join(relative(path)),
            None => self.cgroup2.join("system.slice").join(unit.name()),
        }
    }

    fn unit_cgroup(&self, unit: &Unit) -> Option<(PathBuf, u64)> {
        let usual = self.usual_place(unit);
        if let Ok(id) = cgroup_id(&usual) {
            return Some((usual, id));
        }
        let path = in_slices(&self.cgroup2, unit.unit.as_deref()?)?;
        let id = cgroup_id(&path).ok()?;
        Some((path, id))
    }
}

fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// Looks for a unit's cgroup in the slices below `folder`; systemd puts units nowhere else.
fn in_slices(folder: &Path, unit: &str) -> Option<PathBuf> {
    let slices = std::fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path());
    slices
        .filter(|path| path.extension().is_some_and(|kind| kind == "slice"))
        .find_map(|slice| {
            let here = slice.join(unit);
            if here.is_dir() {
                Some(here)
            } else {
                in_slices(&slice, unit)
            }
        })
}
