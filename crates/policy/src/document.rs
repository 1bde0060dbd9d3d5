//! The default profile: a ClusterNetworkPolicy document in three postures, and its parser.
//!
//! A [`Profile`] that exists is total: in each direction some rule without a condition answers for every peer. So
//! no verdict ever falls out of the end of the rules into code. Selecting documents of users come later.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::{Action, DefaultProfile, Direction, PeerClass};

#[cfg(test)]
mod tests;

/// The `apiVersion` that documents name.
pub const API_VERSION: &str = "policy.networking.k8s.io/v1alpha2";
/// The `kind` that documents name.
pub const KIND: &str = "ClusterNetworkPolicy";

const CLASSES: [PeerClass; 5] = [
    PeerClass::Host,
    PeerClass::Lan,
    PeerClass::Metadata,
    PeerClass::Multicast,
    PeerClass::World,
];

/// A parsed profile: rules in order, first match wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `metadata.name`.
    pub name: String,
    /// Rules for those who reach the subject.
    pub ingress: Vec<Rule>,
    /// Rules for whom the subject reaches.
    pub egress: Vec<Rule>,
}

/// One rule of a [`Profile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `DOCUMENT/RULE`.
    pub name: String,
    /// What it does when a peer matches.
    pub action: Action,
    /// It matches when any of these does.
    pub peers: Vec<RulePeer>,
}

/// Whom a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulePeer {
    /// Equal, non-empty identity labels in the same namespace.
    SameLabels,
    /// What the subject's openings say, ports included.
    Opened,
    /// Every protected workload.
    Workloads,
    /// Unprotected peers of a class.
    Class(PeerClass),
}

/// Why a document is no profile.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not YAML, or not of this shape. The source names line and column.
    #[error("the document does not parse: {0}")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    /// A field has a value that is not supported.
    #[error("{field} is {found:?}")]
    Field {
        /// Path of the field.
        field: String,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: String,
    },
    /// A peer must name exactly one thing.
    #[error("rule {rule}: a peer names {count} things")]
    PeerCount {
        /// The rule.
        rule: String,
        /// How many it names.
        count: usize,
    },
    /// No rule answers for a peer.
    #[error("{direction} of {name}: no rule decides about {peer} on every port")]
    NotTotal {
        /// The document.
        name: String,
        /// `ingress` or `egress`.
        direction: &'static str,
        /// The peer that is left out.
        peer: String,
    },
}

/// The document behind a posture, as `cofferdam policy show default` prints it.
#[must_use]
pub fn default_profile_text(profile: DefaultProfile) -> &'static str {
    match profile {
        DefaultProfile::SameLabels => include_str!("profiles/same-labels.yaml"),
        DefaultProfile::Strict => include_str!("profiles/strict.yaml"),
        DefaultProfile::Allow => include_str!("profiles/allow.yaml"),
    }
}

/// The parsed built-in profile. `None` cannot happen in a build that passed its tests; callers fail closed on it.
pub(crate) fn default_profile(profile: DefaultProfile) -> Option<&'static Profile> {
    static PARSED: [OnceLock<Option<Profile>>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    let slot = match profile {
        DefaultProfile::SameLabels => 0,
        DefaultProfile::Strict => 1,
        DefaultProfile::Allow => 2,
    };
    PARSED[slot]
        .get_or_init(|| parse(default_profile_text(profile)).ok())
        .as_ref()
}

/// Parses a profile document.
///
/// # Errors
/// [`DocumentError`] names the first defect.
pub fn parse(text: &str) -> Result<Profile, DocumentError> {
    let document: Document =
        serde_saphyr::from_str(text).map_err(|error| DocumentError::Yaml(Box::new(error)))?;
    expect_field("apiVersion", &document.api_version, API_VERSION)?;
    expect_field("kind", &document.kind, KIND)?;
    expect_field("spec.tier", &document.spec.tier, "Baseline")?;
    let name = document.metadata.name;
    let ingress = document
        .spec
        .ingress
        .into_iter()
        .map(|rule| rule.check(&name, Direction::Ingress));
    let ingress = ingress.collect::<Result<Vec<_>, _>>()?;
    let egress = document
        .spec
        .egress
        .into_iter()
        .map(|rule| rule.check(&name, Direction::Egress));
    let egress = egress.collect::<Result<Vec<_>, _>>()?;
    expect_total(&name, "ingress", &ingress)?;
    expect_total(&name, "egress", &egress)?;
    Ok(Profile {
        name,
        ingress,
        egress,
    })
}

// === impl Profile ===

