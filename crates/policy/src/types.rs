//! The words of the policy language, as types. Constructors validate; a value that exists is well-formed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::documents::Document;

mod kernel;
mod names;

pub use kernel::{Compiled, Plane, PortKey, PortValue, PrefixValue, RowKey, RowValue, RuleText};

/// A number for one set of labels in one namespace, as the kernel sees it.
///
/// Workload identities lie in `IDENTITY_MIN..PREFIX_MIN`; numbers below are peer classes, numbers above prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Peer(pub u32);

/// First number of a workload identity.
pub const IDENTITY_MIN: u32 = 256;
/// First number of a prefix that some rule names.
pub const PREFIX_MIN: u32 = 1 << 24;

/// What a peer is when it is no protected workload. The discriminants are the numbers in the kernel's maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u32)]
pub enum PeerClass {
    /// Anything unprotected on this host, whatever its network.
    Host = 1,
    /// Private and link-local prefixes and those on the host's own links.
    Lan = 2,
    /// The cloud's metadata addresses.
    Metadata = 3,
    /// Multicast and broadcast.
    Multicast = 4,
    /// Everything else.
    World = 5,
    /// A container whose labels are not known yet.
    Pending = 6,
    /// Any protected workload that no more specific row names.
    Workload = 7,
}

/// Which end of a flow the subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Direction {
    /// The subject is reached.
    Ingress = 1,
    /// The subject reaches.
    Egress = 2,
}

/// A transport protocol by its IP number; `Protocol::ANY` in a rule matches all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Protocol(pub u8);

/// Ports `first..=last` of one protocol (or of any). `0..=65535` is every port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRange {
    /// The protocol.
    pub protocol: Protocol,
    /// First port.
    pub first: u16,
    /// Last port, inclusive.
    pub last: u16,
}

/// What a verdict says. The discriminants are the numbers in the kernel's maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Action {
    /// The flow may go on.
    Allow = 1,
    /// The flow is refused.
    Deny = 2,
}

/// What a rule does when it matches. The discriminants are the numbers in the kernel's maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Effect {
    /// The flow may go on.
    Allow = 1,
    /// The flow is refused.
    Deny = 2,
    /// The next tier decides.
    Pass = 3,
}

/// Whether verdicts bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Denials are carried out.
    #[default]
    Enforce,
    /// Denials are only recorded.
    Observe,
}

/// Why a verdict fell. The discriminants are the reason codes of `abi.h`; names are what `flows` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Reason {
    /// A rule of a policy decided.
    Rule = 1,
    /// Both ends are the same workload.
    SameWorkload = 2,
    /// Loopback inside a namespace that is not the host's.
    Loopback = 3,
    /// The answer to something that was allowed.
    Reply = 4,
    /// No end is protected.
    Unprotected = 5,
    /// The labels of one end are not known yet.
    Pending = 6,
    /// The subject has no compiled policy: fails closed.
    NoPolicy = 7,
    /// A protocol that the data plane cannot judge.
    Protocol = 8,
    /// A packet that could not be parsed.
    Malformed = 9,
    /// The port is held by another workload.
    PortTaken = 10,
    /// The socket was made in another workload's cgroup.
    ForeignSocket = 11,
    /// Enforcement is switched off.
    Off = 12,
    /// A source address that the sender's namespace does not have.
    ForeignSource = 13,
    /// No rule is about it: it is only seen.
    NotJudged = 14,
    /// Only a declaration of the workload allows it: `cofferdam.allow`, `cofferdam.bind`, `cofferdam.interfaces`.
    Undeclared = 15,
}

impl Reason {
    /// No rule decides it, but what a workload declares of the host's network.
    #[must_use]
    pub const fn is_of_containment(self) -> bool {
        matches!(self, Self::PortTaken | Self::Undeclared)
    }
}

/// Labels, sorted by key.
pub type Labels = BTreeMap<String, String>;

/// A port that a workload gave a name: the label `cofferdam.port.NAME`, or `cofferdam run --port NAME=PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamedPort {
    /// The name.
    pub name: String,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number.
    pub port: u16,
}

/// A number for a set of labels in a namespace, with the labels it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The number, stable over daemon restarts.
    pub number: Peer,
    /// Policy namespace: the compose project, or `default`.
    pub namespace: String,
    /// The labels that say who it is; "same labels" compares these and the namespace.
    pub identity_labels: Arc<Labels>,
    /// Every label its creator gave; selectors see these (identity labels included).
    pub labels: Arc<Labels>,
    /// Its ports that policies may name.
    #[serde(default)]
    pub named_ports: Vec<NamedPort>,
}

