//! `cofferdam learn` from a file, without root and without a daemon: what it prints and writes, and what it says when there is
//! nothing to learn.
#![allow(
    clippy::unwrap_used,
    reason = "a test may panic; clippy does not see that all of this file is one"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Exit code, stdout, stderr.
fn cofferdam(words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .args(words)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/learn"))
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

fn learn(words: &[&str]) -> (i32, String, String) {
    cofferdam(&[&["learn", "--flows", "flows.json"], words].concat())
}

const DENIED: &str = "note: 3 denied flows were not learnt: `cofferdam flows --denied` shows them\n";

#[test]
fn a_file_of_flows_becomes_documents() {
    let (code, stdout, stderr) = learn(&[]);
    assert_eq!((code, stderr.as_str()), (0, DENIED));
    assert_eq!(stdout, include_str!("learn/learned.yaml"));
    let (_, one, _) = learn(&["--for", "app=db"]);
    assert!(
        one.contains("name: learned-db\n") && !one.contains("---"),
        "{one}"
    );
    assert_eq!(learn(&["--for", "shop-db-1"]).1, one);
    let (_, wide, _) = learn(&["--for", "app=web", "--addresses", "0"]);
    assert!(
        wide.contains("# GENERALISED: the whole LAN instead of 192.168.77.9\n"),
        "{wide}"
    );
}

#[test]
fn a_folder_gets_a_file_for_each_policy_and_check_has_nothing_to_say() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("new/policies").display().to_string();
    let (code, stdout, stderr) = learn(&["-o", &folder]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains(&format!("`cofferdam policy apply {folder}` enforces it")),
        "{stderr}"
    );
    assert!(
        stdout.contains(&format!(
            "wrote {folder}/shop.learned-web.yaml: selects shop-web-1, 15 flows\n"
        )),
        "{stdout}"
    );
    assert!(stdout.contains("\n  risk: the world reaches it\n"), "{stdout}");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "ops.learned-prom.yaml",
            "shop.learned-db.yaml",
            "shop.learned-web.yaml"
        ]
    );
    let (code, stdout, stderr) = cofferdam(&["policy", "check", &folder]);
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (0, "3 files, 3 policies, 0 mistakes, 0 warnings\n", "")
    );
}

#[test]
fn json_has_the_text_and_what_to_look_at() {
    let (_, stdout, _) = learn(&["--json"]);
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&answer["version"], &answer["flows"], &answer["denied"]),
        (&1.into(), &18.into(), &3.into())
    );
    let web = &answer["documents"][2];
    assert_eq!(web["name"], "shop/learned-web");
    assert_eq!(web["risks"], serde_json::json!(["the world reaches it"]));
    assert!(web["text"].as_str().unwrap().contains("kind: NetworkPolicy\n"));
    assert_eq!(answer["left_out"], serde_json::json!([]));
}

#[test]
fn records_may_stand_on_lines_of_their_own() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("flows.jsonl");
    let all: Value = serde_json::from_str(include_str!("learn/flows.json")).unwrap();
    let lines: Vec<String> = all["flows"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    fs::write(&path, lines.join("\n")).unwrap();
    let (code, stdout, _) = cofferdam(&["learn", "--flows", path.to_str().unwrap()]);
    assert_eq!((code, stdout.as_str()), (0, include_str!("learn/learned.yaml")));
}

#[test]
fn where_there_is_nothing_to_learn_it_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let empty = file("empty.json", r#"{"version":1,"flows":[]}"#);
    let odd = file("odd.json", "nothing\n");
    let flows: Value = serde_json::from_str(include_str!("learn/flows.json")).unwrap();
    let denied = file("denied.json", &flows["flows"][6].to_string());
    for (words, what, hint) in [
        (
            &["--flows", &empty][..],
            "no flows were seen\n",
            "cofferdam observe --all",
        ),
        (
            &["--flows", "flows.json", "--since", "1h"],
            "no flows were seen since 1h\n",
            "cofferdam observe --all",
        ),
        (
            &["--flows", "flows.json", "--for", "app=nobody"],
            "no flow of app=nobody was seen\n",
            "cofferdam flows",
        ),
        (
            &["--flows", &denied],
            "all 3 flows that were seen were denied\n",
            "cofferdam observe --all",
        ),
        (
            &["--flows", &odd],
            "odd.json:1: no flow record: ",
            "cofferdam flows --limit 0 --json",
        ),
        (
            &["--flows", "flows.json", "--workloads", &odd],
            "odd.json: no list of workloads: ",
            "cofferdam ps --json",
        ),
        (&[], "the daemon is not running", "cofferdam daemon"),
        (
            &["--flows", "flows.json", "--diff"],
            "the daemon is not running",
            "cofferdam daemon",
        ),
    ] {
        let (code, stdout, stderr) = cofferdam(&[&["learn"], words].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{words:?}: {stderr}");
        let lines: Vec<&str> = stderr
            .lines()
            .filter(|line| !line.starts_with("note: "))
            .collect();
        assert_eq!(lines.len(), 2, "{words:?}: {stderr}");
        assert!(
            lines[0].starts_with("error: ") && format!("{}\n", lines[0]).contains(what),
            "{stderr}"
        );
        assert!(
            lines[1].starts_with("hint: ") && lines[1].contains(hint),
            "{stderr}"
        );
    }
}

#[test]
fn a_compose_file_gets_an_override_with_labels() {
    let (code, stdout, stderr) = cofferdam(&["learn", "--labels", "compose.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout, include_str!("learn/labels.yaml"));
    assert!(
        stderr.contains("note: shop/known: nothing is proposed: it says who it is: app=known\n"),
        "{stderr}"
    );
    assert!(
        stderr.contains("`docker compose -f compose.yaml -f shop.labels.yaml up -d`"),
        "{stderr}"
    );
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().display().to_string();
    let (code, stdout, stderr) = cofferdam(&["learn", "--labels", "compose.yaml", "-o", &folder]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(
        stdout,
        format!("wrote {folder}/shop.labels.yaml: labels for 9 services\n")
    );
    let written = fs::read_to_string(home.path().join("shop.labels.yaml")).unwrap();
    assert_eq!(written, include_str!("learn/labels.yaml"));
    let (_, stdout, _) = cofferdam(&["learn", "--labels", "compose.yaml", "--json"]);
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        answer["overrides"][0]["services"][2]["labels"],
        serde_json::json!({"app": "db", "role": "database"})
    );
}

#[test]
fn where_no_service_needs_labels_it_says_so() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("compose.yaml");
    fs::write(&path, "services: {web: {image: nginx, labels: {app: web}}}\n").unwrap();
    let path = path.to_str().unwrap();
    let (code, stdout, stderr) = cofferdam(&["learn", "--labels", path]);
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert!(
        stderr.ends_with("note: every service says who it is already\n"),
        "{stderr}"
    );
    let engine = home.path().join("engine.sock").display().to_string();
    for words in [
        &["--labels", "/nonexistent/compose.yaml"][..],
        &["--labels", "--engine", &engine],
        &["compose.yaml"],
        &["--labels", "--diff"],
    ] {
        let (code, stdout, stderr) = cofferdam(&[&["learn"], words].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{words:?}");
        assert!(stderr.starts_with("error: "), "{words:?}: {stderr}");
    }
}
