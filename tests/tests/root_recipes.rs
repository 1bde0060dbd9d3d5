//! G-RECIPES: the recipes of `examples/recipes`, each as its page says: what the page prints is printed, what its test file
//! allows is answered by real sockets, what it denies is refused and was not before. The same holds for what is learnt of it.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cofferdam_tests::binaries;
use cofferdam_tests::lab::network::{HOST_V4, LAN_V4, WORLD_V4};
use cofferdam_tests::lab::place::{Outcome, finish};
use cofferdam_tests::probe::{self, Kind, Server};
use cofferdam_tests::recipes::{self, Recipe};
use cofferdam_tests::walkthrough::scene::eventually;
use serde::Deserialize;

mod stage;

use stage::Stage;

/// What `cofferdam policy test --json` says of one line of a test file.
#[derive(Deserialize)]
struct Path {
    from: String,
    to: String,
    /// `80/tcp`
    port: String,
    expect: String,
    failure: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    tests: Vec<Path>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Answered,
    Refused,
    /// Neither, or too late: wrong in any case.
    Silence,
}

/// A recipe whose containers run.
struct Table<'s> {
    stage: &'s Stage,
    recipe: &'s Recipe,
    /// Container names by service.
    containers: BTreeMap<String, String>,
    paths: Vec<Path>,
    /// Who answers on the LAN, in the world and on the host.
    _outside: Vec<Server>,
}

/// Plays the recipes whose folder's name begins with one of these numbers.
fn play(numbers: &[&str]) {
    if binaries::compose().is_none() {
        eprintln!("skipped: no docker compose; `cargo xtask setup` fetches it");
        return;
    }
    let stage = Stage::new();
    recipes::prepare(&stage.lab).expect("the image");
    for recipe in recipes::all().expect("the recipes") {
        let number = recipe.name.split('-').next().unwrap_or_default();
        if numbers.contains(&number) {
            let start = Instant::now();
            let table = Table::lay(&stage, &recipe);
            table.before();
            table.foretold();
            table.follow_the_page();
            let since = table.now();
            table.under_the_policy();
            table.learn_it_anew(&since);
            table.clear();
            eprintln!(
                "{}: {} paths, {:.1?}",
                recipe.name,
                table.paths.len(),
                start.elapsed()
            );
        }
    }
}

// === impl Table ===

impl<'s> Table<'s> {
    /// Starts the containers, and whoever else has to answer.
    fn lay(stage: &'s Stage, recipe: &'s Recipe) -> Self {
        let cofferdam = binaries::cofferdam().expect("cofferdam");
        let test = recipe.folder.join("test.yaml").display().to_string();
        let answer = stage
            .lab
            .host
            .must(cofferdam, &["policy", "test", "--json", &test]);
        let answer: Answer = serde_json::from_str(&answer.expect("policy test")).expect("its JSON");
        let mut table = Self {
            stage,
            recipe,
            containers: BTreeMap::new(),
            paths: answer.tests,
            _outside: Vec::new(),
        };
        for file in recipe.projects().expect("compose files") {
            table.must(&format!("docker compose -f {file} up -d"));
        }
        let services = r#"{{.Label "com.docker.compose.service"}} {{.Names}}"#;
        let listed = stage
            .lab
            .engine
            .docker(&["ps", "--format", services])
            .expect("docker ps");
        let pairs = listed.lines().filter_map(|line| line.split_once(' '));
        table.containers = pairs
            .map(|(service, name)| (service.to_owned(), name.to_owned()))
            .collect();
        let mut outside = BTreeMap::new();
        for path in &table.paths {
            assert_eq!(path.failure, None, "{}: offline", recipe.name);
            let (place, address) = match path.to.as_str() {
                "world" => (&stage.lab.lan, WORLD_V4),
                "lan" => (&stage.lab.lan, LAN_V4),
                "host" => (&stage.lab.host, "127.0.0.1"),
                _ => continue,
            };
            let (port, protocol) = path.port.split_once('/').expect("a port");
            let serve =
                || probe::serve(place, "outside", protocol, &format!("{address}:{port}")).expect("a server");
            outside.entry((&path.to, &path.port)).or_insert_with(serve);
        }
        table._outside = outside.into_values().collect();
        table
    }

    /// Without the policy everybody reaches everybody; once they all listen.
    fn before(&self) {
        for path in &self.paths {
            let name = format!("{}: {path} without a policy", self.recipe.name);
            eventually(&name, || Ok(self.attempt(path) == End::Answered)).expect("an answer");
        }
    }

    /// `policy diff` names every path that the policy will close.
    fn foretold(&self) {
        let policies = self.recipe.policies().expect("policies");
        // One path is the new one beside what is in force, two are the old and the new.
        let [policy] = &policies[..] else { return };
        let ended = self.shell(&format!("cofferdam policy diff --json {policy}"));
        let answer: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let changes = answer["changes"].as_array().expect("changes");
        let name = |word: &String| self.containers.get(word).unwrap_or(word).clone();
        for path in self.paths.iter().filter(|path| path.expect == "deny") {
            let protocol = path.port.split_once('/').map_or("", |(_, protocol)| protocol);
            let is_this = |change: &&serde_json::Value| {
                change["from"] == name(&path.from)
                    && change["to"] == name(&path.to)
                    && (change["port"] == path.port || change["port"] == format!("other {protocol}"))
            };
            let found = changes.iter().find(is_this);
            let found =
                found.unwrap_or_else(|| panic!("{}: no change of {path}: {changes:?}", self.recipe.name));
            assert_eq!(
                (&found["before"], &found["after"]),
                (&"allow".into(), &"deny".into()),
                "{path}"
            );
        }
    }

