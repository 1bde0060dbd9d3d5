//! Checks that keep the house in order: layers, budgets, names, unsafe code, formatting, licences.
//!
//! Each module looks at one kind of thing and returns findings; this one only runs them and prints.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::repo;

mod c_source;
mod guarantees;
mod layers;
mod points;
mod rust_source;
mod tools;
mod words;

/// Something that is not as the house wants it.
pub(crate) struct Finding {
    /// The file, relative to the repository's root.
    file: PathBuf,
    /// 1-based; 0 is the file as a whole.
    line: usize,
    /// What is wrong, in one sentence.
    what: String,
}

/// `xtask/tidy.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Files that may be longer than the budget, never longer than the limit.
    #[serde(default)]
    long: Vec<Exception>,
    /// Files that somebody else's program wrote.
    #[serde(default)]
    generated: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    file: PathBuf,
    reason: String,
}

pub(crate) fn run() -> Result<()> {
    let root = repo::root()?;
    let text = std::fs::read_to_string(root.join("xtask/tidy.toml")).context("xtask/tidy.toml")?;
    let settings: Settings = toml::from_str(&text).context("xtask/tidy.toml")?;
    let mut findings = settings.check(&root);
    findings.extend(layers::check(&root)?);
    findings.extend(guarantees::check(&root)?);
    findings.extend(points::check(&root)?);
    for file in repo::files(&["rs"])? {
        let text = std::fs::read_to_string(root.join(&file))?;
        findings.extend(rust_source::check(&file, &text, settings.is_long(&file)));
    }
    for file in repo::files(&["c", "h"])? {
        if !settings.is_generated(&file) {
            let text = std::fs::read_to_string(root.join(&file))?;
            findings.extend(c_source::check(&file, &text));
        }
    }
    let generated: Vec<&Path> = settings.generated.iter().map(|e| e.file.as_path()).collect();
    let complaints = tools::check(&generated)?;
    report(&findings, &complaints)
}

fn report(findings: &[Finding], complaints: &[String]) -> Result<()> {
    for f in findings {
        println!("{}:{}: {}", f.file.display(), f.line, f.what);
    }
    for complaint in complaints {
        println!("{complaint}");
    }
    match findings.len() + complaints.len() {
        0 => println!("tidy: clean"),
        n => bail!("tidy: {n} findings"),
    }
    Ok(())
}

// === impl Finding ===

impl Finding {
    fn new(file: &Path, line: usize, what: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            line,
            what: what.into(),
        }
    }
}

// === impl Settings ===

impl Settings {
    fn is_long(&self, file: &Path) -> bool {
        self.long.iter().any(|e| e.file == file)
    }

    fn is_generated(&self, file: &Path) -> bool {
        self.generated.iter().any(|e| e.file == file)
    }

    /// An exception needs a reason and a file that is there.
    fn check(&self, root: &Path) -> Vec<Finding> {
        let mut findings = Vec::new();
        for e in self.long.iter().chain(&self.generated) {
            if e.reason.trim().is_empty() {
                findings.push(Finding::new(
                    &e.file,
                    0,
                    "xtask/tidy.toml excepts this file without a reason",
                ));
            }
            if !root.join(&e.file).exists() {
                findings.push(Finding::new(
                    &e.file,
                    0,
                    "xtask/tidy.toml excepts this file, which is gone",
                ));
            }
        }
        findings
    }
}
