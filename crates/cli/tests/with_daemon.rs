//! The binary against a stand-in that speaks the wire: what it asks, what it prints, and how `run` becomes a command.

#![allow(
    clippy::unwrap_used,
    reason = "a test may panic; clippy does not see that all of this file is one"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use tempfile::TempDir;

/// Answers every request on its socket with the same status and body, and keeps what was asked.
struct StandIn {
    folder: TempDir,
    asked: Receiver<(String, String)>,
}

impl StandIn {
    fn new(status: u16, body: impl Into<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("sock")).unwrap();
        let (sender, asked) = channel();
        let body = body.into();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if sender.send(serve(stream.unwrap(), status, &body)).is_err() {
                    break;
                }
            }
        });
        Self { folder, asked }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
        command
            .args(words)
            .env("COFFERDAM_SOCKET", self.folder.path().join("sock"));
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// The request line without the protocol, and the body.
    fn asked(&self) -> (String, serde_json::Value) {
        let (line, body) = self.asked.recv().unwrap();
        let body = if body.is_empty() {
            serde_json::Value::Null
        } else {
            serde_json::from_str(&body).unwrap()
        };
        (line, body)
    }
}

fn serve(stream: UnixStream, status: u16, body: &str) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut asked = vec![0; length];
    reader.read_exact(&mut asked).unwrap();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    let line = first.trim().trim_end_matches(" HTTP/1.1").to_owned();
    (line, String::from_utf8(asked).unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const MOVED: &str = r#"{"version":1,"workload":"sh","cgroup":"/sys/fs/cgroup/cofferdam/sh"}"#;

#[test]
fn run_asks_once_and_becomes_the_command() {
    let stand_in = StandIn::new(200, MOVED);
    let words = [
        "run",
        "--label=app=web",
        "-l",
        "tier=x",
        "--name",
        "n",
        "--namespace",
        "p",
        "sh",
        "--",
        "-c",
        "exit 7",
    ];
    // `sh` takes `-c` only because the `--` was dropped.
    assert_eq!(stand_in.run(&words).status.code(), Some(7));
    let (line, body) = stand_in.asked();
    assert_eq!(line, "POST /v1/run");
    let labels = serde_json::json!({"app":"web","tier":"x"});
    assert_eq!(
        body,
        serde_json::json!({"name":"n","namespace":"p","labels":labels,"command":"sh"})
    );
}

#[test]
fn run_passes_signals_tty_and_descriptors_through() {
    let stand_in = StandIn::new(200, MOVED);
    let words = ["run", "sh", "-c", "echo $$; read x; echo got $x; kill -TERM $$"];
    let mut child = stand_in
        .command(&words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    child.stdin.take().unwrap().write_all(b"it\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        text(&output.stdout),
        format!("{pid}\ngot it\n"),
        "the command has the process id of `run`"
    );
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&output.status),
        Some(15)
    );
}

#[test]
fn run_leaves_no_trace_in_the_command() {
    let stand_in = StandIn::new(200, MOVED);
    let script = "grep -E '^(Threads|SigBlk|SigIgn|SigCgt)' /proc/self/status; ls /proc/self/fd";
    let direct = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let under = stand_in
        .command(&["run", "sh", "-c", script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(text(&under.stdout), text(&direct.stdout));
}

#[test]
fn run_tells_what_cannot_be_executed_from_what_is_not_there() {
    let stand_in = StandIn::new(200, MOVED);
    let output = stand_in.run(&["run", "cofferdam-no-such-command"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).starts_with("error: `cofferdam-no-such-command` is not found\nhint: "));
    let output = stand_in.run(&["run", "/"]);
    assert_eq!(output.status.code(), Some(126));
    assert!(text(&output.stderr).starts_with("error: `/` cannot be executed: "));
}

#[test]
fn a_refused_run_is_125_with_the_daemons_hint() {
    let stand_in = StandIn::new(
        403,
        r#"{"code":"forbidden","message":"not yours","hint":"ask root"}"#,
    );
    let output = stand_in.run(&["run", "--label", "app=web", "true"]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(text(&output.stderr), "error: not yours\nhint: ask root\n");
}

#[test]
fn requests_say_what_the_flags_said() {
    let changed = StandIn::new(200, r#"{"version":1,"workloads":["web"],"notes":["a note"]}"#);
    let output = changed.run(&["enforce", "web", "--for", "5m"]);
    assert_eq!(
        (text(&output.stdout), text(&output.stderr)),
        ("web: enforced\n".into(), "note: a note\n".into())
    );
    assert_eq!(
        changed.asked().1,
        serde_json::json!({"names":["web"],"all":false,"for_seconds":300})
    );
    changed.run(&["observe", "--all"]);
    assert_eq!(
        changed.asked(),
        (
            "POST /v1/observe".into(),
            serde_json::json!({"names":[],"all":true})
        )
    );
    changed.run(&["protect", "web", "--label", "app=web"]);
    assert_eq!(
        changed.asked().1,
        serde_json::json!({"name":"web","labels":{"app":"web"}})
    );
    changed.run(&["confirm"]);
    assert_eq!(
        changed.asked(),
        ("POST /v1/confirm".into(), serde_json::Value::Null)
    );
    let output = changed.run(&["unprotect", "web", "--json"]);
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["workloads"], serde_json::json!(["web"]));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn off_is_loud_and_never_falls_back_where_it_is_forbidden() {
    let stand_in = StandIn::new(200, r#"{"version":1,"off":true,"changed":true}"#);
    let output = stand_in.run(&["off"]);
    assert_eq!(
        text(&output.stdout),
        "ENFORCEMENT IS OFF: every workload of this host is open until `cofferdam on`\n"
    );
    let refused = StandIn::new(403, r#"{"code":"forbidden","message":"only root may"}"#);
    let output = refused.run(&["off", "--bpffs", "/nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "error: only root may\n");
}

#[test]
fn explain_exits_1_where_it_says_deny() {
    let body = r#"{"version":1,"verdict":"deny","reason":"rule","text":"because"}"#;
    let stand_in = StandIn::new(200, body);
    let output = stand_in.run(&["explain", "host", "app=web", "53/udp"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "deny: rule\n  because\n");
    let expected = serde_json::json!({"from":"host","to":"app=web","port":53,"protocol":"udp"});
    assert_eq!(stand_in.asked(), ("POST /v1/explain".into(), expected));
}

#[test]
fn followed_flows_are_one_object_a_line_and_end_with_the_daemon() {
    let flow = |port: u16| {
        format!(
            r#"{{"time":"2026-03-01T10:00:00Z","verdict":"deny","reason":"rule","hook":"connect4","mode":"enforce","from":{{"class":"host"}},"to":{{"class":"world"}},"protocol":"tcp","destination":"192.0.2.1:{port}","repeats":1}}"#
        )
    };
    let stand_in = StandIn::new(200, format!("{}\n\n{}\n", flow(80), flow(81)));
    let output = stand_in.run(&["flows", "-f", "--denied", "--to", "app=a b", "--json"]);
    assert_eq!(
        stand_in.asked().0,
        "GET /v1/flows?to=app%3Da+b&denied=true&follow=true&limit=10"
    );
    assert_eq!(text(&output.stdout), format!("{}\n{}\n", flow(80), flow(81)));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).starts_with("error: the daemon has ended\nhint: "),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let stand_in = StandIn::new(200, r#"{"version":1,"workloads":[]}"#);
    let mut child = stand_in
        .command(&["ps"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
}
