//! A Docker Engine of the test's own: own folder, network namespace and cgroup parent. Dropping it removes them all.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cofferdam_workload::{Change, Container, ContainerId, DockerConfig, host, watch};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tokio::sync::mpsc;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// `--runtime slow`: the engine holds the container's lock for three seconds of its start.
const SLOW_RUNTIME: &str = "#!/bin/sh\ncase \" $* \" in *\" create \"*) sleep 3 ;; esac\nexec runc \"$@\"\n";
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A running (or stopped) dockerd.
pub(crate) struct Engine {
    folder: PathBuf,
    cgroup_parent: String,
    dockerd: Option<Child>,
}

/// The changes that a watch sends.
pub(crate) struct Changes(mpsc::Receiver<Change>);

/// Fails the test without root: a test that was not run has not passed.
pub(crate) fn need_root() {
    assert!(
        geteuid().is_root(),
        "this test needs root\nhint: `cargo xtask test` runs it as root"
    );
}

// === impl Engine ===

impl Engine {
    /// Prepares the place; no dockerd runs yet.
    pub(crate) fn prepare() -> Self {
        need_root();
        let name = format!(
            "cdw{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(&name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("slow"), SLOW_RUNTIME).unwrap();
        fs::set_permissions(folder.join("slow"), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            folder,
            cgroup_parent: format!("cofferdam-test-{name}"),
            dockerd: None,
        }
    }

    /// Prepares, starts, and imports `tiny:1`: busybox and a few labels.
    pub(crate) fn with_image() -> Self {
        let mut engine = Self::prepare();
        engine.start();
        engine.import_image();
        engine
    }

    /// Starts dockerd in a new network namespace and waits until it answers.
    pub(crate) fn start(&mut self) {
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let at = self.folder.display();
        let script = format!(
            "ip link set lo up && exec dockerd --data-root {at}/data --exec-root {at}/exec -p {at}/pid \
             -H unix://{at}/sock --cgroup-parent /{} --add-runtime slow={at}/slow",
            self.cgroup_parent
        );
        let started = Command::new("unshare")
            .args(["--net", "sh", "-c", &script])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("unshare, from the package util-linux");
        self.dockerd = Some(started);
        let end = Instant::now() + PATIENCE;
        while !self.try_docker(&["version"]).0 {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(
                Instant::now() < end,
                "dockerd does not answer; package docker.io?\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops dockerd; its containers end with it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.dockerd.take() {
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            let _ = kill(pid, Signal::SIGTERM);
            let _ = child.wait();
        }
    }

    /// Runs the docker client; what it prints, trimmed.
    pub(crate) fn docker(&self, args: &[&str]) -> String {
        let (worked, out) = self.try_docker(args);
        assert!(worked, "docker {args:?}: {out}");
        out
    }

    /// Starts the docker client and does not wait for it.
    pub(crate) fn docker_meanwhile(&self, args: &[&str]) -> Child {
        self.client(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker, from the package docker.io")
    }

    fn try_docker(&self, args: &[&str]) -> (bool, String) {
        let out = self
            .client(args)
            .output()
            .expect("docker, from the package docker.io");
        let text = if out.status.success() {
            out.stdout
        } else {
            out.stderr
        };
        (
            out.status.success(),
            String::from_utf8_lossy(&text).trim().to_owned(),
        )
    }

    fn client(&self, args: &[&str]) -> Command {
        let mut client = Command::new("docker");
        client
            .env_remove("DOCKER_HOST")
            .arg("-H")
            .arg(format!("unix://{}", self.socket().display()));
        client.args(args).stdin(Stdio::null());
        client
    }

    /// Where its socket is, or will be.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("sock")
    }

    /// Below which cgroup its containers are, relative to the root.
    pub(crate) fn cgroup_parent(&self) -> &str {
        &self.cgroup_parent
    }

    /// Watches it as the daemon does.
    pub(crate) fn watch(&self) -> Changes {
        let (sender, receiver) = mpsc::channel(64);
        let config = DockerConfig {
            socket: self.socket(),
            ..DockerConfig::default()
        };
        tokio::spawn(watch(config, sender));
        Changes(receiver)
    }

    fn import_image(&self) {
        let root = self.folder.join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy("/bin/busybox", root.join("bin/busybox")).expect("the package busybox-static");
        for applet in ["sleep", "true"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        let tar = self.folder.join("tiny.tar");
        let packed = Command::new("tar")
            .arg("-C")
            .arg(&root)
            .arg("-cf")
            .arg(&tar)
            .arg(".")
            .status()
            .unwrap();
        assert!(packed.success());
        let label = "LABEL vendor=acme app=fromimage";
        self.docker(&[
            "import",
            "-c",
            label,
            "-c",
            "EXPOSE 9000/udp",
            &tar.to_string_lossy(),
            "tiny:1",
        ]);
    }

    fn remove_cgroups(&self) {
        let v1 = fs::read_dir("/sys/fs/cgroup")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        for root in v1.chain(host::cgroup2_root()) {
            let _ = fs::remove_dir(root.join(&self.cgroup_parent));
        }
    }

    fn unmount_all(&self) {
        let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let points = text
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .filter(|at| Path::new(at).starts_with(&self.folder));
        for point in points.collect::<Vec<_>>().into_iter().rev() {
            let _ = Command::new("umount").args(["--lazy", point]).status();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.dockerd.is_some() {
            let (_, ids) = self.try_docker(&["ps", "-aq"]);
            let ids: Vec<_> = ids.split_whitespace().collect();
            if !ids.is_empty() {
                self.try_docker(&[&["rm", "-f"], &ids[..]].concat());
            }
        }
        self.stop();
        self.unmount_all();
        self.remove_cgroups();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

// === impl Changes ===

impl Changes {
    /// The next change, whatever it is.
    pub(crate) async fn next(&mut self) -> Change {
        let next = tokio::time::timeout(PATIENCE, self.0.recv()).await;
        next.expect("a change within the time")
            .expect("a watch that goes on")
    }

    /// The first change that `choose` takes; those before it are dropped.
    pub(crate) async fn first<T>(&mut self, mut choose: impl FnMut(Change) -> Option<T>) -> T {
        loop {
            if let Some(chosen) = choose(self.next().await) {
                return chosen;
            }
        }
    }

    /// The first state of a container that `wanted` accepts.
    pub(crate) async fn upsert(&mut self, name: &str, wanted: impl Fn(&Container) -> bool) -> Container {
        let mut last = None;
        let found = self.first(|change| match change {
            Change::Upsert(container) if container.name == name && wanted(&container) => Some(*container),
            other => {
                last = Some(other);
                None
            }
        });
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(container) => container,
            Err(_) => panic!("no such state of {name}; the last change was {last:?}"),
        }
    }

    /// The next container that is removed.
    pub(crate) async fn gone(&mut self) -> ContainerId {
        let gone = |change| {
            if let Change::Gone(id) = change {
                Some(id)
            } else {
                None
            }
        };
        self.first(gone).await
    }

    /// The next whole truth.
    pub(crate) async fn resync(&mut self) -> (Vec<Container>, Vec<String>) {
        self.first(|change| match change {
            Change::Resync { containers, subnets } => {
                Some((containers, subnets.iter().map(ToString::to_string).collect()))
            }
            _ => None,
        })
        .await
    }
}
