//! Findings for a terminal: one line each, worst first, then what to change.

use anstyle::{AnsiColor, Style};
use cofferdam_audit::report::Report;
use cofferdam_audit::{Finding, Severity};

use crate::output::{FAINT, GOOD, STRONG, styled};

/// The findings. What is low or info is counted, and shown where `all` is set.
pub(super) fn table(report: &Report, all: bool) -> String {
    let least = if all { Severity::Info } else { Severity::Medium };
    let mut text = String::new();
    for finding in report.counted().filter(|finding| finding.severity >= least) {
        text.push_str(&lines(finding));
    }
    let summary = report.summary;
    let counts = [
        (summary.critical, "critical"),
        (summary.high, "high"),
        (summary.medium, "medium"),
        (summary.low, "low"),
        (summary.info, "info"),
    ];
    let counted: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if counted.is_empty() {
        text.push_str(&styled(GOOD, "no findings"));
    } else {
        text.push_str(&styled(STRONG, counted.join(", ")));
    }
    if summary.suppressed > 0 {
        text.push_str(&format!(", {} suppressed", summary.suppressed));
    }
    if !all && summary.low + summary.info > 0 {
        text.push_str(" (`--all` shows low and info)");
    }
    text.push('\n');
    text
}

/// All rules, a line each.
pub(super) fn rules() -> String {
    let rules = cofferdam_audit::rules();
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    rules
        .iter()
        .map(|rule| format!("{:width$} {:8} {}\n", rule.id, rule.severity, rule.title))
        .collect()
}

fn lines(finding: &Finding) -> String {
    let service = finding
        .service
        .as_deref()
        .map(|service| format!("{service}: "))
        .unwrap_or_default();
    format!(
        "{} {} {} {service}{}\n         fix: {}\n",
        styled(style(finding.severity), format!("{:8}", finding.severity)),
        styled(STRONG, finding.rule),
        styled(FAINT, &finding.at),
        finding.message,
        finding.fix,
    )
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::Red.on_default().bold(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::Cyan.on_default(),
        Severity::Info => FAINT,
    }
}
