//! `--top`: flows in sums.

use std::fmt::Write as _;

use anstyle::Style;
use cofferdam_api::{FlowQuery, Top, TopBy, TopQuery, TopRow};
use jiff::Zoned;

use super::{bytes, say_lost, who};
use crate::args::TopArg;
use crate::failure::Failure;
use crate::output::{BAD, Call, FAINT, GOOD, ODD, note, styled, table};
use crate::when;

/// Prints them.
pub(super) fn top(call: &Call, query: &FlowQuery, by: TopArg, wide: bool) -> Result<u8, Failure> {
    let by = TopQuery { by: by.into() };
    let answer = call.wait(call.client.top(query, &by))?;
    call.print(&answer, |answer| text(answer, wide, &when::now()))?;
    if answer.left_out > 0 && !call.json {
        note(&format!("{} more lines; `--limit 0` prints all", answer.left_out));
    }
    say_lost(call, answer.lost);
    Ok(crate::OK)
}

/// A table, and below it, once each, the lines that would allow what was denied.
pub(super) fn text(answer: &Top, wide: bool, now: &Zoned) -> String {
    if answer.rows.is_empty() {
        return "no flows\n".to_owned();
    }
    let header = [
        ("FROM", 16),
        ("TO", 19),
        ("PORT", 8),
        ("DENIED", 6),
        ("ALLOWED", 7),
        ("BYTES", 9),
        ("LAST", 0),
    ];
    let rows = answer
        .rows
        .iter()
        .map(|row| (style(row), cells(row, now)))
        .collect();
    let mut text = table(&header, rows, wide);
    let mut lines: Vec<&str> = Vec::new();
    for line in answer.rows.iter().filter_map(|row| row.allow_with.as_deref()) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    for line in lines {
        let _ = writeln!(text, "{} {line}", styled(FAINT, "allow with:"));
    }
    text
}

fn style(row: &TopRow) -> Style {
    match row.denials {
        0 => GOOD,
        denials if denials < row.flows => ODD,
        _ => BAD,
    }
}

fn cells(row: &TopRow, now: &Zoned) -> Vec<String> {
    let to = match row.address {
        Some(address) => format!("{} {address}", who(&row.to)),
        None => who(&row.to),
    };
    let port = match (row.port, row.protocol.as_str()) {
        (0, protocol) => protocol.to_owned(),
        (port, "tcp") => port.to_string(),
        (port, protocol) => format!("{port}/{protocol}"),
    };
    vec![
        who(&row.from),
        to,
        port,
        row.denials.to_string(),
        (row.flows - row.denials.min(row.flows)).to_string(),
        bytes(row.bytes),
        when::clock(row.last, now),
    ]
}

// === impl TopArg ===

impl From<TopArg> for TopBy {
    fn from(by: TopArg) -> Self {
        match by {
            TopArg::Denials => Self::Denials,
            TopArg::Flows => Self::Flows,
            TopArg::Bytes => Self::Bytes,
        }
    }
}
