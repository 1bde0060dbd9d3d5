//! The same as labels of compose services: what was seen beside the peers with the same labels is opened, item by item.
//!
//! Labels say less than documents: nothing of other namespaces, of labels that are absent, or of types of ICMP.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use cofferdam_policy::documents::{LabelSelector, Operator};
use cofferdam_policy::{Direction, Protocol, labels, openings};

use crate::evidence::some;
use crate::yaml::Text;
use crate::{Peer, Policy, Ports, Rule, Who};

/// The label for the posture of one workload, and the posture below the openings.
pub const PROFILE: (&str, &str) = (labels::PROFILE, "strict");

/// What one direction's label says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Openings {
    /// Items of the label, each with what should be known of it.
    pub items: Vec<(String, Vec<String>)>,
    /// What no label can say.
    pub unsaid: Vec<String>,
}

// === impl Openings ===

impl Openings {
    /// The value of the label.
    #[must_use]
    pub fn value(&self) -> String {
        let items: Vec<&str> = self.items.iter().map(|(item, _)| item.as_str()).collect();
        items.join(", ")
    }

    fn peer(&mut self, direction: Direction, peer: &Peer, ports: &[Ports]) {
        let named = who(&peer.who);
        for one in ports {
            let item = named.as_ref().map(|who| format!("{who}:{}", port(one)));
            let item = item.filter(|item| openings::parse(direction, item).is_ok());
            let Some(item) = item else {
                let evidence = peer.evidence.sentence();
                self.unsaid.push(format!("port {}: {evidence}", port(one)));
                continue;
            };
            let known = self.items.iter().position(|(known, _)| *known == item);
            let at = known.unwrap_or_else(|| {
                self.items.push((item, Vec::new()));
                self.items.len() - 1
            });
            if let Some((_, remarks)) = self.items.get_mut(at) {
                remarks.extend(remarks_of(peer, one));
                remarks.sort();
                remarks.dedup();
            }
        }
    }
}

// === impl Policy ===

impl Policy {
    /// The label that opens what was seen in one direction.
    #[must_use]
    pub fn openings(&self, direction: Direction) -> Openings {
        let rules: &[Rule] = match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        let mut openings = Openings::default();
        for rule in rules {
            for peer in &rule.peers {
                openings.peer(direction, peer, &rule.ports);
            }
        }
        openings
    }
}

/// An override of a compose file: the labels of its services, by their names.
#[must_use]
pub fn override_of(project: &str, services: &BTreeMap<&str, &Policy>) -> String {
    let mut text = Text::default();
    text.comment(
        0,
        &format!("Opens to the services of {project} what they were seen to do, and denies the rest."),
    );
    text.key(0, "services");
    for (name, policy) in services {
        text.key(1, name);
        text.comment(2, &format!("Seen: {}", policy.evidence.sentence()));
        for risk in &policy.risks {
            text.comment(2, &format!("RISK: {risk}"));
        }
        if !policy.identity.is_empty() {
            let all = some(policy.workloads.iter());
            text.comment(
                2,
                &format!("GENERALISED: workloads with the same labels talk to each other: {all}"),
            );
        }
        text.key(2, "labels");
        text.pair(3, PROFILE.0, PROFILE.1, "");
        for direction in [Direction::Ingress, Direction::Egress] {
            label(&mut text, direction, &policy.openings(direction));
        }
    }
    text.0
}

fn label(text: &mut Text, direction: Direction, openings: &Openings) {
    for (item, remarks) in &openings.items {
        let mut line = item.clone();
        for remark in remarks {
            let _ = write!(line, "; {remark}");
        }
        text.comment(3, &line);
    }
    for unsaid in &openings.unsaid {
        text.comment(3, &format!("NOT ALLOWED, for no label can say it: {unsaid}"));
    }
    // Also where it is empty: the compose file may have one that opens more.
    text.pair(3, openings::label(direction), &openings.value(), "");
}

fn remarks_of(peer: &Peer, port: &Ports) -> Vec<String> {
    let mut remarks = vec![peer.evidence.sentence()];
    remarks.extend(peer.generalised.iter().map(|text| format!("GENERALISED: {text}")));
    if is_icmp(port) {
        remarks.push(format!(
            "GENERALISED: every type of ICMP instead of {}",
            port.first
        ));
    }
    remarks.extend(peer.risks.iter().map(|text| format!("RISK: {text}")));
    remarks
}

fn is_icmp(ports: &Ports) -> bool {
    [Protocol::ICMP, Protocol::ICMP6].contains(&ports.protocol)
}

fn port(ports: &Ports) -> String {
    let (first, last, protocol) = (ports.first, ports.last, ports.protocol);
    if is_icmp(ports) {
        "icmp".to_owned()
    } else if first == last {
        format!("{first}/{protocol}")
    } else {
        format!("{first}-{last}/{protocol}")
    }
}

fn who(who: &Who) -> Option<String> {
    match who {
        Who::Class(class) => Some(class.name().to_owned()),
        Who::Address(IpAddr::V4(address)) => Some(address.to_string()),
        Who::Address(IpAddr::V6(address)) => Some(format!("[{address}]")),
        Who::Workloads(None, selector) => pairs(selector),
        Who::Workloads(Some(_), _) => None,
    }
}

/// `app=web&env=prod`, where every sign of it stands for itself.
fn pairs(selector: &LabelSelector) -> Option<String> {
    let is_plain = |text: &str| {
        let mut bytes = text.bytes();
        !text.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
    };
    let pairs = selector
        .expressions
        .iter()
        .map(|one| match one.values.as_slice() {
            [value] if one.operator == Operator::In && is_plain(&one.key) && is_plain(value) => {
                Some(format!("{}={value}", one.key))
            }
            _ => None,
        });
    let pairs: Option<Vec<String>> = pairs.collect();
    pairs
        .filter(|pairs| !pairs.is_empty())
        .map(|pairs| pairs.join("&"))
}
