//! Where the cgroups of `[[unit]]` are: systemd makes them, under the same name each time, with another id.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Engine;
use crate::Kinds;
use crate::enforcer::cgroup_id;
use crate::resolve::FoundUnit;

// === impl Engine ===

impl Engine {
    /// Where the configured units are now; `true` if one moved, came or went.
    pub(super) fn find_units(&mut self) -> bool {
        if self.options.kinds == Kinds::Containers {
            return false;
        }
        let found: Vec<_> = self
            .config
            .unit
            .iter()
            .map(|unit| FoundUnit {
                name: unit.name(),
                namespace: unit.namespace.clone(),
                labels: unit.labels.clone(),
                cgroup: self.unit_cgroup(unit),
            })
            .collect();
        let ids = |units: &[FoundUnit]| -> BTreeMap<String, Option<u64>> {
            let id = |unit: &FoundUnit| unit.cgroup.as_deref().and_then(|path| cgroup_id(path).ok());
            units.iter().map(|unit| (unit.name.clone(), id(unit))).collect()
        };
        let now = ids(&found);
        let moved = found != self.units || now != self.unit_ids;
        self.unit_ids = now;
        self.units = found;
        moved
    }

    fn unit_cgroup(&self, unit: &crate::config::Unit) -> Option<PathBuf> {
        if let Some(path) = &unit.cgroup {
            let path = if path.starts_with(&self.cgroup2) {
                path.clone()
            } else {
                self.cgroup2.join(relative(path))
            };
            return path.is_dir().then_some(path);
        }
        let name = unit.unit.as_deref()?;
        let usual = self.cgroup2.join("system.slice").join(name);
        if usual.is_dir() {
            return Some(usual);
        }
        in_slices(&self.cgroup2, name)
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
