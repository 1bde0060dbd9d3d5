//! The lab that the rows act in, and the few things that they do over and over.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::require;
use crate::lab::{Daemon, Lab, Outcome, Place};
use crate::probe::{self, INSTANT_MS, Server};

/// What the rows share.
pub struct Scene {
    /// The lab.
    pub lab: Lab,
    /// The daemon, while it lives.
    pub daemon: Option<Daemon>,
    /// What unprotected workloads felt before there was a daemon.
    pub before: Vec<(String, f64)>,
    /// Unprotected servers on the host.
    pub(super) servers: Vec<Server>,
}

/// How a curl ended.
#[derive(Debug)]
pub struct Fetch {
    /// What came back.
    pub body: Option<String>,
    /// Why nothing did.
    pub error: String,
    /// Milliseconds by curl's own clock, so that starting a process or container does not count.
    pub ms: f64,
}

/// The page that nginx serves.
pub const PAGE: &str = "cofferdam lab nginx";

/// Every address at which the host-mode nginx can be asked for on the host.
pub const HOST_URLS: &[&str] = &[
    "http://127.0.0.1",
    "http://127.0.0.77",
    "http://[::1]",
    "http://[::ffff:127.0.0.1]",
    "http://172.17.0.1",
    "http://192.168.77.1",
    "http://[fd77::1]",
];

/// Those that a container on the default bridge can use.
pub const BRIDGE_URLS: &[&str] = &[
    "http://172.17.0.1",
    "http://192.168.77.1",
    "http://[fd00:b::1]",
    "http://[fd77::1]",
];

const CURL: &[&str] = &["curl", "-gsS", "--max-time", "3", "-w", "\n%{time_total}"];

// === impl Scene ===

impl Scene {
    /// A lab with unprotected workloads in it; the daemon is not started.
    pub fn set() -> Result<Self> {
        let lab = Lab::new()?;
        let mut scene = Self {
            lab,
            daemon: None,
            before: Vec::new(),
            servers: Vec::new(),
        };
        for (kind, address) in [
            ("tcp", "0.0.0.0:9001"),
            ("tcp", "[::1]:9001"),
            ("udp", "0.0.0.0:9001"),
        ] {
            scene
                .servers
                .push(probe::serve(&scene.lab.host, "plain", kind, address)?);
        }
        let docker = |args: &[&str]| scene.lab.engine.docker(args);
        docker(&[
            "run",
            "-d",
            "--name",
            "plain",
            "-p",
            "8081:9002",
            "curl",
            "cofferdam-probe",
            "serve",
            "plain",
            "tcp",
            "[::]:9002",
        ])?;
        docker(&[
            "run",
            "-d",
            "--name",
            "plain-host",
            "--net=host",
            "curl",
            "cofferdam-probe",
            "serve",
            "plain",
            "tcp",
            "[::]:9003",
        ])?;
        scene.before = super::beside::measure(&scene.lab)?;
        Ok(scene)
    }

    /// Starts the daemon.
    pub fn start(&mut self, extra: &[&str]) -> Result<&Daemon> {
        let daemon = self.lab.daemon(extra)?;
        Ok(self.daemon.insert(daemon))
    }

    /// Ends the daemon if it lives: after a failed row there may be none.
    pub fn end(&mut self, signal: Signal) -> Result<String> {
        let Some(mut daemon) = self.daemon.take() else {
            return Ok(String::new());
        };
        let status = daemon.end(signal)?;
        require(
            status.success() || signal == Signal::SIGKILL,
            format!("after {signal} it ended with {status}"),
        )?;
        Ok(daemon.log())
    }

    /// curl on the host.
    pub fn host_curl(&self, url: &str) -> Result<Fetch> {
        curl(&self.lab.host, url)
    }

    /// curl in a running container.
    pub fn exec_curl(&self, container: &str, url: &str) -> Result<Fetch> {
        let mut args = vec!["exec", container];
        args.extend(CURL);
        args.push(url);
        Ok(Fetch::read(&self.lab.engine.try_docker(&args)?))
    }

