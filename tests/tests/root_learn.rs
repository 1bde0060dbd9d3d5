//! G-LEARN: an application that is observed, learnt and enforced works as before, and what was not seen is denied.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cofferdam_tests::binaries;
use cofferdam_tests::lab::network::{HOST_V4, LAN_V4, METADATA_V4, WORLD_V4};
use cofferdam_tests::lab::place::finish;
use cofferdam_tests::probe::{self, Attempts, Kind, Server};
use cofferdam_tests::walkthrough::scene::eventually;

mod stage;

use stage::Stage;

/// Who tries to reach an address, and how.
struct Try<'a> {
    from: &'a str,
    kind: Kind,
    to: String,
}

/// Two containers on the host's network and two on the bridge, one of them published; a server on the LAN, one in the
/// world, and the metadata service. Everything is only observed.
struct Shop {
    stage: Stage,
    web: String,
    _outside: Vec<Server>,
}

// === impl Shop ===

impl Shop {
    fn new() -> Self {
        let stage = Stage::new();
        let lan = &stage.lab.lan;
        let outside = [
            ("tcp", format!("{LAN_V4}:9100")),
            ("udp", format!("{WORLD_V4}:5300")),
            ("tcp", format!("{METADATA_V4}:80")),
        ];
        let serve = |(protocol, address): &(&str, String)| {
            probe::serve(lan, "outside", protocol, address).expect("a server")
        };
        let outside = outside.iter().map(serve).collect();
        stage.serve("db", &["-l", "app=db", "--net=host"], "tcp", "[::]:7600");
        stage.serve(
            "api",
            &["-l", "app=api", "-l", "tier=back", "--net=host"],
            "tcp",
            "[::]:7601",
        );
        stage.serve(
            "names",
            &["-l", "app=names", "-l", "tier=back", "--net=host"],
            "udp",
            "0.0.0.0:7603",
        );
        stage.serve("web", &["-l", "app=web", "-p", "18080:7602"], "tcp", "[::]:7602");
        for name in ["worker", "idle"] {
            let label = format!("app={name}");
            let args = ["run", "-dit", "--name", name, "-l", &label, "curl"];
            stage.lab.engine.docker(&args).expect("docker run");
        }
        stage
            .lab
            .cofferdam(&["observe", "--all"])
            .expect("observe")
            .ok()
            .expect("observe");
        let web = stage.address("web", "{{.NetworkSettings.IPAddress}}");
        Self {
            stage,
            web,
            _outside: outside,
        }
    }

    /// What the application does.
    fn used(&self) -> Vec<Try<'static>> {
        let web = &self.web;
        [
            ("api", Kind::Tcp, "127.0.0.1:7600".to_owned()),
            ("api", Kind::Udp, "127.0.0.1:7603".to_owned()),
            ("web", Kind::Tcp, "172.17.0.1:7601".to_owned()),
            ("worker", Kind::Tcp, format!("{web}:7602")),
            ("worker", Kind::Tcp, format!("{LAN_V4}:9100")),
            ("worker", Kind::Udp, format!("{WORLD_V4}:5300")),
            ("worker", Kind::Tcp, format!("{METADATA_V4}:80")),
            ("lan", Kind::Tcp, format!("{HOST_V4}:18080")),
            ("host", Kind::Tcp, "127.0.0.1:7601".to_owned()),
            // Through the published port, which is another one than that of the container.
            ("db", Kind::Tcp, "127.0.0.1:18080".to_owned()),
        ]
        .map(|(from, kind, to)| Try { from, kind, to })
        .into()
    }

    /// What it never did, and could.
    fn unused(&self) -> Vec<Try<'static>> {
        let web = &self.web;
        [
            ("web", Kind::Tcp, "172.17.0.1:7600".to_owned()),
            ("worker", Kind::Tcp, "172.17.0.1:7601".to_owned()),
            ("worker", Kind::Udp, "172.17.0.1:7603".to_owned()),
            ("db", Kind::Tcp, "127.0.0.1:7601".to_owned()),
            ("api", Kind::Tcp, format!("{web}:7602")),
            ("api", Kind::Tcp, format!("{LAN_V4}:9100")),
            ("web", Kind::Udp, format!("{WORLD_V4}:5300")),
            ("idle", Kind::Tcp, format!("{web}:7602")),
            ("host", Kind::Tcp, "127.0.0.1:7600".to_owned()),
            ("lan", Kind::Tcp, format!("{HOST_V4}:7601")),
        ]
        .map(|(from, kind, to)| Try { from, kind, to })
        .into()
    }

    fn attempt(&self, one: &Try<'_>) -> Attempts {
        match one.from {
            "host" => self.stage.host_tries(one.kind, &one.to, 1),
            "lan" => probe::attempt(&self.stage.lab.lan, one.kind, &one.to, 1).expect("an attempt"),
            name => self.stage.container_tries(name, one.kind, &one.to, 1),
        }
    }

    fn is_answered(&self, one: &Try<'_>) -> bool {
        self.attempt(one).attempts[0].answer.is_some()
    }

    /// `cofferdam ARGS`, which must end well.
    fn must(&self, args: &[&str]) -> String {
        self.stage
            .lab
            .cofferdam(args)
            .expect("cofferdam")
            .ok()
            .expect("success")
    }

    fn flows(&self) -> String {
        self.must(&["flows", "--limit", "0"])
    }
}

