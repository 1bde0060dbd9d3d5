//! The flags of `cofferdam daemon`; one field of the daemon's `Options` each.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use cofferdam_daemon::{Kinds, Options};
use cofferdam_policy as policy;

use super::policy::Posture;

/// Enforce: run the daemon in the foreground, or stop it
///
/// What is not given here, the configuration says. SIGTERM and Ctrl-C end the daemon and leave enforcement in the
/// kernel; `cofferdam daemon stop --open` and `cofferdam off` end enforcement.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DaemonArgs {
    #[command(flatten)]
    pub(crate) start: StartArgs,
    /// Put the saved policy into the kernel and end; for the boot, before containers start
    #[arg(long)]
    pub(crate) early: bool,
    #[command(subcommand)]
    pub(crate) command: Option<DaemonCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DaemonCommand {
    /// Stop the daemon; enforcement stays in the kernel
    Stop {
        /// End enforcement too: every workload is open, nothing is left behind. Works without a daemon
        #[arg(long)]
        open: bool,
        /// The folder of pins, where no daemon answers
        #[arg(long, value_name = "DIR", default_value = Options::BPFFS, requires = "open")]
        bpffs: PathBuf,
        /// The folder of what outlives a restart, where no daemon answers
        #[arg(long, value_name = "DIR", default_value = Options::STATE_DIR, requires = "open")]
        state_dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Protect containers, processes and units (the default)
    #[arg(long, group = "kinds")]
    hybrid: bool,
    /// Protect containers only
    #[arg(long, group = "kinds")]
    containers: bool,
    /// Protect processes and units only
    #[arg(long, group = "kinds")]
    processes: bool,
    /// Posture of protected workloads that no policy selects
    #[arg(long = "default", value_enum, value_name = "PROFILE")]
    profile: Option<Posture>,
    /// Carry denials out, or only record them
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = Options::CONFIG)]
    config: PathBuf,
    /// The cgroup v2 folder whose subtree is enforced; the whole hierarchy by default
    #[arg(long, value_name = "DIR")]
    cgroup_root: Option<PathBuf>,
    /// The folder of pinned links and maps, on a bpffs
    #[arg(long, value_name = "DIR", default_value = Options::BPFFS)]
    bpffs: PathBuf,
    /// The folder of what outlives a restart
    #[arg(long, alias = "state", value_name = "DIR", default_value = Options::STATE_DIR)]
    state_dir: PathBuf,
    /// The folder of policy documents
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Docker's socket
    #[arg(long, value_name = "PATH")]
    docker_socket: Option<PathBuf>,
    /// A cgroup v2 folder below which Docker makes containers' cgroups; may be repeated
    #[arg(long, value_name = "DIR")]
    docker_cgroup_parent: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArg {
    /// Carry denials out
    Enforce,
    /// Only record them
    Observe,
}

// === impl StartArgs ===

impl StartArgs {
    /// The daemon's options; it will listen on `socket`.
    pub(crate) fn options(self, socket: &Path) -> Options {
        Options {
            config: self.config,
            bpffs: self.bpffs,
            cgroup_root: self.cgroup_root,
            state_dir: self.state_dir,
            socket: socket.to_owned(),
            policies: self.policies,
            docker_socket: self.docker_socket,
            docker_cgroup_parents: self.docker_cgroup_parent,
            kinds: match (self.containers, self.processes) {
                (true, _) => Kinds::Containers,
                (_, true) => Kinds::Processes,
                _ => Kinds::Hybrid,
            },
            default_profile: self.profile.map(Into::into),
            mode: self.mode.map(|mode| match mode {
                ModeArg::Enforce => policy::Mode::Enforce,
                ModeArg::Observe => policy::Mode::Observe,
            }),
        }
    }
}
