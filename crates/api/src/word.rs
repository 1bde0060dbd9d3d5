//! The words of the product on the wire. They mirror `cofferdam_policy`'s enums so that a change there cannot change
//! the wire unseen: each `From` is an exhaustive match that stops compiling.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether verdicts bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Denials are carried out.
    #[default]
    Enforce,
    /// Denials are only recorded.
    Observe,
}

/// The posture of a protected workload that no policy selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Same labels talk; the world is reachable; the rest is denied.
    #[default]
    SameLabels,
    /// As `same-labels`, and the world is denied too.
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

/// What became of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It may go on.
    Allow,
    /// It was refused, or, in mode `observe`, would have been.
    Deny,
}

/// Which end's policy is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The end that is reached.
    Ingress,
    /// The end that reaches.
    Egress,
}

/// What an end of a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A protected workload.
    Workload,
    /// Anything unprotected on this host.
    Host,
    /// Private and link-local prefixes and those on the host's own links.
    Lan,
    /// The cloud's metadata addresses.
    Metadata,
    /// Multicast and broadcast.
    Multicast,
    /// Everything else.
    World,
    /// A container whose labels are not known yet.
    Pending,
}

/// Gives an enum of unit variants its `Display` (the serde name), both `From`s with the policy crate's twin, and the
/// list of its values for parsers.
macro_rules! word {
    ($name:ident, $twin:path, { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl $name {
            /// Every value with its name on the wire.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl From<$twin> for $name {
            fn from(value: $twin) -> Self {
                use $twin as Twin;
                match value { $(Twin::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $twin {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

word!(Mode, cofferdam_policy::Mode, { Enforce = "enforce", Observe = "observe" });
word!(Profile, cofferdam_policy::DefaultProfile, {
    SameLabels = "same-labels", Strict = "strict", Allow = "allow",
    Networks = "networks", LanService = "lan-service", Agent = "agent",
});
word!(Verdict, cofferdam_policy::Action, { Allow = "allow", Deny = "deny" });
word!(Direction, cofferdam_policy::Direction, { Ingress = "ingress", Egress = "egress" });
word!(Class, cofferdam_policy::PeerClass, {
    Workload = "workload", Host = "host", Lan = "lan", Metadata = "metadata", Multicast = "multicast",
    World = "world", Pending = "pending",
});
