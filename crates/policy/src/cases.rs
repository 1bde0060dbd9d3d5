//! Expected verdicts of others: lines of JSON in the form that the generator of the cyclonus suite can export.
//!
//! A line is a case, a case has steps, a step has policies, namespaces, pods, and a cell for each pair of pods and
//! port: what ingress, egress and both together must say. Reading files is `cofferdam policy eval`'s.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;

use crate::documents;
use crate::{
    Action, Attempt, DefaultProfile, Direction, End, IDENTITY_MIN, Identity, Labels, NamedPort, Peer,
    Protocol, Subject, Verdict, World,
};

#[cfg(test)]
mod tests;

/// One line.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// What is in force, one after the other.
    pub steps: Vec<Step>,
}

/// What is in force, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Step {
    /// NetworkPolicies and ClusterNetworkPolicies.
    #[serde(default)]
    policies: Vec<serde_json::Value>,
    #[serde(default)]
    namespaces: BTreeMap<String, Labels>,
    pods: Vec<Pod>,
    /// The cells.
    pub expect: Vec<Cell>,
}

#[derive(Debug, Deserialize)]
struct Pod {
    ns: String,
    name: String,
    ip: IpAddr,
    #[serde(default)]
    labels: Labels,
}

/// One pair and port.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cell {
    /// Who starts: `NAMESPACE/NAME`.
    pub from: String,
    /// Who is reached.
    pub to: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub proto: String,
    /// The port that is reached.
    pub port: u16,
    /// Its name at whom it belongs to.
    #[serde(default)]
    pub port_name: String,
    /// What the receiver's policies say.
    pub ingress: Answer,
    /// What the sender's policies say.
    pub egress: Answer,
    /// What happens.
    pub combined: Answer,
}

/// What must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It goes through.
    Allowed,
    /// It does not.
    Blocked,
}

/// A step as a world, with its cells as attempts.
#[derive(Debug)]
pub struct Prepared<'c> {
    /// Every pod is a protected workload; without a policy everything is allowed, as in Kubernetes.
    pub world: World,
    /// Each cell and its attempt.
    pub attempts: Vec<(&'c Cell, Attempt)>,
}

/// Why a case cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// Not JSON, or not of this shape.
    #[error("not a case: {0}")]
    Json(#[from] serde_json::Error),
    /// A policy does not parse.
    #[error("a policy of the case: {0}")]
    Policy(String),
    /// A cell names a pod that is not there, or a protocol that is none.
    #[error("a cell names {0:?}, which is unknown")]
    Unknown(String),
}

// === impl Case ===

impl Case {
    /// Reads a line.
    ///
    /// # Errors
    /// [`CaseError::Json`].
    pub fn parse(line: &str) -> Result<Self, CaseError> {
        Ok(serde_json::from_str(line)?)
    }
}

// === impl Step ===

impl Step {
    /// Makes a world of it.
    ///
    /// # Errors
    /// [`CaseError`] names the first defect.
    pub fn prepare(&self) -> Result<Prepared<'_>, CaseError> {
        let mut world = World {
            profile: DefaultProfile::Allow,
            namespaces: self.namespaces.clone(),
            ..World::default()
        };
        for policy in &self.policies {
            let text = serde_json::to_string(&typed(policy))?;
            let parsed = documents::parse("case", text.as_bytes());
            let defect = |found: Vec<crate::Diagnostic>| {
                CaseError::Policy(found.first().map_or_else(String::new, ToString::to_string))
            };
            world.documents.extend(parsed.map_err(defect)?);
        }
        let mut ends: BTreeMap<String, (u32, IpAddr)> = BTreeMap::new();
        for (number, pod) in (1..).zip(&self.pods) {
            let full_name = format!("{}/{}", pod.ns, pod.name);
            world.identities.push(Identity {
                number: Peer(IDENTITY_MIN + number),
                namespace: pod.ns.clone(),
                identity_labels: Arc::default(),
                labels: pod.labels.clone().into(),
                named_ports: self.named_ports(&full_name)?,
            });
            world.subjects.push(Subject {
                number,
                identity: Peer(IDENTITY_MIN + number),
                openings: Vec::new(),
                profile: None,
            });
            ends.insert(full_name, (number, pod.ip));
        }
        let attempt = |cell| attempt(cell, &ends);
        let attempts = self.expect.iter().map(attempt).collect::<Result<_, _>>()?;
        Ok(Prepared { world, attempts })
    }

    /// The names that cells give a pod's ports.
    fn named_ports(&self, pod: &str) -> Result<Vec<NamedPort>, CaseError> {
        let cells = self
            .expect
            .iter()
            .filter(|cell| cell.to == pod && !cell.port_name.is_empty());
        let mut ports = cells
            .map(|cell| {
                Ok(NamedPort {
                    name: cell.port_name.clone(),
                    protocol: protocol(&cell.proto)?,
                    port: cell.port,
                })
            })
            .collect::<Result<Vec<_>, CaseError>>()?;
        ports.sort();
        ports.dedup();
        Ok(ports)
    }
}

/// A policy with its kind; objects that a program has made often leave it out.
fn typed(policy: &serde_json::Value) -> serde_json::Value {
    let mut policy = policy.clone();
    if let serde_json::Value::Object(fields) = &mut policy
        && !fields.contains_key("kind")
    {
        fields.insert("kind".to_owned(), "NetworkPolicy".into());
        fields.insert("apiVersion".to_owned(), "networking.k8s.io/v1".into());
    }
    policy
}

fn attempt<'c>(
    cell: &'c Cell,
    ends: &BTreeMap<String, (u32, IpAddr)>,
) -> Result<(&'c Cell, Attempt), CaseError> {
    let end = |name: &String| {
        ends.get(name)
            .copied()
            .ok_or_else(|| CaseError::Unknown(name.clone()))
    };
    let ((from, from_address), (to, to_address)) = (end(&cell.from)?, end(&cell.to)?);
    let attempt = Attempt {
        from: End::Subject(from),
        to: End::Subject(to),
        protocol: protocol(&cell.proto)?,
        port: cell.port,
        from_address: Some(from_address),
        to_address: Some(to_address),
    };
    Ok((cell, attempt))
}

fn protocol(word: &str) -> Result<Protocol, CaseError> {
    match word {
        "TCP" | "tcp" => Ok(Protocol::TCP),
        "UDP" | "udp" => Ok(Protocol::UDP),
        "SCTP" | "sctp" => Ok(Protocol::SCTP),
        _ => Err(CaseError::Unknown(word.to_owned())),
    }
}

// === impl Cell ===

impl Cell {
    /// Whether the answers of both ends are the expected ones.
    #[must_use]
    pub fn agrees(&self, ends: &[(Direction, Verdict)]) -> bool {
        let says = |direction| {
            let end = ends.iter().find(|(one, _)| *one == direction);
            end.map_or(Answer::Blocked, |(_, verdict)| match verdict.action {
                Action::Allow => Answer::Allowed,
                Action::Deny => Answer::Blocked,
            })
        };
        let (ingress, egress) = (says(Direction::Ingress), says(Direction::Egress));
        let combined = if egress == Answer::Allowed {
            ingress
        } else {
            egress
        };
        (self.ingress, self.egress, self.combined) == (ingress, egress, combined)
    }
}
