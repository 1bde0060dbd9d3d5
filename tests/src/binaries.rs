//! Finds the programs under test next to the running one: all come out of one target directory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The path of `cofferdam`.
pub fn cofferdam() -> Result<PathBuf> {
    find("cofferdam", "cofferdam")
}

/// The path of `cofferdam-probe`.
pub fn probe() -> Result<PathBuf> {
    find("cofferdam-probe", "cofferdam-tests")
}

/// The `docker compose` that `cargo xtask setup` fetches; none where it could not.
pub fn compose() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/compose/docker-compose");
    path.canonicalize().ok()
}

/// The OpenTelemetry collector that `cargo xtask setup` fetches; none where it could not.
pub fn collector() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/collector/rotel/rotel-agent");
    path.canonicalize().ok()
}

/// Tests run from `target/debug/deps`, xtask from `target/debug`.
fn find(program: &str, package: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find the running program")?;
    for directory in own.ancestors().skip(1).take(2) {
        let path = directory.join(program);
        if path.is_file() {
            return Ok(path);
        }
    }
    bail!("{program} is not built\nhint: cargo build --package {package} --bins")
}
