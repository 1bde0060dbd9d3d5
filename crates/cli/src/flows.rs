//! `cofferdam flows`: verdicts, one or two lines each.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anstyle::Style;
use cofferdam_api::{
    Class, ClientError, FlowEnd, FlowQuery, FlowView, Flows, HOOK_END, Mode, VERSION, Verdict,
};
use jiff::Zoned;

use crate::args::{FlowsArgs, Format};
use crate::failure::Failure;
use crate::output::{BAD, Call, FAINT, GOOD, ODD, labels, note, print, runtime, styled, warning};
use crate::when;

#[cfg(test)]
mod tests;
mod top;
mod wide;

/// Columns of a line that is not cut: names are never lost, a long line continues below.
const WIDTH: usize = 80;
/// Columns of `FROM → TO`, so that the rules stand below each other.
const ENDS: usize = 38;
/// Past flows without and with `-f`.
const PAST: usize = 100;
const PAST_FOLLOWED: usize = 10;
/// An answer without any.
const NONE: &str = "no flows\n";
/// Lines of `--top`.
const ROWS: usize = 20;

/// Prints flows; with `-f` for ever.
pub(crate) fn flows(call: &Call, args: &FlowsArgs) -> Result<u8, Failure> {
    let now = when::now();
    let query = query(args, &now)?;
    let wide = args.output == Some(Format::Wide);
    if let Some(by) = args.top {
        return top::top(call, &query, by, wide);
    }
    if args.follow {
        return follow(call, &query, wide);
    }
    if query.limit.is_none() && !wide {
        return all(call, &query, &now);
    }
    let answer = call.wait(call.client.flows(&query))?;
    call.print(&answer, |answer| match wide {
        true => wide::text(answer, &now),
        false => text(answer, &now),
    })?;
    say_lost(call, answer.lost);
    Ok(crate::OK)
}

/// However many there are: printed as they come, not held.
fn all(call: &Call, query: &FlowQuery, now: &Zoned) -> Result<u8, Failure> {
    let (mut count, mut printed) = (0_u64, Ok(()));
    if call.json {
        print(&format!("{{\"version\":{VERSION},\"flows\":["))?;
    }
    let one = |flow: FlowView| {
        let text = match (call.json, count) {
            (false, _) => Ok(lines(&flow, now)),
            (true, 0) => compact(&flow),
            (true, _) => compact(&flow).map(|text| format!(",{text}")),
        };
        count += 1;
        if printed.is_ok() {
            printed = text.and_then(|text| print(&text));
        }
    };
    call.wait(call.client.each_flow(query, one))?;
    printed?;
    let losses = call.wait(call.client.status())?.losses;
    let lost = losses.flows + losses.unkept;
    if call.json {
        print(&format!("],\"lost\":{lost}}}\n"))?;
    } else if count == 0 {
        print(NONE)?;
    }
    say_lost(call, lost);
    Ok(crate::OK)
}

/// What no answer can hold.
fn say_lost(call: &Call, lost: u64) {
    if lost > 0 && !call.json {
        note(&format!(
            "{lost} records were lost, or are not kept; `cofferdam status` says where"
        ));
    }
}

/// The options as the daemon is asked.
pub(crate) fn query(args: &FlowsArgs, now: &Zoned) -> Result<FlowQuery, Failure> {
    let since = args
        .since
        .as_deref()
        .map(|text| when::since(text, now))
        .transpose()?;
    let limit = match args.limit {
        Some(0) => None,
        Some(limit) => Some(limit),
        None if args.top.is_some() => Some(ROWS),
        None if since.is_some() => None,
        None => Some(if args.follow { PAST_FOLLOWED } else { PAST }),
    };
    Ok(FlowQuery {
        from: args.from.clone(),
        to: args.to.clone(),
        denied: args.denied,
        allowed: args.allowed,
        since,
        port: args.port,
        protocol: args.protocol.clone(),
        follow: args.follow,
        updates: false,
        limit,
    })
}

fn follow(call: &Call, query: &FlowQuery, wide: bool) -> Result<u8, Failure> {
    let runtime = runtime()?;
    let mut stream = runtime.block_on(call.client.follow(query))?;
    if wide && !call.json {
        print(&wide::header())?;
    }
    loop {
        match runtime.block_on(stream.next()) {
            Ok(Some(flow)) if call.json => print(&compact(&flow)?)?,
            Ok(Some(flow)) if wide => print(&wide::line(&flow, &when::now()))?,
            Ok(Some(flow)) => print(&lines(&flow, &when::now()))?,
            // A daemon that stops ends the answer, one that is killed breaks it off.
            Ok(None) | Err(ClientError::Broken(_)) => {
                return Err(Failure::new("the daemon has ended")
                    .hint("enforcement stays in the kernel; follow again when a daemon runs"));
            }
            Err(ClientError::Refused(remark)) => warning(&remark.message),
            Err(error) => return Err(error.into()),
        }
    }
}

fn compact(flow: &FlowView) -> Result<String, Failure> {
    // `output::json` indents for people; this is for programs, one object a line.
    let text = serde_json::to_string(flow).map_err(|error| Failure::new(error.to_string()))?;
    Ok(text + "\n")
}

