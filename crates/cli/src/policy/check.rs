//! `cofferdam policy check`.

use cofferdam_policy::documents::{RulePort, Scope, Tier};
use cofferdam_policy::trial::Workload;
use cofferdam_policy::{Diagnostic, Direction, Document, Protocol, compile};
use serde::Serialize;

use super::gather;
use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::output::{BAD, Call, GOOD, ODD, styled};

#[derive(Serialize)]
struct Report {
    version: u32,
    files: Vec<String>,
    documents: usize,
    mistakes: Vec<Diagnostic>,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
pub(super) struct Warning {
    /// The policy, its file and line.
    policy: String,
    /// What it does that its author may not have meant.
    text: String,
}

pub(super) fn check(call: &Call, args: &CheckArgs) -> Result<u8, Failure> {
    let found = gather::policies(&args.paths)?;
    let workloads = gather::workloads(&args.world.workloads)?;
    let mut warnings: Vec<Warning> = Vec::new();
    for document in &found.documents {
        warnings.extend(warnings_about(document, &workloads.list, &workloads.namespaces));
    }
    if found.mistakes.is_empty() {
        let stage = gather::stage(&args.world, found.documents.clone())?;
        if let Err(error) = compile(&stage.world) {
            return Err(Failure::new(error.to_string()));
        }
    }
    report(call, found, warnings)
}

/// Prints what is wrong and what is odd; the exit status.
pub(super) fn report(call: &Call, found: gather::Policies, warnings: Vec<Warning>) -> Result<u8, Failure> {
    let report = Report {
        version: cofferdam_api::VERSION,
        documents: found.documents.len(),
        files: found.files,
        mistakes: found.mistakes,
        warnings,
    };
    call.print(&report, text)?;
    Ok(if report.mistakes.is_empty() {
        crate::OK
    } else {
        crate::FINDINGS
    })
}

fn warnings_about(
    document: &Document,
    workloads: &[Workload],
    namespaces: &std::collections::BTreeMap<String, cofferdam_policy::Labels>,
) -> Vec<Warning> {
    let warning = |text: String| Warning {
        policy: document.to_string(),
        text,
    };
    let mut found = Vec::new();
    if document.has_ended(gather::now()) {
        found.push(warning("has ended and does nothing any more".to_owned()));
    }
    if document.ingress.is_none() && document.egress.is_none() {
        found.push(warning(
            "has no rules and says nothing about any direction".to_owned(),
        ));
    }
    if names_sctp(document) {
        found.push(warning(
            "has rules about SCTP, which is always denied to and from protected workloads".to_owned(),
        ));
    }
    if document.tier == Tier::NetworkPolicy && document.subject.pods.is_everything() {
        let name = match &document.subject.namespaces {
            Scope::Named(name) => name.clone(),
            Scope::Matching(_) => String::new(),
        };
        let plain: Vec<&str> = workloads
            .iter()
            .filter(|one| document.selects(namespaces, &one.namespace, &one.labels))
            .filter(|one| cofferdam_policy::labels::identity_labels(&one.labels, &[]).is_empty())
            .map(|one| one.name.as_str())
            .collect();
        let who = if plain.is_empty() {
            String::new()
        } else {
            format!(" ({})", plain.join(", "))
        };
        found.push(warning(format!(
            "selects every workload of namespace {name}, also those without an identity label{who}: they become protected, and what no policy allows to them is denied"
        )));
    }
    found
}

/// What the kernel's hooks do not judge.
fn names_sctp(document: &Document) -> bool {
    let rules = [Direction::Ingress, Direction::Egress].map(|one| document.rules(one).unwrap_or_default());
    let mut ports = rules.into_iter().flatten().flat_map(|rule| &rule.ports);
    ports.any(|port| match port {
        RulePort::Range(range) => range.protocol == Protocol::SCTP,
        RulePort::Named(protocol, _) => *protocol == Protocol::SCTP,
    })
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for mistake in &report.mistakes {
        text.push_str(&format!("{} {mistake}\n\n", styled(BAD, "error:")));
    }
    for warning in &report.warnings {
        text.push_str(&format!(
            "{} {} {}\n",
            styled(ODD, "warning:"),
            warning.policy,
            warning.text
        ));
    }
    let sum = format!(
        "{} files, {} policies, {} mistakes, {} warnings",
        report.files.len(),
        report.documents,
        report.mistakes.len(),
        report.warnings.len()
    );
    let style = if report.mistakes.is_empty() { GOOD } else { BAD };
    text.push_str(&format!("{}\n", styled(style, sum)));
    text
}
