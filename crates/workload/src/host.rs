//! Facts of this host: where cgroup2 is, who is in which cgroup, which addresses and resolvers it has.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use tokio::sync::mpsc;

use crate::EngineInfo;

/// A fact that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// No cgroup2 is mounted.
    #[error(
        "this host has no cgroup v2 hierarchy\nhint: boot with `systemd.unified_cgroup_hierarchy=1`, or mount one: \
         `mount -t cgroup2 none /sys/fs/cgroup/unified`"
    )]
    NoCgroup2,
    /// The process is in no cgroup below our cgroup2 root.
    #[error("process {0} is in no cgroup v2 group that is visible here")]
    NoCgroup(u32),
    /// A file could not be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel's answer over netlink was an error.
    #[error("cannot ask the kernel for {what}: {reason}")]
    Netlink {
        /// What was asked for.
        what: &'static str,
        /// What came back.
        reason: String,
    },
    /// daemon.json is not what Docker would accept.
    #[error("cannot understand {path}: {reason}", path = path.display())]
    DaemonJson {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The directory where cgroup2 is mounted: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` on a v1 hybrid.
pub fn cgroup2_root() -> Result<PathBuf, HostError> {
    Err(HostError::NoCgroup2)
}

/// The cgroup2 directory of a process, absolute.
pub fn cgroup_of(pid: u32) -> Result<PathBuf, HostError> {
    Err(HostError::NoCgroup(pid))
}

/// The network namespace of a process, as an open file.
pub fn namespace_file(pid: u32) -> Result<File, HostError> {
    let path = PathBuf::from(format!("/proc/{pid}/ns/net"));
    File::open(&path).map_err(|source| HostError::Read { path, source })
}

/// Every address of this network namespace, loopback included.
pub async fn addresses() -> Result<Vec<IpAddr>, HostError> {
    Ok(Vec::new())
}

/// The prefixes on this namespace's links, loopback left out, Docker's bridges included.
pub async fn link_prefixes() -> Result<Vec<IpNet>, HostError> {
    Ok(Vec::new())
}

/// Sends `()` after addresses or links of this namespace have changed (a burst gives one), until the receiver is dropped.
pub async fn watch_addresses(changed: mpsc::Sender<()>) -> Result<(), HostError> {
    changed.closed().await;
    Ok(())
}

/// The `nameserver` addresses of a resolv.conf, in order.
pub fn resolvers(path: &Path) -> Result<Vec<IpAddr>, HostError> {
    let _ = path;
    Ok(Vec::new())
}

/// The directories below the cgroup2 root, relative to it, in which the engine makes its containers' cgroups. `daemon_json`
/// need not exist.
pub fn docker_cgroup_parents(engine: &EngineInfo, daemon_json: &Path) -> Result<Vec<PathBuf>, HostError> {
    let _ = (engine, daemon_json);
    Ok(vec![PathBuf::from("docker")])
}
