//! Cofferdam itself: the daemon as a user starts it, but with places of its own, and `cofferdam run`.

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::lab::{Lab, command, report};
use crate::pair::Seat;

/// A running daemon; it and everything it pinned go with the value.
pub(crate) struct Product {
    binary: PathBuf,
    socket: PathBuf,
    bpffs: PathBuf,
    child: Child,
    /// From exec to READY=1.
    pub(crate) ready: Duration,
    /// Resident memory when it was ready, MiB.
    pub(crate) memory_at_start: f64,
}

/// The daemon's root, below the lab's cgroup.
pub(crate) const COFFERDAM: &str = "cofferdam";
/// Longest wait for READY=1.
const READY: Duration = Duration::from_secs(20);

// === impl Product ===

impl Product {
    /// Starts the daemon in `netns`, which it takes for the host's namespace, and waits until it is ready.
    pub(crate) fn start(lab: &Lab, netns: &Path, binary: &Path) -> anyhow::Result<Self> {
        let cgroup = lab.cgroup(COFFERDAM)?;
        let folder = lab.folder();
        let (socket, notify) = (folder.join("cofferdam.sock"), folder.join("notify.sock"));
        let log = folder.join("daemon.log");
        let bpffs = Path::new("/sys/fs/bpf").join(lab.name());
        let door = UnixDatagram::bind(&notify).context("cannot bind the notify socket")?;
        door.set_read_timeout(Some(READY))?;
        let start = Instant::now();
        let child = Command::new("nsenter")
            .arg(format!("--net={}", netns.display()))
            .arg(binary)
            .arg("daemon")
            .args(["--cgroup-root".as_ref(), cgroup.as_os_str()])
            .args(["--bpffs".as_ref(), bpffs.as_os_str()])
            .args(["--state-dir".as_ref(), folder.join("state").as_os_str()])
            .args(["--socket".as_ref(), socket.as_os_str()])
            .args([
                "--docker-socket".as_ref(),
                folder.join("no-docker.sock").as_os_str(),
            ])
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).with_context(|| format!("cannot create {}", log.display()))?)
            .spawn()
            .context("cannot run the daemon")?;
        let mut product = Self {
            binary: binary.to_owned(),
            socket,
            bpffs,
            child,
            ready: Duration::ZERO,
            memory_at_start: 0.0,
        };
        wait_ready(&door).with_context(|| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            format!("the daemon does not get ready; it said:\n{}", said.trim_end())
        })?;
        product.ready = start.elapsed();
        product.memory_at_start = product.memory()?;
        Ok(product)
    }

    /// What starts a protected process with the labels that all of them share. No name: that of an ended workload is
    /// not free at once.
    pub(crate) fn seat(&self) -> Seat {
        let binary = self.binary.display().to_string();
        let socket = self.socket.display().to_string();
        let words = [
            binary.as_str(),
            "run",
            "--socket",
            &socket,
            "--label",
            "app=bench",
            "--",
        ];
        Seat {
            prefix: words.iter().map(|word| (*word).to_owned()).collect(),
            cgroup: None,
        }
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
        let (binary, socket) = (
            self.binary.display().to_string(),
            self.socket.display().to_string(),
        );
        report(command(
            &binary,
            &["daemon", "stop", "--open", "--socket", &socket],
        ));
        // Gone already if that went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.bpffs.exists() {
            report(fs::remove_dir_all(&self.bpffs).context("cannot remove the pins"));
        }
    }
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
