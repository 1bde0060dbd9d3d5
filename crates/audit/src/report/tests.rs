//! Every format, on one report.

use serde_json::Value;

use super::{Report, html, junit, sarif};
use crate::finding::{Finding, Severity, Suppression};
use crate::position::{Note, Position};

fn report() -> Report {
    let finding = |rule: &'static str, severity, file: &str| {
        let mut finding = Finding::new(&Position::new(file, 4, 13), "says <b>& \"more\"")
            .severity(severity)
            .fix("do");
        finding.rule = rule;
        finding.number(0);
        finding
    };
    let mut service = finding("host-network", Severity::High, "a b/c.yaml");
    service.service = Some("web".to_owned());
    let live = finding("daemon-tcp", Severity::Critical, "host:listeners");
    let mut old = finding("host-pid", Severity::Low, "d.yaml");
    old.suppressed = Some(Suppression {
        reason: "a monitor".to_owned(),
        by: "comment",
    });
    let note = Note {
        at: Position::start("d.yaml"),
        text: "read leniently".to_owned(),
    };
    Report::new(vec![live, service, old], &[note])
}

#[test]
fn json_has_the_promised_fields() {
    let value = serde_json::to_value(report()).expect("json");
    let finding = &value["findings"][1];
    for field in [
        "rule", "severity", "file", "line", "column", "service", "message", "fix",
    ] {
        assert!(!finding[field].is_null(), "{field} in {finding}");
    }
    assert_eq!(
        (finding["line"].as_u64(), finding["file"].as_str()),
        (Some(4), Some("a b/c.yaml"))
    );
    assert_eq!(value["summary"]["suppressed"], 1);
}

#[test]
fn sarif_has_regions_severities_and_reasons() {
    let log = sarif(&report(), "1.2.3");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(
        results[0]["locations"][0]["physicalLocation"],
        Value::Null,
        "no file says it"
    );
    assert_eq!(
        results[0]["locations"][0]["logicalLocations"][0]["name"],
        "host:listeners"
    );
    let place = &results[1]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/c.yaml");
    assert_eq!(place["region"]["startColumn"], 13);
    assert_eq!(results[2]["suppressions"][0]["justification"], "a monitor");
    let index = results[1]["ruleIndex"]
        .as_u64()
        .and_then(|index| usize::try_from(index).ok())
        .expect("index");
    let rule = &log["runs"][0]["tool"]["driver"]["rules"][index];
    assert_eq!(
        (
            rule["id"].as_str(),
            rule["properties"]["security-severity"].as_str()
        ),
        (Some("host-network"), Some("8.0"))
    );
}

#[test]
fn junit_and_html_escape_what_files_say() {
    let xml = junit(&report(), Severity::High).expect("xml");
    assert!(xml.contains("failures=\"2\"") && xml.contains("&lt;b"), "{xml}");
    let page = html(&report(), "a <host>");
    assert!(page.contains("says &lt;b&gt;&amp;") && page.contains("a &lt;host&gt;"));
    assert!(
        !page.contains("<b>") && !page.contains("http"),
        "nothing from elsewhere"
    );
}

#[test]
fn what_is_suppressed_does_not_fail() {
    let report = report();
    assert!(report.fails(Severity::High) && report.fails(Severity::Critical));
    let only: Vec<_> = report
        .findings
        .into_iter()
        .filter(|finding| finding.suppressed.is_some())
        .collect();
    assert!(!Report::new(only, &[]).fails(Severity::Info));
}
