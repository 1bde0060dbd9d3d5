//! Facts of this host: where cgroup2 is, who is in which cgroup, which addresses and resolvers it has.
//!
//! "Host" is the network namespace this process runs in: a lab host's daemon sees its lab.

mod cgroups;
mod links;
mod loopback;
mod parents;
mod resolv;

use std::io;
use std::path::{Path, PathBuf};

pub use cgroups::{cgroup_of, cgroup2_root, in_own_namespace, namespace_file};
pub use links::{addresses, interfaces, link_prefixes, watch_addresses};
pub use loopback::set_loopbacks;
pub(crate) use parents::below_root;
pub use parents::docker_cgroup_parents;
pub use resolv::{docker_fallback_resolvers, resolvers};

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

impl HostError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}
