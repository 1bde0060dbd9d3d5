//! Services that everybody knows, contained on the host's network: what they have to declare for their normal work, and that
//! this is all they need. `docs/compatibility.md` is written from the same table.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::lab::{Daemon, Lab, Outcome, Place};
use crate::probe::Server;
use crate::walkthrough::scene::eventually;

mod table;

pub use table::SERVICES;

/// A service in host mode.
pub struct Service {
    /// What it is called, and its label `app`.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// The ports that its image exposes.
    pub exposes: &'static [&'static str],
    /// Further arguments of `docker run`, the image last.
    pub run: &'static [&'static str],
    /// What it runs.
    pub command: &'static str,
    /// Files in `/service`.
    pub files: &'static [(&'static str, &'static str)],
    /// The labels that open it to those who use it, and those that it uses to it.
    pub opens: &'static [Label],
    /// What it has to declare at either level.
    pub always: &'static [Label],
    /// What it has to declare where the level is `strict`, beyond that.
    pub strict: &'static [Label],
    /// What runs beside it, on the LAN or on the host, and prints `ready`: shell commands in the service's folder.
    pub beside: &'static [(By, &'static str)],
    /// Its normal work.
    pub work: &'static [Work],
}

/// A label and its value.
pub type Label = (&'static str, &'static str);

/// A piece of its work.
pub struct Work {
    /// What that is, for people.
    pub what: &'static str,
    /// Who asks.
    pub by: By,
    /// What is asked, as a shell reads it.
    pub ask: &'static str,
    /// A part of what must be printed; none where it must fail.
    pub answer: Option<&'static str>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The service itself, as a health check does.
    Itself,
    /// A workload in host mode to which it is open.
    Client,
    /// A process of the host.
    Host,
    /// A neighbour on the LAN.
    Lan,
}

/// How much is refused that nobody declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// No label says anything about it.
    Default,
    /// `cofferdam.contain=strict`.
    Strict,
}

/// A lab in which clients wait for services.
pub struct Harbour {
    _neighbours: Vec<Server>,
    _daemon: Daemon,
    lab: Lab,
}

/// A service may take its time to start on a busy machine.
const LONG: Duration = Duration::from_secs(20);

const STRICT: Label = ("cofferdam.contain", "strict");

/// The introduction of the page.
const INTRODUCTION: &str = include_str!("compatibility/page.md");

// === impl Harbour ===

impl Harbour {
    /// A lab with its daemon, the workload that asks, and who runs on the LAN beside these services.
    pub fn new(services: &[&Service]) -> Result<Self> {
        let lab = Lab::new()?;
        let daemon = lab.daemon(&[])?;
        let egress = SERVICES.iter().map(|service| format!("app={}", service.name));
        let egress = egress.collect::<Vec<_>>().join(", ");
        let egress = format!("cofferdam.egress={egress}");
        let run = [
            "run",
            "-d",
            "--net=host",
            "--name",
            "client",
            "-l",
            "app=client",
            "-l",
            &egress,
        ];
        let rest = ["-v", "/usr:/usr:ro", "debian", "sleep", "3600"];
        lab.engine.docker(&[&run[..], &rest].concat())?;
        let mut neighbours = Vec::new();
        for service in services {
            let folder = service.lay_out(&lab)?;
            for (place, line) in service.beside {
                let place = if *place == By::Host { &lab.host } else { &lab.lan };
                neighbours.push(neighbour(place, &folder, line)?);
            }
        }
        Ok(Self {
            _neighbours: neighbours,
            _daemon: daemon,
            lab,
        })
    }

    /// Starts a service with these labels, lets it do its work and stops it. Gives what was done, for people.
    pub fn play(&self, service: &Service, labels: &[Label]) -> Result<String> {
        self.start(service, labels)?;
        let done = self.work(service, LONG);
        let done = done.map_err(|error| self.explain(service, error));
        self.stop(service)?;
        done
    }

    /// Starts it with labels that do not suffice: in this mode it is refused something for this reason, or would be.
    pub fn start_refused(&self, service: &Service, labels: &[Label], mode: &str, reason: &str) -> Result<()> {
        let from = format!("app={}", service.name);
        self.start(service, labels)?;
        eventually("a record of what it may not do", || {
            let answer = self.lab.json(&["flows", "--denied", "--from", &from])?;
            let mut flows = answer["flows"].as_array().context("no flows")?.iter();
            Ok(flows.any(|flow| flow["mode"] == mode && flow["reason"] == reason))
        })
        .map_err(|error| self.explain(service, error))
    }

    /// What it does while it runs, each piece within this time.
    pub fn work(&self, service: &Service, patience: Duration) -> Result<String> {
        service.work.iter().try_fold(String::new(), |mut text, work| {
            self.ask(service, work, patience)?;
            writeln!(text, "    {:?}: {}", work.by, work.what)?;
            Ok(text)
        })
    }

    /// Stops and removes it.
    pub fn stop(&self, service: &Service) -> Result<()> {
        self.lab.engine.docker(&["rm", "-f", service.name]).map(drop)
    }

