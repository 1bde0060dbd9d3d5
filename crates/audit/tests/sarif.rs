//! The SARIF of every bad fixture against the published schema of SARIF 2.1.0. The schema is the copy that comes with
//! the crate serde-sarif, found where cargo keeps that crate's source.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use cofferdam_audit::compose::{self, Given};
use cofferdam_audit::decision::apply_comments;
use cofferdam_audit::host::Host;
use cofferdam_audit::model::Estate;
use cofferdam_audit::report::{Report, sarif};
use cofferdam_audit::{check, rules};
use serde_json::Value;

fn schema() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    // Without it cargo wants what other systems would need, and fetches it.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--filter-platform",
            &platform,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = output.unwrap_or_else(|error| panic!("cargo metadata: {error}"));
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif");
    let manifest = package
        .and_then(|package| package["manifest_path"].as_str())
        .unwrap_or_default();
    let path = Path::new(manifest).with_file_name("src").join("schema.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    // A pattern for languages has a stray bracket there, which is no regular expression of ECMA 262.
    let text = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// All bad fixtures as one report, with a comment that suppresses and facts of a host.
fn report() -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut estate = Estate::default();
    let mut comments = Vec::new();
    for rule in rules() {
        let folder = folder.join(rule.id);
        if let Ok(mut bytes) = std::fs::read(folder.join("bad.yaml")) {
            bytes.extend(b"# cofferdam:ignore-file no-new-privileges -- a fixture\n");
            let name = format!("{}/bad.yaml", rule.id);
            let files = Given(BTreeMap::from([(name.clone(), bytes)]));
            let read = compose::read(&files, &[name]);
            estate.projects.push(read.project);
            comments.extend(read.comments);
        }
        if let Ok(bytes) = std::fs::read(folder.join("bad.host.json"))
            && let Ok(host) = Host::read(&bytes)
        {
            estate.host = Some(host);
        }
    }
    let mut findings = check(&estate);
    let notes = apply_comments(&comments, &estate.projects, &mut findings);
    Report::new(findings, &notes)
}

#[test]
fn the_log_is_valid_by_the_published_schema() {
    let validator =
        jsonschema::validator_for(&schema()).unwrap_or_else(|error| panic!("the schema: {error}"));
    let report = report();
    assert!(report.findings.len() > 50 && report.summary.suppressed > 0);
    let log = sarif(&report, "1.2.3");
    let errors: Vec<String> = validator
        .iter_errors(&log)
        .map(|error| format!("{} {error}", error.instance_path()))
        .take(5)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut broken = log;
    broken["runs"][0]["results"][0]["level"] = Value::from("terrible");
    assert!(!validator.is_valid(&broken), "the schema is a schema");
}
