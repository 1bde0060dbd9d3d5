//! A frame of the screen: header, workloads, flows, keys; and what lies over them.

use jiff::Zoned;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::look::Look;
use super::model::{Focus, Layer, Model};

mod columns;
mod detail;
mod header;
mod tables;
#[cfg(test)]
mod tests;

/// Fewer rows than this have no room for both tables: the one with the cursor is shown.
const BOTH: u16 = 10;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame, model: &mut Model, look: Look, now: &Zoned) {
    let area = frame.area();
    let width = usize::from(area.width);
    let head = header::lines(model, look, width, now);
    let head_rows = u16::try_from(head.len())
        .unwrap_or(u16::MAX)
        .min(area.height.saturating_sub(2));
    let (top, rest) = split(area, head_rows);
    let (body, foot) = split(rest, rest.height.saturating_sub(1));
    frame.render_widget(Paragraph::new(head), top);
    match &model.layer {
        Layer::None | Layer::Prompt { .. } => tables(frame, model, look, now, body),
        Layer::Help => text(frame, model, detail::help(look), body),
        Layer::Flow(flow) => {
            let lines = detail::flow(flow, look, now);
            text(frame, model, lines, body);
        }
        Layer::Workload(id) => {
            let lines = detail::workload(model, id, look, now);
            text(frame, model, lines, body);
        }
    }
    footer(frame, model, look, foot);
}

fn tables(frame: &mut Frame, model: &mut Model, look: Look, now: &Zoned, area: Rect) {
    let both = area.height >= BOTH;
    let workloads = u16::try_from(model.shown.rows.len()).unwrap_or(u16::MAX);
    let upper = match model.focus {
        _ if both => workloads.saturating_add(2).min(area.height * 45 / 100).max(4),
        Focus::Workloads => area.height,
        Focus::Flows => 0,
    };
    let (upper, lower) = split(area, upper);
    let page = |rect: Rect| usize::from(rect.height.saturating_sub(2)).max(1);
    model.page = match model.focus {
        Focus::Workloads => page(upper),
        Focus::Flows => page(lower),
    };
    if upper.height > 0 {
        tables::workloads(frame, model, look, now, upper);
    }
    if lower.height > 0 {
        tables::flows(frame, model, look, now, lower);
    }
}

/// Lines that are wrapped and scrolled.
fn text(frame: &mut Frame, model: &mut Model, lines: Vec<Line<'static>>, area: Rect) {
    model.page = usize::from(area.height).max(1);
    let width = usize::from(area.width).max(1);
    // Where words are wrapped a line may take one more than its width says; a few empty rows do no harm.
    let rows: usize = lines.iter().map(|line| line.width().div_ceil(width).max(1)).sum();
    let last = rows.saturating_sub(usize::from(area.height) / 2);
    model.scroll = model.scroll.min(u16::try_from(last).unwrap_or(u16::MAX));
    let wrapped = Paragraph::new(lines).wrap(ratatui::widgets::Wrap { trim: false });
    frame.render_widget(wrapped.scroll((model.scroll, 0)), area);
}

fn footer(frame: &mut Frame, model: &Model, look: Look, area: Rect) {
    if let Layer::Prompt { text, error } = &model.layer {
        return prompt(frame, (text, error.as_deref()), look, area);
    }
    let keys: &[(&str, &str)] = match model.layer {
        Layer::None => &[
            ("q", "quit"),
            ("?", "help"),
            ("Tab", "table"),
            ("Enter", "detail"),
            ("/", "filter"),
            ("d", "denials"),
            ("s", "sort"),
            ("p", "pause"),
        ],
        _ => &[("Esc", "back"), ("j k", "scroll"), ("Ctrl-C", "quit")],
    };
    let mut spans = Vec::new();
    let mut used = 0;
    for (key, what) in keys {
        // A key that is cut is none.
        let long = key.len() + what.len() + 3;
        if used + long > usize::from(area.width) + 2 {
            break;
        }
        used += long;
        spans.push(Span::styled(*key, look.strong()));
        spans.push(Span::raw(format!(" {what}  ")));
    }
    frame.render_widget(Line::from(spans), area);
}

fn prompt(frame: &mut Frame, (text, error): (&str, Option<&str>), look: Look, area: Rect) {
    let width = usize::from(area.width);
    // The end of a long filter is where the user writes.
    let skipped = text.chars().count().saturating_sub(width.saturating_sub(9));
    let tail: String = text.chars().skip(skipped).collect();
    let written = format!("filter: {}", look.cut(&tail, width));
    let cursor = look.width(&written);
    let mut line = Line::from(written);
    match error {
        Some(error) => line.push_span(Span::styled(format!("  {error}"), look.bad())),
        None if text.is_empty() => {
            line.push_span(Span::styled(format!("  {}", super::filter::WORDS), look.faint()));
        }
        None => {}
    }
    frame.render_widget(line, area);
    let x = area.x
        + u16::try_from(cursor)
            .unwrap_or(u16::MAX)
            .min(area.width.saturating_sub(1));
    frame.set_cursor_position(Position::new(x, area.y));
}

/// The first `rows` rows, and the others.
fn split(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let upper = Rect { height: rows, ..area };
    let lower = Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    };
    (upper, lower)
}
