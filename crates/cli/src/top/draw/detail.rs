//! Everything about one flow or one workload, and the help.

use cofferdam_api::{Direction, FlowEnd, FlowView, HOOK_END, Mode, Timestamp, Verdict};
use jiff::Zoned;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::filter::WORDS;
use super::super::look::Look;
use super::super::model::Model;
use crate::flows::{bytes, from, to, verdict, who, without_port_zero};
use crate::output::labels;

/// A flow in full.
pub(super) fn flow(flow: &FlowView, look: Look, now: &Zoned) -> Vec<Line<'static>> {
    let style = match (flow.verdict, flow.mode) {
        (Verdict::Allow, _) => look.good(),
        (Verdict::Deny, Mode::Enforce) => look.bad(),
        (Verdict::Deny, Mode::Observe) => look.odd(),
    };
    let whom = match flow.act() {
        Some(act) => format!("{} {act}", from(flow)),
        None => format!("{} {} {}", from(flow), look.arrow(), to(flow)),
    };
    let title = format!("{}: {whom}", verdict(flow).1);
    let mut page = Page::new(look);
    page.heading(style, &title);
    page.line("why", &why(flow));
    if let Some(rule) = &flow.rule {
        page.line("rule", &rule.name);
        page.line("written in", &rule.source);
    }
    match (&flow.allow_with, flow.verdict) {
        (Some(lines), _) => page.remedies(lines),
        (None, Verdict::Deny) => page.line("to allow it", "no label and no rule can"),
        (None, Verdict::Allow) => {}
    }
    page.blank();
    ends(&mut page, flow);
    page.blank();
    let (first, last) = (flow.start.unwrap_or(flow.time), flow.time);
    page.line("when", &full(last, now));
    if flow.repeats > 1 {
        let text = format!("{} within a second, from {} on", flow.repeats, full(first, now));
        page.line("how often", &text);
    }
    if let Some(totals) = &flow.totals {
        let text = format!(
            "{} sent, {} received by {} connections that have ended",
            bytes(totals.bytes_sent),
            bytes(totals.bytes_received),
            totals.connections
        );
        page.line("carried", &text);
    }
    page.lines
}

fn ends(page: &mut Page, flow: &FlowView) {
    page.line("from", &end(&flow.from));
    if let Some(source) = flow.source {
        page.line("", &without_port_zero(source));
    }
    if flow.comm.is_some() || flow.pid.is_some() {
        let pid = flow.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        page.line(
            "process",
            &format!("{}{pid}", flow.comm.as_deref().unwrap_or("?")),
        );
    }
    if flow.object.is_some() {
        page.line("", &format!("seen at {}", flow.hook));
        return;
    }
    page.line("to", &end(&flow.to));
    let destination = without_port_zero(flow.destination);
    page.line(
        "",
        &format!("{destination}, {}, seen at {}", flow.protocol, flow.hook),
    );
}

/// Who decided, and what was seen.
fn why(flow: &FlowView) -> String {
    let reason = match (flow.reason.as_str(), flow.direction) {
        ("rule", Some(Direction::Ingress)) => format!("a rule says who may reach {}", who(&flow.to)),
        ("rule", Some(Direction::Egress)) => format!("a rule says whom {} may reach", who(&flow.from)),
        (reason, _) => flow
            .refusal()
            .unwrap_or_else(|| reason_in_words(reason).to_owned()),
    };
    let mode = match (flow.verdict, flow.mode) {
        (Verdict::Deny, Mode::Observe) => "; it is observed, so nothing was denied yet",
        (Verdict::Deny, Mode::Enforce) if flow.hook == HOOK_END => "; it was established, and was ended",
        _ => "",
    };
    format!("{reason}{mode}")
}

/// What the reasons of the wire mean; one that a newer daemon made stands for itself.
fn reason_in_words(reason: &str) -> &str {
    match reason {
        "rule" => "a rule says so",
        "same-workload" => "both ends are the same workload",
        "loopback" => "it stays inside a network namespace of its own",
        "reply" => "it answers what was allowed",
        "unprotected" => "no end is protected",
        "pending" => "the labels of one end were not known yet",
        "no-policy" => "there is no policy for it yet, so it stays closed",
        "protocol" => "no rule can be about this protocol",
        "malformed" => "the packet cannot be read",
        "port-taken" => "another workload listens on this port",
        "foreign-socket" => "the socket was made by another workload",
        "foreign-source" => "the sender's network does not have this source address",
        "undeclared" => "it does not declare that",
        "not-judged" => "no rule is about it: it is only seen",
        "off" => "enforcement was switched off",
        other => other,
    }
}

