//! What is ignored, and what is not.

use std::collections::BTreeMap;

use super::{Baseline, Configuration, apply_comments};
use crate::compose::{self, Given};
use crate::finding::Finding;
use crate::model::Estate;
use crate::position::Note;

fn audit(text: &str) -> (Vec<Finding>, Vec<Note>) {
    let files = Given(BTreeMap::from([(
        "d/a.yaml".to_owned(),
        text.as_bytes().to_vec(),
    )]));
    let read = compose::read(&files, &["d/a.yaml".to_owned()]);
    let estate = Estate {
        projects: vec![read.project],
        ..Estate::default()
    };
    let mut findings = crate::check(&estate);
    let notes = apply_comments(&read.comments, &estate.projects, &mut findings);
    (findings, notes)
}

fn ignored(findings: &[Finding]) -> Vec<(&str, &str)> {
    findings
        .iter()
        .filter_map(|finding| Some((finding.rule, finding.suppressed.as_ref()?.reason.as_str())))
        .collect()
}

#[test]
fn a_comment_holds_for_its_line() {
    let text = "services:\n  a:\n    image: x\n    pid: host # cofferdam:ignore host-pid -- it is a monitor\n  b:\n    image: y\n    pid: host\n";
    let (findings, notes) = audit(text);
    assert_eq!(ignored(&findings), [("host-pid", "it is a monitor")]);
    assert!(notes.is_empty());
}

#[test]
fn a_comment_above_a_service_holds_for_it() {
    let text = "services:\n  # cofferdam:ignore host-pid, host-network -- a monitor\n  # more words\n  a:\n    image: x\n    pid: host\n    network_mode: host\n  b:\n    image: y\n    pid: host\n";
    assert_eq!(ignored(&audit(text).0).len(), 2);
}

#[test]
fn without_a_reason_nothing_is_ignored() {
    let text = "# cofferdam:ignore-file host-pid\nservices:\n  a:\n    image: x\n    pid: host\n";
    let (findings, notes) = audit(text);
    assert!(ignored(&findings).is_empty());
    assert!(notes[0].text.contains("without a reason"));
}

#[test]
fn the_configuration_and_the_baseline() {
    let text = "services:\n  a:\n    image: x\n    pid: host\n    ipc: host\n";
    let (mut findings, _) = audit(text);
    let configuration = Configuration::read(
        "fail-on = 'medium'\n[[ignore]]\nrule = 'host-pid'\nfile = 'd/*.yaml'\nservice = 'a'\nreason = 'why'\n",
    )
    .expect("configuration");
    configuration.apply(&mut findings);
    assert_eq!(ignored(&findings), [("host-pid", "why")]);
    Baseline::of(&findings).apply(&mut findings);
    assert_eq!(ignored(&findings).len(), findings.len());
    for (bad, word) in [
        ("[[ignore]]\nrule='x'\nreason='y'\n", "no rule"),
        ("[[ignore]]\nrule='host-pid'\nreason=' '\n", "without a reason"),
        (
            "[[ignore]]\nrule='host-pid'\nreason='y'\nfile='['\n",
            "no pattern",
        ),
        ("ignroe = 1\n", "ignroe"),
    ] {
        let error = Configuration::read(bad).expect_err(bad).to_string();
        assert!(error.contains(word), "{error}");
    }
}
