//! `docs/guarantees.md` and the tests name the same ids, and the tests that the page names exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Finding;
use crate::repo;

const PAGE: &str = "docs/guarantees.md";

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let page = fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let mut code = String::new();
    for file in repo::files(&["rs"])? {
        // This file speaks of ids without being a test.
        if !file.starts_with("xtask") {
            code.push_str(&fs::read_to_string(root.join(&file))?);
        }
    }
    let (promised, tested) = (ids(&page), ids(&code));
    let finding = |what: String| Finding::new(Path::new(PAGE), 0, what);
    let mut findings = Vec::new();
    for id in promised.difference(&tested) {
        findings.push(finding(format!("no test names {id}")));
    }
    for id in tested.difference(&promised) {
        findings.push(finding(format!("a test names {id}, this page does not")));
    }
    for name in test_names(&page) {
        let there = if name.ends_with('_') {
            code.contains(&format!("fn {name}"))
        } else {
            code.contains(&format!("fn {name}("))
        };
        if !there {
            findings.push(finding(format!("there is no test `{name}`")));
        }
    }
    Ok(findings)
}

/// Words such as `G-SAME-LABELS`.
fn ids(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    words
        .map(|w| w.trim_end_matches('-'))
        .filter(|w| w.starts_with("G-") && w.len() > 3 && is_upper(w))
        .collect()
}

fn is_upper(word: &str) -> bool {
    word.chars().all(|c| c == '-' || c.is_ascii_uppercase())
}

/// Names in backticks that look like a test's; a star at the end stands for several.
fn test_names(page: &str) -> impl Iterator<Item = &str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let tests = quoted.filter(|q| ["root_", "alone_", "nobody_"].iter().any(|p| q.starts_with(p)));
    tests
        .filter(|q| !q.ends_with(".rs"))
        .map(|q| q.trim_end_matches('*'))
}

#[cfg(test)]
mod tests {
    use super::{ids, test_names};

    #[test]
    fn finds_ids_and_tests() {
        assert_eq!(
            ids("| G-UDP | x; G-NO-WINDOW: y, (g-x) G-")
                .into_iter()
                .collect::<Vec<_>>(),
            ["G-NO-WINDOW", "G-UDP"]
        );
        assert_eq!(
            test_names("`root_a`, `root_b_*`, `root_c.rs`, `x`").collect::<Vec<_>>(),
            ["root_a", "root_b_"]
        );
    }
}
