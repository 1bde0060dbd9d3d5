//! The policy folder: what each file says, what of it is in force, and whom it is about.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/policies` and `POST /v1/policies/reload`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policies {
    /// Version of the wire.
    pub version: u32,
    /// The folder.
    pub folder: String,
    /// Its files, by name.
    pub files: Vec<PolicyFile>,
}

/// One file of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyFile {
    /// Its name in the folder.
    pub name: String,
    /// What of it is in force: the last text that was good.
    pub text: String,
    /// The policies of that text.
    pub policies: Vec<PolicyView>,
    /// Why that is not what the file says now; empty where it is.
    pub mistakes: Vec<Mistake>,
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// `NAMESPACE/NAME`, or `NAME` of one for the whole host.
    pub name: String,
    /// The line of its file where it begins.
    pub line: usize,
    /// It changes no verdict, and what it would deny is recorded.
    pub observe: bool,
    /// From then on it counts no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// That time has come.
    pub ended: bool,
    /// The workloads that it selects, by name.
    pub workloads: Vec<String>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: String,
}

/// Body of `POST /v1/policies/reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadRequest {
    /// Files that were written completely. What was heard of others is read, too.
    #[serde(default)]
    pub files: Vec<String>,
}
