//! SARIF 2.1.0, as code scanning services read it.

use serde_json::{Value, json};

use super::Report;
use crate::finding::{Finding, Severity};
use crate::rules;

/// The whole log: one run. `version` is the program's.
pub fn sarif(report: &Report, version: &str) -> Value {
    let rules: Vec<Value> = rules::all().iter().map(rule).collect();
    let results: Vec<Value> = report.findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "cofferdam",
                "version": version,
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(rule: &crate::Rule) -> Value {
    json!({
        "id": rule.id,
        "name": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": format!("{} {}", rule.what, rule.why)},
        "help": {"text": format!("{}\n\n{}", rule.why, rule.fix), "markdown": rule.page()},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {
            "security-severity": rule.severity.score(),
            "tags": ["security", "docker", "network"],
            "precision": "high",
        },
    })
}

fn result(finding: &Finding) -> Value {
    let index = rules::all().iter().position(|rule| rule.id == finding.rule);
    let mut location = json!({});
    if !finding.at.is_live() {
        location["physicalLocation"] = json!({
            "artifactLocation": {"uri": uri(&finding.at.file)},
            "region": {"startLine": finding.at.line, "startColumn": finding.at.column},
        });
    }
    let logical = finding
        .service
        .as_ref()
        .map(|service| (service.clone(), "service"));
    let logical = logical.or_else(|| {
        finding
            .at
            .is_live()
            .then(|| (finding.at.file.to_string(), "resource"))
    });
    if let Some((name, kind)) = logical {
        let whole = format!("{}/{name}", finding.at.file);
        location["logicalLocations"] = json!([{"name": name, "fullyQualifiedName": whole, "kind": kind}]);
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": {"text": format!("{} Fix: {}", sentence(finding), finding.fix)},
        "locations": [location],
        "partialFingerprints": {"cofferdam/v1": finding.fingerprint},
        "properties": {
            "security-severity": finding.severity.score(),
            "severity": finding.severity,
            "confidence": finding.confidence,
        },
    });
    if let Some(suppression) = &finding.suppressed {
        let kind = if suppression.by == "comment" {
            "inSource"
        } else {
            "external"
        };
        result["suppressions"] = json!([{"kind": kind, "justification": suppression.reason}]);
    }
    result
}

fn sentence(finding: &Finding) -> String {
    match &finding.service {
        Some(service) => format!("{service} {}.", finding.message),
        None => format!("{}.", finding.message),
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "note",
        Severity::Low | Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

/// A path as a relative or `file:` URI.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'+' | b'@' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
