//! What the host offers, read without a daemon. [`Facts`] holds what was read, [`checks`] judges it.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use cofferdam_policy::containment::Hooks;

use super::Check;

/// Older kernels lack a hook or a function that the data plane cannot do without.
const OLDEST_KERNEL: (u32, u32) = (5, 15);
const BTF: &str = "/sys/kernel/btf/vmlinux";
const BPFFS: &str = "/sys/fs/bpf";

/// What was read.
pub(super) struct Facts {
    pub(super) root: bool,
    /// `uname -r`.
    pub(super) kernel: String,
    pub(super) btf: bool,
    /// `/sys/kernel/security/lsm`; empty where securityfs is not mounted.
    pub(super) lsms: String,
    /// `/proc/self/mounts`.
    pub(super) mounts: String,
    /// Where the daemon seeks Docker.
    pub(super) docker_socket: PathBuf,
    /// Whether that socket takes a connection.
    pub(super) docker: Result<(), std::io::ErrorKind>,
}

// === impl Facts ===

impl Facts {
    pub(super) fn read(docker_socket: PathBuf) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            root: nix::unistd::geteuid().is_root(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            btf: Path::new(BTF).exists(),
            lsms: read("/sys/kernel/security/lsm"),
            mounts: read("/proc/self/mounts"),
            docker: UnixStream::connect(&docker_socket)
                .map(drop)
                .map_err(|error| error.kind()),
            docker_socket,
        }
    }

    /// What a daemon would find.
    pub(super) fn hooks(&self) -> Hooks {
        Hooks::of_kernel(&self.kernel, &self.lsms)
    }

    /// Where a filesystem of this type is mounted first.
    fn mounted(&self, kind: &str) -> Option<PathBuf> {
        self.mounts.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let place = words.next()?;
            (words.next()? == kind).then(|| PathBuf::from(place))
        })
    }
}

/// The verdicts, in the order in which a missing thing hides the next.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    vec![
        root(facts),
        kernel(facts),
        btf(facts),
        cgroup2(facts),
        bpffs(facts),
        docker(facts),
    ]
}

fn root(facts: &Facts) -> Check {
    if facts.root {
        Check::ok("user", "root")
    } else {
        Check::warn(
            "user",
            "not root",
            "the daemon needs root: `sudo cofferdam daemon`",
        )
    }
}

fn kernel(facts: &Facts) -> Check {
    let (major, minor) = OLDEST_KERNEL;
    match version(&facts.kernel) {
        Some(version) if version >= OLDEST_KERNEL => Check::ok("kernel", &facts.kernel),
        Some(_) => {
            let hint = format!("the data plane needs {major}.{minor} or newer");
            Check::fail("kernel", &facts.kernel, hint)
        }
        None => Check::warn(
            "kernel",
            format!("`{}`", facts.kernel),
            format!("it should be {major}.{minor} or newer"),
        ),
    }
}

/// `6.18.44-x` → (6, 18).
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn btf(facts: &Facts) -> Check {
    if facts.btf {
        Check::ok("btf", BTF)
    } else {
        Check::fail(
            "btf",
            format!("no {BTF}"),
            "the kernel must be built with CONFIG_DEBUG_INFO_BTF=y",
        )
    }
}

fn cgroup2(facts: &Facts) -> Check {
    match facts.mounted("cgroup2") {
        Some(place) => Check::ok("cgroup2", place.display().to_string()),
        None => Check::fail(
            "cgroup2",
            "no cgroup v2 hierarchy is mounted",
            "`mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified`",
        ),
    }
}

fn bpffs(facts: &Facts) -> Check {
    match facts.mounted("bpf") {
        Some(place) => Check::ok("bpffs", place.display().to_string()),
        None => Check::fail(
            "bpffs",
            "no bpffs is mounted",
            format!("`mount -t bpf bpf {BPFFS}`"),
        ),
    }
}

fn docker(facts: &Facts) -> Check {
    let later = "processes are protected without it; the daemon picks Docker up when it appears";
    let socket = facts.docker_socket.display();
    match facts.docker {
        Ok(()) => Check::ok("docker", socket.to_string()),
        Err(std::io::ErrorKind::PermissionDenied) => Check::warn(
            "docker",
            format!("no permission on {socket}"),
            "run it as root to ask Docker",
        ),
        Err(_) => Check::warn("docker", format!("no answer on {socket}"), later),
    }
}
