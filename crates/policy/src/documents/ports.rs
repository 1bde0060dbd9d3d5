//! `ports` of a NetworkPolicy and `protocols` of a ClusterNetworkPolicy.

use crate::yaml::{Node, Place, Value};
use crate::{PortRange, Protocol};

use super::fields::closest;
use super::{Fields, Report, RulePort};

const PORTS: std::ops::RangeInclusive<u16> = 1..=u16::MAX;
const TYPES: std::ops::RangeInclusive<u16> = 0..=255;
const PROTOCOLS: [(&str, Protocol); 5] = [
    ("TCP", Protocol::TCP),
    ("UDP", Protocol::UDP),
    ("SCTP", Protocol::SCTP),
    ("ICMP", Protocol::ICMP),
    ("ICMPv6", Protocol::ICMP6),
];

/// The items of a NetworkPolicy's `ports`.
pub(crate) fn of_network_policy(report: &mut Report, items: &[Node]) -> Vec<RulePort> {
    let mut found = Vec::new();
    for node in items {
        if let Some(fields) = Fields::open(report, node, "a port") {
            found.extend(network_port(report, fields));
        }
    }
    found
}

fn network_port(report: &mut Report, mut fields: Fields<'_>) -> Option<RulePort> {
    let word = fields.text(report, "protocol");
    let port = fields.node("port");
    let end = fields.number(report, "endPort", PORTS);
    let kind = fields.number(report, "type", TYPES);
    let protocol = match word {
        Some(word) => protocol(report, fields.value_place("protocol"), &word)?,
        None => Protocol::TCP,
    };
    let (type_at, port_at, end_at) = (
        fields.key_place("type"),
        fields.value_place("port"),
        fields.value_place("endPort"),
    );
    let has_end = fields.node("endPort").is_some();
    fields.close(report);
    if matches!(protocol, Protocol::ICMP | Protocol::ICMP6) {
        if port.is_none() && !has_end {
            return Some(RulePort::Range(range(protocol, kind, None)));
        }
        let hint = "name a type instead, for example `type: 8` (echo request)";
        report.at(port_at, "ICMP has no ports", hint);
        return None;
    }
    if kind.is_some() {
        report.at(
            type_at,
            format!("`type` is ICMP's; this is {protocol}"),
            "write `port:`, or `protocol: ICMP`",
        );
        return None;
    }
    let Some(port) = port else {
        if !has_end {
            return Some(RulePort::Range(range(protocol, None, None)));
        }
        let hint = "write `port:` with the first port of the range";
        report.at(end_at, "`endPort` without `port`", hint);
        return None;
    };
    numbered_or_named(report, protocol, port, (end, end_at, has_end))
}

/// `port`, and `endPort` with its place and whether it is written.
fn numbered_or_named(
    report: &mut Report,
    protocol: Protocol,
    port: &Node,
    (end, end_at, has_end): (Option<u16>, Place, bool),
) -> Option<RulePort> {
    if let Value::Scalar { text, plain: false } = &port.value
        && text.parse::<u16>().is_ok()
    {
        report.at(
            port.at,
            "a port in quotes is a name",
            format!("write the number without quotes: port: {text}"),
        );
        return None;
    }
    if let Some(name) = port.string() {
        if has_end {
            report.at(
                end_at,
                "a range cannot begin with a name",
                "write both ends as numbers",
            );
        }
        return port_name(report, port.at, name).map(|name| RulePort::Named(protocol, name));
    }
    let first = port_number(report, port.at, port)?;
    let last = end.unwrap_or(first);
    if last < first {
        report.at(
            end_at,
            format!("the range {first}-{last} is empty"),
            format!("`endPort` is at least {first}"),
        );
        return None;
    }
    Some(RulePort::Range(range(protocol, Some(first), Some(last))))
}

/// The items of a ClusterNetworkPolicy's `protocols`.
pub(crate) fn of_cluster_policy(report: &mut Report, items: &[Node]) -> Vec<RulePort> {
    let mut found = Vec::new();
    for node in items {
        if let Some(fields) = Fields::open(report, node, "a protocol") {
            found.extend(cluster_port(report, fields));
        }
    }
    found
}

