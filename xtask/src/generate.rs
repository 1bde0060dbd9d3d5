//! Writes what is derived: man pages, completions, openapi.json from the code, which the binary itself knows how to do; the
//! page about recipes from their folders, the one about services from the table that tests play.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cofferdam_tests::{attack, compatibility, recipes};
use walkdir::WalkDir;
use xshell::cmd;

use crate::repo;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only say whether the committed files are up to date
    #[arg(long)]
    check: bool,
}

impl Args {
    /// As `--check` gives.
    pub(crate) fn check() -> Self {
        Self { check: true }
    }
}

/// Directories that hold nothing but derived files, so that a file which is no longer derived shows.
const OWNED: &[&str] = &["dist/man", "dist/completions", "docs/audit"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let shell = repo::shell()?;
    let fresh = shell.create_temp_dir()?;
    let directory = fresh.path();
    cmd!(
        shell,
        "cargo run --quiet --package cofferdam -- generate {directory}"
    )
    .quiet()
    .run()?;
    fs::write(directory.join("docs/recipes.md"), recipes::document()?).context("docs/recipes.md")?;
    fs::write(directory.join("docs/compatibility.md"), compatibility::document())
        .context("docs/compatibility.md")?;
    fs::write(directory.join("docs/attacks.md"), attack::page::document()).context("docs/attacks.md")?;
    let root = repo::root()?;
    let stale = stale(directory, &root)?;
    if args.check && !stale.is_empty() {
        let names: Vec<String> = stale.iter().map(|f| f.display().to_string()).collect();
        bail!(
            "out of date: {}\nhint: run `cargo xtask gen` and commit",
            names.join(" ")
        );
    }
    for file in &stale {
        place(&directory.join(file), &root.join(file))?;
        println!("gen: {}", file.display());
    }
    println!("gen: up to date");
    Ok(())
}

/// Files that differ between the two trees, relative to both.
fn stale(fresh: &Path, root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut names = files(fresh, fresh)?;
    for directory in OWNED {
        names.extend(files(&root.join(directory), root)?);
    }
    Ok(names
        .into_iter()
        .filter(|n| fs::read(fresh.join(n)).ok() != fs::read(root.join(n)).ok())
        .collect())
}

fn files(directory: &Path, base: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut names = BTreeSet::new();
    if directory.exists() {
        for entry in WalkDir::new(directory) {
            let entry = entry?;
            if entry.file_type().is_file() {
                names.insert(entry.path().strip_prefix(base)?.to_path_buf());
            }
        }
    }
    Ok(names)
}

/// Copies, or removes what is no longer derived.
fn place(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return fs::remove_file(to).with_context(|| to.display().to_string());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).with_context(|| to.display().to_string())?;
    Ok(())
}
