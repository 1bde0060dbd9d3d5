//! What a run could leave on the machine, before and after. Names only: counters and times differ anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use walkdir::WalkDir;

/// Kinds of things on a machine, each with the names of what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<&'static str, BTreeSet<String>>);

/// What was there only before, or only after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which kind of thing.
    pub kind: &'static str,
    /// There before and gone after.
    pub gone: Vec<String>,
    /// There after and not before.
    pub new: Vec<String>,
}

/// (kind, a command whose output lines are names). An absent program is an empty list.
const COMMANDS: &[(&str, &[&str])] = &[
    ("network namespaces", &["lsns", "-n", "-t", "net", "-o", "NS"]),
    ("mount namespaces", &["lsns", "-n", "-t", "mnt", "-o", "NS"]),
    ("links", &["ip", "-o", "-br", "link"]),
    ("addresses", &["ip", "-o", "-br", "addr"]),
    ("routes", &["ip", "route", "show", "table", "all"]),
    ("nft rules", &["nft", "list", "ruleset"]),
    ("bpf links", &["sh", "-c", "bpftool link show | grep '^[0-9]'"]),
    ("bpf programs", &["sh", "-c", "bpftool prog show | grep '^[0-9]'"]),
    ("bpf maps", &["sh", "-c", "bpftool map show | grep '^[0-9]'"]),
    ("docker containers", &["docker", "ps", "-aq"]),
    ("docker images", &["docker", "images", "-q"]),
];

/// Folders whose tree is compared.
const TREES: &[&str] = &[
    "/run",
    "/var/run/netns",
    "/var/lib/docker",
    "/var/lib/cofferdam",
    "/sys/fs/bpf",
    "/etc/docker",
];

/// Programs of ours or that we start; anything else comes and goes without us.
const PROGRAMS: &[&str] = &[
    "cofferdam",
    "cofferdam-probe",
    "dockerd",
    "containerd",
    "containerd-shim",
    "docker-proxy",
    "nginx",
    "curl",
    "docker",
    "redis-server",
    "postgres",
    "sleep",
    "tini",
];

// === impl Snapshot ===

impl Snapshot {
    /// The machine as it is now.
    pub fn take() -> Self {
        let mut kinds = BTreeMap::new();
        for (kind, command) in COMMANDS {
            kinds.insert(*kind, lines_of(command));
        }
        let trees = TREES.iter().flat_map(|tree| tree_of(Path::new(tree)));
        kinds.insert("files", trees.collect());
        kinds.insert("mounts", mounts());
        kinds.insert(
            "cgroups",
            tree_of(Path::new("/sys/fs/cgroup"))
                .filter(|p| Path::new(p).is_dir())
                .collect(),
        );
        kinds.insert("lab folders", labs());
        kinds.insert("processes", processes());
        Self(kinds)
    }

    /// How many things of each kind there are.
    pub fn counts(&self) -> String {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(kind, names)| format!("{} {kind}", names.len()))
            .collect();
        parts.join(", ")
    }

    /// What `after` has more or less than this one.
    pub fn difference(&self, after: &Self) -> Vec<Difference> {
        let mut all = Vec::new();
        for (kind, before) in &self.0 {
            let empty = BTreeSet::new();
            let after = after.0.get(kind).unwrap_or(&empty);
            let gone: Vec<String> = before.difference(after).cloned().collect();
            let new: Vec<String> = after.difference(before).cloned().collect();
            if !gone.is_empty() || !new.is_empty() {
                all.push(Difference { kind, gone, new });
            }
        }
        all
    }
}

fn lines_of(command: &[&str]) -> BTreeSet<String> {
    let output = Command::new(command[0]).args(&command[1..]).output();
    let text = output
        .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
        .unwrap_or_default();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).filter(|line| !line.is_empty()).collect()
}

fn tree_of(root: &Path) -> impl Iterator<Item = String> {
    let walk = WalkDir::new(root).min_depth(1).max_depth(6).into_iter();
    walk.flatten().map(|entry| entry.path().display().to_string())
}

fn mounts() -> BTreeSet<String> {
    let all = crate::lab::control_group::mountinfo();
    all.into_iter()
        .map(|(kind, path)| format!("{kind} {}", path.display()))
        .collect()
}

fn labs() -> BTreeSet<String> {
    let names = fs::read_dir("/tmp").into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with(crate::lab::PREFIX))
        .collect()
}

fn processes() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let Ok(comm) = fs::read_to_string(entry.path().join("comm")) else {
            continue;
        };
        // Init has yet to reap a zombie; it holds nothing.
        if fs::read_to_string(entry.path().join("stat")).is_ok_and(|stat| stat.contains(") Z ")) {
            continue;
        }
        if PROGRAMS.iter().any(|p| comm.trim().starts_with(p)) {
            found.insert(format!("{pid} {}", comm.trim()));
        }
    }
    found
}
