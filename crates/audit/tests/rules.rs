//! Every rule has a file that it is silent about and one that it speaks about; what it says is compared with
//! `bad.txt`. `UPDATE=1 cargo test -p cofferdam-audit --test rules` writes those anew. G-AUDIT-RULES.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cofferdam_audit::compose::{self, Given};
use cofferdam_audit::engine::Engine;
use cofferdam_audit::host::Host;
use cofferdam_audit::model::Estate;
use cofferdam_audit::{Finding, Position, check, inspect, rules};

fn folder(rule: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(rule)
}

/// An estate of `ok.*` or `bad.*`; `None` where there is no such file.
fn estate(folder: &Path, kind: &str) -> Option<Estate> {
    let read = |end: &str| fs::read(folder.join(format!("{kind}.{end}"))).ok();
    let mut estate = Estate::default();
    let mut any = false;
    if let Some(bytes) = read("yaml") {
        let name = format!("{kind}.yaml");
        let files = Given(BTreeMap::from([(name.clone(), bytes)]));
        estate.projects.push(compose::read(&files, &[name]).project);
        any = true;
    }
    if let Some(bytes) = read("inspect.json") {
        estate.projects.push(inspect::read("inspect.json", &bytes, None));
        any = true;
    }
    if let Some(bytes) = read("daemon.json") {
        estate.engine = Some(Engine::read_configuration("daemon.json", &bytes));
        any = true;
    }
    if let Some(bytes) = read("version.json") {
        let mut engine = Engine::unknown(Position::start("version.json"));
        engine.add_version(&bytes);
        estate.engine = Some(engine);
        any = true;
    }
    if let Some(bytes) = read("host.json") {
        estate.host = Some(Host::read(&bytes).unwrap_or_else(|error| panic!("{folder:?}: {error}")));
        any = true;
    }
    for project in &estate.projects {
        assert!(project.notes.is_empty(), "{folder:?} {kind}: {:?}", project.notes);
    }
    any.then_some(estate)
}

fn findings(folder: &Path, kind: &str, rule: &str) -> Vec<Finding> {
    let estate = estate(folder, kind).unwrap_or_else(|| panic!("{folder:?} has no {kind}.*"));
    check(&estate)
        .into_iter()
        .filter(|finding| finding.rule == rule)
        .collect()
}

fn shown(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| {
        format!(
            "{} {} {} {} {}\n    {}\n    fix: {}\n",
            finding.rule,
            finding.severity,
            finding.at,
            finding.service.as_deref().unwrap_or("-"),
            finding.fingerprint,
            finding.message,
            finding.fix
        )
    });
    lines.collect()
}

#[test]
fn each_rule_is_silent_about_ok() {
    for rule in rules() {
        let found = findings(&folder(rule.id), "ok", rule.id);
        assert!(found.is_empty(), "{}", shown(&found));
    }
}

#[test]
fn each_rule_speaks_about_bad_in_these_words() {
    for rule in rules() {
        let folder = folder(rule.id);
        let found = findings(&folder, "bad", rule.id);
        assert!(!found.is_empty(), "{} finds nothing in bad", rule.id);
        let shown = shown(&found);
        let snapshot = folder.join("bad.txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&snapshot, &shown).expect("snapshot");
        }
        let wanted = fs::read_to_string(&snapshot).unwrap_or_default();
        assert_eq!(shown, wanted, "{}", rule.id);
    }
}

#[test]
fn every_folder_of_fixtures_is_a_rules() {
    for entry in fs::read_dir(folder(".")).expect("fixtures") {
        let name = entry.expect("entry").file_name().to_string_lossy().into_owned();
        assert!(cofferdam_audit::find_rule(&name).is_some(), "{name} is no rule");
    }
}

#[test]
fn ids_are_unique_and_in_kebab_case() {
    let mut ids: Vec<_> = rules().iter().map(|rule| rule.id).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    for id in ids {
        assert!(
            id.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{id}"
        );
    }
}

#[test]
fn fingerprints_survive_unrelated_edits() {
    let read = |text: &str| {
        let files = Given(BTreeMap::from([("a.yaml".to_owned(), text.as_bytes().to_vec())]));
        let projects = vec![compose::read(&files, &["a.yaml".to_owned()]).project];
        check(&Estate {
            projects,
            ..Estate::default()
        })
    };
    let before = read("services:\n  web:\n    image: nginx\n    ports: ['80:80', '81:81']\n");
    let after = read(
        "# new\nx-more: 1\nservices:\n  other:\n    image: y\n    security_opt: [no-new-privileges]\n  web:\n    image: nginx:2\n    restart: always\n    ports:\n      - '81:81'\n      - '80:80'\n",
    );
    let numbers = |findings: &[Finding]| {
        let mut numbers: Vec<_> = findings.iter().map(|f| f.fingerprint.clone()).collect();
        numbers.sort();
        numbers
    };
    assert_eq!(numbers(&before), numbers(&after));
    let distinct: std::collections::BTreeSet<_> = numbers(&before).into_iter().collect();
    assert_eq!(distinct.len(), before.len());
}
