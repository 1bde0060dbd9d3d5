//! All pairs in a table that fits a terminal.

use super::{MODES, Pair, sources};

/// A line for each client's mode, a column for each server's: how many of the server's addresses it reaches with the same
/// labels; `-` where Docker routes none.
pub fn table(pairs: &[Pair]) -> String {
    let columns: Vec<&str> = MODES
        .into_iter()
        .filter(|to| pairs.iter().any(|pair| pair.to == *to))
        .collect();
    let mut lines = vec![row("from \\ to", columns.iter().map(ToString::to_string))];
    for from in sources() {
        let cells = columns.iter().map(|to| {
            let all = pairs.iter().filter(|pair| pair.from == from && pair.to == *to);
            let routed: Vec<_> = all.filter(|pair| pair.routed).collect();
            let right = routed.iter().filter(|pair| pair.wrong().is_none()).count();
            match routed.len() {
                0 => "-".to_string(),
                all if all == right => format!("{all} ok"),
                all => format!("{right} of {all}"),
            }
        });
        lines.push(row(from, cells));
    }
    lines.join("\n    ")
}

fn row(head: &str, cells: impl Iterator<Item = String>) -> String {
    let mut line = format!("{head:<10}");
    for cell in cells {
        line.push_str(&format!("{cell:>10}"));
    }
    line
}