impl std::fmt::Display for Try<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {} ({:?})", self.from, self.to, self.kind)
    }
}

/// Host mode and bridged mixed: observed, learnt, enforced.
#[test]
fn root_an_application_is_observed_learnt_and_enforced() {
    let shop = Shop::new();
    for one in shop.used() {
        eventually(&one.to_string(), || Ok(shop.is_answered(&one))).expect("an answer");
    }
    let seen = shop.flows();
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("policies").display().to_string();
    let printed = shop
        .stage
        .lab
        .cofferdam(&["learn", "-o", &folder])
        .expect("learn");
    assert!(printed.stdout.contains("risk: the metadata service"), "{printed}");
    assert!(!printed.stderr.contains("left out"), "{printed}\n{seen}");
    let checked = shop.must(&["policy", "check", &folder]);
    assert!(
        checked.ends_with(" 5 policies, 0 mistakes, 0 warnings\n"),
        "{checked}"
    );
    let diff = || {
        shop.stage
            .lab
            .cofferdam(&["learn", "--diff"])
            .expect("learn --diff")
    };
    let changes = diff();
    assert_eq!(changes.code, Some(1), "{changes}");
    shop.must(&["policy", "apply", &folder]);
    let nothing = diff();
    assert_eq!(
        (nothing.code, nothing.stdout.as_str()),
        (Some(0), "nothing would change\n")
    );
    shop.must(&["enforce", "--all"]);
    let policies: String = fs::read_dir(&folder)
        .expect("a folder")
        .map(|one| fs::read_to_string(one.expect("a file").path()).expect("a policy"))
        .collect();
    for one in shop.used() {
        assert!(
            shop.is_answered(&one),
            "{one}\n{seen}\n{policies}\n{}",
            shop.flows()
        );
    }
    for one in shop.unused() {
        assert!(
            !shop.is_answered(&one),
            "{one}\n{seen}\n{policies}\n{}",
            shop.flows()
        );
    }
}

const COMPOSE: &str = r#"name: shop
services:
  web:
    image: nginx
    ports: ["18081:80"]
  worker:
    image: curl
    command: [sleep, infinity]
    environment: {API: "http://host.docker.internal:7611", WEB: "http://web:80"}
  api:
    image: curl
    network_mode: host
    command: [cofferdam-probe, serve, api, tcp, "[::]:7611"]
  db:
    image: curl
    network_mode: host
    command: [cofferdam-probe, serve, db, tcp, "[::]:7612"]
"#;

/// A compose project in a folder of its own.
struct Project<'s> {
    stage: &'s Stage,
    home: tempfile::TempDir,
}

// === impl Project ===

