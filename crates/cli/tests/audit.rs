//! `cofferdam audit` as scripts and CI see it: exit codes, formats, suppressions, baselines. Files only: no root, no
//! engine.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const BAD: &str = "services:\n  web:\n    image: nginx\n    network_mode: host\n";
const GOOD: &str = "services:\n  web:\n    image: nginx\n    ports: ['127.0.0.1:8080:8080']\n";

fn audit(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .arg("audit")
        .args(args)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .output()
        .expect("cofferdam audit")
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("file");
    }
    folder
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn exit_codes_say_clean_findings_and_error() {
    let folder = folder(&[("good.yaml", GOOD), ("bad.yaml", BAD)]);
    assert_eq!(code(&audit(folder.path(), &["good.yaml"])), Some(0));
    assert_eq!(code(&audit(folder.path(), &["bad.yaml"])), Some(1));
    assert_eq!(
        code(&audit(folder.path(), &["bad.yaml", "--fail-on", "critical"])),
        Some(0)
    );
    assert_eq!(
        code(&audit(folder.path(), &["bad.yaml", "--fail-on", "never"])),
        Some(0)
    );
    assert_eq!(
        code(&audit(folder.path(), &["good.yaml", "--fail-on", "info"])),
        Some(1)
    );
    let missing = audit(folder.path(), &["nowhere.yaml"]);
    assert_eq!(code(&missing), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).starts_with("error: cannot read nowhere.yaml"));
    assert_eq!(
        code(&audit(folder.path(), &["--config", "nowhere.toml", "good.yaml"])),
        Some(2)
    );
}

#[test]
fn each_format_is_what_it_says() {
    let folder = folder(&[("bad.yaml", BAD)]);
    let json: Value =
        serde_json::from_str(&text(&audit(folder.path(), &["bad.yaml", "--json"]))).expect("JSON");
    let first = &json["findings"][0];
    assert_eq!(
        (
            first["file"].as_str(),
            first["line"].as_u64(),
            first["column"].as_u64()
        ),
        (Some("bad.yaml"), Some(4), Some(19))
    );
    let sarif: Value =
        serde_json::from_str(&text(&audit(folder.path(), &["-f", "sarif", "bad.yaml"]))).expect("SARIF");
    assert_eq!(sarif["version"], "2.1.0");
    assert!(text(&audit(folder.path(), &["-f", "junit", "bad.yaml"])).starts_with("<?xml"));
    assert!(text(&audit(folder.path(), &["-f", "html", "."])).starts_with("<!DOCTYPE html>"));
    let table = text(&audit(folder.path(), &["bad.yaml"]));
    assert!(
        table.starts_with("high     host-network bad.yaml:4:19 web: "),
        "{table}"
    );
    assert!(table.contains("fix: remove `network_mode: host`"), "{table}");
}

#[test]
fn a_comment_a_configuration_and_a_baseline_silence() {
    let comment = BAD.replace(
        "  web:",
        "  # cofferdam:ignore host-network, host-packet-capture -- DLNA\n  web:",
    );
    let folder = folder(&[("a.yaml", &comment), ("b.yaml", BAD)]);
    assert_eq!(code(&audit(folder.path(), &["a.yaml"])), Some(0));
    assert_eq!(
        code(&audit(
            folder.path(),
            &["b.yaml", "--write-baseline", "base.json"]
        )),
        Some(1)
    );
    assert_eq!(
        code(&audit(folder.path(), &["b.yaml", "--baseline", "base.json"])),
        Some(0)
    );
    let worse = format!("{BAD}    pid: host\n");
    fs::write(folder.path().join("b.yaml"), worse).expect("file");
    assert_eq!(
        code(&audit(folder.path(), &["b.yaml", "--baseline", "base.json"])),
        Some(1),
        "a new finding counts"
    );
    let rules = ["host-network", "host-packet-capture", "host-pid"];
    let entry = |rule: &&str| format!("[[ignore]]\nrule = \"{rule}\"\nfile = \"b.*\"\nreason = \"DLNA\"\n");
    let configuration: String = rules.iter().map(entry).collect();
    fs::write(folder.path().join(".cofferdam-audit.toml"), configuration).expect("file");
    assert_eq!(
        code(&audit(folder.path(), &["b.yaml"])),
        Some(0),
        "it is found without being named"
    );
}