    /// Its commands, as the reader types them, print what they print there.
    fn follow_the_page(&self) {
        for step in self.recipe.steps().expect("a page") {
            let ended = self.shell(&step.command);
            let name = format!("{}: $ {}", self.recipe.name, step.command);
            if step.output.is_empty() {
                assert!(ended.success(), "{name}: {ended}");
            } else {
                assert_eq!(ended.stdout, step.output, "{name}");
            }
        }
    }

    fn under_the_policy(&self) {
        for path in &self.paths {
            let wanted = if path.expect == "allow" {
                End::Answered
            } else {
                End::Refused
            };
            assert_eq!(self.attempt(path), wanted, "{}: {path}", self.recipe.name);
        }
    }

    /// G-LEARN: what is learnt of its flows says the same without it.
    fn learn_it_anew(&self, since: &str) {
        const COUNTED: Duration = Duration::from_millis(300);
        std::thread::sleep(COUNTED);
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().display();
        self.must(&format!("cofferdam learn --since {since} -o {folder}"));
        let checked = self.shell(&format!("cofferdam policy check {folder}"));
        assert!(
            checked.stdout.ends_with(" 0 mistakes, 0 warnings\n"),
            "{}: {checked}",
            self.recipe.name
        );
        self.must(&format!("cofferdam policy apply {folder}"));
        for file in self.recipe.policies().expect("policies") {
            self.must(&format!("cofferdam policy remove {file}"));
        }
        self.under_the_policy();
        for file in std::fs::read_dir(home.path()).expect("the folder") {
            let path = file.expect("a file").path();
            self.must(&format!("cofferdam policy remove {}", path.display()));
        }
    }

    /// As `--since` takes it.
    fn now(&self) -> String {
        let time = self
            .stage
            .lab
            .host
            .must("date", &["-u", "+%FT%T.%NZ"])
            .expect("date");
        time.trim().to_owned()
    }

    /// Without its policies everything is open; the containers go.
    fn clear(&self) {
        if let Some(path) = self.paths.iter().find(|path| path.expect == "deny") {
            eventually("it is open again", || Ok(self.attempt(path) == End::Answered)).expect("an answer");
        }
        for file in self.recipe.projects().expect("compose files") {
            self.must(&format!("docker compose -f {file} down"));
        }
    }

    fn attempt(&self, path: &Path) -> End {
        let (port, protocol) = path.port.split_once('/').expect("a port");
        let kind = if protocol == "udp" { Kind::Udp } else { Kind::Http };
        let is_outside = ["lan", "world"].contains(&path.from.as_str());
        let address = match path.to.as_str() {
            "world" => WORLD_V4,
            "lan" => LAN_V4,
            _ if is_outside => HOST_V4,
            _ => "127.0.0.1",
        };
        let address = format!("{address}:{port}");
        let lan = &self.stage.lab.lan;
        let attempts = match path.from.as_str() {
            "world" => {
                let url = format!("http://{address}/");
                let args = ["-s", "-m", "3", "-o", "/dev/null", "--interface", WORLD_V4, &url];
                return match lan.run("curl", &args).expect("curl").code {
                    Some(0) => End::Answered,
                    Some(7) => End::Refused,
                    _ => End::Silence,
                };
            }
            "lan" => probe::attempt(lan, kind, &address, 1).expect("an attempt"),
            "host" => self.stage.host_tries(kind, &address, 1),
            service => self
                .stage
                .container_tries(&self.containers[service], kind, &address, 1),
        };
        let one = &attempts.attempts[0];
        // Whoever is outside is told at its second SYN.
        if one.answer.is_some() {
            End::Answered
        } else if one.refused() || (is_outside && one.errno.is_some()) {
            End::Refused
        } else {
            eprintln!("{path}: {one:?}");
            End::Silence
        }
    }

    fn must(&self, line: &str) {
        let ended = self.shell(line);
        assert!(ended.success(), "{}: {line}: {ended}", self.recipe.name);
    }

    /// A line in the recipe's folder; both outputs in one, as on a terminal. The lab's user is root, and needs no `sudo`.
    fn shell(&self, line: &str) -> Outcome {
        let line = format!("exec 2>&1; {}", line.trim_start_matches("sudo "));
        let lab = &self.stage.lab;
        let mut command = lab.command("sh", &["-c".to_owned(), line]).expect("a shell");
        command
            .current_dir(&self.recipe.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let start = Instant::now();
        let child = lab.host.spawn(&mut command).expect("a shell");
        finish(child, start, Duration::from_secs(60)).expect("an end")
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {} {}", self.from, self.to, self.port)
    }
}

#[test]
fn root_recipes_about_an_app() {
    play(&["01", "02", "02a", "09", "10"]);
}

#[test]
fn root_recipes_about_namespaces() {
    play(&["03", "04", "05", "06", "07"]);
}

#[test]
fn root_recipes_about_the_world_and_egress() {
    play(&["08", "11", "12", "14"]);
}

/// So that a recipe which is added is also played.
#[test]
fn there_are_fourteen_recipes() {
    assert_eq!(recipes::all().expect("the recipes").len(), 14);
}
