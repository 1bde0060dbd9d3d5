//! What is derived from the code: man pages, completions, `docs/cli.md`, `docs/metrics.md`, `docs/openapi.json`.
//! `cargo xtask gen` calls this and compares the result with what is committed.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Failure;
use crate::output::{json, print};

#[cfg(test)]
mod tests;

/// The hand-written beginning of `docs/cli.md`.
const INTRODUCTION: &str = include_str!("generate/introduction.md");

/// The hand-written beginning of `docs/audit/README.md`.
const RULES: &str = include_str!("generate/rules.md");

/// The hand-written beginning of `docs/metrics.md`.
const METRICS: &str = include_str!("generate/metrics.md");

const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "cofferdam.bash"),
    (Shell::Zsh, "_cofferdam"),
    (Shell::Fish, "cofferdam.fish"),
];

/// Prints the completions of one shell.
pub(crate) fn completions(shell: Shell) -> Result<u8, Failure> {
    print(&String::from_utf8_lossy(&completion(shell)))?;
    Ok(crate::OK)
}

/// Writes the man pages into a folder.
pub(crate) fn man(directory: &Path) -> Result<u8, Failure> {
    clap_mangen::generate_to(Cli::command(), directory).map_err(|error| cannot_write(directory, &error))?;
    Ok(crate::OK)
}

/// Prints the OpenAPI document.
pub(crate) fn openapi() -> Result<u8, Failure> {
    print(&json(&cofferdam_api::openapi())?)?;
    Ok(crate::OK)
}

/// Writes everything below a folder, where the repository keeps it.
pub(crate) fn generate(directory: &Path) -> Result<u8, Failure> {
    let folder = |name: &str| {
        let folder = directory.join(name);
        fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;
        Ok::<_, Failure>(folder)
    };
    man(&folder("dist/man")?)?;
    let completions = folder("dist/completions")?;
    for (shell, name) in SHELLS {
        write(&completions.join(name), &completion(shell))?;
    }
    let docs = folder("docs")?;
    write(
        &docs.join("openapi.json"),
        json(&cofferdam_api::openapi())?.as_bytes(),
    )?;
    write(&docs.join("cli.md"), reference().as_bytes())?;
    let metrics = format!("{METRICS}{}", cofferdam_daemon::metrics_table());
    write(&docs.join("metrics.md"), metrics.as_bytes())?;
    rules(&folder("docs/audit")?)?;
    Ok(crate::OK)
}

/// A page for each rule of the audit, and their table.
fn rules(directory: &Path) -> Result<(), Failure> {
    let mut table = RULES.to_owned();
    for rule in cofferdam_audit::rules() {
        let page = format!("{}.md", rule.id);
        write(&directory.join(&page), rule.page().as_bytes())?;
        table.push_str(&format!(
            "| [{}]({page}) | {} | {} |\n",
            rule.id, rule.severity, rule.title
        ));
    }
    write(&directory.join("README.md"), table.as_bytes())
}

fn completion(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cofferdam", &mut text);
    text
}

/// `docs/cli.md`: the introduction, then the help of each command.
fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    // Not the terminal's: the same on every machine.
    let mut root = Cli::command().term_width(100);
    root.build();
    append(&mut text, &root);
    text
}

fn append(text: &mut String, command: &Command) {
    let title = command.get_bin_name().unwrap_or(command.get_name());
    // The global options are described once, at the top.
    let is_root = title == command.get_name();
    let mut shown = command.clone().mut_args(|arg| {
        let hide = !is_root && arg.is_global_set();
        arg.hide(hide)
    });
    let help = shown.render_long_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## `{title}`\n\n```text\n{}\n```\n", lines.join("\n")));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        append(text, sub);
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {error}", path.display()))
}