#[test]
fn a_docker_run_line_is_judged_before_it_runs() {
    let folder = folder(&[]);
    let output = audit(
        folder.path(),
        &["--", "docker", "run", "-d", "--privileged", "nginx"],
    );
    assert_eq!(code(&output), Some(1));
    assert!(text(&output).contains("privileged"), "{output:?}");
    assert_eq!(code(&audit(folder.path(), &["--", "docker", "ps"])), Some(2));
}

#[test]
fn rules_are_explained() {
    let folder = folder(&[]);
    let page = text(&audit(folder.path(), &["explain", "host-network"]));
    for heading in [
        "# host-network",
        "## What",
        "## Why",
        "## Fix",
        "## References",
        "5.9 (up to 1.5.0), 5.10",
    ] {
        assert!(page.contains(heading), "{heading} in {page}");
    }
    assert_eq!(code(&audit(folder.path(), &["explain", "nothing"])), Some(2));
    assert!(text(&audit(folder.path(), &["explain"])).lines().count() > 50);
}

#[test]
fn saved_answers_of_an_engine_and_saved_facts_are_judged() {
    let inspect = r#"[{"Id":"aa","Name":"/web","State":{"Running":true},"Config":{"Image":"nginx"},"HostConfig":{"NetworkMode":"host"}}]"#;
    let facts = r#"{"listeners":[{"protocol":"tcp","address":"127.0.0.1","port":5432,"owner":{"pid":7,"command":"postgres"}}]}"#;
    let daemon = r#"{"hosts":["tcp://0.0.0.0:2375"]}"#;
    let folder = folder(&[("i.json", inspect), ("f.json", facts), ("daemon.json", daemon)]);
    let output = audit(
        folder.path(),
        &["i.json", "daemon.json", "--facts", "f.json", "--json"],
    );
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rules: Vec<_> = answer["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|f| f["rule"].as_str())
        .collect();
    for rule in ["daemon-tcp", "host-loopback-reach", "host-network"] {
        assert!(rules.contains(&Some(rule)), "{rule} in {rules:?}");
    }
}

/// What `dist/audit` runs, as pre-commit and a runner of GitHub's run it.
#[test]
fn the_hook_and_the_action_run() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/audit");
    let read = |name: &str| fs::read_to_string(dist.join(name)).expect("a file of dist/audit");
    let hooks = read("pre-commit-hooks.yaml");
    let entry = hooks
        .lines()
        .find_map(|line| line.trim().strip_prefix("entry: "))
        .expect("an entry");
    let folder = folder(&[("compose.yaml", GOOD), ("docker-compose.prod.yml", BAD)]);
    let script = |text: &str| {
        let program = Path::new(env!("CARGO_BIN_EXE_cofferdam"));
        let path = format!(
            "{}:{}",
            program.parent().expect("a folder").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", text])
            .current_dir(folder.path())
            .envs([
                ("PATH", path.as_str()),
                ("AUDIT_PATHS", "compose.yaml\ndocker-compose.prod.yml\n"),
            ])
            .envs([
                ("SARIF", "out.sarif"),
                ("FAIL_ON", "high"),
                ("MATCHERS", "matchers.json"),
            ])
            .output()
            .expect("bash")
    };
    assert_eq!(code(&script(&format!("{entry} compose.yaml"))), Some(0));
    assert_eq!(
        code(&script(&format!("{entry} docker-compose.prod.yml"))),
        Some(1)
    );
    let action = read("action.yml");
    let steps: Vec<String> = action
        .split("run: |\n")
        .skip(1)
        .map(|rest| {
            rest.lines()
                .take_while(|line| line.starts_with("        "))
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect();
    assert_eq!(steps.len(), 2, "{action}");
    assert_eq!(code(&script(&steps[0])), Some(0));
    let sarif: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("out.sarif")).expect("the SARIF file"))
            .expect("SARIF");
    assert_eq!(sarif["version"], "2.1.0");
    let told = script(&steps[1]);
    assert_eq!(code(&told), Some(1));
    assert!(
        text(&told).starts_with("::add-matcher::matchers.json\n"),
        "{told:?}"
    );
    // The matchers take a line apart by single blanks and colons behind the severity.
    let matchers: Value = serde_json::from_str(&read("problem-matchers.json")).expect("matchers");
    let pattern = &matchers["problemMatcher"][0]["pattern"][0]["regexp"];
    assert_eq!(pattern, r"^(?:critical|high)\s+(\S+) (\S+):(\d+):(\d+) (.+)$");
    let line = "high     host-network docker-compose.prod.yml:4:19 web: ";
    assert!(text(&told).lines().any(|told| told.starts_with(line)), "{told:?}");
}
