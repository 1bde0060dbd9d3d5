//! Test files and workloads files.

use crate::documents::{self, Diagnostic, Fields, Report};
use crate::yaml::{Node, Value};
use crate::{Action, DefaultProfile, Labels, NamedPort};

use super::{Test, Trial, Workload, Workloads, port};

const DEFAULT_NAMESPACE: &str = "default";

pub(super) fn trial(file: &str, bytes: &[u8]) -> Result<Trial, Vec<Diagnostic>> {
    let mut report = Report::new(file, bytes);
    let mut trial = Trial::default();
    for node in report.load() {
        let Some(mut fields) = Fields::open(&mut report, &node, "a test file") else {
            continue;
        };
        if let Some(profile) = profile(&mut report, &mut fields, "default") {
            trial.profile = profile;
        }
        let worlds = Some(&mut trial.worlds);
        read_workloads(&mut report, &mut fields, &mut trial.workloads, worlds);
        for node in fields.list(&mut report, "policies").unwrap_or_default() {
            policy(&mut report, node, &mut trial);
        }
        for node in fields.list(&mut report, "tests").unwrap_or_default() {
            let test = Fields::open(&mut report, node, "a test");
            trial
                .tests
                .extend(test.and_then(|fields| self::test(&mut report, fields)));
        }
        if fields.node("tests").is_none() {
            report.missing(
                &fields,
                "tests",
                "write `tests:` and below it `- {from: a, to: b, port: 80, expect: allow}`",
            );
        }
        fields.close(&mut report);
    }
    report.finish(trial)
}

pub(super) fn workloads(file: &str, bytes: &[u8]) -> Result<Workloads, Vec<Diagnostic>> {
    let mut report = Report::new(file, bytes);
    let mut found = Workloads::default();
    for node in report.load() {
        if let Some(mut fields) = Fields::open(&mut report, &node, "a workloads file") {
            read_workloads(&mut report, &mut fields, &mut found, None);
            fields.close(&mut report);
        }
    }
    report.finish(found)
}

/// Where `paths` is given, a workload may also be a path: of a file that lists some.
fn read_workloads(
    report: &mut Report,
    fields: &mut Fields<'_>,
    found: &mut Workloads,
    mut paths: Option<&mut Vec<String>>,
) {
    for node in fields.list(report, "workloads").unwrap_or_default() {
        if let (Some(paths), Some(path)) = (&mut paths, node.string()) {
            paths.push(path.to_owned());
            continue;
        }
        if let Some(fields) = Fields::open(report, node, "a workload") {
            found.list.extend(workload(report, fields));
        }
    }
    let Some(namespaces) = fields.fields(report, "namespaces") else {
        return;
    };
    for entry in namespaces.entries() {
        if let Some(labels) = Fields::open(report, &entry.node, "labels") {
            let labels: Labels = labels.pairs(report).into_iter().collect();
            found.namespaces.insert(entry.key.clone(), labels);
        }
    }
}

fn workload(report: &mut Report, mut fields: Fields<'_>) -> Option<Workload> {
    let name = fields.text(report, "name");
    let namespace = fields.text(report, "namespace");
    let labels = fields.fields(report, "labels").map(|labels| labels.pairs(report));
    let profile = profile(report, &mut fields, "profile");
    let ports = named_ports(report, &mut fields);
    let mut address = None;
    if let Some(text) = fields.text(report, "address") {
        address = text.parse().ok();
        if address.is_none() {
            report.at(
                fields.value_place("address"),
                format!("{text:?} is no address"),
                "write 172.17.0.2 or fd00::2",
            );
        }
    }
    if name.is_none() {
        report.missing(&fields, "name", "write `name: web`");
    }
    fields.close(report);
    Some(Workload {
        name: name?,
        namespace: namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
        labels: labels.unwrap_or_default().into_iter().collect(),
        ports,
        openings: Vec::new(),
        address,
        profile,
    })
}

