//! The daemon: observe → resolve → compile → plan → apply → record, in one loop that owns the data plane.
//!
//! Policy is `cofferdam-policy`'s, the kernel is `cofferdam-datapath`'s, Docker is `cofferdam-workload`'s; what lies
//! here is the order in which they are asked, the state that outlives a restart, and the local API.

pub mod config;
mod enforcer;
mod error;
mod options;
mod resolve;
mod state;

use std::path::Path;

pub use error::Error;
pub use options::{Kinds, Options};

/// Runs the daemon until SIGTERM, SIGINT or `stop --open`. Builds its own runtime; blocks the calling thread.
pub fn run(options: Options) -> Result<(), Error> {
    let _ = options;
    Err(Error::Datapath("the daemon is not built yet".to_owned()))
}

/// Switches enforcement off (`true`) or on below `bpffs`, also when no daemon lives.
pub fn off(bpffs: &Path, off: bool) -> Result<(), Error> {
    let _ = (bpffs, off);
    Err(Error::Datapath("the daemon is not built yet".to_owned()))
}
