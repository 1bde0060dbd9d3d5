//! The table of workloads and that of flows.

use cofferdam_api::{Class, FlowView, Mode, Verdict};
use jiff::Zoned;
use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::super::look::Look;
use super::super::model::{Focus, Link, Model, Row};
use super::columns::{self, Column};
use super::header::rate;
use crate::flows::{from, port_of, rule_or_reason, verdict, who};

const fn column(title: &'static str, least: usize, most: usize, goes: u8) -> Column {
    Column {
        title,
        least,
        most,
        goes,
        right: false,
    }
}

const fn number(title: &'static str, width: usize, goes: u8) -> Column {
    Column {
        title,
        least: width,
        most: width,
        goes,
        right: true,
    }
}

const WORKLOADS: [Column; 8] = [
    column("NAME", 14, 22, 0),
    column("LABELS", 9, 24, 6),
    column("NETWORK", 7, 12, 7),
    column("PROTECTED", 9, 9, 4),
    number("FLOWS/S", 7, 3),
    number("DENY/MIN", 8, 1),
    number("DENIED", 6, 2),
    column("LAST DENIAL", 20, 0, 5),
];

const FLOWS: [Column; 7] = [
    column("TIME", 8, 8, 2),
    column("VERDICT", 7, 10, 1),
    column("FROM", 12, 0, 0),
    column("TO", 11, 0, 0),
    column("PORT", 8, 8, 0),
    column("RULE", 14, 0, 3),
    number("TIMES", 5, 4),
];

