//! A page that can be mailed: no script, no font, no picture from elsewhere.

use maud::{DOCTYPE, PreEscaped, html as page};

use super::Report;
use crate::finding::{Finding, Severity};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;\
color:#1b1f24;background:#fff}h1{font-size:1.5rem}article{border-left:.4rem solid;padding:.2rem .8rem;margin:.8rem 0}\
.critical{border-color:#8e1519}.high{border-color:#d1242f}.medium{border-color:#bf8700}.low{border-color:#54aeff}\
.info{border-color:#8c959f}h2{font-size:1rem;margin:.2rem 0}p{margin:.2rem 0}code{background:#f3f4f6;padding:0 .2rem}\
.where{color:#57606a}details{margin-top:1.5rem}@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}\
code{background:#1f242c}.where{color:#9198a1}}";

/// The page. `title` says what was audited.
pub fn html(report: &Report, title: &str) -> String {
    let summary = report.summary;
    let suppressed: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|f| f.suppressed.is_some())
        .collect();
    let markup = page! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Audit of " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Audit of " (title) }
                p {
                    (summary.critical) " critical, " (summary.high) " high, " (summary.medium) " medium, "
                    (summary.low) " low, " (summary.info) " info; " (summary.suppressed) " suppressed."
                }
                @for severity in Severity::ALL.iter().rev() {
                    @for finding in report.counted().filter(|finding| finding.severity == *severity) {
                        (article(finding))
                    }
                }
                @if !suppressed.is_empty() {
                    details {
                        summary { (suppressed.len()) " suppressed" }
                        @for finding in suppressed { (article(finding)) }
                    }
                }
                @if !report.notes.is_empty() {
                    details {
                        summary { (report.notes.len()) " notes on what was read" }
                        @for note in &report.notes {
                            p { code { (note.file) ":" (note.line) ":" (note.column) } " " (note.text) }
                        }
                    }
                }
            }
        }
    };
    markup.into_string()
}

fn article(finding: &Finding) -> PreEscaped<String> {
    page! {
        article class=(finding.severity.word()) {
            h2 {
                (finding.severity.word()) " " code { (finding.rule) }
                @if let Some(service) = &finding.service { " " (service) }
            }
            p { (finding.message) }
            p { "Fix: " (finding.fix) }
            p class="where" { (finding.at) }
            @if let Some(suppression) = &finding.suppressed {
                p { "Suppressed by " (suppression.by) ": " (suppression.reason) }
            }
        }
    }
}
