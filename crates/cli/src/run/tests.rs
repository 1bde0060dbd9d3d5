use cofferdam_api::RunResponse;

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
        all_labels(&["app=web".to_owned()], &ports, Vec::new())
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

/// The labels of a command line, or how it fails.
fn declared(line: &str) -> Result<Vec<String>, String> {
    let raw: Vec<OsString> = format!("cofferdam run {line} -- true")
        .split(' ')
        .map(OsString::from)
        .collect();
    let Command::Run(args) = parse(&raw).unwrap().command else {
        panic!("{line}: not run")
    };
    contain::labels(&args.contain).map_err(|failure| failure.message().to_owned())
}

#[test]
fn what_is_declared_becomes_labels() {
    assert_eq!(declared("--label app=web").unwrap(), [""; 0]);
    assert_eq!(
        declared("--contain strict --bind 80=8080 --bind 443,53/udp --loopback db --allow raw").unwrap(),
        [
            "cofferdam.contain=strict",
            "cofferdam.loopback=db",
            "cofferdam.bind=80=8080, 443,53/udp",
            "cofferdam.allow=raw",
        ]
    );
    assert_eq!(declared("--interfaces=").unwrap(), ["cofferdam.interfaces="]);
    let all = all_labels(&[], &[], declared("--bind= --contain strict").unwrap()).unwrap();
    assert_eq!(all["cofferdam.bind"], "");
    let twice = all_labels(
        &["cofferdam.contain=default".to_owned()],
        &[],
        declared("--contain strict").unwrap(),
    );
    assert!(twice.is_err());
}

#[test]
fn a_flag_with_a_mistake_names_the_flag_and_the_column() {
    for (line, expected) in [
        (
            "--bind 80 --bind 8080:80",
            r#"--bind "80, 8080:80": column 5: "8080:80" is not a port"#,
        ),
        (
            "--loopback Host",
            r#"--loopback "Host": column 1: "Host" is not a loopback"#,
        ),
        (
            "--allow pakcet",
            r#"--allow "pakcet": column 1: "pakcet" is nothing that can be allowed"#,
        ),
    ] {
        assert_eq!(declared(line).unwrap_err(), expected);
    }
}

#[test]
fn an_older_daemon_is_told_from_one_that_knows_strict() {
    let strict = BTreeMap::from([("cofferdam.contain".to_owned(), "strict".to_owned())]);
    let answer = |containment| RunResponse {
        version: 1,
        workload: "true".to_owned(),
        cgroup: "/c".to_owned(),
        containment,
        warnings: Vec::new(),
    };
    let nothing = BTreeMap::new();
    assert!(contain::held(&strict, &answer(None)).is_err());
    assert_eq!(contain::held(&nothing, &answer(None)), Ok(None));
    let held =
        |said: &BTreeMap<String, String>| contain::held(&nothing, &answer(Some(said.clone()))).unwrap();
    assert!(held(&strict).unwrap().strict, "the configuration says so");
    assert!(!held(&nothing).unwrap().strict);
    let mut observed = strict.clone();
    observed.insert("cofferdam.mode".to_owned(), "observe".to_owned());
    assert_eq!(held(&observed), None);
}
