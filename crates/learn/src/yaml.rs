//! The text of a document, with the evidence as comments. `cofferdam policy check` reads it back.

use std::fmt::Write as _;
use std::net::IpAddr;

use cofferdam_policy::documents::{Expression, LabelSelector, NAMESPACE_NAME, Operator};
use cofferdam_policy::{Direction, Protocol, is_printable, scalar};

use crate::evidence::some;
use crate::{Peer, Policy, Ports, Rule, Who};

/// Columns of a comment.
const WIDTH: usize = 110;

pub(crate) fn document(policy: &Policy) -> String {
    let mut text = Text::default();
    let who = format!("{} ({})", some(policy.workloads.iter()), pairs(policy));
    let who = who.trim_end_matches(" ()");
    text.comment(
        0,
        &format!("Allows what {who} was seen to do, and denies the rest."),
    );
    text.comment(0, &format!("Seen: {}", policy.evidence.sentence()));
    if policy.refused > 0 {
        text.comment(
            0,
            &format!("Refused then, and not allowed here: {}", policy.refused),
        );
    }
    for more in &policy.generalised {
        text.comment(0, &format!("GENERALISED: it selects {more}"));
    }
    for risk in &policy.risks {
        text.comment(0, &format!("RISK: {risk}"));
    }
    text.line(0, "apiVersion: networking.k8s.io/v1");
    text.line(0, "kind: NetworkPolicy");
    text.line(0, "metadata:");
    text.line(1, &format!("name: {}", scalar(&policy.name)));
    text.line(1, &format!("namespace: {}", scalar(&policy.namespace)));
    text.line(0, "spec:");
    text.selector(1, "podSelector", &policy.selector);
    text.line(1, "policyTypes: [Ingress, Egress]");
    text.rules(Direction::Ingress, &policy.ingress);
    text.rules(Direction::Egress, &policy.egress);
    text.0
}

fn pairs(policy: &Policy) -> String {
    let pairs = policy
        .identity
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<String>>().join(", ")
}

/// Lines with their indent.
#[derive(Default)]
pub(crate) struct Text(pub(crate) String);

// === impl Text ===

impl Text {
    pub(crate) fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.0, "{:1$}{text}", "", 2 * depth);
    }

    /// `KEY:` alone.
    pub(crate) fn key(&mut self, depth: usize, key: &str) {
        self.line(depth, &format!("{}:", scalar(key)));
    }

    /// `KEY: VALUE # WHY`.
    pub(crate) fn pair(&mut self, depth: usize, key: &str, value: &str, why: &str) {
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(" # {}", printable(why))
        };
        self.line(depth, &format!("{}: {}{why}", scalar(key), scalar(value)));
    }

    pub(crate) fn comment(&mut self, depth: usize, text: &str) {
        let text = printable(text);
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && 2 * depth + line.chars().count() + word.chars().count() + 3 > WIDTH {
                self.line(depth, &format!("# {line}"));
                line = "  ".to_owned();
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(depth, &format!("# {line}"));
    }

    fn rules(&mut self, direction: Direction, rules: &[Rule]) {
        let (field, peers) = match direction {
            Direction::Ingress => ("ingress", "from"),
            Direction::Egress => ("egress", "to"),
        };
        if rules.is_empty() {
            return self.line(1, &format!("{field}: []"));
        }
        self.line(1, &format!("{field}:"));
        for rule in rules {
            self.line(2, &format!("- {peers}:"));
            rule.peers.iter().for_each(|peer| self.peer(peer));
            self.line(3, "ports:");
            for ports in &rule.ports {
                self.line(4, &format!("- {}", port(ports)));
            }
        }
    }

    fn peer(&mut self, peer: &Peer) {
        self.comment(4, &peer.evidence.sentence());
        for text in &peer.generalised {
            self.comment(4, &format!("GENERALISED: {text}"));
        }
        for text in &peer.risks {
            self.comment(4, &format!("RISK: {text}"));
        }
        match &peer.who {
            Who::Class(class) => self.line(4, &format!("- {}: {{}}", class.name())),
            Who::Address(address) => {
                let length = if matches!(address, IpAddr::V4(_)) { 32 } else { 128 };
                self.line(4, &format!("- ipBlock: {{cidr: \"{address}/{length}\"}}"));
            }
            Who::Workloads(namespace, selector) => {
                let mut inner = Self::default();
                if let Some(name) = namespace {
                    inner.line(0, "namespaceSelector:");
                    inner.line(1, "matchLabels:");
                    inner.line(2, &format!("{NAMESPACE_NAME}: {}", scalar(name)));
                }
                inner.selector(0, "podSelector", selector);
                for (at, line) in inner.0.lines().enumerate() {
                    let mark = if at == 0 { "- " } else { "  " };
                    self.line(4, &format!("{mark}{line}"));
                }
            }
        }
    }

    fn selector(&mut self, depth: usize, field: &str, selector: &LabelSelector) {
        if selector.is_everything() {
            return self.line(depth, &format!("{field}: {{}}"));
        }
        self.line(depth, &format!("{field}:"));
        let is_equal = |one: &&Expression| one.operator == Operator::In && one.values.len() == 1;
        let (equal, others): (Vec<&Expression>, Vec<_>) = selector.expressions.iter().partition(is_equal);
        if !equal.is_empty() {
            self.line(depth + 1, "matchLabels:");
        }
        for one in equal {
            let value = one.values.first().map_or("", String::as_str);
            self.line(depth + 2, &format!("{}: {}", scalar(&one.key), scalar(value)));
        }
        if !others.is_empty() {
            self.line(depth + 1, "matchExpressions:");
        }
        for one in others {
            let mut text = format!("{{key: {}, operator: {:?}", scalar(&one.key), one.operator);
            if !one.values.is_empty() {
                let values: Vec<String> = one.values.iter().map(|value| scalar(value)).collect();
                text.push_str(&format!(", values: [{}]", values.join(", ")));
            }
            self.line(depth + 2, &format!("- {text}}}"));
        }
    }
}

fn port(ports: &Ports) -> String {
    let Ports {
        protocol,
        first,
        last,
        ..
    } = ports;
    match *protocol {
        Protocol::ICMP => format!("{{protocol: ICMP, type: {first}}}"),
        Protocol::ICMP6 => format!("{{protocol: ICMPv6, type: {first}}}"),
        protocol => {
            let name = protocol.to_string().to_uppercase();
            let end = if first == last {
                String::new()
            } else {
                format!(", endPort: {last}")
            };
            format!("{{protocol: {name}, port: {first}{end}}}")
        }
    }
}

/// Nobody's name ends a comment: whatever is no plain sign is escaped.
fn printable(text: &str) -> String {
    let plain = |c: char| {
        if is_printable(c) {
            c.to_string()
        } else {
            c.escape_default().to_string()
        }
    };
    text.chars().map(plain).collect()
}
