//! What a rule is: an id that never changes, its words, where others know it, and a function from an estate to
//! findings.

use crate::finding::{Finding, Severity};
use crate::model::Estate;

/// What a rule must see to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A compose file, a `docker run` line or `docker inspect`.
    Files,
    /// The engine's settings.
    Engine,
    /// The running host.
    Host,
    /// What containers were seen to do.
    Behaviour,
}

/// Where else the matter is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// CIS Docker Benchmark: the number up to 1.5.0, and the one from 1.6.0 on.
    Cis(&'static str, &'static str),
    /// A query of KICS.
    Kics(&'static str),
    /// A check of docker-bench-security.
    DockerBench(&'static str),
    /// A page of Docker's documentation, below `https://docs.docker.com/`.
    Docs(&'static str),
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable, in kebab-case.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// How bad it usually is; facts of the host move it.
    pub severity: Severity,
    /// What it must see.
    pub needs: Needs,
    /// What the rule looks for.
    pub what: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What to change.
    pub fix: &'static str,
    /// Where else it is described.
    pub references: &'static [Reference],
    pub(crate) check: fn(&Estate, &mut Vec<Finding>),
}

// === impl Needs ===

impl Needs {
    /// In a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Files => "a compose file, a `docker run` line or `docker inspect`",
            Self::Engine => "the engine's settings: `daemon.json` or a running engine",
            Self::Host => "a running host, or saved facts of one",
            Self::Behaviour => "containers that were watched for a while",
        }
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cis(old, new) if old == new => write!(out, "CIS Docker Benchmark {old}"),
            Self::Cis(old, new) => {
                write!(
                    out,
                    "CIS Docker Benchmark {old} (up to 1.5.0), {new} (from 1.6.0)"
                )
            }
            Self::Kics(name) => write!(out, "KICS: {name}"),
            Self::DockerBench(check) => write!(out, "docker-bench-security: {check}"),
            Self::Docs(path) => write!(out, "https://docs.docker.com/{path}"),
        }
    }
}

impl Rule {
    /// The rule as a page, with fixed headings.
    pub fn page(&self) -> String {
        let mut page = format!(
            "# {}\n\n{}. Severity: {}, unless facts of the host say otherwise.\n\n## What\n\n{}\n\n## Why\n\n{}\n\n## Fix\n\n{}\n\n\
             ## Needs\n\n{}.\n",
            self.id,
            self.title,
            self.severity,
            self.what,
            self.why,
            self.fix,
            upper(self.needs.words()),
        );
        page.push_str("\n## References\n\n");
        if self.references.is_empty() {
            page.push_str("No other tool or benchmark has this rule.\n");
        }
        for reference in self.references {
            page.push_str(&format!("- {reference}\n"));
        }
        page
    }
}

fn upper(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}
