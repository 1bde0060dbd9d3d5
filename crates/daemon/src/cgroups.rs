//! Folders of the cgroup tree, and who is in them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// A folder and all below it, parents first.
pub(crate) fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(here) = found.get(next) {
        next += 1;
        if !has_folders(here) {
            continue;
        }
        let below = fs::read_dir(here).into_iter().flatten().filter_map(Result::ok);
        let folders: Vec<_> = below
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        found.extend(folders);
    }
    found
}

/// A folder has two links, and one for each folder in it. Reading one with none costs ten times as much.
fn has_folders(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|found| found.nlink() != 2)
}

/// Any process in the cgroup, or else in one below it: a unit that delegates has none of its own.
pub(crate) fn first_process(cgroup: &Path) -> Option<u32> {
    let first = |folder: &Path| {
        let processes = fs::read_to_string(folder.join("cgroup.procs")).ok()?;
        processes.lines().next()?.parse().ok()
    };
    first(cgroup).or_else(|| tree(cgroup).iter().skip(1).find_map(|below| first(below)))
}
