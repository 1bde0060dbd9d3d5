//! What a rule found: where, how bad, in which words, and the change that ends it.

use std::fmt;
use std::hash::Hasher;

use fnv::FnvHasher;
use serde::{Deserialize, Serialize, Serializer};

use crate::model::Place;
use crate::position::Position;

/// How bad it is on this host, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Tidiness, or a second line of defence that is missing.
    Low,
    /// Something is open that need not be.
    Medium,
    /// Somebody who should not gets in, given one more step.
    High,
    /// Somebody who should not gets in.
    Critical,
}

/// How sure the rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It depends on what the audit cannot see.
    Possible,
    /// It is so unless something unusual was done.
    Likely,
    /// It is so.
    Certain,
}

/// Why a finding does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// The reason that was given.
    pub reason: String,
    /// `comment`, `configuration` or `baseline`.
    pub by: &'static str,
}

/// One thing that a rule found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// Where: file, line, column.
    #[serde(flatten, serialize_with = "place")]
    pub at: Position,
    /// The service or container; `None` for the engine and the host.
    pub service: Option<String>,
    /// What is the matter, with the facts that made it so.
    pub message: String,
    /// What to change.
    pub fix: String,
    /// The same finding after unrelated edits has the same number.
    pub fingerprint: String,
    /// It was decided to live with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
    /// What tells two findings of one rule and service apart.
    #[serde(skip)]
    pub(crate) key: String,
}

// === impl Severity ===

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// A word as a severity.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.word() == word)
    }

    /// One step worse.
    #[must_use]
    pub fn worse(self) -> Self {
        match self {
            Self::Info => Self::Low,
            Self::Low => Self::Medium,
            Self::Medium => Self::High,
            Self::High | Self::Critical => Self::Critical,
        }
    }

    /// One step better.
    #[must_use]
    pub fn better(self) -> Self {
        match self {
            Self::Info | Self::Low => Self::Info,
            Self::Medium => Self::Low,
            Self::High => Self::Medium,
            Self::Critical => Self::High,
        }
    }

    /// A number from 0 to 10, as SARIF's `security-severity` has it.
    pub fn score(self) -> &'static str {
        match self {
            Self::Info => "0.5",
            Self::Low => "3.0",
            Self::Medium => "5.5",
            Self::High => "8.0",
            Self::Critical => "9.5",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

// === impl Finding ===

impl Finding {
    /// A finding of a service.
    pub(crate) fn of(place: Place<'_>, at: &Position, message: impl Into<String>) -> Self {
        let mut finding = Self::new(at, message);
        finding.service = Some(place.service.name.clone());
        finding
    }

    /// A finding of the engine, the host or a network.
    pub(crate) fn new(at: &Position, message: impl Into<String>) -> Self {
        Self {
            rule: "",
            severity: Severity::Info,
            confidence: Confidence::Certain,
            at: at.clone(),
            service: None,
            message: message.into(),
            fix: String::new(),
            fingerprint: String::new(),
            suppressed: None,
            key: String::new(),
        }
    }

    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(crate) fn sure(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    pub(crate) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// The number that stays when lines move: rule, file, service, key, and which of several equal ones.
    pub(crate) fn number(&mut self, same_before: usize) {
        let mut hasher = FnvHasher::default();
        let service = self.service.as_deref().unwrap_or_default();
        for part in [self.rule, &self.at.file, service, &self.key] {
            hasher.write(part.as_bytes());
            hasher.write_u8(0);
        }
        hasher.write_usize(same_before);
        self.fingerprint = format!("{:016x}", hasher.finish());
    }
}

fn place<S: Serializer>(at: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Flat<'a> {
        file: &'a str,
        line: u32,
        column: u32,
    }
    Flat {
        file: &at.file,
        line: at.line,
        column: at.column,
    }
    .serialize(serializer)
}
