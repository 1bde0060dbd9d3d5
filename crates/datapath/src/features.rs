//! What this kernel gives, and which programs it takes.

use std::fs;

use crate::Datapath;

/// They need hooks that came with 6.7.
pub(crate) const UNIX_PROGRAMS: [&str; 2] = ["on_connect_unix", "on_sendmsg_unix"];

/// It needs BPF among the active LSMs.
pub(crate) const SOCKET_PROGRAM: &str = "on_socket";

/// They do the work of [`UNIX_PROGRAMS`] where those cannot, on kernels with BPF LSM.
pub(crate) const UNIX_LSM_PROGRAMS: [&str; 2] = ["on_unix_stream", "on_unix_send"];

// === impl Datapath ===

impl Datapath {
    /// What this kernel gives us, by name, for the start line and `doctor`.
    #[must_use]
    pub fn features(&self) -> Vec<(String, bool)> {
        let lsm = has_lsm() && !self.without_lsm;
        vec![
            ("connect".into(), true),
            ("sendmsg".into(), true),
            ("bind".into(), true),
            ("packet".into(), true),
            ("handshake".into(), true),
            ("cgroup-birth".into(), true),
            ("socket-scan".into(), true),
            ("sysctl".into(), true),
            ("abstract-sockets".into(), has_unix_hooks() || lsm),
            ("typed-sockets".into(), kernel_is_at_least(6, 2)),
            ("lsm".into(), lsm),
        ]
    }
}

fn has_unix_hooks() -> bool {
    kernel_is_at_least(6, 7)
}

/// Whether programs can refuse what only an LSM sees.
pub(crate) fn has_lsm() -> bool {
    let active = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    active.trim_end().split(',').any(|name| name == "bpf")
}

/// Of programs that not every kernel takes: whether this one does and needs it.
pub(crate) fn is_wanted(program: &str) -> Option<bool> {
    if UNIX_PROGRAMS.contains(&program) {
        Some(has_unix_hooks())
    } else if UNIX_LSM_PROGRAMS.contains(&program) {
        Some(has_lsm() && !has_unix_hooks())
    } else {
        (program == SOCKET_PROGRAM).then(has_lsm)
    }
}

/// By release number, not by symbol: reading the symbol table takes longer than loading the programs.
fn kernel_is_at_least(major: u32, minor: u32) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(major), Some(minor))
}