    /// curl in a new container.
    pub fn docker_curl(&self, run_args: &[&str], url: &str) -> Result<Fetch> {
        let mut args = vec!["run", "--rm"];
        args.extend(run_args);
        args.push("curl");
        args.extend(CURL);
        args.push(url);
        Ok(Fetch::read(&self.lab.engine.try_docker(&args)?))
    }

    /// `cofferdam run ARGS -- curl`.
    pub fn run_curl(&self, run_args: &[&str], url: &str) -> Result<Fetch> {
        let mut program = CURL.to_vec();
        program.push(url);
        Ok(Fetch::read(&self.lab.run(run_args, &program)?))
    }

    /// Denied flows, newest last.
    pub fn denials(&self, filters: &[&str]) -> Result<Vec<serde_json::Value>> {
        let mut args = vec!["flows", "--denied"];
        args.extend(filters);
        let answer = self.lab.json(&args)?;
        Ok(answer["flows"]
            .as_array()
            .context("`flows --json` has no flows")?
            .clone())
    }

    /// The entry of `cofferdam ps` with this name or id.
    pub fn workload(&self, name: &str) -> Result<serde_json::Value> {
        let answer = self.lab.json(&["ps"])?;
        let all = answer["workloads"]
            .as_array()
            .context("`ps --json` has no workloads")?;
        let found = all
            .iter()
            .find(|w| w["name"] == name || w["id"].as_str().is_some_and(|id| id.starts_with(name)));
        found
            .cloned()
            .with_context(|| format!("`ps` does not list {name}"))
    }

    /// Starts a server of the probe in a container and waits until it listens.
    pub fn container(&self, name: &str, run_args: &[&str], serve: &[&str]) -> Result<()> {
        let mut args = vec!["run", "-d", "--name", name];
        args.extend(run_args);
        args.extend(["curl", "cofferdam-probe", "serve"]);
        args.extend(serve);
        self.lab.engine.docker(&args)?;
        eventually(&format!("container {name} listens"), || {
            Ok(self.lab.engine.docker(&["logs", name])?.contains("ready"))
        })
    }

    /// Waits until nginx in this container answers itself.
    pub fn wait_nginx(&self, container: &str) -> Result<()> {
        eventually("nginx answers itself", || {
            Ok(self.exec_curl(container, "http://127.0.0.1")?.is_page())
        })
    }
}

/// curl on a place.
pub fn curl(place: &Place, url: &str) -> Result<Fetch> {
    let mut args = CURL[1..].to_vec();
    args.push(url);
    Ok(Fetch::read(&place.run(CURL[0], &args)?))
}

/// Asks until it holds, at most twenty seconds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if holds()? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("not within 20 s: {what}")
}

// === impl Fetch ===

impl Fetch {
    fn read(outcome: &Outcome) -> Self {
        let (body, time) = outcome
            .stdout
            .trim_end()
            .rsplit_once('\n')
            .unwrap_or(("", outcome.stdout.trim()));
        let ms = time.parse::<f64>().map_or(f64::NAN, |seconds| seconds * 1000.0);
        let body = outcome.success().then(|| body.trim().to_string());
        Self {
            body,
            error: format!("{outcome}").replace('\n', " "),
            ms,
        }
    }

    /// nginx answered.
    pub fn is_page(&self) -> bool {
        self.body.as_deref() == Some(PAGE)
    }

    /// An error unless nginx answered.
    pub fn must_reach(&self, who: &str) -> Result<()> {
        require(self.is_page(), format!("{who} must reach nginx: {}", self.error))
    }

    /// An error unless it was refused at once.
    pub fn must_be_refused(&self, who: &str) -> Result<()> {
        require(
            self.body.is_none(),
            format!("{who} must not reach nginx, and got an answer"),
        )?;
        // curl's exit 7 is "failed to connect"; others would be a broken test (no such program, no such URL).
        require(
            self.error.contains("exit code 7"),
            format!("{who} failed, but not to connect: {}", self.error),
        )?;
        require(
            self.ms < INSTANT_MS,
            format!("{who} was refused after {:.0} ms", self.ms),
        )
    }
}
