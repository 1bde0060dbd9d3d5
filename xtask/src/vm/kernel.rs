//! Debian's kernel packages: which there are, and what is inside.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;
use xshell::{Shell, cmd};

/// An unpacked package.
pub(super) struct Kernel {
    /// The compressed kernel.
    pub image: PathBuf,
    /// The folder with `kernel/net/...`.
    pub modules: PathBuf,
}

/// The newest ordinary kernel package of a series in the configured archives.
pub(super) fn find(shell: &Shell, series: &str) -> Result<Option<String>> {
    let pattern = format!("^linux-image-{}[.].*-amd64$", series.replace('.', "[.]"));
    let found = cmd!(shell, "apt-cache search --names-only {pattern}")
        .quiet()
        .read()?;
    let names = found.lines().filter_map(|l| l.split(' ').next());
    let ordinary = names.filter(|n| !n.contains("-cloud-") && !n.contains("-rt-"));
    Ok(ordinary.max_by_key(|n| numbers(n)).map(str::to_owned))
}

/// For comparing versions: 6.1.0-9 is older than 6.1.0-10.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok())
        .collect()
}

/// Downloads once and unpacks.
pub(super) fn unpack(shell: &Shell, folder: &Path, package: &str) -> Result<Kernel> {
    let root = folder.join(package);
    if !root.join("boot").exists() {
        let _here = shell.push_dir(folder);
        // Root may write here; apt's own user may not.
        cmd!(shell, "apt-get -q -o APT::Sandbox::User=root download {package}")
            .run()
            .with_context(|| format!("apt-get download {package}\nhint: apt-get update"))?;
        let deb = only(folder, |name| name.starts_with(&format!("{package}_")))?;
        cmd!(shell, "dpkg-deb --extract {deb} {root}").run()?;
        fs::remove_file(deb)?;
    }
    Ok(Kernel {
        image: only(&root.join("boot"), |name| name.starts_with("vmlinuz-"))?,
        modules: only(&root.join("lib/modules"), |_| true)?,
    })
}

fn only(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let mut entries = fs::read_dir(folder)?.flatten();
    let found = entries.find(|e| wanted(&e.file_name().to_string_lossy()));
    let found = found.with_context(|| format!("{} lacks what was expected", folder.display()))?;
    Ok(found.path())
}

// === impl Kernel ===

impl Kernel {
    /// The file of a module, compressed or not. `None`: built in, or not part of this kernel.
    pub(super) fn module(&self, name: &str) -> Option<PathBuf> {
        let start = format!("{name}.ko");
        let mut files = WalkDir::new(&self.modules).into_iter().flatten();
        let found = files.find(|e| e.file_name().to_string_lossy().starts_with(&start));
        found.map(walkdir::DirEntry::into_path)
    }
}

#[cfg(test)]
mod tests;
