//! Policy documents: NetworkPolicy and ClusterNetworkPolicy as written, with the additions of `docs/policies.md`.
//!
//! [`parse`] is strict: a file is whole or it is refused, with the place of every mistake. What documents decide is in
//! `clauses`; the built-in ones are in `postures`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Direction, Effect, PeerClass, PortRange, Protocol, RuleText};

mod cluster;
mod diagnostic;
mod fields;
mod network;
mod peers;
mod ports;
mod selector;
#[cfg(test)]
mod tests;
mod time;

pub use diagnostic::Diagnostic;
pub use selector::{Expression, LabelSelector, Operator};

pub(crate) use cluster::API_VERSION as CLUSTER_VERSION;
pub(crate) use fields::{Fields, Report};
pub(crate) use network::API_VERSION as NETWORK_VERSION;
pub(crate) use selector::read as read_selector;

/// The label that Kubernetes gives each namespace.
pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Document {
    /// `metadata.name`.
    pub name: String,
    /// The namespace of a NetworkPolicy; `None` for a ClusterNetworkPolicy.
    pub namespace: Option<String>,
    /// When it is asked.
    pub tier: Tier,
    /// Smaller is asked first within the tier; 0 for a NetworkPolicy, where all count alike.
    pub priority: u16,
    /// Whom it is about.
    pub subject: Selection,
    /// Its rules for those who reach the subject; `None`: it says nothing about that direction.
    pub ingress: Option<Vec<Rule>>,
    /// Its rules for whom the subject reaches.
    pub egress: Option<Vec<Rule>>,
    /// Addition: what it would deny is only recorded, and it allows nothing.
    pub observe: bool,
    /// Addition: flows that were open before it are not cut.
    pub keep: bool,
    /// Addition: it ends then, in seconds since 1970. Whoever makes a world leaves out what has ended.
    pub until: Option<u64>,
    /// The file it stands in, and the line where it begins.
    pub place: String,
}

/// When a document is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tier {
    /// Before all others.
    Admin,
    /// NetworkPolicies.
    NetworkPolicy,
    /// Where no NetworkPolicy selects the subject.
    Baseline,
}

/// Workloads by their labels and those of their namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Selection {
    /// In which namespaces.
    pub namespaces: Scope,
    /// Which workloads there.
    pub pods: LabelSelector,
}

/// Namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// This one.
    Named(String),
    /// Those with these labels.
    Matching(LabelSelector),
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// `NAMESPACE/NAME/ingress[0]` or `NAME/RULE`, and file and line.
    pub text: RuleText,
    /// What it does when it matches.
    pub effect: Effect,
    /// It matches when any of these does.
    pub peers: Vec<RulePeer>,
    /// And any of these; empty: every port.
    pub ports: Vec<RulePort>,
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RulePeer {
    /// Everybody.
    Anyone,
    /// Protected workloads by labels.
    Pods(Selection),
    /// Addresses, whoever has them.
    Net(NetPeer),
    /// Addition: equal, non-empty identity labels in the same namespace.
    SameLabels,
    /// Addition: protected workloads of the subject's namespace.
    SameNamespace,
    /// Addition: what the subject's openings say, ports included.
    Opened,
    /// Addition: every protected workload.
    Workloads,
    /// Addition: unprotected peers of a class.
    Class(PeerClass),
}

/// `ipBlock`, or one of `networks`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetPeer {
    /// These addresses
    pub net: IpNet,
    /// but for these.
    pub except: Vec<IpNet>,
}

/// Which ports a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RulePort {
    /// By number; of ICMP, by type.
    Range(PortRange),
    /// By the name that the reached workload gave it; `Protocol::ANY` where any of that name will do.
    Named(Protocol, String),
}

/// Reads a file of policies: YAML or JSON, one document or several, `kind: List` too.
///
/// # Errors
/// Every mistake, in the order of the file. Nothing of a defective file is used.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Arc<Document>>, Vec<Diagnostic>> {
    let mut report = Report::new(file, bytes);
    let mut documents = Vec::new();
    for node in report.load() {
        report.documents(&node, &mut documents);
    }
    report.finish(documents)
}

/// A mistake for each document whose name an earlier one has: which of them counts would depend on the order of files.
#[must_use]
pub fn twice(documents: &[Arc<Document>]) -> Vec<Diagnostic> {
    let mut first: HashMap<(&Option<String>, &str), &Document> = HashMap::new();
    let mut found = Vec::new();
    for document in documents {
        match first.entry((&document.namespace, &document.name)) {
            Entry::Occupied(before) => found.push(document.repeats(before.get())),
            Entry::Vacant(place) => drop(place.insert(document)),
        }
    }
    found
}

// === impl Report ===

