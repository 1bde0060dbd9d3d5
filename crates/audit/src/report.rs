//! Findings for programs and for mail: JSON, SARIF 2.1.0, JUnit, HTML. The table for a terminal is the command's own.

use serde::Serialize;

use crate::finding::{Finding, Severity};
use crate::position::Note;

mod html;
mod junit;
mod sarif;
#[cfg(test)]
mod tests;

pub use html::html;
pub use junit::junit;
pub use sarif::sarif;

/// What an audit comes to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// 1.
    pub version: u32,
    /// Worst first; suppressed ones say so.
    pub findings: Vec<Finding>,
    /// What was read leniently, or not at all.
    pub notes: Vec<Remark>,
    /// How many count, by severity.
    pub summary: Summary,
}

/// A note, flat.
#[derive(Debug, Serialize)]
pub struct Remark {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// What.
    pub text: String,
}

/// Findings that are not suppressed, and those that are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Critical.
    pub critical: usize,
    /// High.
    pub high: usize,
    /// Medium.
    pub medium: usize,
    /// Low.
    pub low: usize,
    /// Info.
    pub info: usize,
    /// Suppressed.
    pub suppressed: usize,
}

// === impl Report ===

impl Report {
    /// Counts and flattens.
    pub fn new(findings: Vec<Finding>, notes: &[Note]) -> Self {
        let count = |severity: Severity| {
            let counted = findings.iter().filter(|finding| finding.suppressed.is_none());
            counted.filter(|finding| finding.severity == severity).count()
        };
        let summary = Summary {
            critical: count(Severity::Critical),
            high: count(Severity::High),
            medium: count(Severity::Medium),
            low: count(Severity::Low),
            info: count(Severity::Info),
            suppressed: findings
                .iter()
                .filter(|finding| finding.suppressed.is_some())
                .count(),
        };
        Self {
            version: 1,
            notes: notes.iter().map(Remark::from).collect(),
            summary,
            findings,
        }
    }

    /// Findings that count.
    pub fn counted(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.suppressed.is_none())
    }

    /// Something at or above `severity` counts.
    pub fn fails(&self, severity: Severity) -> bool {
        self.counted().any(|finding| finding.severity >= severity)
    }
}

// === impl Remark ===

impl From<&Note> for Remark {
    fn from(note: &Note) -> Self {
        Self {
            file: note.at.file.to_string(),
            line: note.at.line,
            column: note.at.column,
            text: note.text.clone(),
        }
    }
}
