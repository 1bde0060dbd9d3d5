//! JUnit's XML, for CI systems that show tests: one suite a file, one case a finding.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report as Junit, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::Report;
use crate::finding::{Finding, Severity};

/// The XML. Findings below `fail_on` are cases that passed, with their words as output.
pub fn junit(report: &Report, fail_on: Severity) -> Result<String, SerializeError> {
    let mut files: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        files.entry(&finding.at.file).or_default().push(finding);
    }
    let mut junit = Junit::new("cofferdam audit");
    for (file, findings) in files {
        let mut suite = TestSuite::new(file);
        suite.add_test_cases(findings.into_iter().map(|finding| case(finding, fail_on)));
        junit.add_test_suite(suite);
    }
    junit.to_string()
}

fn case(finding: &Finding, fail_on: Severity) -> TestCase {
    let text = format!("{}: {}\nfix: {}", finding.at, finding.message, finding.fix);
    let mut status = match &finding.suppressed {
        Some(suppression) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(suppression.reason.clone());
            status
        }
        None if finding.severity >= fail_on => TestCaseStatus::non_success(NonSuccessKind::Failure),
        None => TestCaseStatus::success(),
    };
    if matches!(status, TestCaseStatus::NonSuccess { .. }) {
        status.set_type(finding.severity.word());
        status.set_message(finding.message.clone());
        status.set_description(text.clone());
    }
    let service = finding.service.as_deref().unwrap_or("-");
    let name = format!("{} {service} {}", finding.rule, finding.at);
    let mut case = TestCase::new(name, status);
    case.set_classname(finding.rule);
    case.set_system_out(text);
    case
}
