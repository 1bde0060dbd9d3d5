//! Whom a rule is about: the peers of both formats, and the additions that both take.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::classes::canonical;
use crate::yaml::{Node, Place};
use crate::{Direction, PeerClass};

use super::{Fields, LabelSelector, NetPeer, Report, RulePeer, Scope, Selection, read_selector};

const EXACTLY_ONE: &str = "write one peer a list item, for example `- host: {}`";

/// The items of a NetworkPolicy's `from` or `to`.
pub(crate) fn of_network_policy(report: &mut Report, items: &[Node], namespace: &str) -> Vec<RulePeer> {
    let mut found = Vec::new();
    for node in items {
        let Some(mut fields) = Fields::open(report, node, "a peer") else {
            continue;
        };
        let pods = read_selector(report, &mut fields, "podSelector");
        let namespaces = read_selector(report, &mut fields, "namespaceSelector");
        let mut named: Vec<RulePeer> = Vec::new();
        if pods.is_some() || namespaces.is_some() {
            named.push(RulePeer::Pods(Selection {
                namespaces: namespaces.map_or_else(|| Scope::Named(namespace.to_owned()), Scope::Matching),
                pods: pods.unwrap_or_default(),
            }));
        }
        named.extend(ip_block(report, &mut fields));
        found.extend(exactly_one(report, fields, named));
    }
    found
}

/// The items of a ClusterNetworkPolicy's `from` or `to`; one item with several networks is several peers.
pub(crate) fn of_cluster_policy(report: &mut Report, items: &[Node], direction: Direction) -> Vec<RulePeer> {
    let mut found = Vec::new();
    for node in items {
        let Some(mut fields) = Fields::open(report, node, "a peer") else {
            continue;
        };
        let mut named: Vec<RulePeer> = Vec::new();
        if let Some(namespaces) = read_selector(report, &mut fields, "namespaces") {
            named.push(RulePeer::Pods(Selection {
                namespaces: Scope::Matching(namespaces),
                pods: LabelSelector::default(),
            }));
        }
        named.extend(namespaced(report, &mut fields).map(RulePeer::Pods));
        let networks = networks(report, &mut fields);
        let mut extra = networks.into_iter();
        named.extend(extra.next());
        if read_selector(report, &mut fields, "nodes").is_some() {
            // There is one node: this host.
            named.push(RulePeer::Class(PeerClass::Host));
        }
        if direction == Direction::Egress {
            refuse_domain_names(report, &mut fields);
        }
        if let Some(peer) = exactly_one(report, fields, named) {
            found.push(peer);
            found.extend(extra);
        }
    }
    found
}

/// `pods` of a subject or a peer: both selectors.
pub(crate) fn namespaced(report: &mut Report, fields: &mut Fields<'_>) -> Option<Selection> {
    let mut own = fields.fields(report, "pods")?;
    let namespaces = read_selector(report, &mut own, "namespaceSelector");
    let pods = read_selector(report, &mut own, "podSelector");
    if pods.is_none() {
        report.missing(
            &own,
            "podSelector",
            "write `podSelector: {}` for all workloads of these namespaces",
        );
    }
    own.close(report);
    Some(Selection {
        namespaces: Scope::Matching(namespaces.unwrap_or_default()),
        pods: pods.unwrap_or_default(),
    })
}

fn exactly_one(report: &mut Report, mut fields: Fields<'_>, mut named: Vec<RulePeer>) -> Option<RulePeer> {
    const ADDITIONS: [(&str, RulePeer); 9] = [
        ("sameLabels", RulePeer::SameLabels),
        ("sameNamespace", RulePeer::SameNamespace),
        ("opened", RulePeer::Opened),
        ("workloads", RulePeer::Workloads),
        ("host", RulePeer::Class(PeerClass::Host)),
        ("lan", RulePeer::Class(PeerClass::Lan)),
        ("metadata", RulePeer::Class(PeerClass::Metadata)),
        ("multicast", RulePeer::Class(PeerClass::Multicast)),
        ("world", RulePeer::Class(PeerClass::World)),
    ];
    for (field, peer) in ADDITIONS {
        if fields.flag(report, field) {
            named.push(peer);
        }
    }
    let (at, empty) = (fields.at, fields.entries().is_empty());
    let before = report.is_clean();
    fields.close(report);
    match named.len() {
        1 => named.pop(),
        // What it names was wrong, and has been reported.
        0 if !(empty || before && report.is_clean()) => None,
        0 => {
            report.at(at, "a peer names nobody", EXACTLY_ONE);
            None
        }
        count => {
            report.at(at, format!("a peer names {count} things"), EXACTLY_ONE);
            None
        }
    }
}

fn ip_block(report: &mut Report, fields: &mut Fields<'_>) -> Option<RulePeer> {
    let mut own = fields.fields(report, "ipBlock")?;
    let cidr = own.text(report, "cidr");
    let except = own.texts(report, "except").unwrap_or_default();
    let Some(cidr) = cidr else {
        report.missing(&own, "cidr", "write `cidr: 10.0.0.0/8`");
        own.close(report);
        return None;
    };
    let at = own.value_place("cidr");
    own.close(report);
    let net = net(report, at, &cidr)?;
    let mut inside = Vec::new();
    for (text, at) in except {
        let Some(except) = self::net(report, at, &text) else {
            continue;
        };
        if net.contains(&except) && net != except {
            inside.push(except);
        } else {
            report.at(
                at,
                format!("{except} does not lie within {net}"),
                "`except` takes prefixes that are smaller parts of `cidr`",
            );
        }
    }
    Some(RulePeer::Net(NetPeer { net, except: inside }))
}

fn networks(report: &mut Report, fields: &mut Fields<'_>) -> Vec<RulePeer> {
    let mut found = Vec::new();
    for (text, at) in fields.texts(report, "networks").unwrap_or_default() {
        found.extend(net(report, at, &text).map(|net| {
            RulePeer::Net(NetPeer {
                net,
                except: Vec::new(),
            })
        }));
    }
    found
}

fn net(report: &mut Report, at: Place, text: &str) -> Option<IpNet> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Some(canonical(net));
    }
    let hint = match text.parse::<IpAddr>() {
        Ok(address) => format!("write {}", IpNet::from(address)),
        Err(_) => "write an address and the length of its prefix: 10.0.0.0/8 or fd00::/8".to_owned(),
    };
    report.at(at, format!("{text:?} is no prefix"), hint);
    None
}

fn refuse_domain_names(report: &mut Report, fields: &mut Fields<'_>) {
    if let Some(names) = fields.texts(report, "domainNames") {
        let first = names
            .first()
            .map_or_else(|| fields.value_place("domainNames"), |(_, at)| *at);
        report.at(
            first,
            "domain names are not supported yet",
            "name the addresses with `networks`, or open `world` on the port that is needed",
        );
    }
}
