//! Why one rule matches an attempt, or why not.

use crate::clauses::{Clause, Condition, Index, View};
use crate::documents::{LabelSelector, Operator, Rule, RulePeer, RulePort, Scope, Selection};
use crate::suggest::who;
use crate::{Attempt, Direction, Identity, OpeningPeer, PeerClass, PortRange, Protocol};

use super::asked;

/// How far a rule matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    Nothing,
    Port,
    Peer,
    Full,
}

pub(super) fn why(
    clause: &Clause<'_>,
    index: &Index<'_>,
    (direction, own, peer): (Direction, &Identity, View<'_>),
    attempt: &Attempt,
) -> (Fit, String) {
    let port = clause.matches_port((direction, own, peer), attempt.protocol, attempt.port);
    if !clause.matches_peer(index, own, peer) {
        let why = match clause.condition {
            Condition::Rule(rule) => not_about(rule, own, peer),
            Condition::Opening(opening) => not_opened(&opening.peer, own, peer),
            Condition::Isolation => String::new(),
        };
        // A port of its own that matches is worth telling; rules about every port match every port.
        let narrow = match clause.condition {
            Condition::Rule(rule) => !rule.ports.is_empty(),
            Condition::Opening(opening) => opening.ports.is_some(),
            Condition::Isolation => false,
        };
        return (if port && narrow { Fit::Port } else { Fit::Nothing }, why);
    }
    if !port {
        let ports = match clause.condition {
            Condition::Rule(rule) => ports_in_words(rule),
            Condition::Opening(opening) => opening.ports.unwrap_or(PortRange::EVERYTHING).to_string(),
            Condition::Isolation => String::new(),
        };
        let why = format!("the peer matches, but it opens {ports}, not {}", asked(attempt));
        return (Fit::Peer, why);
    }
    let why = match clause.condition {
        Condition::Rule(rule) if rule.peers == [RulePeer::SameLabels] => {
            "the peer has the same labels".to_owned()
        }
        Condition::Isolation => "a policy selects the subject, and no rule allows it".to_owned(),
        Condition::Rule(rule)
            if rule
                .peers
                .iter()
                .any(|peer| matches!(peer, RulePeer::Pods(_) | RulePeer::Net(_))) =>
        {
            let words: Vec<String> = rule.peers.iter().map(rule_peer_in_words).collect();
            format!("the peer is one of {}", words.join(", "))
        }
        _ => format!("the peer is {}", view_in_words(peer)),
    };
    (Fit::Full, why)
}

fn not_about(rule: &Rule, own: &Identity, peer: View<'_>) -> String {
    if rule.peers == [RulePeer::SameLabels] {
        return differing(own, peer);
    }
    let words: Vec<String> = rule.peers.iter().map(rule_peer_in_words).collect();
    let is = match peer {
        View::Workload(Some(other), _) if rule.peers.iter().any(|peer| matches!(peer, RulePeer::Pods(_))) => {
            format!("{} in namespace {}", who(other), other.namespace)
        }
        _ => view_in_words(peer).to_owned(),
    };
    format!("is about {}; the peer is {is}", words.join(", "))
}

fn differing(own: &Identity, peer: View<'_>) -> String {
    match peer {
        _ if own.identity_labels.is_empty() => "the subject has no identity label".to_owned(),
        View::Workload(Some(other), _) if own.identity_labels == other.identity_labels => {
            format!(
                "same labels, but in namespace {}, not {}",
                other.namespace, own.namespace
            )
        }
        View::Workload(Some(other), _) => format!("the peer has {}, not {}", who(other), who(own)),
        _ => format!("the peer is {}", view_in_words(peer)),
    }
}

fn not_opened(opened: &OpeningPeer, own: &Identity, peer: View<'_>) -> String {
    match (opened, peer) {
        (OpeningPeer::Labels(_), View::Workload(Some(other), _)) if own.namespace != other.namespace => {
            format!(
                "labels select in namespace {} only; the peer is in {}",
                own.namespace, other.namespace
            )
        }
        (OpeningPeer::Labels(_), View::Workload(Some(_), _)) => {
            "the peer does not carry these labels".to_owned()
        }
        (OpeningPeer::Prefix(_), View::Outside(..)) => "the peer's address lies outside".to_owned(),
        _ => format!("the peer is {}", view_in_words(peer)),
    }
}

fn ports_in_words(rule: &Rule) -> String {
    let words: Vec<String> = rule
        .ports
        .iter()
        .map(|port| match port {
            RulePort::Range(range) if matches!(range.protocol, Protocol::ICMP | Protocol::ICMP6) => {
                let of = range.protocol;
                if range.last == u16::MAX {
                    of.to_string()
                } else {
                    format!("{of} type {}", range.first)
                }
            }
            RulePort::Range(range) => range.to_string(),
            RulePort::Named(Protocol::ANY, name) => format!("port {name:?}"),
            RulePort::Named(protocol, name) => format!("port {name:?}/{protocol}"),
        })
        .collect();
    words.join(", ")
}

fn rule_peer_in_words(peer: &RulePeer) -> String {
    match peer {
        RulePeer::Anyone => "everybody".to_owned(),
        RulePeer::Pods(selection) => selection_in_words(selection),
        RulePeer::Net(net) if net.except.is_empty() => net.net.to_string(),
        RulePeer::Net(net) => {
            let except: Vec<String> = net.except.iter().map(ToString::to_string).collect();
            format!("{} but for {}", net.net, except.join(" and "))
        }
        RulePeer::SameLabels => "peers with the same labels".to_owned(),
        RulePeer::SameNamespace => "workloads of the same namespace".to_owned(),
        RulePeer::Opened => "what is opened".to_owned(),
        RulePeer::Workloads => "protected workloads".to_owned(),
        RulePeer::Class(class) => class.name().to_owned(),
    }
}

fn selection_in_words(selection: &Selection) -> String {
    let pods = selector_in_words(&selection.pods);
    match &selection.namespaces {
        Scope::Named(name) => format!("workloads with {pods} in namespace {name}"),
        Scope::Matching(selector) if selector.is_everything() => {
            format!("workloads with {pods} in any namespace")
        }
        Scope::Matching(selector) => format!(
            "workloads with {pods} in namespaces with {}",
            selector_in_words(selector)
        ),
    }
}

fn selector_in_words(selector: &LabelSelector) -> String {
    if selector.is_everything() {
        return "any labels".to_owned();
    }
    let words = selector
        .expressions
        .iter()
        .map(|one| match (one.operator, one.values.as_slice()) {
            (Operator::In, [value]) => format!("{}={value}", one.key),
            (Operator::NotIn, [value]) => format!("{}!={value}", one.key),
            (Operator::In, values) => format!("{} in ({})", one.key, values.join(", ")),
            (Operator::NotIn, values) => format!("{} not in ({})", one.key, values.join(", ")),
            (Operator::Exists, _) => format!("a label {}", one.key),
            (Operator::DoesNotExist, _) => format!("no label {}", one.key),
        });
    words.collect::<Vec<_>>().join(" and ")
}

fn view_in_words(view: View<'_>) -> &'static str {
    match view {
        View::Workload(..) => "a protected workload",
        View::Outside(PeerClass::Host, _) => "unprotected, on this host",
        View::Outside(class, _) => class.name(),
    }
}
