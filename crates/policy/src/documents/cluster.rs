//! `policy.networking.k8s.io/v1alpha2` ClusterNetworkPolicy.

use crate::yaml::Node;
use crate::{Direction, Effect, RuleText};

use super::fields::closest;
use super::network::{additions, head, peers_field, refuse_ports_of_opened};
use super::{
    Document, Fields, LabelSelector, Report, Rule, RulePeer, RulePort, Scope, Selection, Tier, peers, ports,
    read_selector,
};

pub(crate) const API_VERSION: &str = "policy.networking.k8s.io/v1alpha2";
pub(super) const KIND: &str = "ClusterNetworkPolicy";
const HIGHEST_PRIORITY: u16 = 1000;

pub(super) fn read(report: &mut Report, mut fields: Fields<'_>) -> Option<Document> {
    let head = head(report, &mut fields)?;
    let Some(mut spec) = fields.fields(report, "spec") else {
        report.missing(
            &fields,
            "spec",
            "write `spec:` and below it `tier`, `priority`, `subject` and rules",
        );
        return None;
    };
    fields.ignore("status");
    fields.close(report);
    let tier = tier(report, &mut spec);
    let has_priority = spec.node("priority").is_some();
    let priority = spec.number(report, "priority", 0..=HIGHEST_PRIORITY);
    if !has_priority {
        report.missing(&spec, "priority", "write a number from 0 (asked first) to 1000");
    }
    let subject = subject(report, &mut spec);
    let place = format!("{}:{}", report.file(), head.line);
    let [ingress, egress] = [Direction::Ingress, Direction::Egress].map(|direction| {
        let items = spec.list(report, direction.name()).unwrap_or_default();
        let rules = items.iter().enumerate();
        let rules = rules.filter_map(|(number, node)| rule(report, node, &head.name, direction, number));
        let rules: Vec<Rule> = rules.collect();
        (!rules.is_empty()).then_some(rules)
    });
    let additions = additions(report, &mut spec);
    spec.close(report);
    Some(Document {
        name: head.name,
        namespace: None,
        tier: tier?,
        priority: priority?,
        subject: subject?,
        ingress,
        egress,
        observe: additions.observe,
        keep: additions.keep,
        until: additions.until,
        place,
    })
}

fn tier(report: &mut Report, spec: &mut Fields<'_>) -> Option<Tier> {
    let Some(word) = spec.text(report, "tier") else {
        report.missing(
            spec,
            "tier",
            "write `tier: Admin` (before NetworkPolicies) or `tier: Baseline` (after them)",
        );
        return None;
    };
    match word.as_str() {
        "Admin" => Some(Tier::Admin),
        "Baseline" => Some(Tier::Baseline),
        _ => {
            report.at(
                spec.value_place("tier"),
                format!("`{word}` is no tier"),
                "tiers are Admin and Baseline",
            );
            None
        }
    }
}

fn subject(report: &mut Report, spec: &mut Fields<'_>) -> Option<Selection> {
    let Some(mut fields) = spec.fields(report, "subject") else {
        report.missing(
            spec,
            "subject",
            "write `subject: {namespaces: {}}` for every workload",
        );
        return None;
    };
    let namespaces = read_selector(report, &mut fields, "namespaces").map(|namespaces| Selection {
        namespaces: Scope::Matching(namespaces),
        pods: LabelSelector::default(),
    });
    let pods = peers::namespaced(report, &mut fields);
    let at = fields.at;
    fields.close(report);
    match (namespaces, pods) {
        (Some(one), None) | (None, Some(one)) => Some(one),
        _ => {
            report.at(
                at,
                "a subject names either `namespaces` or `pods`",
                "write `namespaces: {}` for every workload",
            );
            None
        }
    }
}

fn rule(
    report: &mut Report,
    node: &Node,
    document: &str,
    direction: Direction,
    number: usize,
) -> Option<Rule> {
    let mut fields = Fields::open(report, node, "a rule")?;
    let name = fields.text(report, "name");
    let effect = effect(report, &mut fields);
    let peers_field = peers_field(report, &mut fields, direction)?;
    let items = fields.list(report, peers_field).unwrap_or_default();
    if items.is_empty() {
        let hint = "name at least one peer; everybody is `workloads`, `host`, `lan`, `metadata`, `multicast` and `world`";
        report.missing(&fields, peers_field, hint);
    }
    let peers = peers::of_cluster_policy(report, items, direction);
    let protocols = fields.list(report, "protocols").unwrap_or_default();
    let ports_at = fields.key_place("protocols");
    let ports = ports::of_cluster_policy(report, protocols);
    if !ports.is_empty() && peers.contains(&RulePeer::Opened) {
        refuse_ports_of_opened(report, ports_at);
    }
    refuse_nameless(report, ports_at, direction, (&peers, &ports));
    let line = fields.at.line;
    fields.close(report);
    let name = name.unwrap_or_else(|| format!("{}[{number}]", direction.name()));
    Some(Rule {
        text: RuleText {
            name: format!("{document}/{name}"),
            source: format!("{}:{line}", report.file()),
        },
        effect: effect?,
        peers,
        ports,
    })
}

/// Only workloads give their ports names.
fn refuse_nameless(
    report: &mut Report,
    at: crate::yaml::Place,
    direction: Direction,
    (peers, ports): (&[RulePeer], &[RulePort]),
) {
    let is_named = |port: &RulePort| matches!(port, RulePort::Named(..));
    let nameless = |peer: &RulePeer| matches!(peer, RulePeer::Net(_) | RulePeer::Class(_));
    if direction == Direction::Egress && ports.iter().any(is_named) && peers.iter().any(nameless) {
        report.at(
            at,
            "only workloads have named ports",
            "write the port's number, or a rule of its own for the other peers",
        );
    }
}

fn effect(report: &mut Report, fields: &mut Fields<'_>) -> Option<Effect> {
    const ACTIONS: [(&str, Effect); 3] = [
        ("Accept", Effect::Allow),
        ("Deny", Effect::Deny),
        ("Pass", Effect::Pass),
    ];
    let Some(word) = fields.text(report, "action") else {
        report.missing(fields, "action", "write `action: Accept`, Deny or Pass");
        return None;
    };
    let known = ACTIONS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, effect)| *effect);
    if known.is_none() {
        let hint = match word.to_ascii_lowercase().as_str() {
            "allow" | "permit" => "write `action: Accept`".to_owned(),
            "drop" | "reject" | "block" => "write `action: Deny`".to_owned(),
            _ => closest(&word, &ACTIONS.map(|(name, _)| name)).map_or_else(
                || "actions are Accept, Deny and Pass".to_owned(),
                |near| format!("write `action: {near}`"),
            ),
        };
        report.at(
            fields.value_place("action"),
            format!("`{word}` is no action"),
            hint,
        );
    }
    known
}
