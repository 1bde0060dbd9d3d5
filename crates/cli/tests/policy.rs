//! `cofferdam policy` as scripts and CI see it, without root and without a daemon: exit codes, JSON, and what is printed,
//! word for word. The files are in the folder of the same name.
#![allow(
    clippy::unwrap_used,
    reason = "a test may panic; clippy does not see that all of this file is one"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

const CASES: &str = include_str!("policy/cases.jsonl");

/// Exit code, stdout, stderr.
fn policy(words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .arg("policy")
        .args(words)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policy"))
        .env("COFFERDAM_SOCKET", "/nonexistent/cofferdam.sock")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// What it prints where it ends with this code, and nothing on stderr.
fn printed(words: &[&str], code: i32) -> String {
    let (ended, stdout, stderr) = policy(words);
    assert_eq!((ended, stderr.as_str()), (code, ""), "{words:?}: {stdout}");
    stdout
}

fn json(words: &[&str], code: i32) -> Value {
    let words = [words, &["--json"]].concat();
    let value: Value = serde_json::from_str(&printed(&words, code)).unwrap();
    assert_eq!(value.get("version").unwrap_or(&1.into()), 1);
    value
}

/// The error of a command that could do nothing.
fn failed(words: &[&str]) -> String {
    let (code, stdout, stderr) = policy(words);
    assert_eq!((code, stdout.as_str()), (2, ""), "{words:?}: {stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    stderr
}

fn explain<'w>(from: &'w str, to: &'w str, port: &'w str) -> Vec<&'w str> {
    let world = ["--policies", "old", "--workloads", "world.yaml"];
    [&["explain", from, to, port][..], &world].concat()
}

#[test]
fn check_tells_valid_files_from_mistakes() {
    assert_eq!(
        printed(&["check", "old"], 0),
        "1 files, 2 policies, 0 mistakes, 0 warnings\n"
    );
    assert_eq!(
        printed(&["check", "bad"], 1),
        include_str!("policy/check-bad.txt")
    );
    let report = json(&["check", "old", "bad"], 1);
    assert_eq!(report["files"].as_array().unwrap().len(), 2);
    let mistake = &report["mistakes"][0];
    assert_eq!(
        (&mistake["file"], &mistake["line"], &mistake["column"]),
        (&"bad/shop.yaml".into(), &6.into(), &3.into())
    );
    assert!(failed(&["check", "nowhere"]).contains("nowhere"));
}

/// What no kernel hook can judge is denied, whatever a rule says: a document that hopes for it is told.
#[test]
fn check_warns_of_rules_about_sctp() {
    let report = json(&["check", "sctp.yaml"], 0);
    let warning = &report["warnings"][0];
    assert_eq!(
        warning["policy"],
        "NetworkPolicy default/signalling (sctp.yaml:1)"
    );
    assert!(warning["text"].as_str().unwrap().contains("SCTP"), "{warning}");
}

#[test]
fn diff_lists_what_changes_for_each_pair_and_port() {
    let words = |new| vec!["diff", "old", new, "--workloads", "world.yaml"];
    assert_eq!(printed(&words("old"), 0), "nothing would change\n");
    assert_eq!(json(&words("old"), 0)["changes"], Value::Array(Vec::new()));
    assert_eq!(printed(&words("new"), 1), include_str!("policy/diff.txt"));
    let change = &json(&words("new"), 1)["changes"][0];
    let told = ["from", "to", "port", "before", "after"].map(|key| change[key].as_str().unwrap());
    assert_eq!(told, ["web", "db", "5432/tcp", "allow", "deny"]);
    failed(&words("bad"));
}

#[test]
fn explain_shows_the_rule_that_decides_and_what_nearly_matched_at_both_ends() {
    assert_eq!(
        printed(&explain("web", "db", "5432"), 0),
        include_str!("policy/allowed.txt")
    );
    assert_eq!(
        printed(&explain("web", "db", "80"), 1),
        include_str!("policy/denied.txt")
    );
    let answer = json(&explain("web", "db", "80"), 1);
    assert_eq!(
        answer["rule"],
        serde_json::json!({"name": "default/web/not-allowed", "source": "old/shop.yaml:10"})
    );
    let near = |end: usize| -> Vec<&str> {
        let rules = answer["ends"][end]["rules"].as_array().unwrap().iter();
        rules
            .filter(|rule| rule["near"] == true)
            .map(|rule| rule["rule"]["source"].as_str().unwrap())
            .collect()
    };
    assert_eq!(
        (near(0), near(1)),
        (vec!["old/shop.yaml:17"], vec!["old/shop.yaml:7"])
    );
}

#[test]
fn explain_says_what_it_does_not_know() {
    let unknown = failed(&explain("nobody", "db", "80"));
    assert!(unknown.contains("`nobody` is no workload") && unknown.contains("hint: workloads are db, job"));
    assert!(failed(&explain("web", "db", "x")).contains("`x` is no port"));
    failed(&["explain", "web", "db", "80", "--policies", "bad"]);
}

