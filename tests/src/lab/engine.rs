//! A Docker Engine of the lab's own: its namespace, its data, its cgroups.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::place::{Outcome, Place, finish};
use crate::image::Image;

/// A running dockerd; it and its containers end with the guard.
pub struct Engine {
    place: Place,
    directory: PathBuf,
    cgroup_parent: String,
    child: Option<Child>,
    /// Which of [`HIDDEN`] are only there because their mounts needed them.
    made: Vec<&'static str>,
}

/// dockerd gets a mount namespace, so that the container mounts and what it writes outside of its folders die with it.
const START: &str = "mount -t tmpfs run /run && mount -t tmpfs etc /etc/docker && mount -t tmpfs lib /var/lib/docker && \
                     exec \"$@\"";

/// Where dockerd writes whatever it is told: its key, and the files of Swarm's load balancers.
const HIDDEN: [&str; 2] = ["/etc/docker", "/var/lib/docker"];

const PATIENCE: Duration = Duration::from_secs(30);

// === impl Engine ===

impl Engine {
    /// Starts it; its containers' cgroups lie in `cgroup_parent`, its files in `directory`.
    pub fn start(place: Place, directory: &Path, cgroup_parent: String) -> Result<Self> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("daemon.json"), "{}")?;
        let made = HIDDEN.into_iter().filter(|folder| fs::create_dir(folder).is_ok());
        let mut engine = Self {
            place,
            directory: directory.to_path_buf(),
            cgroup_parent,
            child: None,
            made: made.collect(),
        };
        engine.launch()?;
        Ok(engine)
    }

    /// Its API socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("docker.sock")
    }

    /// `docker ARGS`; an error unless it exits with 0. Gives trimmed standard output.
    pub fn docker(&self, args: &[&str]) -> Result<String> {
        Ok(self
            .try_docker(args)?
            .ok()
            .with_context(|| format!("docker {}", args.join(" ")))?
            .trim()
            .to_string())
    }

    /// `docker ARGS`, however it ends.
    pub fn try_docker(&self, args: &[&str]) -> Result<Outcome> {
        let host = format!("unix://{}", self.socket().display());
        let mut all = vec!["-u", "DOCKER_HOST", "-u", "DOCKER_CONTEXT", "docker", "-H", &host];
        all.extend(args);
        self.place.run("env", &all)
    }

    /// Builds an image and gives it its name.
    pub fn import(&self, image: &Image) -> Result<()> {
        let host = format!("unix://{}", self.socket().display());
        let mut args = vec!["-H".to_string(), host, "import".to_string()];
        for change in image.changes() {
            args.extend(["-c".to_string(), change]);
        }
        args.extend(["-".to_string(), image.name.to_string()]);
        let mut command = self.place.command("docker", &args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let start = Instant::now();
        let mut child = self.place.spawn(&mut command)?;
        let mut stdin = child.stdin.take().context("no stdin")?;
        // Where docker refuses the tar, its own words say more than our broken pipe.
        let _ = stdin.write_all(&image.tar()?);
        drop(stdin);
        finish(child, start, PATIENCE)?
            .ok()
            .with_context(|| format!("docker import {}", image.name))?;
        Ok(())
    }

    /// The main process of a container.
    pub fn pid(&self, container: &str) -> Result<u32> {
        Ok(self
            .docker(&["inspect", "-f", "{{.State.Pid}}", container])?
            .parse()?)
    }

    /// The full id of a container.
    pub fn id(&self, container: &str) -> Result<String> {
        self.docker(&["inspect", "-f", "{{.Id}}", container])
    }

    /// Stops dockerd (not its containers' removal) and starts it again.
    pub fn restart(&mut self) -> Result<()> {
        self.terminate();
        self.launch()
    }

    /// Stops dockerd; containers end with it.
    pub fn stop(&mut self) {
        self.terminate();
    }

    /// Starts dockerd after [`Engine::stop`].
    pub fn launch(&mut self) -> Result<()> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.join("dockerd.log"))?;
        let d = |name: &str| self.directory.join(name).display().to_string();
        let host = format!("unix://{}", self.socket().display());
        let (config, data, exec, pid) = (d("daemon.json"), d("data"), d("exec"), d("docker.pid"));
        let arguments = [
            "--mount",
            "sh",
            "-c",
            START,
            "sh",
            "dockerd",
            "--config-file",
            &config,
            "-H",
            &host,
            "--data-root",
            &data,
            "--exec-root",
            &exec,
            "-p",
            &pid,
            "--cgroup-parent",
            &self.cgroup_parent,
            "--exec-opt",
            "native.cgroupdriver=cgroupfs",
            "--experimental",
            "--ipv6",
            "--fixed-cidr-v6",
            "fd00:b::/64",
            "--ip6tables",
        ];
        let mut command = self.place.command("unshare", &arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.env_remove("DOCKER_HOST");
        self.child = Some(self.place.spawn(&mut command)?);
        self.wait()
    }

    fn wait(&mut self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.socket().exists() && self.try_docker(&["version"])?.success() {
                return Ok(());
            }
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("dockerd ended: {status}; {}", self.tail());
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("dockerd is not ready after {PATIENCE:?}; {}", self.tail())
    }

    fn tail(&self) -> String {
        let text = fs::read_to_string(self.directory.join("dockerd.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }

    fn terminate(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        if let Ok(pid) = i32::try_from(child.id()) {
            // `unshare` and `sh` became dockerd, so this is dockerd itself; it may have ended already.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let start = Instant::now();
        while matches!(child.try_wait(), Ok(None)) {
            if start.elapsed() > Duration::from_secs(20) {
                let _ = child.kill();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Containers first: their shims would outlive dockerd.
        if let Ok(ids) = self.docker(&["ps", "-aq"]) {
            let mut args = vec!["rm", "-f", "-v"];
            args.extend(ids.split_whitespace());
            if args.len() > 3 {
                let _ = self.try_docker(&args);
            }
        }
        self.terminate();
        for folder in &self.made {
            let _ = fs::remove_dir(folder);
        }
    }
}