fn named_ports(report: &mut Report, fields: &mut Fields<'_>) -> Vec<NamedPort> {
    let mut ports = Vec::new();
    if let Some(named) = fields.fields(report, "ports") {
        for entry in named.entries() {
            let text = match &entry.node.value {
                Value::Scalar { text, .. } => text.as_str(),
                _ => "",
            };
            match port(text) {
                Some((protocol, port)) => ports.push(NamedPort {
                    name: entry.key.clone(),
                    protocol,
                    port,
                }),
                None => report.at(
                    entry.node.at,
                    format!("{text:?} is no port"),
                    "write 80, 80/tcp or 53/udp",
                ),
            }
        }
    }
    ports
}

fn profile(report: &mut Report, fields: &mut Fields<'_>, name: &'static str) -> Option<DefaultProfile> {
    let text = fields.text(report, name)?;
    let known = DefaultProfile::named(&text);
    if known.is_none() {
        let names = crate::POSTURES.map(DefaultProfile::name).join(", ");
        report.at(
            fields.value_place(name),
            format!("`{text}` is no posture"),
            format!("postures are {names}"),
        );
    }
    known
}

/// A path, or `inline: |` and the text of policies.
fn policy(report: &mut Report, node: &Node, trial: &mut Trial) {
    if let Some(path) = node.string() {
        trial.paths.push(path.to_owned());
        return;
    }
    let Some(mut fields) = Fields::open(report, node, "a policy of a test file") else {
        return;
    };
    let text = fields.text(report, "inline");
    if text.is_none() {
        report.missing(
            &fields,
            "inline",
            "write a path, or `inline: |` and the policy below it",
        );
    }
    let at = fields.value_place("inline");
    fields.close(report);
    match documents::parse("inline", text.unwrap_or_default().as_bytes()) {
        Ok(found) => trial.inline.extend(found),
        Err(found) => {
            for one in found {
                // The text of a block begins where its first line does.
                let place = crate::yaml::Place {
                    line: at.line + one.line - 1,
                    column: at.column + one.column - 1,
                    width: one.width,
                };
                report.at(place, one.what, one.hint);
            }
        }
    }
}

fn test(report: &mut Report, mut fields: Fields<'_>) -> Option<Test> {
    let line = fields.at.line;
    let from = fields.text(report, "from");
    let to = fields.text(report, "to");
    let rule = fields.text(report, "rule");
    let number = fields.node("port").and_then(|node| match &node.value {
        Value::Scalar { text, .. } => Some((node.at, text.clone())),
        _ => None,
    });
    let expect = fields.text(report, "expect");
    let missing = [
        ("from", from.is_none()),
        ("to", to.is_none()),
        ("port", number.is_none()),
        ("expect", expect.is_none()),
    ];
    for (field, _) in missing.into_iter().filter(|(_, missing)| *missing) {
        report.missing(
            &fields,
            field,
            "write `- {from: web, to: db, port: 5432/tcp, expect: allow}`",
        );
    }
    let ports = number.and_then(|(at, text)| {
        let found = port(&text);
        if found.is_none() {
            report.at(
                at,
                format!("`{text}` is no port"),
                "write 80, 53/udp, icmp or icmp:8",
            );
        }
        found
    });
    let action = expect.and_then(|word| action(report, &fields, &word));
    fields.close(report);
    let (protocol, port) = ports?;
    Some(Test {
        line,
        from: from?,
        to: to?,
        protocol,
        port,
        expect: action?,
        rule,
    })
}

fn action(report: &mut Report, fields: &Fields<'_>, word: &str) -> Option<Action> {
    match word {
        "allow" => Some(Action::Allow),
        "deny" => Some(Action::Deny),
        _ => {
            report.at(
                fields.value_place("expect"),
                format!("`{word}` is no verdict"),
                "write `allow` or `deny`",
            );
            None
        }
    }
}
