//! What the kernel is told: only numbers, and the texts that rule numbers stand for. Its half of the contract is
//! `crates/datapath/bpf/abi.h`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Direction, Effect, Peer, PeerClass, Protocol};

/// The kernel's view of a [`crate::World`]: only numbers. One lookup in `rows`, at most one more for the class, nearly
/// always at most one in `ports`; several of these for a subject with rules about addresses, see [`Plane`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiled {
    /// (subject, direction, peer) → verdict for every port, or the table that knows ports.
    pub rows: BTreeMap<RowKey, RowValue>,
    /// (table, protocol, block of ports) → verdict; the smallest block wins.
    pub ports: BTreeMap<PortKey, PortValue>,
    /// Address prefix → peer number; the longest prefix wins.
    pub prefixes: BTreeMap<ipnet::IpNet, PrefixValue>,
    /// Rule number → what to print. Index 0 is unused.
    pub rules: Vec<RuleText>,
    /// Rules whose denials do not end flows that were open before: those of policies with `keep`.
    #[serde(default)]
    pub kept: BTreeSet<u32>,
}

/// Key of `rows`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowKey {
    /// Subject number.
    pub subject: u32,
    /// Identity, class or prefix number.
    pub peer: Peer,
    /// The subject's end.
    pub direction: Direction,
    /// Which question.
    pub plane: Plane,
}

/// Which of the questions to a subject a row answers.
///
/// Nearly every subject is asked one, [`Plane::FIRST`], whose row holds the final verdict. Where rules of a policy are
/// about addresses, the verdict on a protected peer depends on two independent things: who it is and which address it
/// has. The rows of both are kept apart, one of each for every stage; of the two, the smaller `priority` wins, and
/// [`Effect::Pass`] leads to the next stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plane(pub u8);

/// Value of `rows`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowValue {
    /// The verdict for ports that `table` does not know.
    pub verdict: PortValue,
    /// The port table to ask first; 0 is none.
    pub table: u32,
    /// Which sizes its blocks have: bit `n` is one of `1 << n` ports. As many lookups as there are bits.
    pub sizes: u32,
}

/// Key of `ports`: the first `bits` bits of (protocol 8, port 16) decide. `bits` counts from the protocol, so 8 is
/// "every port of this protocol" and 24 one port; 0 never occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortKey {
    /// Which table.
    pub table: u32,
    /// IP protocol number.
    pub protocol: Protocol,
    /// First port of the block.
    pub port: u16,
    /// How many bits of protocol and port are fixed (8..=24).
    pub bits: u8,
}

/// A verdict in a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortValue {
    /// Allow, deny or pass.
    pub effect: Effect,
    /// With a denial: it is only recorded. With an allowance: [`Plane::OBSERVED`] is asked too.
    pub observe: bool,
    /// The rule that decided.
    pub rule: u32,
    /// Its place among the subject's rules in this direction, smaller first, where it has to be compared with another
    /// (see [`Plane`]); `u16::MAX` is no rule at all.
    pub priority: u16,
}

/// Value of `prefixes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrefixValue {
    /// Number of the prefix (≥ `PREFIX_MIN`), or of its class where no rule names it.
    pub peer: Peer,
    /// The class, asked where the subject has no row for `peer`.
    pub class: PeerClass,
}

/// What a rule number stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleText {
    /// Document and rule, e.g. `default/same-labels`.
    pub name: String,
    /// Where it was written: a label, a file and line, or `built-in`.
    pub source: String,
}
