//! How the daemon and the data plane are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Mode, Profile, VERSION};

/// Answer of `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the wire.
    pub version: u32,
    /// Version of the daemon.
    pub daemon: String,
    /// Release of the running kernel.
    pub kernel: String,
    /// The cgroup whose subtree is enforced.
    pub cgroup_root: String,
    /// Folder of pinned links and maps.
    pub bpffs: String,
    /// What the kernel offers of what the data plane can use.
    pub features: Vec<Feature>,
    /// Mode of workloads that nobody switched one by one.
    pub mode: Mode,
    /// Posture of workloads that no policy selects.
    pub default_profile: Profile,
    /// Enforcement is switched off for the whole host.
    pub off: bool,
    /// The data plane was alive already when this daemon started.
    pub adopted: bool,
    /// When `enforce --for` falls back unless it is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_at: Option<crate::Timestamp>,
    /// The container engine.
    pub docker: Docker,
    /// The key that signs handshakes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<crate::Key>,
    /// How many workloads.
    pub workloads: Counts,
    /// What the policy folder holds.
    #[serde(default)]
    pub policies: PolicyCounts,
    /// Verdicts of which an end is protected.
    #[serde(default)]
    pub flows: crate::FlowCounts,
    /// Established flows that were ended since the daemon started, because a change denied them.
    #[serde(default)]
    pub flows_ended: u64,
    /// What was lost; all zero on a healthy host.
    pub losses: Losses,
    /// The store of flow records.
    #[serde(default)]
    pub records: Records,
    /// Where records and alerts go besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<ExportView>,
    /// Milliseconds since the daemon last told the data plane that it lives.
    pub heartbeat_age_ms: u64,
    /// Seconds since the daemon started.
    pub uptime_seconds: u64,
    /// Resident memory of the daemon, in bytes.
    pub rss_bytes: u64,
    /// What the user should know, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A feature of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Feature {
    /// Its name, e.g. `cgroup/connect4`.
    pub name: String,
    /// The data plane uses it.
    pub present: bool,
}

/// The container engine as the daemon sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Docker {
    /// Whether it answers.
    pub state: DockerState,
    /// Its version, when it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The API version that was agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Its socket.
    pub socket: String,
    /// Why it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether the container engine answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DockerState {
    /// It answers.
    Connected,
    /// It does not; the daemon keeps trying.
    Absent,
    /// The daemon was started with `--processes` and does not ask.
    Disabled,
}

/// Numbers of workloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Workloads that the daemon knows.
    pub total: u64,
    /// Containers among them.
    pub containers: u64,
    /// Processes started with `cofferdam run`.
    pub processes: u64,
    /// systemd units.
    pub units: u64,
    /// Workloads with a policy.
    pub protected: u64,
    /// Protected workloads whose denials are carried out.
    pub enforced: u64,
    /// Protected workloads whose denials are only recorded.
    pub observed: u64,
    /// Containers whose labels are not known yet.
    pub pending: u64,
}

/// The policy folder in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyCounts {
    /// Where it is.
    pub folder: String,
    /// Policies in force.
    pub in_force: u64,
    /// Files of which something else is in force than they say; `warnings` say why.
    pub refused_files: u64,
}

/// What was lost since the data plane was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Losses {
    /// Flow records that did not fit the ring.
    pub flows: u64,
    /// Flow records that did not reach the store since the daemon started: they came faster than it writes, or it
    /// cannot be written.
    #[serde(default)]
    pub unkept: u64,
    /// Inserts that found a map full.
    pub map_full: u64,
    /// Kernel functions that failed.
    pub kernel_errors: u64,
}

/// The store of flow records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Records {
    /// The file.
    pub file: String,
    /// How many are in it.
    pub kept: u64,
    /// How long it is.
    pub bytes: u64,
    /// When the oldest of them was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<crate::Timestamp>,
    /// Why nothing is kept at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Somebody who is given flow records or alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportView {
    /// The key of the configuration: `export.journald`, `webhook-1`, …
    pub name: String,
    /// Where that leads; of an address no path, which may be a secret.
    pub target: String,
    /// What was taken there.
    pub sent: u64,
    /// What was not, and will not be.
    pub dropped: u64,
    /// What waits.
    pub waiting: u64,
    /// Why it fails at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

// === impl Losses ===

impl Losses {
    /// Whether nothing was lost.
    #[must_use]
    pub fn none(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Status ===

impl Status {
    /// Whether this reader knows the wire of the daemon that wrote it.
    #[must_use]
    pub fn known_version(&self) -> bool {
        self.version == VERSION
    }
}
