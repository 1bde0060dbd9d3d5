//! The program that attacks, linked statically, so that it runs in every image.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Builds it and gives its path. Apart from the rest of the workspace, whose programs are linked dynamically.
pub fn build() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("tests lies in no directory")?;
    let target = root.join("target/attack");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args([
            "rustc",
            "--quiet",
            "--package",
            "cofferdam-attack",
            "--bin",
            "cofferdam-attack",
        ])
        .arg("--target-dir")
        .arg(&target)
        .args(["--", "-C", "target-feature=+crt-static"])
        .output()
        .context("cargo")?;
    ensure!(
        output.status.success(),
        "cannot build cofferdam-attack: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(target.join("debug/cofferdam-attack"))
}