impl Report {
    fn documents(&mut self, node: &crate::yaml::Node, found: &mut Vec<Arc<Document>>) {
        let Some(mut fields) = Fields::open(self, node, "a policy") else {
            return;
        };
        let kind = fields.text(self, "kind");
        let version = fields.text(self, "apiVersion");
        let expected = match kind.as_deref() {
            Some("NetworkPolicy") => network::API_VERSION,
            Some(cluster::KIND) => cluster::API_VERSION,
            Some("List") => "v1",
            Some(other) => return self.unknown_kind(&fields, other),
            None => {
                // A folder is named where its policies were meant.
                let hint = if fields.node("services").is_some() {
                    "this is a compose file: name the files with policies, or keep them in a folder of their own"
                } else if fields.node("tests").is_some() {
                    "this is a test file: `cofferdam policy test` runs it; name the files with policies alone"
                } else {
                    "write `kind: NetworkPolicy` or `kind: ClusterNetworkPolicy`"
                };
                return self.missing(&fields, "kind", hint);
            }
        };
        match version.as_deref() {
            Some(version) if version == expected => {}
            Some(version) => self.wrong_version(&fields, version, expected),
            None => self.missing(&fields, "apiVersion", &format!("write `apiVersion: {expected}`")),
        }
        match kind.as_deref() {
            Some("NetworkPolicy") => found.extend(network::read(self, fields).map(Arc::new)),
            Some("List") => {
                fields.ignore("metadata");
                let items = fields.list(self, "items").unwrap_or_default().to_vec();
                fields.close(self);
                items.iter().for_each(|item| self.documents(item, found));
            }
            _ => found.extend(cluster::read(self, fields).map(Arc::new)),
        }
    }

    fn unknown_kind(&mut self, fields: &Fields<'_>, kind: &str) {
        let hint = match kind {
            "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy" => {
                "its successor is ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2, tier Admin or Baseline)".to_owned()
            }
            "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy" | "GlobalNetworkPolicy" => {
                "write it as NetworkPolicy or ClusterNetworkPolicy; docs/policies.md shows both".to_owned()
            }
            _ => fields::closest(kind, &["NetworkPolicy", cluster::KIND]).map_or_else(
                || "policies are of kind NetworkPolicy or ClusterNetworkPolicy; leave other objects out of this file".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        };
        self.at(
            fields.value_place("kind"),
            format!("`{kind}` is no kind of policy"),
            hint,
        );
    }

    fn wrong_version(&mut self, fields: &Fields<'_>, version: &str, expected: &str) {
        let what = format!("apiVersion is `{version}`");
        self.at(
            fields.value_place("apiVersion"),
            what,
            format!("write `apiVersion: {expected}`"),
        );
    }
}

// === impl Document ===

impl Document {
    /// `NAMESPACE/NAME`, or `NAME` for the whole host.
    #[must_use]
    pub fn full_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The rules of one direction; `None`: it says nothing about it.
    #[must_use]
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }

    /// A number for what it says, wherever it stands and for how long: documents with the same one decide alike.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = fnv::FnvHasher::default();
        (&self.namespace, &self.name, self.tier, self.priority).hash(&mut hasher);
        (&self.subject, self.observe, self.keep).hash(&mut hasher);
        for rules in [&self.ingress, &self.egress] {
            rules.as_ref().map(Vec::len).hash(&mut hasher);
            for rule in rules.iter().flatten() {
                (&rule.text.name, rule.effect, &rule.peers, &rule.ports).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// The mistake that it has the name of `first`.
    #[must_use]
    pub fn repeats(&self, first: &Self) -> Diagnostic {
        let (file, line) = self.place.rsplit_once(':').unwrap_or((&self.place, "1"));
        Diagnostic {
            file: file.to_owned(),
            line: line.parse().unwrap_or(1),
            column: 1,
            what: format!("{} stands in {} already", self.full_name(), first.place),
            hint: "give one of them another name".to_owned(),
            source: String::new(),
            width: 1,
        }
    }

    /// Whether it has ended at `now`, in seconds since 1970.
    #[must_use]
    pub fn has_ended(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl fmt::Display for Document {
    /// `NetworkPolicy shop/web (web.yaml:3)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.tier {
            Tier::NetworkPolicy => "NetworkPolicy",
            Tier::Admin | Tier::Baseline => cluster::KIND,
        };
        write!(f, "{kind} {} ({})", self.full_name(), self.place)
    }
}

// === impl NetPeer ===

impl NetPeer {
    /// Whether it is about an address.
    #[must_use]
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        let address = address.to_canonical();
        let inside = |net: &IpNet| crate::classes::canonical(*net).contains(&address);
        inside(&self.net) && !self.except.iter().any(inside)
    }
}
