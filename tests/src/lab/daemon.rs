//! The Cofferdam daemon of a lab, with its own cgroup root, pins, state and socket.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::place::Place;
use crate::binaries;

/// Where one daemon keeps its things.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The folder of pins, on a bpffs of the lab's own.
    pub bpffs: PathBuf,
    /// The folder of its state.
    pub state: PathBuf,
    /// The folder of its socket; stands for /run/cofferdam.
    pub run: PathBuf,
    /// The configuration file.
    pub config: PathBuf,
    /// The folder of policy documents.
    pub policies: PathBuf,
    /// The cgroup v2 directory that it enforces below.
    pub cgroup_root: PathBuf,
    /// The cgroup v2 directory below which Docker puts containers.
    pub docker_parent: PathBuf,
    /// Docker's socket.
    pub docker_socket: PathBuf,
}

/// A daemon process. Dropping it kills it: enforcement stays until the lab's bpffs goes.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    /// From the start to the first line.
    pub ready_in: Duration,
}

const PATIENCE: Duration = Duration::from_secs(20);

// === impl Paths ===

impl Paths {
    /// The API socket.
    pub fn socket(&self) -> PathBuf {
        self.run.join("cofferdam.sock")
    }

    /// The flags that put a daemon into this lab.
    pub fn flags(&self) -> Vec<String> {
        let flag = |name: &str, path: &Path| [name.to_string(), path.display().to_string()];
        [
            flag("--config", &self.config),
            flag("--policies", &self.policies),
            flag("--bpffs", &self.bpffs),
            flag("--cgroup-root", &self.cgroup_root),
            flag("--state-dir", &self.state),
            flag("--socket", &self.socket()),
            flag("--docker-socket", &self.docker_socket),
            flag("--docker-cgroup-parent", &self.docker_parent),
        ]
        .concat()
    }
}

// === impl Daemon ===

impl Daemon {
    /// Starts `cofferdam daemon FLAGS EXTRA` and waits for the line that says it is ready.
    pub fn start(place: &Place, paths: &Paths, extra: &[&str]) -> Result<Self> {
        let start = Instant::now();
        let mut daemon = Self::launch(place, paths, extra)?;
        daemon.wait_ready(start, &paths.socket())?;
        Ok(daemon)
    }

    /// Starts it and does not wait.
    pub fn launch(place: &Place, paths: &Paths, extra: &[&str]) -> Result<Self> {
        let log = paths.state.join("daemon.log");
        let file = fs::File::create(&log).with_context(|| log.display().to_string())?;
        let mut args = vec!["daemon".to_string()];
        args.extend(paths.flags());
        args.extend(extra.iter().map(ToString::to_string));
        let mut command = place.command(binaries::cofferdam()?, &args);
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = place.spawn(&mut command)?;
        Ok(Self {
            child,
            log,
            ready_in: Duration::ZERO,
        })
    }

    /// Everything it has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal and waits for the end.
    pub fn end(&mut self, signal: Signal) -> Result<ExitStatus> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), signal).context("cannot signal the daemon")?;
        self.wait()
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("the daemon does not end; {}", self.log())
    }

    /// Waits until it has printed `text`.
    pub fn wait_for(&self, text: &str) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.log().contains(text) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("the daemon never said {text:?}; it said: {}", self.log())
    }

    fn wait_ready(&mut self, start: Instant, socket: &Path) -> Result<()> {
        while start.elapsed() < PATIENCE {
            // A socket of a dead daemon may lie there, so connecting decides, not the file.
            if std::os::unix::net::UnixStream::connect(socket).is_ok() && self.log().contains("ready") {
                self.ready_in = start.elapsed();
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the daemon ended: {status}; {}", self.log());
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("the daemon is not ready after {PATIENCE:?}; {}", self.log())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; either way no process is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
