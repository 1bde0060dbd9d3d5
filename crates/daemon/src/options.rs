//! What the command line may say to the daemon. Everything else is `config.toml`'s; where both speak, this wins.

use std::path::PathBuf;

use cofferdam_policy::{DefaultProfile, Mode};

/// Which kinds of workload the daemon protects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kinds {
    /// Containers, processes and units.
    #[default]
    Hybrid,
    /// Containers only: `run` is refused, `[[unit]]` is ignored.
    Containers,
    /// Processes and units only: Docker is never asked.
    Processes,
}

/// Where the daemon finds things and keeps things; one field a flag.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file. The default one may be absent; any other must exist.
    pub config: PathBuf,
    /// The folder of pins; it lies on a bpffs and belongs to this daemon alone.
    pub bpffs: PathBuf,
    /// The cgroup v2 folder whose subtree is enforced; `None` is the root of the hierarchy.
    pub cgroup_root: Option<PathBuf>,
    /// Folder of `state.json` and the lock.
    pub state_dir: PathBuf,
    /// The unix socket of the API.
    pub socket: PathBuf,
    /// Docker's socket; `None` asks the configuration, then takes Docker's own default.
    pub docker_socket: Option<PathBuf>,
    /// cgroup v2 folders below which Docker makes the cgroups of containers; empty asks the configuration, then the
    /// engine's cgroup driver. A relative path is relative to the root of the hierarchy.
    pub docker_cgroup_parents: Vec<PathBuf>,
    /// The folder of policy documents; `None` asks the configuration.
    pub policies: Option<PathBuf>,
    /// What is protected.
    pub kinds: Kinds,
    /// `--default`; `None` asks the configuration.
    pub default_profile: Option<DefaultProfile>,
    /// `--mode`; `None` asks the configuration.
    pub mode: Option<Mode>,
}

impl Options {
    /// The default of `config`.
    pub const CONFIG: &'static str = "/etc/cofferdam/config.toml";
    /// The default of `bpffs`.
    pub const BPFFS: &'static str = "/sys/fs/bpf/cofferdam";
    /// The default of `state_dir`.
    pub const STATE_DIR: &'static str = "/var/lib/cofferdam";
    /// The default of `socket`.
    pub const SOCKET: &'static str = "/run/cofferdam/cofferdam.sock";
    /// Where Docker is sought, unless told otherwise.
    pub const DOCKER_SOCKET: &'static str = "/var/run/docker.sock";
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            config: PathBuf::from(Self::CONFIG),
            bpffs: PathBuf::from(Self::BPFFS),
            cgroup_root: None,
            state_dir: PathBuf::from(Self::STATE_DIR),
            socket: PathBuf::from(Self::SOCKET),
            docker_socket: None,
            docker_cgroup_parents: Vec::new(),
            policies: None,
            kinds: Kinds::default(),
            default_profile: None,
            mode: None,
        }
    }
}
