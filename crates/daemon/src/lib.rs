//! The daemon: observe → resolve → compile → plan → apply → record, in one loop that owns the data plane.
//!
//! Policy is `cofferdam-policy`'s, the kernel is `cofferdam-datapath`'s, Docker is `cofferdam-workload`'s; what lies
//! here is the order in which they are asked, the state that outlives a restart, and the local API.

mod access;
mod alerts;
mod cgroups;
mod command;
pub mod config;
mod enforcer;
mod engine;
mod error;
mod export;
mod flows;
mod http;
mod lock;
mod metrics;
mod names;
mod options;
mod policies;
mod preflight;
mod resolve;
mod socket;
mod startup;
mod state;

use std::io::IsTerminal;
use std::path::Path;

/// The table of what `/metrics` serves, for the page about it.
pub use metrics::table as metrics_table;

pub use error::Error;
pub use options::{Kinds, Options};

/// Runs the daemon until SIGTERM, SIGINT or `stop`. Builds its own runtime, logs to stderr; blocks the calling thread.
pub fn run(options: Options) -> Result<(), Error> {
    log_to_stderr();
    startup::run(options)
}

/// Puts the saved state into the kernel and returns: from then on, known containers are born with their policy although
/// no daemon lives. For the boot, before the container engine starts.
pub fn early(options: Options) -> Result<(), Error> {
    log_to_stderr();
    startup::early(options)
}

/// Ends what a dead daemon left in force and removes it; returns how many workloads are open now.
pub fn open(options: Options) -> Result<usize, Error> {
    log_to_stderr();
    startup::open(options)
}

/// Switches enforcement off (`true`) or on below `bpffs`, also when no daemon lives.
pub fn off(bpffs: &Path, off: bool) -> Result<(), Error> {
    enforcer::set_off(bpffs, off).map_err(|error| Error::datapath(&error))
}

/// Human lines; `COFFERDAM_LOG=debug` says more. The journal has its own clock.
fn log_to_stderr() {
    let level = std::env::var("COFFERDAM_LOG")
        .ok()
        .and_then(|text| text.parse().ok());
    let lines = tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(tracing::level_filters::LevelFilter::INFO))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second call in one process keeps the first one's.
    let _ = match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => lines.without_time().try_init(),
        None => lines.try_init(),
    };
}