/// What one `cofferdam.ingress`/`cofferdam.egress` item, published port or resolver opens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opening {
    /// Which direction is opened.
    pub direction: Direction,
    /// To whom.
    pub peer: OpeningPeer,
    /// On which ports; `None` is every port of every protocol.
    pub ports: Option<PortRange>,
    /// The text it came from, as the user would search for it: `label cofferdam.ingress=app=web:80`, `-p 80:80`.
    pub source: String,
}

/// The peer of an [`Opening`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpeningPeer {
    /// Protected workloads of the same namespace that carry all these labels.
    Labels(Labels),
    /// A peer class.
    Class(PeerClass),
    /// Addresses.
    Prefix(ipnet::IpNet),
}

/// Which built-in posture a protected workload gets when no policy selects it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultProfile {
    /// Same labels talk; the world is reachable; the rest is denied.
    #[default]
    SameLabels,
    /// As `SameLabels`, and the world is denied too.
    Strict,
    /// Only explicit policies deny.
    Allow,
    /// Workloads of one namespace talk; the world is reachable; the rest is denied.
    Networks,
    /// As `SameLabels`, and the host and the LAN reach it.
    LanService,
    /// The world's web servers are reachable; the rest is denied.
    Agent,
}

/// The policy of one or more workloads that are alike: same identity, same openings, same mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its number in the kernel. A changed policy gets a new number, so that a flip of the cgroup's entry swaps it.
    pub number: u32,
    /// Who it is to its peers.
    pub identity: Peer,
    /// What its user opened.
    pub openings: Vec<Opening>,
    /// Its own posture; `None`: that of the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<DefaultProfile>,
}

/// Everything that a verdict depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// The posture of workloads that no policy selects.
    pub profile: DefaultProfile,
    /// All identities of protected workloads.
    pub identities: Vec<Identity>,
    /// All subjects.
    pub subjects: Vec<Subject>,
    /// Prefix → class for this host (its addresses and Docker's subnets are `host`, its links `lan`, …).
    pub prefixes: Vec<(ipnet::IpNet, PeerClass)>,
    /// The policies in force, in any order.
    #[serde(default)]
    pub documents: Vec<Arc<Document>>,
    /// Labels of namespaces; `kubernetes.io/metadata.name` goes without saying.
    #[serde(default)]
    pub namespaces: BTreeMap<String, Labels>,
}

/// One end of an attempt as `decide` sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// A protected workload: its subject number.
    Subject(u32),
    /// Anything else, by address.
    Address(IpAddr),
    /// A cgroup that is pending.
    Pending,
}

/// Somebody wants to talk to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// Who starts.
    pub from: End,
    /// Who is reached.
    pub to: End,
    /// The protocol.
    pub protocol: Protocol,
    /// The port that is reached; of ICMP, the type.
    pub port: u16,
    /// The address of the one who starts, where it is a workload and rules about addresses are to see it.
    #[serde(default)]
    pub from_address: Option<IpAddr>,
    /// The address of the one who is reached, likewise.
    #[serde(default)]
    pub to_address: Option<IpAddr>,
}

/// The answer, with the rule that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// Allow or deny.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The end whose policy decided, where one did.
    pub direction: Option<Direction>,
    /// Index into [`Compiled::rules`]; 0 where no rule decided.
    pub rule: u32,
    /// A denial that is only recorded: the flow goes on.
    #[serde(default)]
    pub observed: bool,
}

/// One step towards a new [`Compiled`]. A [`Plan`] is an ordered, printable list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A rule's denials end no open flow from now on. Comes before the rows that name it.
    SetKept(u32),
    /// Write a port block.
    SetPort(PortKey, PortValue),
    /// Write a row.
    SetRow(RowKey, RowValue),
    /// Write a prefix.
    SetPrefix(ipnet::IpNet, PrefixValue),
    /// Remove a prefix.
    DropPrefix(ipnet::IpNet),
    /// Remove a row. Comes after the cgroup entries have left its subject.
    DropRow(RowKey),
    /// Remove a port block. Comes after the rows that named its table.
    DropPort(PortKey),
    /// A rule's denials end open flows again, or nothing names it any more.
    DropKept(u32),
}

/// The steps from one [`Compiled`] to another: `install` before cgroup entries flip to new subjects, `retire` after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Additions and changes that are safe while old subjects are in use.
    pub install: Vec<Step>,
    /// Removals of what nothing points to any more.
    pub retire: Vec<Step>,
}
