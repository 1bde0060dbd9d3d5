//! `networking.k8s.io/v1` NetworkPolicy.

use crate::yaml::Node;
use crate::{Direction, Effect, RuleText};

use super::{
    Document, Fields, Report, Rule, RulePeer, Scope, Selection, Tier, peers, ports, read_selector, time,
};

pub(crate) const API_VERSION: &str = "networking.k8s.io/v1";
const DEFAULT_NAMESPACE: &str = "default";

/// What both formats may say beside their rules.
#[derive(Default)]
pub(super) struct Additions {
    pub(super) observe: bool,
    pub(super) keep: bool,
    pub(super) until: Option<u64>,
}

/// What both formats say about themselves.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) line: usize,
}

pub(super) fn read(report: &mut Report, mut fields: Fields<'_>) -> Option<Document> {
    let head = head(report, &mut fields)?;
    let Some(mut spec) = fields.fields(report, "spec") else {
        report.missing(
            &fields,
            "spec",
            "write `spec:` and below it `podSelector` and `ingress` or `egress`",
        );
        return None;
    };
    fields.ignore("status");
    fields.close(report);
    let namespace = head
        .namespace
        .clone()
        .unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    let pods = read_selector(report, &mut spec, "podSelector").unwrap_or_default();
    let place = format!("{}:{}", report.file(), head.line);
    let full_name = format!("{namespace}/{}", head.name);
    let mut directions = [Direction::Ingress, Direction::Egress].map(|direction| {
        let items = spec.list(report, direction.name()).unwrap_or_default();
        let rules = items.iter().enumerate();
        let rules = rules
            .filter_map(|(number, node)| rule(report, node, (&full_name, &namespace), direction, number));
        rules.collect::<Vec<Rule>>()
    });
    let wanted = policy_types(report, &mut spec, !directions[1].is_empty());
    let additions = additions(report, &mut spec);
    spec.close(report);
    let egress = std::mem::take(&mut directions[1]);
    let ingress = std::mem::take(&mut directions[0]);
    Some(Document {
        name: head.name,
        namespace: Some(namespace.clone()),
        tier: Tier::NetworkPolicy,
        priority: 0,
        subject: Selection {
            namespaces: Scope::Named(namespace),
            pods,
        },
        ingress: wanted[0].then_some(ingress),
        egress: wanted[1].then_some(egress),
        observe: additions.observe,
        keep: additions.keep,
        until: additions.until,
        place,
    })
}

/// Ingress always and Egress where there are rules for it, unless `policyTypes` says which.
fn policy_types(report: &mut Report, spec: &mut Fields<'_>, has_egress: bool) -> [bool; 2] {
    let types = spec.texts(report, "policyTypes").unwrap_or_default();
    if types.is_empty() {
        return [true, has_egress];
    }
    let mut wanted = [false; 2];
    for (word, at) in types {
        match word.as_str() {
            "Ingress" => wanted[0] = true,
            "Egress" => wanted[1] = true,
            _ => report.at(
                at,
                format!("`{word}` is no type of policy"),
                "write Ingress, Egress or both",
            ),
        }
    }
    wanted
}

/// The field of a rule that names its peers, unless the other direction's is written.
pub(super) fn peers_field(
    report: &mut Report,
    fields: &mut Fields<'_>,
    direction: Direction,
) -> Option<&'static str> {
    let (own, other) = match direction {
        Direction::Ingress => ("from", "to"),
        Direction::Egress => ("to", "from"),
    };
    if fields.node(other).is_none() {
        return Some(own);
    }
    report.at(
        fields.key_place(other),
        format!("`{other}` in an {} rule", direction.name()),
        format!("{} rules have `{own}`", direction.name()),
    );
    None
}

/// `metadata`: the name, and what Kubernetes itself writes there.
pub(super) fn head(report: &mut Report, fields: &mut Fields<'_>) -> Option<Head> {
    const HINT: &str = "write `metadata: {name: a-name}`";
    let line = fields.at.line;
    let Some(mut metadata) = fields.fields(report, "metadata") else {
        report.missing(fields, "metadata", HINT);
        return None;
    };
    let name = metadata.text(report, "name");
    let namespace = metadata.text(report, "namespace");
    for field in [
        "labels",
        "annotations",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "selfLink",
        "ownerReferences",
        "finalizers",
        "generateName",
    ] {
        metadata.ignore(field);
    }
    let Some(name) = name else {
        if metadata.node("name").is_none() {
            report.missing(&metadata, "name", HINT);
        }
        return None;
    };
    for (field, text) in [("name", Some(&name)), ("namespace", namespace.as_ref())] {
        if let Some(text) = text.filter(|text| !is_name(text)) {
            let at = metadata.value_place(field);
            report.at(
                at,
                format!("{text:?} is no {field}"),
                "names consist of letters, digits, '-', '.' and '_'",
            );
        }
    }
    metadata.close(report);
    Some(Head {
        name,
        namespace,
        line,
    })
}

fn is_name(text: &str) -> bool {
    let sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    (1..=253).contains(&text.len()) && text.bytes().all(sign)
}

/// `observe`, `keep` and `until` of a `spec`.
pub(super) fn additions(report: &mut Report, spec: &mut Fields<'_>) -> Additions {
    let mut found = Additions {
        observe: spec.truth(report, "observe"),
        keep: spec.truth(report, "keep"),
        until: None,
    };
    if let Some(text) = spec.text(report, "until") {
        found.until = time::parse(&text);
        if found.until.is_none() {
            let at = spec.value_place("until");
            report.at(
                at,
                format!("`{text}` is no time"),
                "write for example 2026-03-01T10:00:00Z",
            );
        }
    }
    found
}

fn rule(
    report: &mut Report,
    node: &Node,
    (full_name, namespace): (&str, &str),
    direction: Direction,
    number: usize,
) -> Option<Rule> {
    let mut fields = Fields::open(report, node, "a rule")?;
    let peers_field = peers_field(report, &mut fields, direction)?;
    let items = fields.list(report, peers_field).unwrap_or_default();
    let mut peers = peers::of_network_policy(report, items, namespace);
    if items.is_empty() {
        peers.push(RulePeer::Anyone);
    }
    let ports = fields.list(report, "ports").unwrap_or_default();
    let ports_at = fields.key_place("ports");
    let ports = ports::of_network_policy(report, ports);
    if !ports.is_empty() && peers.contains(&RulePeer::Opened) {
        refuse_ports_of_opened(report, ports_at);
    }
    let line = if fields.entries().is_empty() {
        node.at.line
    } else {
        fields.at.line
    };
    fields.close(report);
    Some(Rule {
        text: RuleText {
            name: format!("{full_name}/{}[{number}]", direction.name()),
            source: format!("{}:{line}", report.file()),
        },
        effect: Effect::Allow,
        peers,
        ports,
    })
}

pub(super) fn refuse_ports_of_opened(report: &mut Report, at: crate::yaml::Place) {
    report.at(
        at,
        "`opened` has its own ports",
        "make a rule of its own for `opened`, without ports",
    );
}
