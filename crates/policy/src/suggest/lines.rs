//! Policy lines that would allow what was denied, in YAML's flow style, so that each is one line to copy.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::clauses::{Clause, Index, Stage};
use crate::decide::Judged;
use crate::documents::{CLUSTER_VERSION, Document, NAMESPACE_NAME, NETWORK_VERSION, Tier};
use crate::{Attempt, Direction, End, Identity, Labels, PeerClass, Protocol, scalar};

use super::Remedy;

#[cfg(test)]
mod tests;

/// The last to be asked of its tier.
const LAST: u16 = 1000;

/// What one end's user would write; `None` if no line can say it.
pub(super) fn remedy(index: &Index<'_>, end: &Judged<'_>, attempt: &Attempt) -> Option<Remedy> {
    let clause = &end.outcome.as_ref()?.decided;
    let (_, own) = index.subject(end.subject)?;
    let line = Line {
        index,
        own,
        direction: end.direction,
        peer: end.peer,
        attempt,
    };
    let selecting = index.selecting(own);
    match clause.stage {
        Stage::NetworkPolicy => {
            let policies = selecting.iter().filter(|document| {
                document.tier == Tier::NetworkPolicy
                    && document.rules(end.direction).is_some()
                    && document.observe == clause.observe
            });
            // What is added to a policy about everybody would be open to everybody.
            let of_few = |document: &&&Document| !document.subject.pods.is_everything();
            match policies.clone().find(of_few) {
                Some(document) => line.below(document),
                None => line.network_policy(),
            }
        }
        Stage::Admin | Stage::Baseline => {
            let tier = if clause.stage == Stage::Admin {
                Tier::Admin
            } else {
                Tier::Baseline
            };
            let document = selecting
                .iter()
                .find(|document| holds(document, tier, end.direction, clause))?;
            match document.priority.checked_sub(1) {
                Some(priority) => line.cluster_policy(tier, priority),
                None => line.before(clause),
            }
        }
        // Asked before the profile, and in nobody's way.
        Stage::Default => line.cluster_policy(Tier::Baseline, LAST),
    }
}

fn holds(document: &Document, tier: Tier, direction: Direction, clause: &Clause<'_>) -> bool {
    let rules = document.rules(direction).unwrap_or_default();
    document.tier == tier && rules.iter().any(|rule| rule.text == *clause.rule)
}

/// What is to be written, whatever it is written into.
struct Line<'a, 'w> {
    index: &'a Index<'w>,
    own: &'a Identity,
    direction: Direction,
    peer: End,
    attempt: &'a Attempt,
}

// === impl Line ===

impl Line<'_, '_> {
    /// One more rule of a NetworkPolicy.
    fn below(&self, document: &Document) -> Option<Remedy> {
        Some(Remedy::Rule {
            place: format!(
                "below `{}` of {} ({})",
                self.direction.name(),
                document.full_name(),
                document.place
            ),
            line: format!("- {}", self.network_rule()?),
        })
    }

    /// A rule that is asked before the one which denies.
    fn before(&self, clause: &Clause<'_>) -> Option<Remedy> {
        Some(Remedy::Rule {
            place: format!("before {} ({})", clause.rule.name, clause.rule.source),
            line: format!("- {}", self.cluster_rule()?),
        })
    }

    fn network_policy(&self) -> Option<Remedy> {
        let own = selector(self.own)?;
        let kind = match self.direction {
            Direction::Ingress => "Ingress",
            Direction::Egress => "Egress",
        };
        Some(Remedy::Document(format!(
            "{{apiVersion: {}, kind: NetworkPolicy, metadata: {{name: {}, namespace: {}}}, spec: {{podSelector: {own}, \
             policyTypes: [{kind}], {}: [{}]}}}}",
            NETWORK_VERSION,
            self.name()?,
            scalar(&self.own.namespace),
            self.direction.name(),
            self.network_rule()?
        )))
    }

    fn cluster_policy(&self, tier: Tier, priority: u16) -> Option<Remedy> {
        let tier = if tier == Tier::Admin { "Admin" } else { "Baseline" };
        Some(Remedy::Document(format!(
            "{{apiVersion: {}, kind: ClusterNetworkPolicy, metadata: {{name: {}}}, spec: {{tier: {tier}, \
             priority: {priority}, subject: {{pods: {}}}, {}: [{}]}}}}",
            CLUSTER_VERSION,
            self.name()?,
            pods(self.own)?,
            self.direction.name(),
            self.cluster_rule()?
        )))
    }

