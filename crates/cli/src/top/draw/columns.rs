//! Columns that share the width there is, and go one by one where it is too little.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::look::Look;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Less is of no use.
    pub(super) least: usize,
    /// More is of no use; 0: it takes what is left.
    pub(super) most: usize,
    /// The largest goes first; 0 never.
    pub(super) goes: u8,
    pub(super) right: bool,
}

/// The columns that are shown, by their index, with their widths.
pub(super) type Chosen = Vec<(usize, usize)>;

/// Those of `columns` that have room in `width`.
pub(super) fn choose(columns: &[Column], width: usize) -> Chosen {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let needed = |shown: &[usize]| -> usize {
        let least: usize = shown.iter().map(|index| columns[*index].least).sum();
        least + shown.len().saturating_sub(1)
    };
    while needed(&shown) > width {
        let next = shown.iter().copied().filter(|index| columns[*index].goes > 0);
        let Some(next) = next.max_by_key(|index| columns[*index].goes) else {
            break;
        };
        shown.retain(|index| *index != next);
    }
    let mut left = width.saturating_sub(needed(&shown));
    let mut chosen: Chosen = shown
        .iter()
        .map(|index| (*index, columns[*index].least))
        .collect();
    for (index, width) in &mut chosen {
        let more = columns[*index].most.saturating_sub(*width).min(left);
        *width += more;
        left -= more;
    }
    let growing: Vec<usize> = (0..chosen.len())
        .filter(|at| columns[chosen[*at].0].most == 0)
        .collect();
    for (nth, at) in growing.iter().enumerate() {
        let more = left / (growing.len() - nth);
        chosen[*at].1 += more;
        left -= more;
    }
    chosen
}

/// The line of titles.
pub(super) fn titles(look: Look, columns: &[Column], chosen: &Chosen) -> Line<'static> {
    let cells: Vec<(Style, String)> = columns
        .iter()
        .map(|column| (look.strong(), column.title.to_owned()))
        .collect();
    line(look, columns, chosen, &cells)
}

/// A row, a cell for each of `columns`.
pub(super) fn line(
    look: Look,
    columns: &[Column],
    chosen: &Chosen,
    cells: &[(Style, String)],
) -> Line<'static> {
    let mut spans = Vec::with_capacity(2 * chosen.len());
    for (at, (index, width)) in chosen.iter().enumerate() {
        if at > 0 {
            spans.push(Span::raw(" "));
        }
        let (style, text) = &cells[*index];
        spans.push(Span::styled(
            look.fit(text, *width, columns[*index].right),
            *style,
        ));
    }
    Line::from(spans)
}
