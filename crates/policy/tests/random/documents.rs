//! Random policies from the same stock.

use cofferdam_policy::documents::{
    Document, Expression, LabelSelector, NetPeer, Operator, Rule, RulePeer, RulePort, Scope, Selection, Tier,
};
use cofferdam_policy::{Effect, Protocol, RuleText};
use proptest::prelude::*;
use proptest::sample::select;

use super::{net, outside_class, ports};

fn expression() -> impl Strategy<Value = Expression> {
    let operators = [
        Operator::In,
        Operator::NotIn,
        Operator::Exists,
        Operator::DoesNotExist,
    ];
    let values = prop::collection::vec(select(["a", "b"].as_slice()), 1..3);
    (
        select(["app", "role"].as_slice()),
        select(operators.to_vec()),
        values,
    )
        .prop_map(|(key, operator, values)| {
            let needed = matches!(operator, Operator::In | Operator::NotIn);
            Expression {
                key: key.to_owned(),
                operator,
                values: values.into_iter().filter(|_| needed).map(str::to_owned).collect(),
            }
        })
}

fn selector() -> impl Strategy<Value = LabelSelector> {
    prop::collection::vec(expression(), 0..3).prop_map(|expressions| LabelSelector { expressions })
}

fn selection() -> impl Strategy<Value = Selection> {
    let scope = prop_oneof![
        select(["default", "shop"].as_slice()).prop_map(|name| Scope::Named(name.to_owned())),
        selector().prop_map(Scope::Matching),
    ];
    (scope, selector()).prop_map(|(namespaces, pods)| Selection { namespaces, pods })
}

fn peer() -> impl Strategy<Value = RulePeer> {
    let block = (net(), prop::collection::vec(net(), 0..3));
    prop_oneof![
        4 => selection().prop_map(RulePeer::Pods),
        3 => block.prop_map(|(net, except)| RulePeer::Net(NetPeer { net, except })),
        1 => Just(RulePeer::Anyone),
        1 => Just(RulePeer::SameLabels),
        1 => Just(RulePeer::SameNamespace),
        1 => Just(RulePeer::Opened),
        1 => Just(RulePeer::Workloads),
        1 => outside_class().prop_map(RulePeer::Class),
    ]
}

fn port() -> impl Strategy<Value = RulePort> {
    let protocol = select([Protocol::ANY, Protocol::TCP, Protocol::UDP].to_vec());
    let named = (protocol, select(["http", "dns"].as_slice()));
    prop_oneof![
        3 => ports().prop_map(|ports| RulePort::Range(ports.unwrap_or(cofferdam_policy::PortRange::EVERYTHING))),
        1 => named.prop_map(|(protocol, name)| RulePort::Named(protocol, name.to_owned())),
    ]
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let effect = select([Effect::Allow, Effect::Deny, Effect::Pass].to_vec());
    let rule = (
        effect,
        prop::collection::vec(peer(), 1..3),
        prop::collection::vec(port(), 0..3),
        0..20_u8,
    );
    let rule = rule.prop_map(|(effect, peers, ports, number)| Rule {
        text: RuleText {
            name: format!("rule-{number}"),
            source: "random".to_owned(),
        },
        effect,
        peers,
        ports,
    });
    prop::collection::vec(rule, 0..4)
}

/// Any policy; a NetworkPolicy's rules only allow.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    let tier = select([Tier::Admin, Tier::NetworkPolicy, Tier::Baseline].to_vec());
    let directions = (prop::option::of(rules()), prop::option::of(rules()));
    let priority = 0..3_u16;
    let observe = prop::bool::weighted(0.25);
    (tier, priority, selection(), directions, observe).prop_map(
        |(tier, priority, subject, directions, observe)| {
            let (mut ingress, mut egress) = directions;
            let is_network = tier == Tier::NetworkPolicy;
            if is_network {
                for rule in [&mut ingress, &mut egress].into_iter().flatten().flatten() {
                    rule.effect = Effect::Allow;
                }
            }
            Document {
                name: format!("policy-{priority}"),
                namespace: is_network.then(|| "default".to_owned()),
                tier,
                priority: if is_network { 0 } else { priority },
                subject,
                ingress,
                egress,
                observe,
                keep: false,
                until: None,
                place: "random:1".to_owned(),
            }
        },
    )
}
