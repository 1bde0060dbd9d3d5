//! Where a load process runs: its network namespace, its cgroup, its core.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;

use anyhow::Context;
use rustix::thread::{CpuSet, LinkNameSpaceType, move_into_link_name_space, sched_setaffinity};

/// The three places, each optional: what is not named is inherited.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// File of the network namespace to enter.
    #[arg(long)]
    netns: Option<PathBuf>,
    /// cgroup v2 directory to enter.
    #[arg(long)]
    cgroup: Option<PathBuf>,
    /// Core to stay on.
    #[arg(long)]
    core: Option<usize>,
}

// === impl Place ===

impl Place {
    /// Enters the places. Must run while the process has one thread and no socket: a socket belongs to the
    /// cgroup and the namespace of the moment in which it is created.
    pub(crate) fn enter(&self) -> anyhow::Result<()> {
        if let Some(directory) = &self.cgroup {
            let procs = directory.join("cgroup.procs");
            std::fs::write(&procs, "0").with_context(|| format!("cannot enter {}", directory.display()))?;
        }
        if let Some(path) = &self.netns {
            let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .with_context(|| format!("cannot enter {}", path.display()))?;
        }
        if let Some(core) = self.core {
            let mut cores = CpuSet::new();
            cores.set(core);
            sched_setaffinity(None, &cores).with_context(|| format!("cannot stay on core {core}"))?;
        }
        Ok(())
    }
}