#[test]
fn show_prints_every_posture_as_a_document_that_check_accepts() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "same-labels",
        "strict",
        "allow",
        "networks",
        "lan-service",
        "agent",
    ] {
        let path = folder.path().join(format!("{name}.yaml"));
        fs::write(&path, printed(&["show", name], 0)).unwrap();
        let report = json(&["check", path.to_str().unwrap()], 0);
        assert_eq!(report["mistakes"], Value::Array(Vec::new()), "{name}");
    }
    let (code, stdout, stderr) = policy(&["show"]);
    assert_eq!(
        (code, stdout),
        (0, printed(&["show", "same-labels"], 0)),
        "the profile of a daemon without options"
    );
    assert!(stderr.starts_with("note: the daemon is not running"), "{stderr}");
    assert!(failed(&["show", "default/web"]).contains("the daemon is not running"));
}

#[test]
fn test_prints_failures_with_their_explanation_and_writes_junit() {
    assert_eq!(
        printed(&["test", "tests.yaml"], 1),
        include_str!("policy/tests.txt")
    );
    assert_eq!(
        printed(&["test", "tests.yaml", "--format", "junit"], 1),
        include_str!("policy/tests.xml")
    );
    let report = json(&["test", "tests.yaml"], 1);
    assert_eq!((&report["passed"], &report["failed"]), (&1.into(), &2.into()));
    assert_eq!(report["tests"][0]["failure"], Value::Null);
    assert_eq!(report["tests"][1]["line"], 7);
    failed(&["test", "world.yaml"]);
    failed(&["test", "nowhere.yaml"]);
}

#[test]
fn test_ends_with_0_where_everything_passes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passes.yaml");
    let text = "workloads:\n  - {name: web, labels: {app: web}}\ntests:\n  \
                - {from: web, to: world, port: 443, expect: allow}\n  \
                - {from: lan, to: web, port: 53/udp, expect: deny, rule: default/outside}\n";
    fs::write(&path, text).unwrap();
    let words = ["test", path.to_str().unwrap()];
    assert_eq!(printed(&words, 0), "2 passed, 0 failed\n");
    let junit = printed(&[&words[..], &["--format", "junit"]].concat(), 0);
    assert!(
        junit.contains("tests=\"2\"") && !junit.contains("<failure"),
        "{junit}"
    );
}

#[test]
fn check_names_those_whom_an_empty_selector_would_protect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.yaml");
    let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: all}\nspec: {podSelector: {}}\n";
    fs::write(&path, text).unwrap();
    let report = json(&["check", path.to_str().unwrap(), "--workloads", "world.yaml"], 0);
    let warning = report["warnings"][0]["text"].as_str().unwrap();
    assert!(
        warning.contains("selects every workload of namespace default") && warning.contains("(plain)"),
        "{warning}"
    );
}

/// A file of cases: how `eval` ends, and what it prints in either format.
fn eval(bytes: &[u8], code: i32) -> (String, Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let words = ["eval", "--cases", file.path().to_str().unwrap()];
    (printed(&words, code), json(&words, code))
}

#[test]
fn eval_reads_cases_plain_and_packed() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(CASES.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    // One pack after the other is a file too, and empty lines are nothing.
    for (bytes, cells) in [
        (CASES.as_bytes().to_vec(), 3),
        (packed.clone(), 3),
        ([packed.clone(), packed].concat(), 6),
        (format!("\n{CASES}\n{CASES}").into_bytes(), 6),
    ] {
        let (text, report) = eval(&bytes, 0);
        assert_eq!(text, format!("cells {cells} disagree 0\n"));
        assert_eq!(
            (&report["cells"], &report["disagree"]),
            (&cells.into(), &0.into())
        );
    }
}

#[test]
fn eval_lists_the_first_cells_that_disagree() {
    let wrong = CASES.replace(
        r#""Proto":"TCP","Port":80,"Ingress":"allowed""#,
        r#""Proto":"TCP","Port":80,"Ingress":"blocked""#,
    );
    let (text, report) = eval(wrong.repeat(12).as_bytes(), 1);
    let line = "only web, step 1: x/web -> x/db 80/TCP: expected ingress Blocked, egress Allowed";
    assert_eq!(
        text,
        format!("cells 36 disagree 12\n{}", format!("  {line}\n").repeat(10))
    );
    assert_eq!(report["first"].as_array().unwrap().len(), 10);
}

#[test]
fn eval_names_the_line_that_is_no_case() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    for (second, told) in [
        ("{", "not a case: EOF"),
        (
            &CASES.replace("podSelector", "podSelecter")[..],
            "a policy of the case: ",
        ),
        (
            &CASES.replace("\"From\":\"x/db\"", "\"From\":\"x/cache\""),
            "x/cache",
        ),
        (&CASES.replace("UDP", "QUIC"), "QUIC"),
    ] {
        fs::write(file.path(), format!("{CASES}{second}")).unwrap();
        let stderr = failed(&["eval", "--cases", path]);
        assert!(stderr.starts_with(&format!("error: {path}:2: ")), "{stderr}");
        assert!(stderr.contains(told) && stderr.contains("\nhint: "), "{stderr}");
    }
    // Cut off in the middle, as a download may be.
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(CASES.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    fs::write(file.path(), &packed[..packed.len() / 2]).unwrap();
    assert!(failed(&["eval", "--cases", path]).contains(path));
    failed(&["eval", "--cases", "nowhere"]);
}