fn end(end: &FlowEnd) -> String {
    let mut parts = vec![who(end)];
    if !end.labels.is_empty() {
        parts.push(labels(&end.labels));
    }
    parts.extend(end.namespace.iter().map(|name| format!("namespace {name}")));
    parts.extend(end.network_mode.iter().map(|name| format!("network {name}")));
    parts.extend(end.identity.map(|number| format!("identity {number}")));
    parts.join(", ")
}

fn full(time: Timestamp, now: &Zoned) -> String {
    let local = time.to_zoned(now.time_zone().clone());
    local.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// A workload in full, with its last denial.
pub(super) fn workload(model: &Model, id: &str, look: Look, now: &Zoned) -> Vec<Line<'static>> {
    let mut page = Page::new(look);
    let row = model.shown.rows.iter().find(|row| row.id == id);
    let view = model.workloads.iter().find(|one| one.id == id);
    let (Some(view), Some(row)) = (view, row) else {
        page.heading(look.odd(), "this workload has ended");
        return page.lines;
    };
    page.heading(look.strong(), &view.name);
    page.line("is", view.kind.as_str());
    page.line("labels", &labels(&view.labels));
    page.line("namespace", &view.namespace);
    page.line("network", &view.network_mode);
    let identity = view
        .identity
        .map_or("none".to_owned(), |number| number.to_string());
    page.line("identity", &identity);
    let mode = match (view.protected, view.mode) {
        (false, _) => "no".to_owned(),
        (true, mode) => mode.unwrap_or_default().to_string(),
    };
    page.line("protected", &mode);
    for opening in &view.openings {
        page.line("opened", opening);
    }
    if let Some(contained) = &view.containment {
        page.line("contained", &contained.text);
        page.line("open to it", &contained.open.join(", "));
    }
    let counts = format!("{}, {} of them denied", row.counts.flows, row.counts.denials);
    page.line("flows", &format!("{counts}, since the daemon started"));
    for text in view.warnings.iter().chain(&view.notes) {
        page.line("note", text);
    }
    if let Some(last) = &row.last {
        page.blank();
        page.heading(look.strong(), "last denial");
        page.lines.extend(flow(last, look, now));
    }
    page.lines
}

/// Every key and every word.
pub(super) fn help(look: Look) -> Vec<Line<'static>> {
    let mut page = Page::new(look);
    page.heading(look.strong(), "keys");
    for (key, what) in [
        ("arrows, j k", "move; PgUp PgDn Home End too"),
        ("Tab", "to the other table"),
        (
            "Enter",
            "all about what is under the cursor: why, which rule, what would allow it",
        ),
        ("/", "filter the flows"),
        ("d", "denials only, or all"),
        ("s", "sort by denials, flows or name"),
        ("p", "pause, or go on"),
        ("Esc", "back: to the newest, to all workloads, to no filter"),
        ("q, Ctrl-C", "quit"),
    ] {
        page.line(key, what);
    }
    page.blank();
    page.heading(look.strong(), "filter");
    page.line("words", WORDS);
    page.line(
        "WHO",
        "labels (app=web,tier=front), a workload's name or a class (host, lan, world)",
    );
    page.line("example", "denied to app=web port 443");
    page.blank();
    page.heading(look.strong(), "figures");
    page.line(
        "FLOWS/S",
        "verdicts of which it was an end, over the last three seconds",
    );
    page.line(
        "DENY/MIN",
        "denials of the last minute; of who is observed, what would have been denied",
    );
    page.line("DENIED", "all denials since the daemon started");
    page.lines
}

/// Lines of a name and a text.
struct Page {
    look: Look,
    lines: Vec<Line<'static>>,
}

// === impl Page ===

impl Page {
    fn new(look: Look) -> Self {
        Self {
            look,
            lines: Vec::new(),
        }
    }

    fn heading(&mut self, style: Style, text: &str) {
        let text = self.clean(text);
        self.lines.push(Line::styled(text, style));
    }

    fn line(&mut self, name: &str, text: &str) {
        let name = Span::styled(format!("{name:<12} "), self.look.faint());
        let text = Span::raw(self.clean(text));
        self.lines.push(Line::from(vec![name, text]));
    }

    /// Each a line of its own and nothing before it, to be copied.
    fn remedies(&mut self, text: &str) {
        self.line("to allow it", "");
        for line in text.split("; ") {
            let line = self.clean(line);
            self.lines.push(Line::styled(line, self.look.strong()));
        }
    }

    fn blank(&mut self) {
        self.lines.push(Line::default());
    }

    fn clean(&self, text: &str) -> String {
        self.look.cut(text, usize::MAX)
    }
}
