//! A lab with a daemon, for tests that need both. Its methods panic: a test that cannot act has failed.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::expect_used, reason = "this is part of a test")]

use std::collections::BTreeMap;

use cofferdam_tests::binaries;
use cofferdam_tests::lab::{Daemon, Lab, Outcome};
use cofferdam_tests::probe::{self, Attempts, Kind, Server};
use cofferdam_tests::walkthrough::scene::eventually;

/// A lab and its daemon.
pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    pub(crate) lab: Lab,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(flags: &[&str]) -> Self {
        let lab = Lab::new().expect("a lab");
        let daemon = lab.daemon(flags).expect("a daemon");
        Self { daemon, lab }
    }

    /// What `cofferdam flows FILTERS` lists.
    pub(crate) fn flows(&self, filters: &[&str]) -> Vec<serde_json::Value> {
        let answer = self.lab.json(&[&["flows"], filters].concat()).expect("flows");
        answer["flows"].as_array().expect("flows").clone()
    }

    /// A container that serves with the probe, under its own name.
    pub(crate) fn serve(&self, name: &str, run_args: &[&str], protocol: &str, address: &str) {
        let mut args = vec!["run", "-d", "--name", name];
        args.extend(run_args);
        args.extend(["curl", "cofferdam-probe", "serve", name, protocol, address]);
        self.lab.engine.docker(&args).expect("docker run");
        let listens = || Ok(self.lab.engine.docker(&["logs", name])?.contains("ready"));
        eventually(&format!("{name} listens"), listens).expect("a server");
    }

    pub(crate) fn host_tries(&self, kind: Kind, address: &str, count: u32) -> Attempts {
        probe::attempt(&self.lab.host, kind, address, count).expect("an attempt")
    }

    pub(crate) fn run_tries(&self, label: &str, kind: Kind, address: &str, count: u32) -> Attempts {
        let probe = binaries::probe().expect("probe").display().to_string();
        let arguments = probe::arguments(kind, address, count);
        let mut program = vec![probe.as_str()];
        program.extend(arguments.iter().map(String::as_str));
        let text = self
            .lab
            .run(&["--label", label], &program)
            .expect("run")
            .ok()
            .expect("run");
        serde_json::from_str(&text).expect("the probe's JSON")
    }

    pub(crate) fn container_tries(&self, name: &str, kind: Kind, address: &str, count: u32) -> Attempts {
        let arguments = probe::arguments(kind, address, count);
        let mut args = vec!["exec", name, "cofferdam-probe"];
        args.extend(arguments.iter().map(String::as_str));
        serde_json::from_str(&self.lab.engine.docker(&args).expect("docker exec")).expect("the probe's JSON")
    }

    /// A connection that stays, from a process with this label.
    pub(crate) fn hold(&self, label: &str, address: &str) -> Server {
        self.hold_by("hold", label, address)
    }

    /// The same with a word of the probe's.
    pub(crate) fn hold_by(&self, word: &str, label: &str, address: &str) -> Server {
        let probe = binaries::probe().expect("probe").display().to_string();
        let args = self
            .lab
            .arguments(&["run", "--label", label, "--", &probe, word, address]);
        let mut command = self
            .lab
            .host
            .command(binaries::cofferdam().expect("cofferdam"), &args);
        Server::start(&self.lab.host, &mut command).expect("a connection")
    }

    pub(crate) fn address(&self, container: &str, template: &str) -> String {
        self.lab
            .engine
            .docker(&["inspect", "-f", template, container])
            .expect("docker inspect")
    }

    /// The entry of `cofferdam ps`.
    pub(crate) fn scene_workload(&self, name: &str) -> serde_json::Value {
        let answer = self.lab.json(&["ps"]).expect("ps");
        let all = answer["workloads"].as_array().expect("workloads").clone();
        all.into_iter()
            .find(|w| w["name"] == name)
            .unwrap_or_else(|| panic!("`ps` does not list {name}: {answer}"))
    }

    /// Elements in each pinned map that lists workloads; maps that remember flows age by themselves.
    pub(crate) fn pinned_elements(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in walk(&self.lab.paths.bpffs) {
            let path = entry.display().to_string();
            let name = entry
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            if !["entries", "listeners", "announced", "rows", "ports", "prefixes"]
                .iter()
                .any(|m| name.contains(m))
            {
                continue;
            }
            let text = self
                .lab
                .host
                .must("bpftool", &["-j", "map", "dump", "pinned", &path])
                .expect("bpftool");
            let elements: Vec<serde_json::Value> = serde_json::from_str(&text).expect("bpftool's JSON");
            counts.insert(name, elements.len());
        }
        assert!(
            !counts.is_empty(),
            "no pinned map below {}",
            self.lab.paths.bpffs.display()
        );
        counts
    }
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// What the user must see when something is wrong: one line that says it, one that helps.
pub(crate) fn one_line_and_hint(outcome: &Outcome) {
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert!(lines.len() == 2, "not one line and a hint: {outcome}");
    assert!(lines[1].trim_start().starts_with("hint: "), "no hint: {outcome}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
}
