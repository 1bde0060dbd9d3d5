//! What runs, and how it is protected.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Mode, Profile, VERSION};

/// Answer of `GET /v1/workloads`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workloads {
    /// Version of the wire.
    pub version: u32,
    /// All workloads, sorted by name.
    pub workloads: Vec<WorkloadView>,
}

/// One workload: one cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadView {
    /// Container name, `run --name`, or unit name; unique on a host.
    pub name: String,
    /// What it is.
    pub kind: WorkloadKind,
    /// Container id (64 hex digits), or the name of its cgroup.
    pub id: String,
    /// Policy namespace.
    pub namespace: String,
    /// Every label its creator gave.
    pub labels: BTreeMap<String, String>,
    /// Those of them that say who it is.
    pub identity_labels: BTreeMap<String, String>,
    /// Number of that set of labels in that namespace; absent where it is not protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<u32>,
    /// Docker's network mode (`host`, `bridge`, `container:web`, …); `host` for processes in the host's namespace.
    pub network_mode: String,
    /// It has a policy.
    pub protected: bool,
    /// Whether its denials are carried out; absent where it is not protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Where it listens.
    pub listening: Vec<ListeningPort>,
    /// What it has of the host's network; absent where it is not on that, or not protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containment: Option<ContainmentView>,
    /// Its first process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its cgroup, as an absolute path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// The posture that its label asks for; absent where it has that of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Ports that policies may name, where it is protected: `http` → `80/tcp`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, String>,
    /// What its user opened, as it was written: `-p 80:80`, `label cofferdam.ingress=lan:53/udp`.
    pub openings: Vec<String>,
    /// Verdicts of which it was an end; all zero where it is not protected.
    #[serde(default)]
    pub flows: crate::FlowCounts,
    /// What the user should know, one sentence each; a sentence may name a command.
    pub notes: Vec<String>,
    /// What is wrong with its labels or openings, one sentence each.
    pub warnings: Vec<String>,
}

/// What a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkloadKind {
    /// A Docker container.
    Container,
    /// A process started with `cofferdam run`, and its children.
    Process,
    /// A systemd unit that the configuration names.
    Unit,
}

/// A port on which a workload listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct ListeningPort {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Local address as it knows it; unspecified (`0.0.0.0`, `::`) is every address of its namespace.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// Port number as it knows it.
    pub port: u16,
    /// Where that really is, if elsewhere: its loopback is its own, or the port was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub really: Option<SocketAddr>,
}

/// What a workload on the host's network has of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainmentView {
    /// In one line: `strict; loopback private; bind 80=8080`.
    pub text: String,
    /// The labels that say this.
    pub labels: BTreeMap<String, String>,
    /// What it may do all the same, of what `cofferdam doctor` lists: `packet`, `netlink`, … What it has no capability
    /// for is not among it.
    pub open: Vec<String>,
}

// === impl Workloads ===

impl Workloads {
    /// The envelope around `workloads`.
    #[must_use]
    pub fn new(workloads: Vec<WorkloadView>) -> Self {
        Self {
            version: VERSION,
            workloads,
        }
    }
}

// === impl WorkloadKind ===

impl WorkloadKind {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Process => "process",
            Self::Unit => "unit",
        }
    }
}
