//! Where the repository is, and what belongs to it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;
use xshell::Shell;

/// A shell whose working directory is the repository's root.
pub(crate) fn shell() -> Result<Shell> {
    let shell = Shell::new()?;
    shell.change_dir(root()?);
    Ok(shell)
}

/// The directory that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in no directory")?;
    Ok(root.to_path_buf())
}

/// Every file below the root with one of these extensions, relative to it, sorted; build output and `.git` left out.
pub(crate) fn files(extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let root = root()?;
    let walk = WalkDir::new(&root).sort_by_file_name().into_iter();
    let mut found = Vec::new();
    // Fuzzing has a `target` of its own, deeper down.
    for entry in
        walk.filter_entry(|e| e.depth() == 0 || (e.file_name() != "target" && e.file_name() != ".git"))
    {
        let entry = entry?;
        let wanted = entry
            .path()
            .extension()
            .is_some_and(|e| extensions.iter().any(|x| e == *x));
        if entry.file_type().is_file() && wanted {
            found.push(entry.path().strip_prefix(&root)?.to_path_buf());
        }
    }
    Ok(found)
}
