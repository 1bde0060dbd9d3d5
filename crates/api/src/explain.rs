//! Asking what would happen, and by which rule.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Direction, Profile, RuleView, Verdict};

/// Body of `POST /v1/explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// Who starts: a workload's name or id, labels (`app=web`), a class (`host`, `lan`, …) or an address.
    pub from: String,
    /// Who is reached, written as `from`.
    pub to: String,
    /// The port that is reached.
    pub port: u16,
    /// `tcp` (the default), `udp`, or a protocol number.
    #[serde(default = "tcp")]
    pub protocol: String,
}

/// Answer of `POST /v1/explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainResponse {
    /// Version of the wire.
    pub version: u32,
    /// What would happen.
    pub verdict: Verdict,
    /// Why, as in a flow.
    pub reason: String,
    /// The rule that decides, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleView>,
    /// The end whose policy decides, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The denial would only be recorded.
    #[serde(default)]
    pub observed: bool,
    /// How the verdict comes about, several lines of plain text.
    pub text: String,
    /// The line that would allow it, where it is denied and one exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_with: Option<String>,
}

/// Answer of `GET /v1/policy/default`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyText {
    /// Version of the wire.
    pub version: u32,
    /// The posture in force.
    pub profile: Profile,
    /// The document, as YAML in the product's policy language.
    pub text: String,
}

fn tcp() -> String {
    "tcp".to_owned()
}
