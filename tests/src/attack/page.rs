//! `docs/attacks.md`: the table of rows, from the rows.

use std::fmt::Write;

use super::rows::GROUPS;
use super::table::{Answer, Answers};

const HEAD: &str = "# Attacks

What a protected workload on the host's network may try, and what stops it: `cargo xtask attack` tries each row from a host-mode
container with Docker's default capabilities (NET_RAW is one) and from a process of `cofferdam run` that is root, and compares
what happened with this table. An attack has succeeded where its effect shows: a byte that arrived, a packet of others that was
read, a sysctl that changed. Each is tried without Cofferdam, too: where it does not work there either, the table says what stops it.

";

/// The page.
pub fn document() -> String {
    let mut page = HEAD.to_owned();
    for group in GROUPS {
        let _ = write!(
            page,
            "## {}\n\n{}.\n\n| attack | by default | with `strict` |\n|---|---|---|\n",
            capital(group.name),
            capital(group.about)
        );
        for row in group.rows {
            let Answers {
                default,
                strict,
                strict_lsm,
                strict_run,
                container,
            } = row.answers;
            let mut strictly = vec![said(strict)];
            strictly.extend(strict_lsm.map(|answer| format!("with BPF LSM: {}", said(answer))));
            strictly.extend(strict_run.map(|answer| format!("`cofferdam run`: {}", said(answer))));
            let docker = container
                .map(|answer| format!("; containers: {}", said(answer)))
                .unwrap_or_default();
            let strictly = if strict == default && strictly.len() == 1 {
                "the same".to_owned()
            } else {
                strictly.join("; ")
            };
            let _ = writeln!(page, "| {} | {}{docker} | {strictly} |", row.name, said(default));
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn said(answer: Answer) -> String {
    match answer {
        Answer::Stopped { by } => format!("stopped: {by}"),
        Answer::Seen { close } => format!("recorded; close it with `{close}`"),
        Answer::Open { why, close: "" } => format!("**open**: {why}"),
        Answer::Open { why, close } => format!("**open**: {why}; close it with `{close}`"),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