impl Project<'_> {
    /// A line of a user's shell in its folder.
    fn must(&self, line: &str) -> String {
        let lab = &self.stage.lab;
        let mut command = lab
            .command("sh", &["-c".to_owned(), line.to_owned()])
            .expect("a shell");
        command
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let start = Instant::now();
        let child = lab.host.spawn(&mut command).expect("a shell");
        let ended = finish(child, start, Duration::from_secs(60)).expect("an end");
        assert!(ended.success(), "{line}: {ended}");
        ended.stdout
    }

    fn is_answered(&self, (from, kind, to): &(&str, Kind, String)) -> bool {
        let attempts = match *from {
            "host" => self.stage.host_tries(*kind, to, 1),
            "lan" => probe::attempt(&self.stage.lab.lan, *kind, to, 1).expect("an attempt"),
            name => self
                .stage
                .container_tries(&format!("shop-{name}-1"), *kind, to, 1),
        };
        attempts.attempts[0].answer.is_some()
    }

    /// What the application does, and what it never did.
    fn paths(&self) -> [Vec<(&'static str, Kind, String)>; 2] {
        let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let web = format!("{}:80", self.stage.address("shop-web-1", address));
        let used = [
            ("worker", Kind::Http, web.clone()),
            ("worker", Kind::Tcp, format!("{HOST_V4}:7611")),
            ("api", Kind::Tcp, "127.0.0.1:7612".to_owned()),
            ("lan", Kind::Http, format!("{HOST_V4}:18081")),
        ];
        let unused = [
            ("worker", Kind::Tcp, format!("{HOST_V4}:7612")),
            ("db", Kind::Tcp, "127.0.0.1:7611".to_owned()),
            ("api", Kind::Http, web),
            ("host", Kind::Tcp, "127.0.0.1:7612".to_owned()),
            ("lan", Kind::Tcp, format!("{HOST_V4}:7611")),
        ];
        [used.into(), unused.into()]
    }
}

/// A compose project without identity: labels are proposed, it is observed, learnt and enforced, and works all the time.
#[test]
fn root_a_project_without_labels_gets_labels_and_policies() {
    if binaries::compose().is_none() {
        eprintln!("skipped: no docker compose; `cargo xtask setup` fetches it");
        return;
    }
    let stage = Stage::new();
    let home = tempfile::tempdir().expect("a folder");
    fs::write(home.path().join("compose.yaml"), COMPOSE).expect("a file");
    let project = Project { stage: &stage, home };
    project.must("docker compose up -d");
    let all_used = |when: &str| {
        for path in &project.paths()[0] {
            eventually(&format!("{path:?} {when}"), || Ok(project.is_answered(path))).expect("an answer");
        }
    };
    all_used("at first");
    // Of the file, and of what runs.
    let proposed = project.must("cofferdam learn --labels compose.yaml");
    assert!(
        proposed.contains("      role: proxy # image nginx\n"),
        "{proposed}"
    );
    project.must("cofferdam learn --labels -o .");
    let of_engine = fs::read_to_string(project.home.path().join("shop.labels.yaml")).expect("an override");
    assert_eq!(proposed, of_engine);
    project.must("docker compose -f compose.yaml -f shop.labels.yaml up -d");
    for name in ["web", "worker", "api", "db"] {
        let workload = stage.scene_workload(&format!("shop-{name}-1"));
        assert_eq!(
            (&workload["identity_labels"]["app"], &workload["mode"]),
            (&name.into(), &"observe".into()),
            "{workload}"
        );
    }
    all_used("while it is observed");
    project.must("cofferdam learn -o policies");
    project.must("cofferdam learn --compose -o .");
    project.must("cofferdam policy apply policies");
    project.must("cofferdam enforce --all");
    all_used("under its policies");
    for path in &project.paths()[1] {
        assert!(!project.is_answered(path), "{path:?}");
    }
    project.must("sed -i '/cofferdam.mode/d' shop.labels.yaml");
    project.must("docker compose -f compose.yaml -f shop.labels.yaml up -d");
    all_used("made anew, enforced from the start");
    for path in &project.paths()[1] {
        assert!(!project.is_answered(path), "{path:?}");
    }
    // The same by labels alone.
    project.must("cofferdam policy remove policies/*");
    project.must("docker compose -f compose.yaml -f shop.labels.yaml -f shop.openings.yaml up -d");
    let web = stage.scene_workload("shop-web-1");
    assert_eq!(web["profile"], "strict", "{web}");
    all_used("by labels");
    for path in &project.paths()[1] {
        assert!(!project.is_answered(path), "{path:?}, by labels");
    }
}
