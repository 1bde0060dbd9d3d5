//! `-o wide`: everything that a record says, one line each.

use anstyle::Style;
use cofferdam_api::{FlowEnd, FlowView, Flows, Totals};
use jiff::Zoned;

use super::{bytes, verdict, who, without_port_zero};
use crate::output::{labels, table};
use crate::when;

const COLUMNS: [&str; 31] = [
    "TIME",
    "VERDICT",
    "FROM",
    "LABELS",
    "NAMESPACE",
    "IDENTITY",
    "NETWORK",
    "SOURCE",
    "PID",
    "COMMAND",
    "TO",
    "LABELS",
    "NAMESPACE",
    "IDENTITY",
    "NETWORK",
    "DESTINATION",
    "NAME",
    "OBJECT",
    "PROTOCOL",
    "HOOK",
    "RULE",
    "WRITTEN IN",
    "TIMES",
    "ENDED",
    "DURATION",
    "SENT",
    "RECEIVED",
    "PACKETS",
    "RETRANSMITS",
    "RTT",
    "ALLOW WITH",
];

/// A table of them.
pub(super) fn text(answer: &Flows, now: &Zoned) -> String {
    if answer.flows.is_empty() {
        return "no flows\n".to_owned();
    }
    let row = |flow: &FlowView| (verdict(flow).0, cells(flow, now));
    let rows: Vec<(Style, Vec<String>)> = answer.flows.iter().map(row).collect();
    table(&COLUMNS.map(|name| (name, 0)), rows, true)
}

/// The names of the columns of [`line`].
pub(super) fn header() -> String {
    COLUMNS.join("\t") + "\n"
}

/// One that comes alone: nobody knows how wide the columns of the next one are, so tabs are between them.
pub(super) fn line(flow: &FlowView, now: &Zoned) -> String {
    cells(flow, now).join("\t") + "\n"
}

fn cells(flow: &FlowView, now: &Zoned) -> Vec<String> {
    let none = || "-".to_owned();
    let rule = flow.rule.as_ref();
    let mut all = vec![
        when::clock(flow.time, now),
        verdict(flow).1.to_owned(),
        who(&flow.from),
    ];
    all.extend(end(&flow.from));
    all.extend([
        flow.source.map_or_else(none, without_port_zero),
        flow.pid.map_or_else(none, |pid| pid.to_string()),
        flow.comm.clone().unwrap_or_else(none),
        who(&flow.to),
    ]);
    all.extend(end(&flow.to));
    all.extend([
        destination(flow),
        flow.dns.clone().unwrap_or_else(none),
        flow.object.clone().unwrap_or_else(none),
        flow.protocol.clone(),
        flow.hook.clone(),
        rule.map_or_else(|| reason(flow), |rule| rule.name.clone()),
        rule.map_or_else(none, |rule| rule.source.clone()),
        flow.repeats.to_string(),
    ]);
    all.extend(carried(flow.totals.as_ref()));
    all.push(flow.allow_with.clone().unwrap_or_else(none));
    all
}

fn reason(flow: &FlowView) -> String {
    match flow.refusal() {
        Some(refusal) => format!("{}: {refusal}", flow.reason),
        None => flow.reason.clone(),
    }
}

/// With the port that a published one stands for.
fn destination(flow: &FlowView) -> String {
    let asked = without_port_zero(flow.destination);
    match flow.inner_port {
        Some(port) => format!("{asked} for {port}"),
        None => asked,
    }
}

/// What its connections carried.
fn carried(totals: Option<&Totals>) -> [String; 7] {
    let Some(totals) = totals else {
        return std::array::from_fn(|_| "-".to_owned());
    };
    [
        totals.connections.to_string(),
        format!("{}.{:03} s", totals.duration_ms / 1000, totals.duration_ms % 1000),
        bytes(totals.bytes_sent),
        bytes(totals.bytes_received),
        format!("{}/{}", totals.packets_sent, totals.packets_received),
        totals.retransmits.to_string(),
        format!("{}.{:03} ms", totals.rtt_us / 1000, totals.rtt_us % 1000),
    ]
}

fn end(end: &FlowEnd) -> [String; 4] {
    let none = || "-".to_owned();
    [
        labels(&end.labels),
        end.namespace.clone().unwrap_or_else(none),
        end.identity.map_or_else(none, |number| number.to_string()),
        end.network_mode.clone().unwrap_or_else(none),
    ]
}
