//! What a workload on the host's network is given back of what a namespace of its own would have given it: the words,
//! and the grammar of `cofferdam.contain`, `.loopback`, `.bind`, `.interfaces` and `.allow`.
//!
//! The grammar is documented in `docs/labels.md`; as of openings, a word that could be a typo is refused.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::PortRange;
use crate::items::ValueError;

mod allow;
mod loopbacks;
mod names;
mod parse;
mod remedy;
mod stops;
#[cfg(test)]
mod tests;

pub use loopbacks::is_private_loopback;
pub use names::family;
pub use remedy::Need;
pub use stops::{Hooks, State, Stop, What, Whose, open_to, stops};

/// The label that says how much is refused which is not declared.
pub const CONTAIN: &str = "cofferdam.contain";
/// The label that says whose 127.0.0.1 and `::1` the workload sees.
pub const LOOPBACK: &str = "cofferdam.loopback";
/// The label that declares ports.
pub const BIND: &str = "cofferdam.bind";
/// The label that declares interfaces.
pub const INTERFACES: &str = "cofferdam.interfaces";
/// The label that declares what else is needed.
pub const ALLOW: &str = "cofferdam.allow";
/// All of them.
pub const KEYS: [&str; 5] = [CONTAIN, LOOPBACK, BIND, INTERFACES, ALLOW];

/// How much is refused that is not declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What would harm other workloads; the rest is only seen until it is declared.
    #[default]
    Default,
    /// Everything.
    Strict,
}

/// What the labels of one workload say, before a level goes without saying.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// `cofferdam.contain`.
    pub level: Option<Level>,
    /// `cofferdam.loopback`.
    pub loopback: Option<Loopback>,
    /// `cofferdam.bind`.
    pub bind: Option<Vec<Bind>>,
    /// `cofferdam.interfaces`.
    pub interfaces: Option<Vec<Interface>>,
    /// `cofferdam.allow`.
    pub allow: Allowed,
}

/// What holds for one workload on the host's network. The default is: nothing was declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containment {
    /// What is not declared is refused.
    pub strict: bool,
    /// Whose loopback it sees.
    pub loopback: Loopback,
    /// The ports it may bind, besides those that its image exposes or its user published.
    pub bind: Option<Vec<Bind>>,
    /// The interfaces it may use, besides `lo`.
    pub interfaces: Option<Vec<Interface>>,
    /// What it may do besides.
    pub allow: Allowed,
}

/// Whose 127.0.0.1 and `::1` a workload sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loopback {
    /// The host's.
    #[default]
    Host,
    /// One of its own.
    Private,
    /// One that all of its policy namespace share who give this name.
    Group(String),
}

/// Ports that a workload binds, and what is really bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bind {
    /// What it binds; of any protocol is of TCP and UDP.
    pub ports: PortRange,
    /// What is bound in their place; `None`: the same.
    pub to: Option<BindTo>,
}

/// What is really bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BindTo {
    /// The address; `None`: the one that the workload gives.
    pub address: Option<IpAddr>,
    /// The port for the first of the range, whose others follow.
    pub first: u16,
}

/// An interface of the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interface {
    /// By its name.
    Name(String),
    /// The one that has this address.
    Address(IpAddr),
}

/// What `cofferdam.allow` declares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// Packet sockets.
    pub packet: bool,
    /// Raw sockets.
    pub raw: bool,
    /// Sockets to hypervisors and virtual machines.
    pub vsock: bool,
    /// Writes to `net.*`.
    pub sysctl: bool,
    /// Netlink sockets.
    pub netlink: Netlink,
    /// Abstract unix sockets of others.
    pub abstract_names: Vec<AbstractName>,
    /// Ports that another workload holds, too.
    pub shared: Vec<PortRange>,
}

/// Families of netlink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Netlink {
    /// None was declared.
    #[default]
    None,
    /// Every one.
    All,
    /// These, by number.
    Some(BTreeSet<u8>),
}

/// The name of an abstract unix socket, without the zero that the kernel has and the `@` that people write before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AbstractName {
    /// The name, or what it begins with.
    pub name: String,
    /// Names that begin so.
    pub prefix: bool,
}

/// NETLINK_ROUTE: what libc lists interfaces and addresses with.
const ROUTE: u8 = 0;

// === impl Declared ===

impl Declared {
    /// Takes the value of a label of [`KEYS`].
    pub(crate) fn declare(&mut self, key: &str, value: &str) -> Result<(), ValueError> {
        let Some(key) = KEYS.into_iter().find(|known| *known == key) else {
            return Ok(());
        };
        let taken = match key {
            CONTAIN => parse::level(value).map(|level| self.level = Some(level)),
            LOOPBACK => parse::loopback(value).map(|loopback| self.loopback = Some(loopback)),
            BIND => parse::bind(value).map(|bind| self.bind = Some(bind)),
            INTERFACES => parse::interfaces(value).map(|found| self.interfaces = Some(found)),
            _ => allow::allow(value).map(|allow| self.allow = allow),
        };
        taken.map_err(|defect| defect.of(key, value))
    }

    /// What holds where `level` goes without saying.
    #[must_use]
    pub fn at(self, level: Level) -> Containment {
        let strict = self.level.unwrap_or(level) == Level::Strict;
        Containment {
            strict,
            loopback: self.loopback.unwrap_or_else(|| Loopback::unsaid(strict)),
            bind: self.bind,
            interfaces: self.interfaces,
            allow: self.allow,
        }
    }
}

// === impl Containment ===

impl Containment {
    /// Only ports that are declared may be bound.
    #[must_use]
    pub fn limits_ports(&self) -> bool {
        self.strict || self.bind.is_some()
    }

    /// Whether a socket of this family of netlink may be made. Without `route`, libc cannot list interfaces.
    #[must_use]
    pub fn allows_netlink(&self, family: u8) -> bool {
        !self.strict || family == ROUTE || self.allow.netlink.contains(family)
    }
}

// === impl Loopback ===

impl Loopback {
    /// What goes without saying.
    const fn unsaid(strict: bool) -> Self {
        if strict { Self::Private } else { Self::Host }
    }
}

// === impl Netlink ===

impl Netlink {
    /// Whether this family was declared.
    #[must_use]
    pub fn contains(&self, family: u8) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(families) => families.contains(&family),
        }
    }
}

// === impl Bind ===

impl Bind {
    /// What is bound for a port that the workload binds; `None`: this is not about that port. A `None` address is
    /// the one that the workload gives.
    #[must_use]
    pub fn bound(&self, port: u16) -> Option<(Option<IpAddr>, u16)> {
        let index = port.checked_sub(self.ports.first)?;
        let to = self.to.unwrap_or(BindTo {
            address: None,
            first: self.ports.first,
        });
        (port <= self.ports.last).then(|| (to.address, to.first.saturating_add(index)))
    }

    /// The ports that are really bound; `None` where the range ends before them all.
    #[must_use]
    pub fn real(&self) -> Option<PortRange> {
        let first = self.to.map_or(self.ports.first, |to| to.first);
        let last = first.checked_add(self.ports.last.checked_sub(self.ports.first)?)?;
        let protocol = self.ports.protocol;
        Some(PortRange {
            protocol,
            first,
            last,
        })
    }
}
