//! Installs what building and testing need from Debian's archive, and keeps the installed services from starting.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::repo;

mod collector;
mod compose;

/// (a file that the package brings, the package). A package is installed when its file is missing.
const PACKAGES: &[(&str, &str)] = &[
    ("/usr/bin/cc", "build-essential"),
    ("/usr/bin/make", "make"),
    ("/usr/bin/clang", "clang"),
    ("/usr/bin/llvm-strip", "llvm"),
    ("/usr/bin/clang-format", "clang-format"),
    ("/usr/include/libelf.h", "libelf-dev"),
    ("/usr/include/zlib.h", "zlib1g-dev"),
    ("/usr/include/linux/bpf.h", "linux-libc-dev"),
    ("/usr/bin/pkg-config", "pkg-config"),
    ("/usr/sbin/dockerd", "docker.io"),
    ("/usr/sbin/nginx", "nginx-light"),
    ("/usr/bin/curl", "curl"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/iptables", "iptables"),
    ("/usr/bin/busybox", "busybox-static"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/sbin/bpftool", "bpftool"),
    ("/usr/bin/lsns", "util-linux"),
];

/// What only tests need.
const TEST_PACKAGES: &[(&str, &str)] = &[
    ("/usr/bin/psql", "postgresql"),
    ("/usr/sbin/sysctl", "procps"),
    ("/usr/bin/podman", "podman"),
    ("/usr/sbin/dnsmasq", "dnsmasq-base"),
    ("/usr/bin/tmux", "tmux"),
    ("/usr/bin/prometheus", "prometheus"),
    ("/lib/systemd/systemd-journald", "systemd"),
    ("/usr/bin/python3", "python3"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/sbin/syslog-ng", "syslog-ng-core"),
    ("/usr/sbin/logrotate", "logrotate"),
    ("/usr/bin/strace", "strace"),
    ("/usr/sbin/avahi-daemon", "avahi-daemon"),
    ("/usr/bin/avahi-browse", "avahi-utils"),
    ("/usr/bin/dbus-daemon", "dbus"),
    ("/usr/bin/prometheus-node-exporter", "prometheus-node-exporter"),
    ("/usr/bin/java", "default-jre-headless"),
    ("/usr/bin/node", "nodejs"),
    ("/usr/bin/dig", "bind9-dnsutils"),
];

/// Servers and their load tools, for `root_soak` and `cargo xtask soak`.
const SOAK_PACKAGES: &[(&str, &str)] = &[
    ("/usr/bin/redis-benchmark", "redis-server"),
    ("/usr/bin/wrk", "wrk"),
];

/// Debian asks this file whether an installed service may start.
const POLICY_RC: &str = "/usr/sbin/policy-rc.d";

/// Everything that `cargo xtask test` needs.
pub(crate) fn run() -> Result<()> {
    let shell = repo::shell()?;
    packages(&shell, &[PACKAGES, TEST_PACKAGES, SOAK_PACKAGES].concat())?;
    cargo_deny(&shell)?;
    pip(&shell);
    compose::run(&shell)?;
    collector::run(&shell)
}

/// What building the product and running it in a lab needs.
pub(crate) fn product() -> Result<()> {
    packages(&repo::shell()?, PACKAGES)
}

/// What compose files in a lab need.
pub(crate) fn compose() -> Result<()> {
    let shell = repo::shell()?;
    pip(&shell);
    compose::run(&shell)
}

/// What `cargo xtask soak` needs.
pub(crate) fn soak() -> Result<()> {
    packages(
        &repo::shell()?,
        &[PACKAGES, TEST_PACKAGES, SOAK_PACKAGES].concat(),
    )
}

/// What fetches from PyPI. Without it some tests are skipped.
fn pip(shell: &Shell) {
    let there = cmd!(shell, "pip3 --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr();
    if there.run().is_err()
        && let Err(error) = packages(shell, &[("/usr/bin/pip3", "python3-pip")])
    {
        eprintln!("setup: no pip3: {error:#}");
    }
}

/// About two minutes on two cores, once a machine.
fn cargo_deny(shell: &Shell) -> Result<()> {
    if cmd!(shell, "cargo deny --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_ok()
    {
        return Ok(());
    }
    cmd!(shell, "cargo install --quiet --locked cargo-deny")
        .run()
        .context("cargo install cargo-deny")
}

fn packages(shell: &Shell, wanted: &[(&str, &'static str)]) -> Result<()> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(file, _)| !present(file))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        eprintln!("setup: nothing to install");
        return Ok(());
    }
    ensure!(
        Path::new("/usr/bin/apt-get").exists(),
        "these packages are missing and there is no apt-get: {}\nhint: install what brings the same programs",
        missing.join(" ")
    );
    eprintln!("setup: installing {}", missing.join(" "));
    let quiet = NoServices::start()?;
    let mut outcome = install(shell, &missing);
    // Newer Debians have Docker's client in a package of its own, older ones do not know that package.
    if outcome.is_ok() && !present("/usr/bin/docker") && !present("/usr/local/bin/docker") {
        outcome = install(shell, &["docker-cli"]);
    }
    quiet.stop()?;
    outcome
}

fn install(shell: &Shell, missing: &[&str]) -> Result<()> {
    let _noninteractive = shell.push_env("DEBIAN_FRONTEND", "noninteractive");
    cmd!(shell, "apt-get -q -o DPkg::Lock::Timeout=300 update")
        .run()
        .context("apt-get update")?;
    cmd!(
        shell,
        "apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends {missing...}"
    )
    .run()
    .with_context(|| format!("apt-get install {}", missing.join(" ")))
}

/// /usr/bin and /usr/sbin are alike here: Debian moved several programs from one to the other.
fn present(file: &str) -> bool {
    Path::new(file).exists()
        || Path::new(&file.replace("/usr/sbin/", "/usr/bin/")).exists()
        || Path::new(&file.replace("/usr/bin/", "/usr/sbin/")).exists()
}

/// While it lives, packages do not start their services.
struct NoServices {
    /// False where the machine already has such a file: then it stays as it is.
    ours: bool,
}

impl NoServices {
    fn start() -> Result<Self> {
        if Path::new(POLICY_RC).exists() {
            return Ok(Self { ours: false });
        }
        fs::write(POLICY_RC, "#!/bin/sh\nexit 101\n").context(POLICY_RC)?;
        fs::set_permissions(POLICY_RC, fs::Permissions::from_mode(0o755)).context(POLICY_RC)?;
        Ok(Self { ours: true })
    }

    fn stop(self) -> Result<()> {
        if self.ours {
            fs::remove_file(POLICY_RC).context(POLICY_RC)?;
        }
        Ok(())
    }
}
