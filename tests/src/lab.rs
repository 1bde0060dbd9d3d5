//! A lab host: a network namespace, a cgroup subtree, a Docker Engine and a Cofferdam daemon, on this machine.
//!
//! Nothing of it touches the machine's own interfaces, and nothing is left when it is dropped. Names are unique, so
//! labs run in parallel.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

pub mod control_group;
pub mod daemon;
pub mod engine;
pub mod network;
pub mod place;

pub use control_group::ControlGroup;
pub use daemon::{Daemon, Paths};
pub use engine::Engine;
pub use place::{Outcome, Place};

use crate::binaries;
use crate::image::{CURL, DEBIAN, NGINX};

/// A lab host. Fields are dropped in order: Docker, then cgroups with every process, then mounts and files.
pub struct Lab {
    /// The lab's Docker Engine.
    pub engine: Engine,
    /// A process of the host: no container, no identity.
    pub host: Place,
    /// A neighbour on the LAN: another machine, as far as the lab's host can tell.
    pub lan: Place,
    /// Where the daemon keeps its things.
    pub paths: Paths,
    cgroups: ControlGroup,
    _lan_cgroup: ControlGroup,
    _directory: Directory,
}

/// What the name of everything that a lab makes on the machine starts with.
pub const PREFIX: &str = "cofferdam-lab-";

// === impl Lab ===

impl Lab {
    /// A lab with the images `nginx` and `curl`; the daemon is not started.
    pub fn new() -> Result<Self> {
        ensure!(
            nix::unistd::geteuid().is_root(),
            "a lab host needs root\nhint: sudo"
        );
        sweep();
        let name = unique_name();
        let directory = Directory::create(&name)?;
        let cgroups = ControlGroup::create(&name)?;
        let lan_cgroup = ControlGroup::create(&format!("{name}-lan"))?;
        let host = Place::new(network::namespace()?, &cgroups.child("host")?);
        let lan = Place::new(network::namespace()?, lan_cgroup.path());
        network::connect(&host, &lan)?;
        let engine = Engine::start(host.clone(), &directory.0.join("d"), cgroups.docker_parent())?;
        engine.import(&NGINX)?;
        engine.import(&CURL)?;
        engine.import(&DEBIAN)?;
        let paths = directory.paths(&cgroups, &engine)?;
        Ok(Self {
            engine,
            host,
            lan,
            paths,
            cgroups,
            _lan_cgroup: lan_cgroup,
            _directory: directory,
        })
    }

    /// Starts the daemon with these flags beside those of the lab.
    pub fn daemon(&self, extra: &[&str]) -> Result<Daemon> {
        Daemon::start(&self.host, &self.paths, extra)
    }

    /// `cofferdam ARGS` on the host, however it ends.
    pub fn cofferdam(&self, args: &[&str]) -> Result<Outcome> {
        self.host.run(binaries::cofferdam()?, &self.arguments(args))
    }

    /// `cofferdam ARGS --json`; an error unless it exits with 0.
    pub fn json(&self, args: &[&str]) -> Result<serde_json::Value> {
        let mut all = self.arguments(args);
        all.push("--json".to_string());
        let text = self.host.must(binaries::cofferdam()?, &all)?;
        serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
    }

    /// `cofferdam run RUN_ARGS -- PROGRAM`, however it ends.
    pub fn run(&self, run_args: &[&str], program: &[&str]) -> Result<Outcome> {
        let mut args = vec!["run"];
        args.extend(run_args);
        args.push("--");
        args.extend(program);
        self.cofferdam(&args)
    }

    /// The whole command line of `cofferdam ARGS` in this lab.
    pub fn arguments(&self, args: &[&str]) -> Vec<String> {
        let mut all = vec!["--socket".to_string(), self.paths.socket().display().to_string()];
        all.extend(args.iter().map(ToString::to_string));
        all
    }

    /// A command of a user of the lab's host, who has `docker`, `docker compose` and `cofferdam` there.
    pub fn command(&self, program: &str, args: &[String]) -> Result<Command> {
        let mut command = self.host.command(program, args);
        let programs = binaries::cofferdam()?;
        let programs = programs.parent().unwrap_or(Path::new(".")).display();
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{programs}:{path}"));
        command.env(
            "DOCKER_HOST",
            format!("unix://{}", self.engine.socket().display()),
        );
        command.env("COFFERDAM_SOCKET", self.paths.socket());
        if let Some(compose) = binaries::compose() {
            let settings = self.paths.state.join("docker-settings");
            let plugin = settings.join("cli-plugins/docker-compose");
            if !plugin.exists() {
                fs::create_dir_all(settings.join("cli-plugins"))?;
                symlink(compose, plugin)?;
            }
            command.env("DOCKER_CONFIG", settings);
        }
        Ok(command)
    }

    /// The lab's cgroup root.
    pub fn cgroup_root(&self) -> &Path {
        self.cgroups.path()
    }

    /// Everything that the daemon has left: pins, cgroups that are neither Docker's nor ours, files in its run folder.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let entries = |d: &Path| {
            fs::read_dir(d)
                .into_iter()
                .flatten()
                .flatten()
                .map(|e| e.path())
                .collect::<Vec<_>>()
        };
        let mut found = entries(&self.paths.bpffs);
        found.extend(entries(&self.paths.run));
        let ours = ["host", "docker"];
        let own = |p: &PathBuf| p.is_dir() && !p.file_name().is_some_and(|n| ours.iter().any(|o| n == *o));
        found.extend(entries(self.cgroups.path()).into_iter().filter(own));
        found
    }
}

fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{PREFIX}{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Removes what labs left whose process was killed, so that no guard of theirs could run.
fn sweep() {
    for entry in fs::read_dir("/tmp").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _directory = Directory(entry.path());
            let _lan = ControlGroup::adopt(&format!("{name}-lan"));
            let _cgroups = ControlGroup::adopt(&name);
        }
    }
}

/// The lab's files. Short, because a unix socket's path has at most 107 bytes.
struct Directory(PathBuf);

// === impl Directory ===

impl Directory {
    fn create(name: &str) -> Result<Self> {
        let path = Path::new("/tmp").join(name);
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let directory = Self(path);
        let bpf = directory.0.join("bpf");
        fs::create_dir(&bpf)?;
        mount(Some("bpf"), &bpf, Some("bpf"), MsFlags::empty(), None::<&str>)
            .context("cannot mount a bpffs")?;
        Ok(directory)
    }

    fn paths(&self, cgroups: &ControlGroup, engine: &Engine) -> Result<Paths> {
        let make = |name: &str| -> Result<PathBuf> {
            let path = self.0.join(name);
            fs::create_dir_all(&path)?;
            Ok(path)
        };
        let config = self.0.join("config.toml");
        fs::write(&config, "")?;
        Ok(Paths {
            bpffs: self.0.join("bpf").join("cofferdam"),
            state: make("state")?,
            run: self.0.join("run"),
            config,
            policies: make("policies")?,
            cgroup_root: cgroups.path().to_path_buf(),
            docker_parent: cgroups.path().join("docker"),
            docker_socket: engine.socket(),
        })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let mounts = control_group::mountinfo().into_iter().map(|(_, path)| path);
        let mut ours: Vec<PathBuf> = mounts.filter(|path| path.starts_with(&self.0)).collect();
        ours.sort();
        for path in ours.iter().rev() {
            if let Err(error) = umount2(path, MntFlags::MNT_DETACH) {
                eprintln!("lab: cannot unmount {}: {error}", path.display());
            }
        }
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("lab: cannot remove {}: {error}", self.0.display());
        }
    }
}
