//! cgroup2 and namespaces, from /proc.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::HostError;

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// The directory where cgroup2 is mounted: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` on a v1 hybrid.
pub fn cgroup2_root() -> Result<PathBuf, HostError> {
    let text = fs::read_to_string(MOUNTINFO).map_err(|source| HostError::read(MOUNTINFO.as_ref(), source))?;
    find_cgroup2(&text).ok_or(HostError::NoCgroup2)
}

/// The cgroup2 directory of a process, absolute. Fails for a process that is gone, and for one outside of the part of the
/// hierarchy that this process sees.
pub fn cgroup_of(pid: u32) -> Result<PathBuf, HostError> {
    let path = PathBuf::from(format!("/proc/{pid}/cgroup"));
    let text = fs::read_to_string(&path).map_err(|source| HostError::read(&path, source))?;
    let below = find_v2_line(&text).ok_or(HostError::NoCgroup(pid))?;
    Ok(cgroup2_root()?.join(below))
}

/// The network namespace of a process, as an open file.
pub fn namespace_file(pid: u32) -> Result<File, HostError> {
    let path = namespace_path(pid);
    File::open(&path).map_err(|source| HostError::read(&path, source))
}

/// Whether a process is in the network namespace that this process is in.
pub fn in_own_namespace(pid: u32) -> Result<bool, HostError> {
    let facts = |path: &Path| fs::metadata(path).map_err(|source| HostError::read(path, source));
    let (own, other) = (facts("/proc/self/ns/net".as_ref())?, facts(&namespace_path(pid))?);
    Ok((own.dev(), own.ino()) == (other.dev(), other.ino()))
}

fn namespace_path(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/ns/net"))
}

/// The usual places go before others: a container engine or a test may have bind-mounted parts of the hierarchy elsewhere.
fn find_cgroup2(mountinfo: &str) -> Option<PathBuf> {
    let mounts: Vec<_> = mountinfo.lines().filter_map(cgroup2_mount).collect();
    let usual = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
    usual
        .into_iter()
        .find(|place| mounts.contains(place))
        .or_else(|| mounts.first().cloned())
}

/// The mount point in a line of mountinfo that mounts a whole cgroup2 hierarchy (proc_pid_mountinfo(5)).
fn cgroup2_mount(line: &str) -> Option<PathBuf> {
    let (mount, rest) = line.split_once(" - ")?;
    if rest.split(' ').next() != Some("cgroup2") {
        return None;
    }
    let mut fields = mount.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    (root == "/").then(|| PathBuf::from(unescape(point)))
}

/// mountinfo writes a space as `\040`, and so on.
fn unescape(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

/// The path of the `0::` line, relative. A path with `..` lies outside of our cgroup namespace; a removed cgroup, where a
/// zombie may still be, carries ` (deleted)`.
fn find_v2_line(text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let path = Path::new(path.strip_prefix('/')?);
    let outside = path.components().any(|part| part == Component::ParentDir);
    (!outside && !path.as_os_str().to_string_lossy().ends_with(" (deleted)")).then(|| path.to_owned())
}

#[cfg(test)]
mod tests;
