//! The checks that other programs make: rustfmt, clang-format, cargo-deny.

use std::path::Path;

use anyhow::Result;
use xshell::cmd;

use crate::repo;

/// One sentence for each program that is not content or not there.
pub(super) fn check(generated: &[&Path]) -> Result<Vec<String>> {
    let shell = repo::shell()?;
    let mut complaints = Vec::new();
    if cmd!(shell, "cargo fmt --all --check -- -l")
        .quiet()
        .run()
        .is_err()
    {
        complaints.push("rustfmt: run `cargo fmt --all`".to_string());
    }
    for source in repo::files(&["c", "h"])?
        .iter()
        .filter(|f| !generated.contains(&f.as_path()))
    {
        let formatted = cmd!(shell, "clang-format --dry-run -Werror {source}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr();
        if formatted.run().is_err() {
            complaints.push(format!("{}: run `clang-format -i` on it", source.display()));
        }
    }
    if cmd!(shell, "cargo deny --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_err()
    {
        complaints.push("cargo-deny is missing: run `cargo install cargo-deny --locked`".to_string());
    } else if cmd!(shell, "cargo deny --log-level error check bans licenses sources")
        .quiet()
        .run()
        .is_err()
    {
        complaints.push("cargo-deny: a dependency breaks deny.toml".to_string());
    }
    Ok(complaints)
}
