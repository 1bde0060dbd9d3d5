//! What somebody decided to live with: comments in files, a configuration, a baseline. Each with its reason, except
//! for the baseline, whose reason is that it was there before.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Severity, Suppression};
use crate::model::Project;
use crate::position::Note;
use crate::yaml::Comment;

#[cfg(test)]
mod tests;

/// What a comment begins with: `# cofferdam:ignore RULE[, RULE] -- REASON`.
const WORD: &str = "cofferdam:ignore";

/// A configuration of the audit (`.cofferdam-audit.toml`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Configuration {
    /// The severity from which on the audit fails.
    pub fail_on: Option<Severity>,
    /// What does not count.
    pub ignore: Vec<Ignore>,
}

/// One entry of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// The rule's id.
    pub rule: String,
    /// Files, as a pattern such as `media/*.yaml`; all where it is not given.
    pub file: Option<String>,
    /// The service; all where it is not given.
    pub service: Option<String>,
    /// Why.
    pub reason: String,
}

/// Findings that were there before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// 1.
    pub version: u32,
    /// The findings' fingerprints.
    pub fingerprints: BTreeSet<String>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// Not TOML, or not of this shape.
    #[error("{0}")]
    Toml(String),
    /// A rule that does not exist.
    #[error("there is no rule `{0}`")]
    NoRule(String),
    /// A pattern that is none.
    #[error("`{0}` is no pattern for files")]
    NoPattern(String),
    /// An entry without reason.
    #[error("`{0}` is to be ignored without a reason")]
    NoReason(String),
}

/// One comment, read.
struct Remark<'a> {
    comment: &'a Comment,
    rules: Vec<&'a str>,
    reason: &'a str,
    whole_file: bool,
}

// === impl Configuration ===

impl Configuration {
    /// Reads and checks it.
    pub fn read(text: &str) -> Result<Self, ConfigurationError> {
        let configuration: Self = toml::from_str(text)
            .map_err(|error| ConfigurationError::Toml(error.to_string().trim().replace('\n', " ")))?;
        for ignore in &configuration.ignore {
            if crate::find_rule(&ignore.rule).is_none() {
                return Err(ConfigurationError::NoRule(ignore.rule.clone()));
            }
            if ignore.reason.trim().is_empty() {
                return Err(ConfigurationError::NoReason(ignore.rule.clone()));
            }
            ignore.pattern()?;
        }
        Ok(configuration)
    }

    /// Marks what does not count.
    pub fn apply(&self, findings: &mut [Finding]) {
        for ignore in &self.ignore {
            let Ok(pattern) = ignore.pattern() else { continue };
            for finding in findings.iter_mut().filter(|finding| finding.suppressed.is_none()) {
                let file = pattern
                    .as_ref()
                    .is_none_or(|pattern| pattern.is_match(&*finding.at.file));
                let service = ignore.service.is_none() || ignore.service == finding.service;
                if finding.rule == ignore.rule && file && service {
                    finding.suppressed = Some(Suppression {
                        reason: ignore.reason.clone(),
                        by: "configuration",
                    });
                }
            }
        }
    }
}

impl Ignore {
    fn pattern(&self) -> Result<Option<GlobMatcher>, ConfigurationError> {
        let Some(text) = &self.file else { return Ok(None) };
        let glob = Glob::new(text).map_err(|_| ConfigurationError::NoPattern(text.clone()))?;
        Ok(Some(glob.compile_matcher()))
    }
}

// === impl Baseline ===

impl Baseline {
    /// All that is found now.
    pub fn of(findings: &[Finding]) -> Self {
        Self {
            version: 1,
            fingerprints: findings
                .iter()
                .map(|finding| finding.fingerprint.clone())
                .collect(),
        }
    }

    /// Marks what was there before.
    pub fn apply(&self, findings: &mut [Finding]) {
        for finding in findings.iter_mut().filter(|finding| finding.suppressed.is_none()) {
            if self.fingerprints.contains(&finding.fingerprint) {
                finding.suppressed = Some(Suppression {
                    reason: "it was there when the baseline was written".to_owned(),
                    by: "baseline",
                });
            }
        }
    }
}

/// Marks what comments in the files speak of. A comment holds for its own line; alone on a line, for the next line,
/// and for a whole service where that line is the service's name; with `ignore-file`, for the file. One without a
/// reason does not count, and is noted.
pub fn apply_comments(comments: &[Comment], projects: &[Project], findings: &mut [Finding]) -> Vec<Note> {
    let mut notes = Vec::new();
    for remark in comments.iter().filter_map(read_comment) {
        let mut note = |text: String| {
            notes.push(Note {
                at: remark.comment.at.clone(),
                text,
            });
        };
        for rule in remark
            .rules
            .iter()
            .filter(|rule| crate::find_rule(rule).is_none())
        {
            note(format!("there is no rule `{rule}` to ignore"));
        }
        if remark.reason.is_empty() {
            note("ignores without a reason, so nothing is ignored: write `-- REASON` behind it".to_owned());
            continue;
        }
        for finding in findings.iter_mut().filter(|finding| finding.suppressed.is_none()) {
            if remark.rules.contains(&finding.rule) && remark.holds_for(finding, projects) {
                finding.suppressed = Some(Suppression {
                    reason: remark.reason.to_owned(),
                    by: "comment",
                });
            }
        }
    }
    notes
}

fn read_comment(comment: &Comment) -> Option<Remark<'_>> {
    let rest = comment.text.trim().strip_prefix(WORD)?;
    let (whole_file, rest) = match rest.strip_prefix("-file") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (rules, reason) = rest.split_once(" -- ").unwrap_or((rest, ""));
    let rules: Vec<&str> = rules
        .split([',', ' '])
        .map(str::trim)
        .filter(|rule| !rule.is_empty())
        .collect();
    (!rules.is_empty()).then_some(Remark {
        comment,
        rules,
        reason: reason.trim(),
        whole_file,
    })
}

// === impl Remark ===

impl Remark<'_> {
    fn holds_for(&self, finding: &Finding, projects: &[Project]) -> bool {
        let at = &self.comment.at;
        if finding.at.file != at.file {
            return false;
        }
        let line = if self.comment.alone {
            self.comment.next_line
        } else {
            at.line
        };
        let names_service = projects
            .iter()
            .flat_map(|project| &project.services)
            .any(|service| {
                service.at.file == at.file
                    && service.at.line == line
                    && finding.service.as_deref() == Some(service.name.as_str())
            });
        self.whole_file || finding.at.line == line || names_service
    }
}
