//! The daemon as a process, under the names that every exporter uses.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeVal;

use super::book::{Book, Level, Time};

/// See `register`.
pub(super) struct Process {
    cpu: Time,
    resident: Level,
    virtual_size: Level,
    open_files: Level,
    most_files: Level,
    start: Level,
    /// In seconds since 1970.
    started: f64,
}

// === impl Process ===

impl Process {
    pub(super) fn register(book: &mut Book) -> Self {
        Self {
            cpu: book.time("process_cpu_seconds", "CPU time of the daemon"),
            resident: book.level(
                "process_resident_memory_bytes",
                &[],
                "Resident memory of the daemon",
            ),
            virtual_size: book.level(
                "process_virtual_memory_bytes",
                &[],
                "Virtual memory of the daemon",
            ),
            open_files: book.level("process_open_fds", &[], "Open file descriptors of the daemon"),
            most_files: book.level("process_max_fds", &[], "How many it may have"),
            start: book.level(
                "process_start_time_seconds",
                &[],
                "When the daemon started, in seconds since 1970",
            ),
            started: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0.0, |since| since.as_secs_f64()),
        }
    }

    pub(super) fn set(&self) {
        if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
            let seconds = time(usage.user_time()) + time(usage.system_time());
            self.cpu.set(seconds);
        }
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        self.resident.set(&[], bytes(&status, "VmRSS:"));
        self.virtual_size.set(&[], bytes(&status, "VmSize:"));
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.open_files.set(&[], files.count() as u64);
        }
        if let Ok((soft, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
            self.most_files.set(&[], soft);
        }
        self.start.set_to(&[], self.started);
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds are far from 2^52")]
fn time(value: TimeVal) -> f64 {
    value.tv_sec() as f64 + value.tv_usec() as f64 / 1e6
}

/// A line of proc_pid_status(5), which is in KiB.
fn bytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