impl Profile {
    /// The rules of one direction, in order.
    #[must_use]
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

fn expect_field(field: &str, found: &str, expected: &str) -> Result<(), DocumentError> {
    if found == expected {
        return Ok(());
    }
    Err(DocumentError::Field {
        field: field.into(),
        found: found.into(),
        expected: expected.into(),
    })
}

/// `sameLabels` and `opened` depend on the subject, so they never make a direction total.
fn expect_total(name: &str, direction: &'static str, rules: &[Rule]) -> Result<(), DocumentError> {
    let needed = CLASSES
        .map(RulePeer::Class)
        .into_iter()
        .chain([RulePeer::Workloads]);
    for peer in needed {
        if !rules.iter().any(|rule| rule.peers.contains(&peer)) {
            let peer = match peer {
                RulePeer::Class(class) => class.name().to_owned(),
                _ => "workloads".to_owned(),
            };
            return Err(DocumentError::NotTotal {
                name: name.into(),
                direction,
                peer,
            });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    tier: String,
    // The format demands both; a baseline that selects everybody and stands alone needs neither.
    #[serde(rename = "priority")]
    _priority: u16,
    #[serde(rename = "subject")]
    _subject: Everybody,
    ingress: Vec<RuleDocument>,
    egress: Vec<RuleDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Everybody {
    #[serde(rename = "namespaces")]
    _namespaces: Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleDocument {
    name: String,
    action: String,
    #[serde(default)]
    from: Vec<PeerDocument>,
    #[serde(default)]
    to: Vec<PeerDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PeerDocument {
    same_labels: Option<Empty>,
    opened: Option<Empty>,
    workloads: Option<Empty>,
    host: Option<Empty>,
    lan: Option<Empty>,
    metadata: Option<Empty>,
    multicast: Option<Empty>,
    world: Option<Empty>,
}

// === impl RuleDocument ===

impl RuleDocument {
    fn check(self, document: &str, direction: Direction) -> Result<Rule, DocumentError> {
        let name = format!("{document}/{}", self.name);
        let action = match self.action.as_str() {
            "Accept" => Action::Allow,
            "Deny" => Action::Deny,
            _ => {
                let field = format!("action of rule {name}");
                let expected = "Accept or Deny".to_owned();
                return Err(DocumentError::Field {
                    field,
                    found: self.action,
                    expected,
                });
            }
        };
        let (peers, others, unexpected) = match direction {
            Direction::Ingress => (self.from, self.to, "to"),
            Direction::Egress => (self.to, self.from, "from"),
        };
        if peers.is_empty() || !others.is_empty() {
            let field = format!("peers of rule {name}");
            let found = if peers.is_empty() { "nothing" } else { unexpected }.to_owned();
            let expected = "`from` in ingress rules, `to` in egress rules".to_owned();
            return Err(DocumentError::Field {
                field,
                found,
                expected,
            });
        }
        let peers = peers
            .iter()
            .map(|peer| peer.check(&name))
            .collect::<Result<_, _>>()?;
        Ok(Rule { name, action, peers })
    }
}

// === impl PeerDocument ===

impl PeerDocument {
    fn check(&self, rule: &str) -> Result<RulePeer, DocumentError> {
        let class = |given: &Option<Empty>, class| given.as_ref().map(|_| RulePeer::Class(class));
        let named = [
            self.same_labels.as_ref().map(|_| RulePeer::SameLabels),
            self.opened.as_ref().map(|_| RulePeer::Opened),
            self.workloads.as_ref().map(|_| RulePeer::Workloads),
            class(&self.host, PeerClass::Host),
            class(&self.lan, PeerClass::Lan),
            class(&self.metadata, PeerClass::Metadata),
            class(&self.multicast, PeerClass::Multicast),
            class(&self.world, PeerClass::World),
        ];
        let named: Vec<RulePeer> = named.into_iter().flatten().collect();
        match named.as_slice() {
            [peer] => Ok(*peer),
            _ => Err(DocumentError::PeerCount {
                rule: rule.to_owned(),
                count: named.len(),
            }),
        }
    }
}

// === impl DocumentError ===

impl DocumentError {
    /// What would be right, without the word `hint`.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Yaml(_) => format!("the format is {KIND} of {API_VERSION}"),
            Self::Field { expected, .. } => format!("write {expected}"),
            Self::PeerCount { .. } => "write one peer a list item, for example `- host: {}`".to_owned(),
            Self::NotTotal { peer, .. } => format!("add a last rule that accepts or denies `{peer}: {{}}`"),
        }
    }
}
