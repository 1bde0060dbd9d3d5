//! The places: cgroups, network namespaces, a folder for sockets. All of them vanish with the value.
//!
//! Settings are siblings below one cgroup, so none has to be attached or detached between two batches. Netfilter
//! rules know no cgroup root; each set of them lives in a namespace of its own.

use std::cell::RefCell;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// Everything that was made for one benchmark.
pub(crate) struct Lab {
    name: String,
    cgroup: PathBuf,
    folder: PathBuf,
    namespaces: RefCell<Vec<String>>,
    cores: (usize, usize),
}

/// Settings of every namespace. No TIME_WAIT: a socket that lingers would charge one batch's closes to the next.
const SYSCTLS: &[&str] = &[
    "net.ipv4.tcp_max_tw_buckets=0",
    "net.ipv4.ip_local_port_range=10000 65000",
];

/// The ends of every veth pair; each pair has namespaces of its own. From the block for benchmarks (RFC 2544).
const NEAR: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);

// === impl Lab ===

impl Lab {
    /// Needs root and a mounted cgroup v2.
    pub(crate) fn new() -> anyhow::Result<Self> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "not root\nhint: run `sudo -E cargo xtask bench`"
        );
        let name = format!("cofferdam-bench-{}", std::process::id());
        let cgroup = cgroup2_root()?.join(&name);
        fs::create_dir(&cgroup).with_context(|| format!("cannot create {}", cgroup.display()))?;
        let folder = std::env::temp_dir().join(&name);
        let lab = Self {
            name,
            cgroup,
            folder,
            namespaces: RefCell::default(),
            cores: two_cores()?,
        };
        fs::create_dir(&lab.folder).with_context(|| format!("cannot create {}", lab.folder.display()))?;
        Ok(lab)
    }

    /// A word that no other benchmark uses at this moment.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// For sockets and state.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Core of the clients, core of the servers; the same one on a machine that has one.
    pub(crate) fn cores(&self) -> (usize, usize) {
        self.cores
    }

    /// A cgroup below the lab's own, created with its parents.
    pub(crate) fn cgroup(&self, path: &str) -> anyhow::Result<PathBuf> {
        let directory = self.cgroup.join(path);
        fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(directory)
    }

    /// A new network namespace with nothing but loopback; the path of its file.
    pub(crate) fn namespace(&self, suffix: &str) -> anyhow::Result<PathBuf> {
        let name = format!("{}-{suffix}", self.name);
        command("ip", &["netns", "add", &name])?;
        self.namespaces.borrow_mut().push(name.clone());
        command("ip", &["-n", &name, "link", "set", "lo", "up"])?;
        let path = Path::new("/run/netns").join(&name);
        for setting in SYSCTLS {
            inside(&path, "sysctl", &["-qw", setting])?;
        }
        Ok(path)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in self.namespaces.borrow().iter() {
            report(command("ip", &["netns", "delete", name]));
        }
        report(remove_cgroup(&self.cgroup));
        report(fs::remove_dir_all(&self.folder).context("cannot remove the folder"));
    }
}

/// Joins two namespaces of the lab by a pair of virtual links; the address of the first one's end.
pub(crate) fn join(first: &Path, second: &Path) -> anyhow::Result<Ipv4Addr> {
    let name = |path: &Path| -> anyhow::Result<String> {
        let name = path.file_name().and_then(|name| name.to_str());
        Ok(name.context("a namespace without a name")?.to_owned())
    };
    let (first, second) = (name(first)?, name(second)?);
    let make = [
        "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
    ];
    command("ip", &[&["-n", &first][..], &make, &[&second]].concat())?;
    for (namespace, address) in [(&first, NEAR), (&second, FAR)] {
        let address = format!("{address}/24");
        command(
            "ip",
            &["-n", namespace, "address", "add", &address, "dev", "eth0"],
        )?;
        command("ip", &["-n", namespace, "link", "set", "eth0", "up"])?;
    }
    Ok(NEAR)
}

/// Runs a command and fails with what it said.
pub(crate) fn command(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {program}\nhint: `cargo xtask setup` installs it"))?;
    if !output.status.success() {
        bail!(
            "{program} {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command in a network namespace. Not `ip netns exec`, which hides /sys/fs/cgroup behind a new /sys.
pub(crate) fn inside(namespace: &Path, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let enter = format!("--net={}", namespace.display());
    let mut all = vec![enter.as_str(), program];
    all.extend(arguments);
    command("nsenter", &all)
}

/// Says what went wrong while cleaning up; there is nobody left to return it to.
pub(crate) fn report<T>(outcome: anyhow::Result<T>) {
    if let Err(error) = outcome {
        eprintln!("cofferdam-bench: while cleaning up: {error:#}");
    }
}

/// Where cgroup v2 is mounted: alone, or beside v1.
fn cgroup2_root() -> anyhow::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let root = mount
        .filter(|fields| fields.get(2) == Some(&"cgroup2"))
        .find_map(|fields| fields.get(1).copied());
    Ok(PathBuf::from(root.context(
        "cgroup v2 is not mounted\nhint: mount -t cgroup2 none /sys/fs/cgroup/unified",
    )?))
}

/// The first two cores that this process may use.
fn two_cores() -> anyhow::Result<(usize, usize)> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    let mut cores = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    let first = cores.next().context("no core to run on")?;
    Ok((first, cores.next().unwrap_or(first)))
}

/// Leaves first; a process that has just ended may hold its cgroup for a moment.
fn remove_cgroup(directory: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_cgroup(&entry.path())?;
        }
    }
    let mut outcome = fs::remove_dir(directory);
    for _ in 0..50 {
        if outcome.is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        outcome = fs::remove_dir(directory);
    }
    outcome.with_context(|| format!("cannot remove {}", directory.display()))
}
