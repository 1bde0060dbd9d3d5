//! What all commands print with: JSON, tables of one line a row, styles that vanish where nobody sees them.

use std::fmt::Display;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use cofferdam_api::{Client, ClientError};
use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, Width};
use serde::Serialize;

use crate::failure::Failure;

#[cfg(test)]
mod tests;

/// Columns that a table may take, but for `-o wide`.
const WIDTH: u16 = 80;
/// Columns between two of a table.
const GAP: u16 = 1;

/// Bold.
pub(crate) const STRONG: Style = Style::new().bold();
/// Good news.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Something to look at.
pub(crate) const ODD: Style = AnsiColor::Yellow.on_default();
/// Bad news.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// What matters less.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// What every command gets.
pub(crate) struct Call {
    /// The daemon.
    pub(crate) client: Client,
    /// `--json`.
    pub(crate) json: bool,
}

// === impl Call ===

impl Call {
    /// Waits for the daemon's answer.
    pub(crate) fn wait<T>(&self, answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, Failure> {
        Ok(self.ask(answer)??)
    }

    /// The same, for callers to whom some errors are no failure.
    pub(crate) fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<Result<T, ClientError>, Failure> {
        Ok(runtime()?.block_on(answer))
    }

    /// Prints `value` as JSON, or else what `text` makes of it.
    pub(crate) fn print<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            print(&json(value)?)
        } else {
            print(&text(value))
        }
    }
}

/// A runtime of this thread alone: `run` replaces the process, and a second thread would be left in between.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))
}

/// Indented JSON with a line feed.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// Data, to stdout; styles only where a terminal shows them and `NO_COLOR` allows it.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// `word: text`, to stderr. A closed stderr is nobody's concern.
pub(crate) fn complain(word: &str, color: AnsiColor, text: &str) {
    let style = color.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{style}{word}:{style:#} {text}");
}

/// `note: text`, to stderr.
pub(crate) fn note(text: &str) {
    complain("note", AnsiColor::Cyan, text);
}

/// `warning: text`, to stderr.
pub(crate) fn warning(text: &str) {
    complain("warning", AnsiColor::Yellow, text);
}

/// `text` in `style`.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A table of one line a row, with its styles by row. A column's number is the most that it takes where the table is
/// to keep within [`WIDTH`]; columns with 0 share the rest. What was cut ends in `…`; `wide` cuts nothing.
pub(crate) fn table(header: &[(&str, u16)], rows: Vec<(Style, Vec<String>)>, wide: bool) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_truncation_indicator("…");
    table.set_header(one_line(header.iter().map(|(name, _)| name)));
    let mut styles = vec![STRONG];
    for (style, cells) in rows {
        table.add_row(one_line(cells));
        styles.push(style);
    }
    let widths = table.column_max_content_widths();
    for ((column, width), (_, limit)) in table.column_iter_mut().zip(widths).zip(header) {
        column.set_padding((0, GAP));
        if !wide && *limit > 0 {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width.min(*limit) + GAP)));
        }
    }
    if wide {
        table.set_content_arrangement(ContentArrangement::Disabled);
    } else {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(WIDTH);
    }
    let lines = table.lines().zip(styles);
    lines
        .map(|(line, style)| format!("{style}{}{style:#}\n", line.trim_end()))
        .collect()
}

fn one_line<T: ToString>(cells: impl IntoIterator<Item = T>) -> Row {
    let mut row = Row::from(cells.into_iter().map(|cell| cell.to_string()).collect::<Vec<_>>());
    row.max_height(1);
    row
}

/// `k=v,…` in the order of the keys; `-` where there is none.
pub(crate) fn labels(labels: &std::collections::BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if pairs.is_empty() {
        "-".to_owned()
    } else {
        pairs.join(",")
    }
}
