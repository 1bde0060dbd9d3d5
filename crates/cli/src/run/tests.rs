use super::*;
use crate::args::{Command, parse};

/// What `run` would execute and its labels, for a command line without the program's name.
fn run_line(line: &str) -> (Vec<String>, Vec<String>) {
    let raw: Vec<OsString> = format!("cofferdam {line}")
        .split_whitespace()
        .map(OsString::from)
        .collect();
    let Command::Run(args) = parse(&raw).unwrap().command else {
        panic!("{line}: not run")
    };
    let labels = args.labels.clone();
    let words = command_words(&raw, args.command);
    (
        words
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect(),
        labels,
    )
}

#[test]
fn every_spelling_of_run_gives_the_same_command() {
    for line in [
        "run --label app=nginx curl http://x",
        "run --label=app=nginx curl http://x",
        "run -l app=nginx curl http://x",
        "run --label app=nginx -- curl http://x",
        "run --label=app=nginx curl -- http://x",
        "--socket /s run --label=app=nginx curl -- http://x",
        "run --socket /s --json --label=app=nginx curl -- http://x",
    ] {
        let (command, labels) = run_line(line);
        assert_eq!(command, ["curl", "http://x"], "{line}");
        assert_eq!(labels, ["app=nginx"], "{line}");
    }
}

#[test]
fn only_one_double_dash_is_ours() {
    for (line, expected) in [
        ("run -- sh -- x", "sh -- x"),
        ("run sh -- -- x", "sh -- x"),
        ("run git log -- x", "git log -- x"),
        ("run curl -s -- x", "curl -s -- x"),
        ("run curl --", "curl"),
        ("run -- curl", "curl"),
        ("run -- -odd", "-odd"),
        ("run ls -l --label x", "ls -l --label x"),
        ("run --name -- ls", ""),
    ] {
        if expected.is_empty() {
            let raw: Vec<OsString> = format!("cofferdam {line}")
                .split(' ')
                .map(OsString::from)
                .collect();
            assert!(parse(&raw).is_err(), "{line}");
            continue;
        }
        assert_eq!(run_line(line).0.join(" "), expected, "{line}");
    }
}

#[test]
fn labels_are_pairs_without_contradiction() {
    let parse =
        |texts: &[&str]| parse_labels(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    let set = parse(&["app=web", "tier=front", "app=web"]).unwrap();
    assert_eq!(set.len(), 2);
    let (message, hint, _) = parse(&["app"]).map(|_| ()).unwrap_err().owned_parts();
    assert_eq!(message, "label \"app\" is not KEY=VALUE");
    assert!(hint.unwrap().contains("app=VALUE"));
    let (message, _, _) = parse(&["app=web", "app=db"])
        .map(|_| ())
        .unwrap_err()
        .owned_parts();
    assert_eq!(message, "label `app` is given as `web` and as `db`");
}

#[test]
fn a_named_port_is_a_label_and_a_mistake_starts_nothing() {
    let labels = |ports: &[&str]| {
        let ports: Vec<String> = ports.iter().map(|&port| port.to_owned()).collect();
        all_labels(&["app=web".to_owned()], &ports)
    };
    let found = labels(&["http=80", "dns=53/udp"]).unwrap();
    let found: Vec<String> = found
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        found,
        ["app=web", "cofferdam.port.dns=53/udp", "cofferdam.port.http=80"]
    );
    for wrong in ["80", "http=", "=80", "http=0", "http=x", "http=80/icmp"] {
        assert!(labels(&[wrong]).is_err(), "{wrong}");
    }
    assert!(labels(&["http=80", "http=81"]).is_err());
}