/// The workloads, and before them all of them in one row.
pub(super) fn workloads(frame: &mut Frame, model: &mut Model, look: Look, now: &Zoned, area: Rect) {
    let live = model.link() == Link::Live;
    let chosen = columns::choose(&WORKLOADS, usize::from(area.width));
    let rows = usize::from(area.height.saturating_sub(1));
    let at = model.workload_at();
    let first = scrolled(&mut model.offsets[0], at, rows, model.shown.rows.len() + 1);
    let mut lines = vec![columns::titles(look, &WORKLOADS, &chosen).style(look.reversed())];
    let all = std::iter::once(&model.shown.all).chain(&model.shown.rows);
    for (index, row) in all.enumerate().skip(first).take(rows) {
        let cells = workload_cells(row, index == 0, live, look, now);
        let line = columns::line(look, &WORKLOADS, &chosen, &cells);
        lines.push(under_cursor(
            line,
            look,
            index == at,
            model.focus == Focus::Workloads,
        ));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn workload_cells(row: &Row, all: bool, live: bool, look: Look, now: &Zoned) -> Vec<(Style, String)> {
    let (style, mode) = match row.mode {
        _ if all => (look.strong(), ""),
        Some(Mode::Enforce) => (look.good(), "enforce"),
        Some(Mode::Observe) => (look.odd(), "observe"),
        None => (look.faint(), "no"),
    };
    // A number of somebody who does not answer is no number.
    let figure = |text: String| if live { text } else { "-".to_owned() };
    let alarm = if live && row.minute > 0 {
        look.bad()
    } else {
        Style::new()
    };
    let last = row
        .last
        .as_ref()
        .map(|flow| last_denial(flow, row, all, look, now));
    vec![
        (style, row.name.clone()),
        (Style::new(), row.labels.clone()),
        (Style::new(), row.network.clone()),
        (style, mode.to_owned()),
        (Style::new(), figure(rate(row.per_second))),
        (alarm, figure(short(row.minute))),
        (Style::new(), figure(short(row.counts.denials))),
        (look.faint(), last.unwrap_or_default()),
    ]
}

/// `← host:80 default/outside 03:10:58`, as the workload sees it.
fn last_denial(flow: &FlowView, row: &Row, all: bool, look: Look, now: &Zoned) -> String {
    let rule = rule_or_reason(flow);
    let time = moment(flow, now);
    let port = port_of(flow);
    if all {
        let (from, to) = (who(&flow.from), who(&flow.to));
        return format!("{from} {} {to}{port} {rule} {time}", look.arrow());
    }
    if flow.from.name.as_deref() == Some(&row.name) {
        format!("{} {}{port} {rule} {time}", look.arrow(), who(&flow.to))
    } else {
        format!("{} {}{port} {rule} {time}", look.back_arrow(), who(&flow.from))
    }
}

/// Flows, the newest first.
pub(super) fn flows(frame: &mut Frame, model: &mut Model, look: Look, now: &Zoned, area: Rect) {
    let width = usize::from(area.width);
    let chosen = columns::choose(&FLOWS, width);
    let rows = usize::from(area.height.saturating_sub(2));
    let flows = model.flows();
    let at = model.flow_at(&flows);
    let mut offset = model.offsets[1];
    let first = scrolled(&mut offset, at, rows, flows.len());
    let mut lines = vec![
        Line::styled(look.fit(&title(model, flows.len()), width, false), look.strong()),
        columns::titles(look, &FLOWS, &chosen).style(look.reversed()),
    ];
    for (index, flow) in flows.iter().enumerate().skip(first).take(rows) {
        let line = columns::line(look, &FLOWS, &chosen, &flow_cells(flow, look, now));
        let focused = model.focus == Focus::Flows;
        lines.push(under_cursor(line, look, focused && index == at, true));
    }
    if flows.is_empty() {
        lines.push(Line::styled("no flows", look.faint()));
    }
    model.offsets[1] = offset;
    frame.render_widget(Paragraph::new(lines), area);
}

fn title(model: &Model, count: usize) -> String {
    let what = if model.denials_only { "denials" } else { "flows" };
    let mut title = match model.selected() {
        Some(row) => format!("{what} of {}", row.name),
        None => format!("all {what}"),
    };
    if !model.filter.is_empty() {
        title.push_str(&format!(", {}", model.filter.text));
    }
    title.push_str(&format!(": {count}"));
    if model.missed() {
        title.push_str(", and more than can be shown");
    }
    title
}

fn flow_cells(flow: &FlowView, look: Look, now: &Zoned) -> Vec<(Style, String)> {
    let (_, word) = verdict(flow);
    let style = match (flow.verdict, flow.mode) {
        (Verdict::Allow, _) => look.good(),
        (Verdict::Deny, Mode::Enforce) => look.bad(),
        (Verdict::Deny, Mode::Observe) => look.odd(),
    };
    let times = match flow.repeats {
        0 | 1 => String::new(),
        many => format!("{}{}", look.times(), short(many)),
    };
    vec![
        (look.faint(), moment(flow, now)),
        (style, word.to_owned()),
        (Style::new(), from(flow)),
        (Style::new(), whom(flow)),
        (
            Style::new(),
            port_of(flow).trim_start_matches([':', '/']).to_owned(),
        ),
        (Style::new(), rule_or_reason(flow)),
        (Style::new(), times),
    ]
}

/// Who was to be reached; an address where that is no workload.
fn whom(flow: &FlowView) -> String {
    if let Some(act) = flow.act() {
        return act;
    }
    let who = who(&flow.to);
    match (flow.to.class, &flow.dns) {
        (Class::Workload, _) => who,
        (_, Some(name)) => format!("{who} {name}"),
        (_, None) => format!("{who} {}", flow.destination.ip()),
    }
}

/// Eight columns: the time of today, else the day.
fn moment(flow: &FlowView, now: &Zoned) -> String {
    let zone: TimeZone = now.time_zone().clone();
    let local = flow.time.to_zoned(zone);
    let format = if local.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%b %d"
    };
    local.strftime(format).to_string()
}

/// `999`, `12k`, `3M`.
fn short(count: u64) -> String {
    match count {
        0..100_000 => count.to_string(),
        100_000..100_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

fn under_cursor(line: Line<'static>, look: Look, here: bool, focused: bool) -> Line<'static> {
    match (here, focused) {
        (false, _) => line,
        (true, true) if look.colors => line.patch_style(Style::new().bg(Color::Blue).fg(Color::White)),
        (true, true) => line.patch_style(look.reversed()),
        (true, false) => line.patch_style(look.strong()),
    }
}

/// The first row that is shown, so that the cursor is among `rows` of `count`.
fn scrolled(offset: &mut usize, at: usize, rows: usize, count: usize) -> usize {
    *offset = (*offset)
        .min(count.saturating_sub(rows))
        .min(at)
        .max((at + 1).saturating_sub(rows.max(1)));
    *offset
}