    fn start(&self, service: &Service, labels: &[Label]) -> Result<()> {
        let folder = service.folder(&self.lab).display().to_string();
        let mut args: Vec<String> = ["run", "-d", "--net=host", "--name", service.name, "-v"]
            .map(String::from)
            .to_vec();
        args.push(format!("{folder}:/service"));
        args.extend(["-l".to_owned(), format!("app={}", service.name)]);
        for (key, value) in labels {
            args.extend(["-l".to_owned(), format!("{key}={value}")]);
        }
        args.extend(service.exposes.iter().map(|port| format!("--expose={port}")));
        args.extend(service.run.iter().map(ToString::to_string));
        args.extend(["sh", "-c", service.command].map(String::from));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.lab.engine.docker(&args).map(drop)
    }

    fn ask(&self, service: &Service, work: &Work, patience: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            let outcome = self.try_once(service, work)?;
            let right = match work.answer {
                Some(part) => outcome.success() && outcome.stdout.contains(part),
                None => !outcome.success(),
            };
            if right {
                return Ok(());
            }
            ensure!(
                start.elapsed() < patience,
                "{}: {:?}: {}: {outcome}",
                service.name,
                work.by,
                work.ask
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn try_once(&self, service: &Service, work: &Work) -> Result<Outcome> {
        let args = ["sh", "-c", work.ask];
        let there = format!("cd {} && {}", service.folder(&self.lab).display(), work.ask);
        match work.by {
            By::Itself => self
                .lab
                .engine
                .try_docker(&[&["exec", service.name], &args[..]].concat()),
            By::Client => self
                .lab
                .engine
                .try_docker(&[&["exec", "client"], &args[..]].concat()),
            By::Host => self.lab.host.run("sh", &["-c", &there]),
            By::Lan => self.lab.lan.run("sh", &["-c", &there]),
        }
    }

    /// What the service said and what was denied, for the message of a failure.
    fn explain(&self, service: &Service, error: anyhow::Error) -> anyhow::Error {
        let logs = self
            .lab
            .engine
            .try_docker(&["logs", "--tail", "20", service.name]);
        let flows = self.lab.cofferdam(&["flows", "--denied", "--limit", "10"]);
        let text = |outcome: Result<Outcome>| outcome.map(|o| o.to_string()).unwrap_or_default();
        error.context(format!("{}\n{}", text(logs), text(flows)))
    }
}

/// With a `/run` of its own, in the service's folder.
fn neighbour(place: &Place, folder: &Path, line: &str) -> Result<Server> {
    let line = format!("mount -t tmpfs run /run && cd {} && {line}", folder.display());
    let mut command = place.command("unshare", &["--mount", "sh", "-c", &line]);
    command.stderr(Stdio::null());
    Server::start(place, &mut command)
}

// === impl Service ===

impl Service {
    /// What it declares at this level.
    pub fn declares(&self, level: Level) -> Vec<Label> {
        match level {
            Level::Default => self.always.to_vec(),
            Level::Strict => [self.always, self.strict].concat(),
        }
    }

    /// Its labels at this level.
    pub fn labels(&self, level: Level) -> Vec<Label> {
        let mut labels = [self.opens.to_vec(), self.declares(level)].concat();
        if level == Level::Strict {
            labels.push(STRICT);
        }
        labels
    }

    fn folder(&self, lab: &Lab) -> PathBuf {
        lab.paths.state.join("services").join(self.name)
    }

    fn lay_out(&self, lab: &Lab) -> Result<PathBuf> {
        let folder = self.folder(lab);
        fs::create_dir_all(&folder)?;
        for (name, text) in self.files {
            fs::write(folder.join(name), text)?;
        }
        Ok(folder)
    }

    /// Its row of the page.
    fn row(&self) -> String {
        let list = |items: Vec<String>| match items.is_empty() {
            true => "nothing".to_owned(),
            false => items.join("<br>"),
        };
        let labels = |labels: &[Label]| {
            let line = |(key, value): &Label| format!("`{key}={value}`");
            list(labels.iter().map(line).collect())
        };
        let work: Vec<&str> = self.work.iter().map(|work| work.what).collect();
        let ports = self.exposes.iter().map(|port| format!("`{port}`")).collect();
        format!(
            "| {} | {} | {} | {} | {} | {} |",
            self.title,
            work.join(", "),
            list(ports),
            labels(self.opens),
            labels(self.always),
            labels(&[self.always, self.strict].concat())
        )
    }
}

/// `docs/compatibility.md`.
pub fn document() -> String {
    let rows: Vec<String> = SERVICES.iter().map(Service::row).collect();
    INTRODUCTION.replace("ROWS\n", &(rows.join("\n") + "\n"))
}

/// The service of this name.
pub fn service(name: &str) -> Result<&'static Service> {
    match SERVICES.iter().find(|service| service.name == name) {
        Some(service) => Ok(service),
        None => bail!("no service {name}"),
    }
}
