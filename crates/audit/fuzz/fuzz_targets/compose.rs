//! A compose file, with an `.env` beside it: read, judged, suppressed, reported.
#![no_main]

use std::collections::BTreeMap;

use cofferdam_audit::compose::{self, Given};
use cofferdam_audit::decision::apply_comments;
use cofferdam_audit::matrix::matrix;
use cofferdam_audit::model::Estate;
use cofferdam_audit::report::{Report, html, junit, sarif};
use cofferdam_audit::{Severity, check};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // What stands behind the first zero byte is the `.env`.
    let (file, environment) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
    let files = Given(BTreeMap::from([
        ("a/compose.yaml".to_owned(), file.to_vec()),
        ("a/.env".to_owned(), environment.to_vec()),
    ]));
    let _ = compose::looks_like_compose(&String::from_utf8_lossy(file));
    let read = compose::read(&files, &["a/compose.yaml".to_owned(), "a/compose.yaml".to_owned()]);
    let estate = Estate {
        projects: vec![read.project],
        ..Estate::default()
    };
    let _ = matrix(&estate);
    let mut findings = check(&estate);
    let notes = apply_comments(&read.comments, &estate.projects, &mut findings);
    assert!(findings.iter().all(|finding| finding.at.line > 0 && finding.at.column > 0));
    // A report holds the pages of all rules: it costs ten times what reading costs, and reads nothing itself.
    if data.len() % 8 != 0 {
        return;
    }
    let report = Report::new(findings, &notes);
    let _ = (sarif(&report, "0"), junit(&report, Severity::High), html(&report, "x"));
});
