//! Which sockets the processes of a cgroup hold. A socket belongs, for the kernel's hooks, to the cgroup it was made in;
//! one that was inherited or passed on escapes its holder's policy, and whoever looks for those starts here.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::host::HostError;

/// Inodes of the sockets that the processes in `cgroup_dir` and below it hold. Processes that end meanwhile are left out,
/// and so are cgroups below it; that `cgroup_dir` itself cannot be read is an error.
pub fn held_by(cgroup_dir: &Path) -> Result<BTreeSet<u64>, HostError> {
    let mut inodes = BTreeSet::new();
    for pid in processes(cgroup_dir)? {
        collect_sockets(&PathBuf::from(format!("/proc/{pid}/fd")), &mut inodes);
    }
    Ok(inodes)
}

/// The processes in a cgroup and below it.
fn processes(cgroup_dir: &Path) -> Result<BTreeSet<u32>, HostError> {
    let mut found = BTreeSet::new();
    let mut left = vec![cgroup_dir.to_owned()];
    while let Some(dir) = left.pop() {
        match members(&dir) {
            Ok(pids) => found.extend(pids),
            Err(error) if dir == cgroup_dir => return Err(HostError::read(&dir, error)),
            Err(_) => continue,
        }
        let below = fs::read_dir(&dir).into_iter().flatten().flatten();
        left.extend(
            below
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
    Ok(found)
}

/// A threaded cgroup refuses to list processes and lists threads instead (cgroups(7)); for /proc they are as good.
fn members(cgroup_dir: &Path) -> io::Result<Vec<u32>> {
    let text = fs::read_to_string(cgroup_dir.join("cgroup.procs"))
        .or_else(|_| fs::read_to_string(cgroup_dir.join("cgroup.threads")))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

fn collect_sockets(fd_dir: &Path, inodes: &mut BTreeSet<u64>) {
    for entry in fs::read_dir(fd_dir).into_iter().flatten().flatten() {
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        inodes.extend(target.to_str().and_then(socket_inode));
    }
}

/// `socket:[12345]` → 12345.
fn socket_inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_link_target_is_read() {
        assert_eq!(socket_inode("socket:[42]"), Some(42));
        assert_eq!(socket_inode("pipe:[42]"), None);
        assert_eq!(socket_inode("/dev/null"), None);
    }

    #[test]
    fn our_own_listener_is_among_our_cgroups_sockets() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let inode = socket_inode(link.to_str().unwrap()).unwrap();
        let mut found = BTreeSet::new();
        collect_sockets("/proc/self/fd".as_ref(), &mut found);
        assert!(found.contains(&inode));
    }

    #[test]
    fn a_cgroup_that_is_not_there_is_an_error() {
        assert!(matches!(
            held_by("/sys/fs/cgroup/nonexistent".as_ref()),
            Err(HostError::Read { .. })
        ));
    }
}
