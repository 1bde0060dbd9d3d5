//! Starting a process under a policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/run`. The daemon moves its caller (the process at the other end of the socket, as the kernel
/// names it) into a cgroup of its own, and answers once that has its policy: the caller then executes the command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// Name of the workload; absent: the daemon makes one from `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Policy namespace; absent: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Who it is: every label counts for its identity. Empty: it stays a stranger.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The command's file name, for the workload's name and for records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Answer of `POST /v1/run`: the caller is in its cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunResponse {
    /// Version of the wire.
    pub version: u32,
    /// Name of the workload.
    pub workload: String,
    /// Its cgroup, as an absolute path.
    pub cgroup: String,
    /// What the caller goes by when it takes from itself what it is not to have: the labels of containment that hold for
    /// it, the configuration's word among them, and `cofferdam.mode` where it is observed. Absent: an older daemon's.
    #[serde(default)]
    pub containment: Option<BTreeMap<String, String>>,
    /// What the user should know before the command runs, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}
