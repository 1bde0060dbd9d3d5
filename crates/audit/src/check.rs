//! All rules over an estate: findings worst first, numbered so that they are known again after unrelated edits.

use std::collections::HashMap;

use crate::finding::Finding;
use crate::model::Estate;
use crate::rules;

/// Judges an estate.
pub fn check(estate: &Estate) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules::all() {
        let mut found = Vec::new();
        (rule.check)(estate, &mut found);
        found.iter_mut().for_each(|finding| finding.rule = rule.id);
        findings.append(&mut found);
    }
    number(&mut findings);
    findings.sort_by(|a, b| (b.severity, &a.at, a.rule, &a.key).cmp(&(a.severity, &b.at, b.rule, &b.key)));
    findings
}

fn number(findings: &mut [Finding]) {
    let mut seen: HashMap<(&'static str, String, Option<String>, String), usize> = HashMap::new();
    for finding in findings {
        let same = (
            finding.rule,
            finding.at.file.to_string(),
            finding.service.clone(),
            finding.key.clone(),
        );
        let before = seen.entry(same).or_default();
        finding.number(*before);
        *before += 1;
    }
}
