//! What must be true before anything is loaded: one check a function, one line and one hint a failure.

use std::fs;
use std::path::{Path, PathBuf};

use cofferdam_workload::host;
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, CGROUP2_SUPER_MAGIC, FsType, statfs};
use nix::unistd::geteuid;

use crate::{Error, Options};

#[cfg(test)]
mod tests;

/// Where bpffs is mounted on every distribution.
const BPFFS: &str = "/sys/fs/bpf";
/// The oldest kernel that is tested.
const OLDEST: (u32, u32) = (6, 1);
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// The folders of cgroup v2.
pub(crate) struct Cgroups {
    /// The root of the hierarchy.
    pub(crate) hierarchy: PathBuf,
    /// The folder whose subtree is enforced.
    pub(crate) root: PathBuf,
}

/// Everything in order; makes the folders that are the daemon's own.
pub(crate) fn preflight(options: &Options) -> Result<Cgroups, Error> {
    if !geteuid().is_root() {
        return Err(failed("the daemon needs root", "sudo cofferdam daemon"));
    }
    capabilities(&fs::read_to_string("/proc/self/status").unwrap_or_default())?;
    let cgroups = cgroups(options)?;
    kernel(&crate::engine::kernel_release(), Path::new(BTF).exists())?;
    folder(&options.state_dir)?;
    bpffs(&options.bpffs)?;
    Ok(cgroups)
}

/// Root in a container, or under a unit of somebody's own, may have less than root has. CAP_SYS_ADMIN includes CAP_BPF and
/// CAP_PERFMON (capabilities(7)), so these two are not asked for alone.
fn capabilities(status: &str) -> Result<(), Error> {
    const NEEDED: [(&str, u32); 3] = [
        ("CAP_NET_ADMIN", 12),
        ("CAP_SYS_PTRACE", 19),
        ("CAP_SYS_ADMIN", 21),
    ];
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let Some(held) = line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()) else {
        return Ok(());
    };
    let lacks: Vec<_> = NEEDED
        .iter()
        .filter(|(_, bit)| held & (1 << bit) == 0)
        .map(|(name, _)| *name)
        .collect();
    if lacks.is_empty() {
        return Ok(());
    }
    Err(failed(
        &format!(
            "the daemon may not load BPF programs and enter namespaces: it lacks {}",
            lacks.join(", ")
        ),
        "run it on the host itself, under dist/systemd/cofferdam.service or with sudo",
    ))
}

fn cgroups(options: &Options) -> Result<Cgroups, Error> {
    let hierarchy = host::cgroup2_root().map_err(|_| {
        failed(
            "this host has no cgroup v2 hierarchy",
            "boot with systemd.unified_cgroup_hierarchy=1, or `mount -t cgroup2 none /sys/fs/cgroup/unified`",
        )
    })?;
    let root = options.cgroup_root.clone().unwrap_or_else(|| hierarchy.clone());
    let what = format!("{} is no cgroup v2 folder", root.display());
    if !root.is_dir() {
        return Err(failed(&what, &format!("mkdir {}", root.display())));
    }
    if !is_on(&root, CGROUP2_SUPER_MAGIC) {
        return Err(failed(&what, &format!("name one below {}", hierarchy.display())));
    }
    Ok(Cgroups { hierarchy, root })
}

fn kernel(release: &str, btf: bool) -> Result<(), Error> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let version = match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => OLDEST,
    };
    if version < OLDEST {
        let (major, minor) = OLDEST;
        return Err(failed(
            &format!("Linux {release} is too old: {major}.{minor} is needed"),
            "boot a newer kernel; Debian 12 and Ubuntu 24.04 have one",
        ));
    }
    if !btf {
        return Err(failed(
            &format!("this kernel has no BTF ({BTF} is missing)"),
            "boot a kernel with CONFIG_DEBUG_INFO_BTF=y; distributions' own kernels have it",
        ));
    }
    Ok(())
}

fn folder(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(Error::io("create", path))
}

/// Pins live on a bpffs; the usual one is mounted where it is not.
fn bpffs(path: &Path) -> Result<(), Error> {
    let existing = path
        .ancestors()
        .find(|ancestor| ancestor.exists())
        .unwrap_or(Path::new("/"));
    if !is_on(existing, BPF_FS_MAGIC) {
        if !path.starts_with(BPFFS) {
            return Err(failed(
                &format!("{} is not on a bpffs", path.display()),
                &format!("`mount -t bpf bpf {}`", existing.display()),
            ));
        }
        mount(Some("bpf"), BPFFS, Some("bpf"), MsFlags::empty(), None::<&str>).map_err(|error| {
            failed(
                &format!("bpffs cannot be mounted on {BPFFS}: {error}"),
                "does the kernel have CONFIG_BPF_SYSCALL?",
            )
        })?;
        tracing::info!("mounted bpffs on {BPFFS}");
    }
    fs::create_dir_all(path).map_err(Error::io("create", path))
}

fn is_on(path: &Path, kind: FsType) -> bool {
    statfs(path).is_ok_and(|found| found.filesystem_type() == kind)
}

fn failed(what: &str, hint: &str) -> Error {
    Error::Preflight {
        what: what.to_owned(),
        hint: hint.to_owned(),
    }
}