fn text(answer: &Flows, now: &Zoned) -> String {
    if answer.flows.is_empty() {
        return NONE.to_owned();
    }
    answer.flows.iter().map(|flow| lines(flow, now)).collect()
}

/// `TIME VERDICT FROM → TO  RULE`, and below a denial the line that would allow it.
fn lines(flow: &FlowView, now: &Zoned) -> String {
    let time = when::clock(flow.time, now);
    let (style, verdict) = verdict(flow);
    let ends = match flow.act() {
        Some(act) => format!("{} {act}", from(flow)),
        None => format!("{} → {}", from(flow), to(flow)),
    };
    let mut rule = rule_or_reason(flow);
    if flow.repeats > 1 {
        let _ = write!(rule, " (×{})", flow.repeats);
    }
    let indent = " ".repeat(time.len() + 1);
    let shown = styled(style, format_args!("{verdict:<10}"));
    // Everything before the ends.
    let lead = time.len() + 1 + 10 + 1;
    let mut text = if lead + ENDS.max(ends.chars().count()) + 1 + rule.chars().count() <= WIDTH {
        format!("{time} {shown} {ends:<ENDS$} {rule}\n")
    } else {
        format!("{time} {shown} {ends}\n{indent}by: {rule}\n")
    };
    if flow.verdict == Verdict::Deny {
        if let Some(source) = flow
            .rule
            .as_ref()
            .map(|rule| rule.source.as_str())
            .filter(|source| *source != "built-in")
        {
            let _ = writeln!(text, "{indent}written in: {source}");
        }
        if let Some(refusal) = flow.refusal() {
            let _ = writeln!(text, "{indent}{} {refusal}", styled(FAINT, "because"));
        }
        if let Some(allow) = &flow.allow_with {
            let _ = writeln!(text, "{indent}{} {allow}", styled(FAINT, "allow with:"));
        }
    }
    text
}

/// What decided, in a word.
pub(crate) fn rule_or_reason(flow: &FlowView) -> String {
    flow.rule
        .as_ref()
        .map_or_else(|| flow.reason.clone(), |rule| rule.name.clone())
}

pub(crate) fn verdict(flow: &FlowView) -> (Style, &'static str) {
    match (flow.verdict, flow.mode) {
        (Verdict::Deny, Mode::Enforce) if flow.hook == HOOK_END => (BAD, "ended"),
        (Verdict::Allow, _) => (GOOD, "allow"),
        (Verdict::Deny, Mode::Enforce) => (BAD, "deny"),
        (Verdict::Deny, Mode::Observe) => (ODD, "would deny"),
    }
}

/// Who started, and with which program.
pub(crate) fn from(flow: &FlowView) -> String {
    let who = who(&flow.from);
    // The process that acted is at this end: no program can name the receiving one.
    match (flow.from.class, &flow.comm, flow.source) {
        (Class::Lan | Class::World | Class::Metadata | Class::Multicast, _, Some(source)) => {
            format!("{who} {}", source.ip())
        }
        (_, Some(comm), _) if flow.from.name.as_ref() != Some(comm) => format!("{who} ({comm})"),
        _ => who,
    }
}

/// Who was to be reached, and where.
pub(crate) fn to(flow: &FlowView) -> String {
    let (who, protocol) = (who(&flow.to), protocol(flow));
    if flow.to.class == Class::Workload {
        return format!("{who}:{}{protocol}", flow.port());
    }
    let name = flow.dns.as_ref().map(|name| format!(" ({name})"));
    let name = name.unwrap_or_default();
    format!("{who} {}{protocol}{name}", without_port_zero(flow.destination))
}

/// `:80`, `:53/udp`, `/icmp`.
pub(crate) fn port_of(flow: &FlowView) -> String {
    match flow.port() {
        0 => protocol(flow),
        port => format!(":{port}{}", protocol(flow)),
    }
}

fn protocol(flow: &FlowView) -> String {
    match flow.protocol.as_str() {
        "tcp" => String::new(),
        other => format!("/{other}"),
    }
}

/// `512 B`, `3.4 KiB`, `12.0 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, shift)| count >> shift > 0);
    unit.map_or_else(
        || format!("{count} B"),
        |(unit, shift)| {
            let tenths = (u128::from(count) * 10) >> shift;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        },
    )
}

/// An address with its port, or alone where the protocol has none.
pub(crate) fn without_port_zero(address: SocketAddr) -> String {
    if address.port() == 0 {
        address.ip().to_string()
    } else {
        address.to_string()
    }
}

/// A workload's name, else its labels, else the class; a name of no protected workload stands with its class.
pub(crate) fn who(end: &FlowEnd) -> String {
    match (&end.name, end.class) {
        (Some(name), Class::Workload) => name.clone(),
        (Some(name), class) => format!("{name} ({class})"),
        (None, Class::Workload) if !end.labels.is_empty() => labels(&end.labels),
        (None, class) => class.to_string(),
    }
}