fn cluster_port(report: &mut Report, mut fields: Fields<'_>) -> Option<RulePort> {
    const FIELDS: [(&str, Protocol); 5] = [
        ("tcp", Protocol::TCP),
        ("udp", Protocol::UDP),
        ("sctp", Protocol::SCTP),
        ("icmp", Protocol::ICMP),
        ("icmpv6", Protocol::ICMP6),
    ];
    let mut found = Vec::new();
    for (field, protocol) in FIELDS {
        if fields.nullable(field).is_some() {
            found.push(transport(report, &mut fields, field, protocol));
        }
    }
    if let Some(name) = fields.text(report, "destinationNamedPort") {
        let at = fields.value_place("destinationNamedPort");
        found.push(port_name(report, at, &name).map(|name| RulePort::Named(Protocol::ANY, name)));
    }
    let at = fields.at;
    fields.close(report);
    match found.as_slice() {
        [one] => one.clone(),
        _ if !report.is_clean() && found.is_empty() => None,
        _ => {
            let what = format!("a protocol names exactly one thing, this one {}", found.len());
            report.at(
                at,
                what,
                "write one item each, for example `- tcp: {destinationPort: {number: 80}}`",
            );
            None
        }
    }
}

fn transport(
    report: &mut Report,
    fields: &mut Fields<'_>,
    field: &'static str,
    protocol: Protocol,
) -> Option<RulePort> {
    let Some(mut own) = fields.fields(report, field) else {
        // `tcp:` with nothing behind it is every port.
        return Some(RulePort::Range(range(protocol, None, None)));
    };
    if matches!(protocol, Protocol::ICMP | Protocol::ICMP6) {
        let kind = own.number(report, "type", TYPES);
        own.close(report);
        return Some(RulePort::Range(range(protocol, kind, None)));
    }
    let port = own.fields(report, "destinationPort");
    own.close(report);
    match port {
        Some(port) => destination_port(report, protocol, port),
        None => Some(RulePort::Range(range(protocol, None, None))),
    }
}

fn destination_port(report: &mut Report, protocol: Protocol, mut port: Fields<'_>) -> Option<RulePort> {
    let number = port.number(report, "number", PORTS);
    let ends = port.fields(report, "range");
    let has_both = number.is_some() && ends.is_some();
    let at = port.at;
    port.close(report);
    if has_both {
        report.at(
            at,
            "a port is a number or a range, not both",
            "write two items under `protocols`",
        );
        return None;
    }
    if let Some(mut ends) = ends {
        let first = ends.number(report, "start", PORTS);
        let last = ends.number(report, "end", PORTS);
        let at = ends.at;
        ends.close(report);
        return match (first, last) {
            (Some(first), Some(last)) if first <= last => {
                Some(RulePort::Range(range(protocol, Some(first), Some(last))))
            }
            _ => {
                report.at(
                    at,
                    "the range is empty or has only one end",
                    "write `range: {start: 8000, end: 8080}`",
                );
                None
            }
        };
    }
    if number.is_none() {
        report.at(
            at,
            "`destinationPort` names no port",
            "write `destinationPort: {number: 80}` or `{range: {start: 80, end: 90}}`",
        );
        return None;
    }
    Some(RulePort::Range(range(protocol, number, number)))
}

fn range(protocol: Protocol, first: Option<u16>, last: Option<u16>) -> PortRange {
    PortRange {
        protocol,
        first: first.unwrap_or(0),
        last: last.or(first).unwrap_or(u16::MAX),
    }
}

fn protocol(report: &mut Report, at: Place, word: &str) -> Option<Protocol> {
    let known = PROTOCOLS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, protocol)| *protocol);
    if known.is_none() {
        let hint = closest(word, &PROTOCOLS.map(|(name, _)| name)).map_or_else(
            || "protocols are TCP, UDP, SCTP, ICMP and ICMPv6".to_owned(),
            |near| format!("write `{near}`"),
        );
        report.at(at, format!("`{word}` is no protocol"), hint);
    }
    known
}

/// As Kubernetes has them (RFC 6335): up to 15 lower-case letters, digits and single hyphens, a letter among them.
fn port_name(report: &mut Report, at: Place, name: &str) -> Option<String> {
    let signs = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let ends = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    if (1..=15).contains(&name.len()) && signs && !ends && name.bytes().any(|b| b.is_ascii_lowercase()) {
        return Some(name.to_owned());
    }
    let hint = match name
        .split_once('-')
        .map(|(first, last)| (first.parse::<u16>(), last.parse::<u16>()))
    {
        Some((Ok(first), Ok(last))) => format!("a range is written `port: {first}` and `endPort: {last}`"),
        _ => "a port is a number, or a name of up to 15 lower-case letters, digits and hyphens".to_owned(),
    };
    report.at(at, format!("{name:?} is no name of a port"), hint);
    None
}

fn port_number(report: &mut Report, at: Place, node: &Node) -> Option<u16> {
    let number = node
        .number()
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number > 0);
    if number.is_none() {
        report.at(
            at,
            format!("`port` is {}", node.kind()),
            "ports go from 1 to 65535; a range is `port` and `endPort`",
        );
    }
    number
}
