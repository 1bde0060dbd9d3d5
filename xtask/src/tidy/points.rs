//! `docs/dataplane-points.md`: each point has a test that is there, or a line in `docs/known-limits.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Finding;
use crate::repo;

const PAGE: &str = "docs/dataplane-points.md";
const LIMITS: &str = "docs/known-limits.md";
const POINTS: usize = 19;
const TEST: &str = "root_point_";

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let page = fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let limits = fs::read_to_string(root.join(LIMITS)).context(LIMITS)?;
    let mut tests = BTreeSet::new();
    for file in repo::files(&["rs"])? {
        // This file speaks of tests without having them.
        if file.starts_with("xtask") {
            continue;
        }
        let code = fs::read_to_string(root.join(&file))?;
        tests.extend(names(&code).map(str::to_owned));
    }
    Ok(complaints(&page, &limits, &tests)
        .into_iter()
        .map(|what| Finding::new(Path::new(PAGE), 0, what))
        .collect())
}

/// What is wrong with the page, given the limits' page and every test there is.
fn complaints(page: &str, limits: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for point in 1..=POINTS {
        let Some(row) = page.lines().find(|l| l.starts_with(&format!("| {point} |"))) else {
            found.push(format!("point {point} has no row"));
            continue;
        };
        let named: Vec<&str> = quoted(row).filter(|q| q.starts_with("root_")).collect();
        for name in named.iter().filter(|name| !tests.contains(**name)) {
            found.push(format!("point {point}: there is no test `{name}`"));
        }
        let own = format!("{TEST}{point:02}_");
        let missing = tests
            .iter()
            .filter(|t| t.starts_with(&own) && !named.contains(&t.as_str()));
        found.extend(missing.map(|test| format!("point {point} does not name `{test}`")));
        let limit = row.split_once("known-limits.md: ").map(|(_, words)| {
            let end = words.find([';', '|']).unwrap_or(words.len());
            words[..end].trim()
        });
        match limit {
            Some(words) if !mentions(limits, words) => {
                found.push(format!("point {point}: {LIMITS} does not say \"{words}\""));
            }
            None if !named.iter().any(|name| name.starts_with(&own)) => {
                found.push(format!(
                    "point {point} has no test named `{own}...` and no known limit"
                ));
            }
            _ => {}
        }
    }
    found
}

/// The words may begin a sentence there, and lines may break in them.
fn mentions(limits: &str, words: &str) -> bool {
    let flat = |text: &str| {
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase()
    };
    flat(limits).contains(&flat(words))
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Functions that look like a test which needs root.
fn names(code: &str) -> impl Iterator<Item = &str> {
    code.split("fn ")
        .skip(1)
        .filter_map(|rest| rest.split_once('('))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("root_"))
}

#[cfg(test)]
mod tests {
    use super::{complaints, names};

    #[test]
    fn a_point_needs_a_test_or_a_limit() {
        let tests = names("fn root_point_01_a() fn root_point_02_b() fn root_c()")
            .map(str::to_owned)
            .collect();
        let mut page = "| 1 | x | `root_point_01_a`, `root_c` |\n| 2 | x | `root_gone` |\n".to_owned();
        for point in 3..=19 {
            page.push_str(&format!("| {point} | x | known-limits.md: nobody swims |\n"));
        }
        assert_eq!(
            complaints(&page, "- Nobody\n  swims.", &tests),
            [
                "point 2: there is no test `root_gone`",
                "point 2 does not name `root_point_02_b`",
                "point 2 has no test named `root_point_02_...` and no known limit",
            ]
        );
        assert_eq!(complaints("", "", &tests).len(), 19);
        assert_eq!(complaints(&page, "", &tests).len(), 3 + 17);
    }
}
