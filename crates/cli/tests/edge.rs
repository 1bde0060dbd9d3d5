//! The binary from outside, without a daemon: exit codes, one line and a hint, data on stdout and the rest on stderr.
#![allow(
    clippy::unwrap_used,
    reason = "a test may panic; clippy does not see that all of this file is one"
)]

use std::os::unix::net::UnixListener;
use std::process::{Command, Output};

use tempfile::TempDir;

struct Edge(TempDir);

impl Edge {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Runs `cofferdam WORDS` against a socket in an empty folder.
    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cofferdam"))
            .args(words)
            .env("COFFERDAM_SOCKET", self.0.path().join("sock"))
            .output()
            .unwrap()
    }

    /// Runs it, expects this exit code, and returns stdout and stderr.
    fn expect(&self, words: &[&str], code: i32) -> (String, String) {
        let output = self.run(words);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}: {stdout}{stderr}");
        (stdout, stderr)
    }

    /// The same for a failure: nothing on stdout, `error:` and `hint:` on stderr, one line each.
    fn fails(&self, words: &[&str], code: i32) -> String {
        let (stdout, stderr) = self.expect(words, code);
        assert_eq!(stdout, "", "{words:?}");
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{words:?}: {stderr}");
        assert!(
            lines[0].starts_with("error: ") && lines[1].starts_with("hint: "),
            "{stderr}"
        );
        assert!(!stderr.contains('\u{1b}'), "{stderr}");
        stderr
    }
}

#[test]
fn without_a_daemon_everything_that_asks_it_says_so() {
    let edge = Edge::new();
    for words in [
        &["ps"][..],
        &["flows"],
        &["flows", "-f"],
        &["status", "--json"],
        &["enforce", "--all"],
        &["observe", "web"],
        &["confirm"],
        &["protect", "web", "--label", "app=web"],
        &["unprotect", "web"],
        &["explain", "host", "web", "80"],
        &["daemon", "stop"],
    ] {
        let stderr = edge.fails(words, 2);
        assert!(
            stderr.starts_with("error: the daemon is not running (no answer on "),
            "{stderr}"
        );
    }
    let stderr = edge.fails(&["daemon", "stop", "--open", "--bpffs", "/nonexistent"], 2);
    assert!(stderr.contains("nothing is enforced"), "{stderr}");
}

#[test]
fn run_fails_closed_with_125() {
    let edge = Edge::new();
    let mark = edge.0.path().join("ran");
    let mark = mark.to_str().unwrap();
    let stderr = edge.fails(&["run", "--label", "app=web", "touch", mark], 125);
    assert!(stderr.contains("the daemon is not running"), "{stderr}");
    assert!(!std::path::Path::new(mark).exists());
    let stderr = edge.fails(&["run", "--label", "app", "true"], 125);
    assert_eq!(
        stderr.lines().next(),
        Some("error: label \"app\" is not KEY=VALUE")
    );
    edge.fails(&["run", "--label", "app=web"], 125);
    edge.fails(&["run", "--colour", "true"], 125);
}

#[test]
fn a_bad_label_elsewhere_is_2() {
    let stderr = Edge::new().fails(&["protect", "web", "--label", "app"], 2);
    assert!(stderr.contains("is not KEY=VALUE"), "{stderr}");
}

#[test]
fn bad_arguments_are_one_line_and_a_hint() {
    let edge = Edge::new();
    edge.fails(&["flows", "--port", "x"], 2);
    edge.fails(&["flows", "--since", "yesterday"], 2);
    edge.fails(&["explain", "a", "b", "http"], 2);
    edge.fails(&["nonsense"], 2);
}

#[test]
fn what_needs_no_daemon_works_without_one() {
    let edge = Edge::new();
    let (stdout, _) = edge.expect(&["version"], 0);
    assert!(
        stdout.starts_with(concat!(
            "cofferdam ",
            env!("CARGO_PKG_VERSION"),
            "\nthe daemon is not running"
        )),
        "{stdout}"
    );
    let (stdout, _) = edge.expect(&["version", "--json"], 0);
    assert_eq!(json(&stdout)["cofferdam"], env!("CARGO_PKG_VERSION"));
    let (stdout, stderr) = edge.expect(&["policy", "show", "default", "--json"], 0);
    assert_eq!(json(&stdout)["profile"], "same-labels");
    assert!(stderr.starts_with("note: "), "{stderr}");
    let (stdout, _) = edge.expect(&["openapi"], 0);
    assert!(json(&stdout)["paths"]["/v1/status"].is_object());
    let (stdout, _) = edge.expect(&["completions", "bash"], 0);
    assert!(stdout.contains("cofferdam"));
    let (stdout, _) = edge.expect(&["--help"], 0);
    assert!(stdout.contains("Labels, not addresses"), "{stdout}");
}

#[test]
fn doctor_needs_no_daemon() {
    let output = Edge::new().run(&["doctor", "--json"]);
    let checks = json(&String::from_utf8(output.stdout).unwrap());
    let failed = checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .any(|check| check["result"] == "fail");
    assert_eq!(output.status.code(), Some(i32::from(failed)));
    let daemon = checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "daemon")
        .unwrap();
    assert_eq!(daemon["result"], "warn");
}

#[test]
fn doctor_asks_the_docker_that_the_daemon_would_ask() {
    let edge = Edge::new();
    let path = |name: &str| edge.0.path().join(name).display().to_string();
    let (socket, config) = (path("d.sock"), path("config.toml"));
    let docker = |args: &[&str]| {
        let output = edge.run(&[&["doctor", "--json"], args].concat());
        let checks = json(&String::from_utf8(output.stdout).unwrap());
        let all = checks["checks"].as_array().unwrap().clone();
        all.into_iter().find(|check| check["name"] == "docker").unwrap()
    };
    let absent = docker(&["--docker-socket", &socket]);
    assert_eq!(absent["observed"], format!("no answer on {socket}"));
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::write(&config, format!("[docker]\nsocket = \"{socket}\"\n")).unwrap();
    for args in [["--docker-socket", &socket], ["--config", &config]] {
        let found = docker(&args);
        assert_eq!(
            (&found["result"], &found["observed"]),
            (&"ok".into(), &socket.clone().into())
        );
    }
    std::fs::write(&config, "nonsense = [").unwrap();
    edge.expect(&["doctor", "--config", &config], 1);
}

#[test]
fn a_configuration_is_checked_without_a_daemon() {
    let edge = Edge::new();
    let path = edge.0.path().join("config.toml");
    std::fs::write(&path, "").unwrap();
    let (stdout, _) = edge.expect(&["config", "check", path.to_str().unwrap()], 0);
    assert!(stdout.ends_with("config.toml: valid\n"), "{stdout}");
    std::fs::write(&path, "mode = \"perhaps\"\n").unwrap();
    let stderr = edge.fails(&["config", "check", path.to_str().unwrap()], 2);
    assert!(stderr.contains("config.toml"), "{stderr}");
}

#[test]
fn a_socket_that_nobody_serves_is_an_absent_daemon() {
    let edge = Edge::new();
    drop(UnixListener::bind(edge.0.path().join("sock")).unwrap());
    assert!(edge.fails(&["ps"], 2).contains("the daemon is not running"));
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}
