//! The one shape of every refusal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of every answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What kind of refusal; decides the HTTP status.
    pub code: Code,
    /// What is wrong, one line without a full stop.
    pub message: String,
    /// What to do about it, one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request is malformed or names an impossible value (400).
    Invalid,
    /// The caller may not do that (403).
    Forbidden,
    /// No such workload or route (404).
    NotFound,
    /// It contradicts the present state: a name is taken, nothing to confirm (409).
    Conflict,
    /// Something that the answer needs is absent at present (503).
    Unavailable,
    /// The daemon failed (500).
    Internal,
    /// A code that this reader does not know.
    #[serde(other)]
    Unknown,
}

// === impl Problem ===

impl Problem {
    /// A refusal without a hint.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

// === impl Code ===

impl Code {
    /// The HTTP status that carries it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Unavailable => 503,
            Self::Internal | Self::Unknown => 500,
        }
    }
}
