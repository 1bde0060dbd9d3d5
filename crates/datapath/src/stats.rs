//! The kernel's own measure of program time.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use libbpf_rs::libbpf_sys;
use libbpf_rs::query::ProgInfoIter;

/// Keeps the statistics on; they cost a clock reading a run, so nothing but a benchmark wants them.
pub struct Guard {
    _fd: OwnedFd,
}

/// Runs and time of one program since it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramTime {
    /// Kernel id.
    pub id: u32,
    /// Name, at most 15 bytes.
    pub name: String,
    /// Times it ran while statistics were on.
    pub runs: u64,
    /// Nanoseconds in all of them.
    pub nanoseconds: u64,
}

/// Switches the statistics on until the guard is dropped.
///
/// # Errors
/// Not root, or a kernel older than 5.8.
pub fn enable() -> io::Result<Guard> {
    // SAFETY: no pointers; a valid enum value.
    let fd = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the call above returned a descriptor that nobody else owns.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(Guard { _fd: fd })
}

/// Every program of the machine.
#[must_use]
pub fn programs() -> Vec<ProgramTime> {
    ProgInfoIter::default()
        .map(|p| ProgramTime {
            id: p.id,
            name: p.name.to_string_lossy().into_owned(),
            runs: p.run_cnt,
            nanoseconds: p.run_time_ns,
        })
        .collect()
}
