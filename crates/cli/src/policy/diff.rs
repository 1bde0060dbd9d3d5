//! `cofferdam policy diff`: what would change, for each pair and port.

use std::collections::BTreeSet;

use anstyle::Style;
use cofferdam_policy::documents::RulePort;
use cofferdam_policy::trial::{CLASSES, Stage};
use cofferdam_policy::{Action, Direction, Document, Judge, Protocol, Verdict};
use serde::Serialize;

use super::{gather, here};
use crate::args::DiffArgs;
use crate::failure::Failure;
use crate::output::{BAD, Call, GOOD, ODD, table};

#[derive(Serialize)]
struct Report {
    version: u32,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    from: String,
    to: String,
    /// A port at which some rule begins or ends, or `other` for those that no rule names.
    port: String,
    before: &'static str,
    after: &'static str,
    rule: String,
}

/// A port that no rule names stands for all the others.
type Port = (Protocol, Option<u16>);

pub(super) fn diff(call: &Call, args: &DiffArgs) -> Result<u8, Failure> {
    let new = gather::valid(&args.paths[args.paths.len() - 1..])?;
    let stages = match &args.paths[..] {
        [old, _] => {
            let old = gather::valid(std::slice::from_ref(old))?;
            [gather::stage(&args.world, old)?, gather::stage(&args.world, new)?]
        }
        _ => {
            let replaced = gather::all_files(&args.paths)?;
            let names = replaced.iter().filter_map(|path| path.file_name()?.to_str());
            let names: Vec<&str> = names.collect();
            here::stages(call, &names, &args.world.workloads, new)?
        }
    };
    compare(call, &stages)
}

/// Prints what changes from the first to the second; the exit status.
pub(super) fn compare(call: &Call, stages: &[Stage; 2]) -> Result<u8, Failure> {
    let documents = stages.iter().flat_map(|stage| &stage.world.documents);
    let mut ports = ports(documents.map(AsRef::as_ref));
    let identities = stages.iter().flat_map(|stage| &stage.world.identities);
    let named = identities.flat_map(|identity| &identity.named_ports);
    ports.extend(named.map(|port| (port.protocol, Some(port.port))));
    let report = Report {
        version: cofferdam_api::VERSION,
        changes: changes(stages, &ports),
    };
    call.print(&report, text)?;
    Ok(if report.changes.is_empty() {
        crate::OK
    } else {
        crate::FINDINGS
    })
}

fn changes(stages: &[Stage; 2], ports: &BTreeSet<Port>) -> Vec<Change> {
    let judges = [Judge::new(&stages[0].world), Judge::new(&stages[1].world)];
    let workloads = stages[0].ends.keys().cloned();
    let names: Vec<String> = workloads
        .chain(CLASSES.map(|(class, _)| class.name().to_owned()))
        .collect();
    let mut found = Vec::new();
    for from in &names {
        for to in names.iter().filter(|to| *to != from) {
            for (protocol, port) in ports {
                let asked = (*protocol, port.unwrap_or(0));
                let verdict = |side: usize| {
                    let attempt = stages[side].attempt(from, to, asked)?;
                    Some(judges[side].decide(&attempt))
                };
                let (Some(before), Some(after)) = (verdict(0), verdict(1)) else {
                    continue;
                };
                if word(&before) != word(&after) {
                    let rule = usize::try_from(after.rule)
                        .ok()
                        .and_then(|rule| judges[1].rules().get(rule));
                    found.push(Change {
                        from: from.clone(),
                        to: to.clone(),
                        port: port.map_or_else(
                            || format!("other {protocol}"),
                            |port| format!("{port}/{protocol}"),
                        ),
                        before: word(&before),
                        after: word(&after),
                        rule: rule
                            .map_or_else(String::new, |rule| format!("{} ({})", rule.name, rule.source)),
                    });
                }
            }
        }
    }
    found
}

fn word(verdict: &Verdict) -> &'static str {
    match (verdict.action, verdict.observed) {
        (Action::Allow, _) => "allow",
        (Action::Deny, true) => "observe",
        (Action::Deny, false) => "deny",
    }
}

/// Where a verdict may change: the ends of every range, and the port behind each.
fn ports<'d>(documents: impl Iterator<Item = &'d Document>) -> BTreeSet<Port> {
    let mut found: BTreeSet<Port> = [Protocol::TCP, Protocol::UDP]
        .map(|protocol| (protocol, None))
        .into();
    for document in documents {
        let rules = [Direction::Ingress, Direction::Egress]
            .into_iter()
            .filter_map(|one| document.rules(one));
        for port in rules.flatten().flat_map(|rule| &rule.ports) {
            if let RulePort::Range(range) = port
                && range.first > 0
            {
                found.insert((range.protocol, Some(range.first)));
                found.insert((range.protocol, Some(range.last)));
            }
        }
    }
    found
}

fn text(report: &Report) -> String {
    if report.changes.is_empty() {
        return "nothing would change\n".to_owned();
    }
    let row = |change: &Change| {
        let style: Style = match change.after {
            "allow" => GOOD,
            "deny" => BAD,
            _ => ODD,
        };
        let cells = [&change.from, &change.to, &change.port].map(String::clone);
        let verdicts = [change.before, change.after, change.rule.as_str()].map(str::to_owned);
        (style, cells.into_iter().chain(verdicts).collect())
    };
    let header = [
        ("FROM", 16),
        ("TO", 16),
        ("PORT", 12),
        ("BEFORE", 7),
        ("AFTER", 7),
        ("BY", 0),
    ];
    table(&header, report.changes.iter().map(row).collect(), false)
}