    fn network_rule(&self) -> Option<String> {
        let peer = match self.peer() {
            Who::Workload(peer) if peer.namespace == self.own.namespace => {
                format!("{{podSelector: {}}}", selector(peer)?)
            }
            Who::Workload(peer) => pods(peer)?,
            Who::Address(address) => format!("{{ipBlock: {{cidr: {}}}}}", cidr(address)),
            Who::Class(class) => format!("{{{}: {{}}}}", class.name()),
            Who::Nobody => return None,
        };
        let port = self.attempt.port;
        let port = match self.attempt.protocol {
            Protocol::ICMP => "{protocol: ICMP}".to_owned(),
            Protocol::ICMP6 => "{protocol: ICMPv6}".to_owned(),
            Protocol::TCP if port > 0 => format!("{{port: {port}}}"),
            protocol if has_port(protocol, port) => {
                format!(
                    "{{protocol: {}, port: {port}}}",
                    protocol.to_string().to_uppercase()
                )
            }
            _ => return None,
        };
        Some(format!("{{{}: [{peer}], ports: [{port}]}}", self.field()))
    }

    fn cluster_rule(&self) -> Option<String> {
        let peer = match self.peer() {
            Who::Workload(peer) => format!("{{pods: {}}}", pods(peer)?),
            Who::Address(address) => format!("{{networks: [{}]}}", cidr(address)),
            Who::Class(class) => format!("{{{}: {{}}}}", class.name()),
            Who::Nobody => return None,
        };
        let port = self.attempt.port;
        let protocol = match self.attempt.protocol {
            Protocol::ICMP => "{icmp: {}}".to_owned(),
            Protocol::ICMP6 => "{icmpv6: {}}".to_owned(),
            protocol if has_port(protocol, port) => {
                format!("{{{protocol}: {{destinationPort: {{number: {port}}}}}}}")
            }
            _ => return None,
        };
        Some(format!(
            "{{action: Accept, {}: [{peer}], protocols: [{protocol}]}}",
            self.field()
        ))
    }

    fn field(&self) -> &'static str {
        match self.direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        }
    }

    /// Whom it is about: no more than is needed.
    fn peer(&self) -> Who<'_> {
        match self.peer {
            End::Subject(number) => self
                .index
                .subject(number)
                .map_or(Who::Nobody, |(_, peer)| Who::Workload(peer)),
            End::Address(address) => match (self.index.class(address), self.direction) {
                (PeerClass::Lan | PeerClass::World, Direction::Egress) => Who::Address(address),
                (class, _) => Who::Class(class),
            },
            End::Pending => Who::Nobody,
        }
    }

    /// `web-from-shop-api-80`: what a file of policies does not hold yet.
    fn name(&self) -> Option<String> {
        let peer = match self.peer() {
            Who::Workload(peer) => words(peer),
            Who::Address(address) => address.to_string(),
            Who::Class(class) => class.name().to_owned(),
            Who::Nobody => return None,
        };
        let text = format!(
            "{}-{}-{peer}-{}",
            words(self.own),
            self.field(),
            self.attempt.port
        );
        let sign = |sign: char| {
            if sign.is_ascii_alphanumeric() {
                sign.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        let name: String = text.chars().map(sign).collect();
        let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
        Some(parts.join("-"))
    }
}

/// A peer, as a rule would name it.
enum Who<'a> {
    Workload(&'a Identity),
    Address(IpAddr),
    Class(PeerClass),
    Nobody,
}

fn has_port(protocol: Protocol, port: u16) -> bool {
    Protocol::WITH_PORTS.contains(&protocol) && port > 0
}

fn cidr(address: IpAddr) -> String {
    // A colon ends a key in YAML, so IPv6 stands in quotes.
    scalar(&IpNet::from(address).to_string())
}

/// The labels that say who it is, else all that it has.
fn labels(identity: &Identity) -> &Labels {
    if identity.identity_labels.is_empty() {
        &identity.labels
    } else {
        &identity.identity_labels
    }
}

fn words(identity: &Identity) -> String {
    let values: Vec<&str> = labels(identity).values().map(String::as_str).collect();
    values.join("-")
}

/// `None` for who has no label: an empty selector means everybody.
fn selector(identity: &Identity) -> Option<String> {
    let labels = labels(identity);
    let pair = |(key, value): (&String, &String)| format!("{}: {}", scalar(key), scalar(value));
    let pairs: Vec<String> = labels.iter().map(pair).collect();
    let strange = labels.values().any(|value| value.contains(char::is_control));
    (!pairs.is_empty() && !strange).then(|| format!("{{matchLabels: {{{}}}}}", pairs.join(", ")))
}

fn pods(identity: &Identity) -> Option<String> {
    Some(format!(
        "{{namespaceSelector: {{matchLabels: {{{NAMESPACE_NAME}: {}}}}}, podSelector: {}}}",
        scalar(&identity.namespace),
        selector(identity)?
    ))
}
