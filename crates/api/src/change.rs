//! Requests that change how workloads are protected, and their answers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/observe`: which workloads only record their denials from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// Names or ids of workloads.
    #[serde(default)]
    pub names: Vec<String>,
    /// Every protected workload; `names` is empty then.
    #[serde(default)]
    pub all: bool,
}

/// Body of `POST /v1/enforce`: which workloads' denials are carried out from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnforceRequest {
    /// Names or ids of workloads.
    #[serde(default)]
    pub names: Vec<String>,
    /// Every protected workload; `names` is empty then.
    #[serde(default)]
    pub all: bool,
    /// Fall back after so many seconds unless `confirm` comes first; absent: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u64>,
}

/// Body of `POST /v1/protect`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectRequest {
    /// Name or id of a workload.
    pub name: String,
    /// Identity labels to give it; kept until `unprotect`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Body of `POST /v1/unprotect`: takes back what `protect` gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnprotectRequest {
    /// Name or id of a workload.
    pub name: String,
}

/// Answer to a change of workloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// Version of the wire.
    pub version: u32,
    /// Names of the workloads that are different now.
    pub workloads: Vec<String>,
    /// When the change falls back unless it is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_at: Option<Timestamp>,
    /// What the user should know, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Answer of `POST /v1/off` and `POST /v1/on`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Switched {
    /// Version of the wire.
    pub version: u32,
    /// Enforcement is off for the whole host.
    pub off: bool,
    /// It was the other way round before.
    pub changed: bool,
}

/// Body of `POST /v1/stop`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    /// End enforcement too and remove everything from bpffs, cgroups and `/run`.
    #[serde(default)]
    pub open: bool,
}

/// Answer of `POST /v1/stop`; the daemon ends after it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stopped {
    /// Version of the wire.
    pub version: u32,
    /// Enforcement has ended; `false`: it stays in the kernel.
    pub open: bool,
    /// Protected workloads that are open now, or that stay enforced.
    pub workloads: u64,
}
