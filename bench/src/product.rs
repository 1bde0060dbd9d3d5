//! Cofferdam itself: the daemon as a user starts it, but with places of its own, and `cofferdam run`.

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::lab::{Lab, command, report};
use crate::pair::Seat;

/// A running daemon; it and everything it pinned go with the value.
pub(crate) struct Product {
    home: Home,
    child: Child,
    /// From exec to READY=1.
    pub(crate) ready: Duration,
    /// Resident memory when it was ready, MiB.
    pub(crate) memory_at_start: f64,
}

/// The places of one daemon.
pub(crate) struct Home {
    binary: PathBuf,
    netns: PathBuf,
    cgroup: PathBuf,
    folder: PathBuf,
    bpffs: PathBuf,
}

/// Of `cofferdam flows --json`.
#[derive(Deserialize)]
struct Flows {
    flows: Vec<IgnoredAny>,
}

/// The daemon's root, below the lab's cgroup.
pub(crate) const COFFERDAM: &str = "cofferdam";
/// The folder of policies in a daemon's own.
const POLICIES: &str = "policies";
/// Longest wait for READY=1.
const READY: Duration = Duration::from_secs(120);

// === impl Home ===

impl Home {
    /// Places for a daemon that takes `netns` for the host's namespace; `name` is unique in the lab and that of its
    /// root below the lab's cgroup.
    pub(crate) fn new(lab: &Lab, name: &str, netns: &Path, binary: &Path) -> anyhow::Result<Self> {
        let folder = lab.folder().join(name);
        let policies = folder.join(POLICIES);
        fs::create_dir_all(&policies).with_context(|| format!("cannot create {}", policies.display()))?;
        Ok(Self {
            binary: binary.to_owned(),
            netns: netns.to_owned(),
            cgroup: lab.cgroup(name)?,
            bpffs: Path::new("/sys/fs/bpf").join(format!("{}-{name}", lab.name())),
            folder,
        })
    }

    /// The folder of what it pins.
    pub(crate) fn pins(&self) -> &Path {
        &self.bpffs
    }

    /// What it is told; an empty file is a good one.
    pub(crate) fn configure(&self, text: &str) -> anyhow::Result<()> {
        fs::write(self.config(), text).context("cannot write the configuration")
    }

    /// Where its policies lie.
    pub(crate) fn policies(&self) -> PathBuf {
        self.folder.join(POLICIES)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("cofferdam.sock")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("daemon.log")
    }

    fn spawn(&self, notify: &Path) -> anyhow::Result<Child> {
        let log = self.log();
        let log = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let path = |flag: &str, path: &Path| [flag.into(), path.as_os_str().to_owned()];
        Command::new("nsenter")
            .arg(format!("--net={}", self.netns.display()))
            .arg(&self.binary)
            .arg("daemon")
            .args(path("--config", &self.config()))
            .args(path("--policies", &self.policies()))
            .args(path("--cgroup-root", &self.cgroup))
            .args(path("--bpffs", &self.bpffs))
            .args(path("--state-dir", &self.folder.join("state")))
            .args(path("--socket", &self.socket()))
            .args(path("--docker-socket", &self.folder.join("no-docker.sock")))
            .env("NOTIFY_SOCKET", notify)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot run the daemon")
    }
}

// === impl Product ===

impl Product {
    /// Starts the daemon and waits until it is ready.
    pub(crate) fn start(home: Home) -> anyhow::Result<Self> {
        if !home.config().exists() {
            home.configure("")?;
        }
        let (door, notify) = door(&home)?;
        let start = Instant::now();
        let child = home.spawn(&notify)?;
        let mut product = Self {
            home,
            child,
            ready: Duration::ZERO,
            memory_at_start: 0.0,
        };
        product.wait(&door, start)?;
        Ok(product)
    }

