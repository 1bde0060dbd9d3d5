//! The first lines: how the host is, and how fast things happen. Where the daemon is silent, no number is shown.

use cofferdam_api::{Mode, Status};
use jiff::Zoned;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::look::Look;
use super::super::model::{Link, Model};
use crate::when;

/// Two of them, and a third where something is to be said.
pub(super) fn lines(model: &Model, look: Look, width: usize, now: &Zoned) -> Vec<Line<'static>> {
    let mut lines = match (model.link(), &model.status) {
        (Link::Live, Some(status)) => live(model, status, look),
        (Link::Late(age), _) => {
            let text = format!("no answer from the daemon for {} s", age.as_secs());
            silent(model, look, now, text, None)
        }
        (Link::Lost { since, message, hint }, _) => {
            let text = format!("daemon unreachable for {} s: {message}", since.as_secs());
            silent(model, look, now, text, hint)
        }
        _ => vec![
            words(look, vec![(Style::new(), "asking the daemon".to_owned())]),
            Line::default(),
        ],
    };
    if let Some(at) = model.paused {
        let text = format!("PAUSED at {}: p goes on", when::clock(at, now));
        lines.push(Line::styled(text, look.odd().patch(look.reversed())));
    }
    for line in &mut lines {
        cut(line, look, width);
    }
    lines
}

fn live(model: &Model, status: &Status, look: Look) -> Vec<Line<'static>> {
    let counts = status.workloads;
    let state = match (status.off, status.mode) {
        (true, _) => (look.bad(), "OFF: every workload is open".to_owned()),
        (false, Mode::Observe) => (look.odd(), "observing".to_owned()),
        (false, Mode::Enforce) => (look.good(), "enforcing".to_owned()),
    };
    let first = vec![
        (look.strong(), format!("cofferdam {}", status.daemon)),
        state,
        (
            Style::new(),
            format!("{} of {} workloads protected", counts.protected, counts.total),
        ),
        (
            if counts.observed > 0 {
                look.odd()
            } else {
                Style::new()
            },
            format!("{} observed", counts.observed),
        ),
    ];
    let lost = status.losses.flows + status.losses.unkept;
    let denials = model.shown.denials_per_second;
    let mut second = vec![
        (
            Style::new(),
            format!("{} flows/s", rate(model.shown.all.per_second)),
        ),
        (
            if denials > 0.0 { look.bad() } else { Style::new() },
            format!("{} denials/s", rate(denials)),
        ),
        (
            if lost > 0 { look.odd() } else { Style::new() },
            format!("{lost} records lost"),
        ),
        (Style::new(), format!("sorted by {}", model.sort.name())),
    ];
    if !status.warnings.is_empty() {
        let text = format!("{} warnings: `cofferdam status`", status.warnings.len());
        second.push((look.odd(), text));
    }
    vec![words(look, first), words(look, second)]
}

/// What is shown below was true once.
fn silent(model: &Model, look: Look, now: &Zoned, text: String, hint: Option<String>) -> Vec<Line<'static>> {
    let since = model
        .answered()
        .map(|time| format!("below: as of {}; ", when::clock(time, now)))
        .unwrap_or_default();
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    let rest = format!("{since}enforcement stays in the kernel; asking again{hint}");
    vec![
        Line::from(vec![Span::styled(text, look.bad())]),
        Line::from(vec![Span::styled(rest, look.odd())]),
    ]
}

fn words(look: Look, words: Vec<(Style, String)>) -> Line<'static> {
    let mut spans: Vec<Span> = Vec::new();
    for (style, text) in words {
        if !spans.is_empty() {
            spans.push(Span::styled(
                if look.unicode { " · " } else { " | " },
                look.faint(),
            ));
        }
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

fn cut(line: &mut Line<'static>, look: Look, width: usize) {
    let mut left = width;
    for span in &mut line.spans {
        let text = look.cut(&span.content, left);
        left -= look.width(&text).min(left);
        span.content = text.into();
    }
}

/// `0`, `0.3`, `12`, `3.4k`.
pub(super) fn rate(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        rate if rate < 9.95 => format!("{rate:.1}"),
        rate if rate < 9_999.5 => format!("{rate:.0}"),
        rate => format!("{:.1}k", rate / 1000.0),
    }
}
