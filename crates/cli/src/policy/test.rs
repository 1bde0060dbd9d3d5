//! `cofferdam policy test`.

use std::path::Path;

use cofferdam_policy::trial::{Stage, Test, parse};
use cofferdam_policy::{Action, explain};
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use super::gather;
use crate::args::{TestArgs, TestFormat};
use crate::failure::Failure;
use crate::output::{self, BAD, Call, GOOD, styled};

#[derive(Serialize)]
struct Report {
    version: u32,
    passed: usize,
    failed: usize,
    tests: Vec<Outcome>,
}

#[derive(Serialize)]
struct Outcome {
    file: String,
    line: usize,
    name: String,
    from: String,
    to: String,
    /// `80/tcp`
    port: String,
    expect: Action,
    /// What was wrong; `None`: it passed.
    failure: Option<String>,
    /// The explanation of a test that failed.
    explanation: Option<String>,
}

pub(super) fn test(call: &Call, args: &TestArgs) -> Result<u8, Failure> {
    let mut tests = Vec::new();
    for file in &args.files {
        tests.extend(run(file)?);
    }
    let failed = tests.iter().filter(|test| test.failure.is_some()).count();
    let report = Report {
        version: cofferdam_api::VERSION,
        passed: tests.len() - failed,
        failed,
        tests,
    };
    match args.format {
        TestFormat::Junit => output::print(&junit(&report)?)?,
        TestFormat::Text => call.print(&report, text)?,
    }
    Ok(if failed == 0 { crate::OK } else { crate::FINDINGS })
}

fn run(file: &Path) -> Result<Vec<Outcome>, Failure> {
    let name = gather::shown(file);
    let trial = parse(&name, &gather::read(file)?).map_err(|mistakes| {
        let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Failure::new(format!("the test file is not valid\n{}", text.join("\n\n")))
    })?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let paths: Vec<_> = trial.paths.iter().map(|path| folder.join(path)).collect();
    let mut documents = gather::valid(&paths)?;
    documents.extend(trial.inline);
    let worlds: Vec<_> = trial.worlds.iter().map(|path| folder.join(path)).collect();
    let mut workloads = gather::workloads(&worlds)?;
    workloads.list.extend(trial.workloads.list);
    workloads.namespaces.extend(trial.workloads.namespaces);
    let stage = Stage::new(&workloads, documents, trial.profile);
    trial
        .tests
        .iter()
        .map(|test| outcome(&name, &stage, test))
        .collect()
}

fn outcome(file: &str, stage: &Stage, test: &Test) -> Result<Outcome, Failure> {
    let Some(attempt) = stage.attempt(&test.from, &test.to, (test.protocol, test.port)) else {
        let unknown = [&test.from, &test.to]
            .into_iter()
            .find(|word| stage.find(word).is_none());
        let word = unknown.map_or("", String::as_str);
        return Err(Failure::new(format!(
            "{file}:{}: `{word}` is no workload, class or address",
            test.line
        ))
        .hint("workloads are listed under `workloads:`; classes are host, lan, metadata, multicast, world"));
    };
    let explanation = explain(&stage.world, &attempt);
    let verdict = explanation.verdict;
    let found = if verdict.observed {
        Action::Allow
    } else {
        verdict.action
    };
    let rule = explanation.rule.as_ref().map(|rule| rule.name.as_str());
    let failure = failure(test, found, rule);
    Ok(Outcome {
        file: file.to_owned(),
        line: test.line,
        name: format!("{} -> {} {}/{}", test.from, test.to, test.port, test.protocol),
        from: test.from.clone(),
        to: test.to.clone(),
        port: format!("{}/{}", test.port, test.protocol),
        expect: test.expect,
        explanation: failure.is_some().then(|| explanation.to_string()),
        failure,
    })
}

/// What is not as the test wants it.
fn failure(test: &Test, found: Action, rule: Option<&str>) -> Option<String> {
    let word = |action| match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    };
    if found != test.expect {
        let by = rule.map_or_else(String::new, |rule| format!(" by {rule}"));
        Some(format!(
            "expected {}, found {}{by}",
            word(test.expect),
            word(found)
        ))
    } else if test.rule.is_some() && test.rule.as_deref() != rule {
        let wanted = test.rule.as_deref().unwrap_or_default();
        Some(format!(
            "expected rule {wanted}, found {}",
            rule.unwrap_or("none")
        ))
    } else {
        None
    }
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for test in &report.tests {
        if let (Some(failure), Some(explanation)) = (&test.failure, &test.explanation) {
            text.push_str(&format!(
                "{} {}:{}: {}: {failure}\n",
                styled(BAD, "failed:"),
                test.file,
                test.line,
                test.name
            ));
            explanation
                .lines()
                .for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    }
    let style = if report.failed == 0 { GOOD } else { BAD };
    let sum = format!("{} passed, {} failed", report.passed, report.failed);
    text.push_str(&format!("{}\n", styled(style, sum)));
    text
}

/// One suite a file, one case a test.
fn junit(report: &Report) -> Result<String, Failure> {
    let mut junit = Junit::new("cofferdam policy");
    for tests in report.tests.chunk_by(|one, other| one.file == other.file) {
        let mut suite = TestSuite::new(tests.first().map_or("", |test| test.file.as_str()));
        suite.add_test_cases(tests.iter().map(case));
        junit.add_test_suite(suite);
    }
    junit
        .to_string()
        .map_err(|error| Failure::new(format!("cannot write JUnit: {error}")))
}

fn case(test: &Outcome) -> TestCase {
    let status = test
        .failure
        .as_ref()
        .map_or_else(TestCaseStatus::success, |failure| {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(failure.clone());
            status.set_description(test.explanation.clone().unwrap_or_default());
            status
        });
    let mut case = TestCase::new(format!("line {}: {}", test.line, test.name), status);
    case.set_classname(test.file.clone());
    case
}
