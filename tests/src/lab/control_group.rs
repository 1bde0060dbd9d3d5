//! A subtree of the cgroup v2 hierarchy that disappears with its processes when the guard is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Owns a subtree, and the ones of the same name that runc makes in v1 hierarchies.
pub struct ControlGroup {
    name: String,
    root: PathBuf,
}

// === impl ControlGroup ===

impl ControlGroup {
    /// Makes `name` right below the cgroup v2 root.
    pub fn create(name: &str) -> Result<Self> {
        let mount = v2_mount()?;
        let root = mount.join(name);
        fs::create_dir(&root).with_context(|| format!("cannot make cgroup {}", root.display()))?;
        Ok(Self {
            name: name.to_string(),
            root,
        })
    }

    /// Takes over a subtree whose guard is gone.
    pub fn adopt(name: &str) -> Result<Self> {
        Ok(Self {
            name: name.to_string(),
            root: v2_mount()?.join(name),
        })
    }

    /// Its directory in the v2 hierarchy.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Its path as Docker's `--cgroup-parent` wants it, the same in every hierarchy.
    pub fn docker_parent(&self) -> String {
        format!("/{}/docker", self.name)
    }

    /// Makes a child and gives its directory.
    pub fn child(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make cgroup {}", path.display()))?;
        Ok(path)
    }

    /// Kills every process of the subtree.
    pub fn kill(&self) {
        // A subtree that is gone has no processes.
        let _ = fs::write(self.root.join("cgroup.kill"), "1");
        let start = Instant::now();
        while populated(&self.root) && start.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        self.kill();
        for mount in mounts() {
            remove_tree(&mount.join(&self.name));
        }
    }
}

/// Where the cgroup v2 hierarchy is mounted: /sys/fs/cgroup, or below it beside v1 hierarchies.
pub fn v2_mount() -> Result<PathBuf> {
    mountinfo()
        .into_iter()
        .find_map(|(kind, path)| (kind == "cgroup2").then_some(path))
        .context("no cgroup v2 hierarchy is mounted\nhint: mount -t cgroup2 none /sys/fs/cgroup/unified")
}

fn mounts() -> Vec<PathBuf> {
    mountinfo()
        .into_iter()
        .filter_map(|(kind, path)| kind.starts_with("cgroup").then_some(path))
        .collect()
}

/// (file system type, mount point) of every mount.
pub fn mountinfo() -> Vec<(String, PathBuf)> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let parse = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        Some((
            right.split(' ').next()?.to_string(),
            PathBuf::from(left.split(' ').nth(4)?),
        ))
    };
    text.lines().filter_map(parse).collect()
}

fn populated(cgroup: &Path) -> bool {
    fs::read_to_string(cgroup.join("cgroup.events")).is_ok_and(|text| text.contains("populated 1"))
}

/// Children first. A cgroup that was just emptied may be busy for a moment.
fn remove_tree(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_tree(&entry.path());
        }
    }
    for _ in 0..50 {
        match fs::remove_dir(cgroup) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                thread::sleep(Duration::from_millis(10))
            }
            _ => return,
        }
    }
    eprintln!("lab: cannot remove {}", cgroup.display());
}
