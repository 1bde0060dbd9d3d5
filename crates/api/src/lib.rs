//! The wire of the local socket: versioned types, the OpenAPI document made from them, and a small client.
//!
//! Owns what both ends must agree on, and nothing else: no handler (`crates/daemon`), no table (`crates/cli`).
//! Everything lives below `/v1`; a field may be added in version 1, never removed or given another meaning.
//! Readers ignore fields and reasons that they do not know.

mod change;
mod client;
mod document;
mod explain;
mod flow;
mod key;
mod policies;
mod problem;
mod records;
mod run;
mod status;
mod top;
mod word;
mod workload;

pub mod routes;

pub use change::UnprotectRequest;
pub use change::{ChangeRequest, Changed, EnforceRequest, ProtectRequest, StopRequest, Stopped, Switched};
pub use client::{Client, ClientError, FlowStream};
pub use document::openapi;
pub use explain::{ExplainRequest, ExplainResponse, PolicyText};
pub use flow::{
    FlowCounts, FlowEnd, FlowQuery, FlowView, Flows, HOOK_BIND, HOOK_END, HOOK_SOCKET, HOOK_SYSCTL,
    HOOK_UNIX, RuleView, Totals,
};
pub use jiff::Timestamp;
pub use key::{Key, KeyAnswer};
pub use policies::{Mistake, Policies, PolicyFile, PolicyView, ReloadRequest};
pub use problem::{Code, Problem};
pub use records::{FlowRecords, NoRecord};
pub use run::{RunRequest, RunResponse};
pub use status::{Counts, Docker, DockerState, ExportView, Feature, Losses, PolicyCounts, Records, Status};
pub use top::{Top, TopBy, TopQuery, TopRow};
pub use word::{Class, Direction, Mode, Profile, Verdict};
pub use workload::{ContainmentView, ListeningPort, WorkloadKind, WorkloadView, Workloads};

/// Version of the wire; the `version` of every envelope and the `/v1` of every route.
pub const VERSION: u32 = 1;

/// Where the daemon listens unless it is told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/cofferdam/cofferdam.sock";

/// The group whose members may use the socket.
pub const SOCKET_GROUP: &str = "cofferdam";
