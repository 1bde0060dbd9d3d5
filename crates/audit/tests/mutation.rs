//! A minute of fuzzing in the tests: inputs of the fuzzers' corpus, changed at random, fifteen seconds a parser, and
//! nothing panics. The seed is fixed, so that a failure comes again. `fuzz/` holds the fuzzers themselves.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use cofferdam_audit::compose::{self, Given};
use cofferdam_audit::decision::{Configuration, apply_comments};
use cofferdam_audit::engine::Engine;
use cofferdam_audit::host::{Firewall, Host, abstract_sockets, sockets_of};
use cofferdam_audit::model::{Estate, Protocol};
use cofferdam_audit::{check, command, inspect};

const TIME: Duration = Duration::from_secs(15);

/// A generator of numbers (xorshift): no secret, only variety.
struct Chance(u64);

// === impl Chance ===

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// Cuts, doubles, swaps, and puts in what parsers care about.
    fn change(&mut self, input: &[u8]) -> Vec<u8> {
        const WORDS: &[&str] = &[
            ":",
            "- ",
            "\n",
            "  ",
            "${",
            "}",
            "$",
            "&a ",
            "*a",
            "<<: *a",
            "[",
            "]",
            "{",
            "}",
            "\"",
            "'",
            "|\n",
            "!reset ",
            "65536",
            "-1",
            "0-65535",
            "::",
            "\0",
            "\u{feff}",
            "é",
            "#",
            "network_mode: host",
            "extends: {file: a/compose.yaml, service: web}",
            "include: [a/compose.yaml]",
            "service:",
            "container:web",
            "0.0.0.0:",
            "[::]:",
            "/tcp",
            "ports: [\"1-9:1-9\"]",
        ];
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => {
                    let word = WORDS[self.below(WORDS.len())];
                    bytes.splice(at..at, word.bytes());
                }
                2 => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
                3 => {
                    let end = (at + self.below(8)).min(bytes.len());
                    bytes.drain(at..end);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = u8::try_from(self.below(256)).unwrap_or(0);
                    }
                }
            }
        }
        bytes
    }
}

/// Changes the inputs of `folder` again and again, and hands them to `parse`.
fn mutate(folder: &str, parse: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(folder);
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    for entry in std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{folder:?}: {error}"))
        .flatten()
    {
        inputs.extend(std::fs::read(entry.path()));
    }
    inputs.sort();
    assert!(!inputs.is_empty(), "{folder:?}");
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let end = Instant::now() + TIME;
    let mut rounds = 0_u64;
    while Instant::now() < end {
        let mut input = inputs[chance.below(inputs.len())].clone();
        for _ in 0..=chance.below(3) {
            input = chance.change(&input);
        }
        parse(&input);
        rounds += 1;
    }
    println!("{rounds} inputs");
}

#[test]
fn changed_compose_files_do_not_panic() {
    mutate("compose", |input| {
        let files = Given(BTreeMap::from([
            ("a/compose.yaml".to_owned(), input.to_vec()),
            ("a/.env".to_owned(), input.to_vec()),
        ]));
        let path = "a/compose.yaml".to_owned();
        let read = compose::read(&files, &[path.clone(), path]);
        let estate = Estate {
            projects: vec![read.project],
            ..Estate::default()
        };
        let mut findings = check(&estate);
        apply_comments(&read.comments, &estate.projects, &mut findings);
        cofferdam_audit::matrix::matrix(&estate);
        assert!(
            findings
                .iter()
                .all(|finding| finding.at.line > 0 && finding.at.column > 0)
        );
    });
}

#[test]
fn changed_answers_of_engines_do_not_panic() {
    mutate("inspect", |input| {
        let mut engine = Engine::read_configuration("daemon.json", input);
        engine.add_version(input);
        engine.add_info(input);
        check(&Estate {
            projects: vec![
                inspect::read("i.json", input, None),
                inspect::read("engine", input, Some("docker")),
            ],
            engine: Some(engine),
            host: None,
        });
    });
}

#[test]
fn changed_command_lines_and_configurations_do_not_panic() {
    mutate("command", |input| {
        let text = String::from_utf8_lossy(input);
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        if let Some(project) = command::read(&words) {
            check(&Estate {
                projects: vec![project],
                ..Estate::default()
            });
        }
        let _ = Configuration::read(&text);
    });
}

#[test]
fn changed_facts_of_hosts_do_not_panic() {
    mutate("host", |input| {
        let text = String::from_utf8_lossy(input);
        sockets_of(Protocol::Tcp, &text);
        abstract_sockets(&text);
        Firewall::read(&text, &text, &text);
        if let Ok(host) = Host::read(input) {
            check(&Estate {
                host: Some(host),
                ..Estate::default()
            });
        }
    });
}
