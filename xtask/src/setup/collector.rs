//! Fetches the OpenTelemetry collector that the exports are tried with, from PyPI, pinned by hash. Without it that test says that
//! it is skipped.

use std::fs;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::repo;

/// rotel, a collector in Rust. Its wheels differ in nothing but the Python that they are for, which this does not need.
const REQUIREMENT: &str = "rotel==0.0.1a15 \
    --hash=sha256:2f4117e58410c933e0dc042a268ef738dab2e3a5d63b5831209acdac2a6ddcb7\n";

/// Puts it into `target/collector`, once. A machine that cannot fetch it goes without.
pub(super) fn run(shell: &Shell) -> Result<()> {
    let folder = repo::root()?.join("target/collector");
    if folder.join("rotel/rotel-agent").exists() {
        return Ok(());
    }
    let fetched = (|| {
        fs::create_dir_all(&folder).context("target/collector")?;
        let requirement = folder.join("requirements.txt");
        fs::write(&requirement, REQUIREMENT).context("requirements.txt")?;
        cmd!(
            shell,
            "pip3 install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --require-hashes --only-binary :all: --platform manylinux_2_34_x86_64 --python-version 3.11 --implementation cp --abi cp311 --requirement {requirement} --target {folder}"
        )
        .quiet()
        .run()
        .context("pip3 install rotel")?;
        ensure!(
            folder.join("rotel/rotel-agent").exists(),
            "rotel-agent is missing"
        );
        Ok(())
    })();
    if let Err(error) = fetched {
        eprintln!("setup: no OpenTelemetry collector: {error:#}");
    }
    Ok(())
}