    /// Kills the daemon, so that enforcement stays, and starts another, which adopts it.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        let (door, notify) = door(&self.home)?;
        let start = Instant::now();
        self.child = self.home.spawn(&notify)?;
        self.wait(&door, start)
    }

    fn wait(&mut self, door: &UnixDatagram, start: Instant) -> anyhow::Result<()> {
        wait_ready(door).with_context(|| {
            let said = fs::read_to_string(self.home.log()).unwrap_or_default();
            format!("the daemon does not get ready; it said:\n{}", said.trim_end())
        })?;
        self.ready = start.elapsed();
        self.memory_at_start = self.memory()?;
        Ok(())
    }

    /// The places.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// What starts a protected process with the labels that all of them share.
    pub(crate) fn seat(&self) -> Seat {
        self.seat_as(&["app=bench"])
    }

    /// The same with these flags besides.
    pub(crate) fn seat_with(&self, flags: &[&str]) -> Seat {
        let mut seat = self.seat();
        let end = seat.prefix.len().saturating_sub(1);
        seat.prefix
            .splice(end..end, flags.iter().map(|flag| (*flag).to_owned()));
        seat
    }

    /// The same with these labels. No name: that of an ended workload is not free at once.
    pub(crate) fn seat_as(&self, labels: &[&str]) -> Seat {
        let binary = self.home.binary.display().to_string();
        let socket = self.home.socket().display().to_string();
        let labels = labels.iter().flat_map(|label| ["--label", label]);
        let start = [binary.as_str(), "run", "--socket", &socket].into_iter();
        let words = start.chain(labels).chain(["--"]);
        Seat {
            prefix: words.map(str::to_owned).collect(),
            cgroup: None,
        }
    }

    /// `cofferdam policy apply`: returns once the files are in force.
    pub(crate) fn apply(&self, file: &Path) -> anyhow::Result<()> {
        let binary = self.home.binary.display().to_string();
        let socket = self.home.socket().display().to_string();
        let file = file.display().to_string();
        command(&binary, &["policy", "apply", "--socket", &socket, &file]).map(drop)
    }

    /// How many denials the daemon remembers; repeats within a second count as one.
    pub(crate) fn denials(&self) -> anyhow::Result<u32> {
        let binary = self.home.binary.display().to_string();
        let socket = self.home.socket().display().to_string();
        let words = ["flows", "--socket", &socket, "--denied", "--limit", "0", "--json"];
        let said: Flows =
            serde_json::from_str(&command(&binary, &words)?).context("cofferdam flows --json")?;
        Ok(u32::try_from(said.flows.len())?)
    }

    /// Resident memory now, MiB. `nsenter` has become the daemon: it execs.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        let kibibytes: u32 = line
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse()
            .context("VmRSS is no number")?;
        Ok(f64::from(kibibytes) / 1024.0)
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        let text = |path: &Path| path.display().to_string();
        let socket = text(&self.home.socket());
        let stop = ["daemon", "stop", "--open", "--socket", &socket];
        report(command(&text(&self.home.binary), &stop));
        // Gone already if that went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.home.bpffs.exists() {
            report(fs::remove_dir_all(&self.home.bpffs).context("cannot remove the pins"));
        }
    }
}

/// Where the daemon says that it is ready; a new one for each, so that nothing of the last one is in it.
fn door(home: &Home) -> anyhow::Result<(UnixDatagram, PathBuf)> {
    let path = home.folder.join("notify.sock");
    if path.exists() {
        fs::remove_file(&path)?;
    }
    let door = UnixDatagram::bind(&path).context("cannot bind the notify socket")?;
    door.set_read_timeout(Some(READY))?;
    Ok((door, path))
}

fn wait_ready(door: &UnixDatagram) -> anyhow::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let length = door.recv(&mut bytes).context("no READY=1")?;
        let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
        ensure!(!text.contains("STOPPING=1"), "it stopped");
        if text.lines().any(|line| line == "READY=1") {
            return Ok(());
        }
    }
}
