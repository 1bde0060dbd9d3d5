//! What of the host's network is kept from whom on a kernel, and by what: the one table that `doctor`, `ps` and the audit
//! read.

use serde::{Deserialize, Serialize};

use super::{Containment, Loopback};

/// What a kernel gives to refuse with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Abstract unix sockets can be refused: by hooks of Linux 6.7, before that by LSMs.
    pub unix: bool,
    /// BPF is among the LSMs of this boot: every kind of socket can be refused.
    pub lsm: bool,
}

/// Something of the host's network that a namespace would have kept away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The host's 127.0.0.1 and `::1`.
    Loopback,
    /// Ports that others hold.
    PortsHeld,
    /// Ports that nobody declared.
    PortsUndeclared,
    /// Abstract unix sockets of others.
    Abstract,
    /// Writes to `net.*`.
    Sysctl,
    /// Raw IP sockets.
    Raw,
    /// Packet sockets.
    Packet,
    /// Netlink, but `route`.
    Netlink,
    /// Sockets to hypervisors and virtual machines.
    Vsock,
    /// Other interfaces than those that are named.
    Interfaces,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is refused, and recorded.
    Stopped,
    /// It is recorded.
    Seen,
    /// It is refused once that is asked for.
    NotApplied,
    /// Neither: this kernel has no hook for it.
    Open,
}

/// Whom a state is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Whoever is protected and declares nothing.
    Default,
    /// A container or a unit that is strict.
    Strict,
    /// `cofferdam run --contain strict`.
    StrictRun,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// About what.
    pub what: What,
    /// That in words.
    pub title: String,
    /// What becomes of it where nothing is declared.
    pub default: State,
    /// The same of a strict container or unit.
    pub strict: State,
    /// The same of `cofferdam run --contain strict`.
    pub run_strict: State,
    /// What stops it, where something does.
    pub by: String,
    /// What to do where it is not stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

const BIND: &str = "cgroup/bind4, bind6";
const STRICT: &str = "label cofferdam.contain: strict";
const NO_RAW: &str = "cap_drop: [NET_RAW]";
const BOOT: &str = "boot with lsm=...,bpf (what /sys/kernel/security/lsm lists, and bpf)";

/// The table for this kernel.
#[must_use]
pub fn stops(hooks: Hooks) -> Vec<Stop> {
    What::ALL.map(|what| what.stop(hooks)).into()
}

/// What this workload can take of the host's network: neither stopped nor, without NET_RAW, impossible anyway.
#[must_use]
pub fn open_to(containment: &Containment, hooks: Hooks, whose: Whose, net_raw: bool) -> Vec<What> {
    let allow = &containment.allow;
    let is_open = |what: &What| match what {
        What::Loopback => containment.loopback == Loopback::Host,
        What::PortsUndeclared => !containment.limits_ports(),
        What::Interfaces => containment.interfaces.is_none(),
        What::Sysctl => allow.sysctl,
        What::PortsHeld => false,
        What::Raw => net_raw && (allow.raw || what.state(hooks, whose) != State::Stopped),
        What::Packet => net_raw && (allow.packet || what.state(hooks, whose) != State::Stopped),
        What::Vsock => allow.vsock || what.state(hooks, whose) != State::Stopped,
        What::Abstract | What::Netlink => what.state(hooks, whose) != State::Stopped,
    };
    What::ALL.into_iter().filter(is_open).collect()
}

// === impl What ===

impl What {
    /// All of them, as they are printed.
    pub const ALL: [Self; 10] = [
        Self::Loopback,
        Self::PortsHeld,
        Self::PortsUndeclared,
        Self::Abstract,
        Self::Sysctl,
        Self::Raw,
        Self::Packet,
        Self::Netlink,
        Self::Vsock,
        Self::Interfaces,
    ];

    /// The word for it in JSON.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::PortsHeld => "ports-held",
            Self::PortsUndeclared => "ports-undeclared",
            Self::Abstract => "abstract",
            Self::Sysctl => "sysctl",
            Self::Raw => "raw",
            Self::Packet => "packet",
            Self::Netlink => "netlink",
            Self::Vsock => "vsock",
            Self::Interfaces => "interfaces",
        }
    }

    /// In words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Loopback => "the host's loopback",
            Self::PortsHeld => "ports others hold",
            Self::PortsUndeclared => "undeclared ports",
            Self::Abstract => "abstract sockets",
            Self::Sysctl => "net.* sysctls",
            Self::Raw => "raw IP sockets",
            Self::Packet => "packet capture (AF_PACKET)",
            Self::Netlink => "netlink (but route)",
            Self::Vsock => "vsock",
            Self::Interfaces => "interfaces",
        }
    }

    /// What becomes of it.
    #[must_use]
    pub const fn state(self, hooks: Hooks, whose: Whose) -> State {
        match self {
            Self::PortsHeld | Self::Sysctl => State::Stopped,
            Self::Abstract if hooks.unix => State::Stopped,
            Self::Abstract => State::Open,
            Self::Loopback => of_level(State::NotApplied, whose),
            Self::PortsUndeclared | Self::Raw => of_level(State::Seen, whose),
            Self::Interfaces => State::NotApplied,
            Self::Packet | Self::Netlink | Self::Vsock if hooks.lsm => of_level(State::Seen, whose),
            Self::Packet | Self::Netlink | Self::Vsock => match whose {
                Whose::StrictRun => State::Stopped,
                Whose::Default | Whose::Strict => State::Open,
            },
        }
    }

    fn stop(self, hooks: Hooks) -> Stop {
        Stop {
            what: self,
            title: self.title().to_owned(),
            default: self.state(hooks, Whose::Default),
            strict: self.state(hooks, Whose::Strict),
            run_strict: self.state(hooks, Whose::StrictRun),
            by: self.by(hooks).to_owned(),
            change: self.change(hooks),
        }
    }

    const fn by(self, hooks: Hooks) -> &'static str {
        match self {
            Self::Loopback => "cgroup/bind4, connect4, sendmsg4, and those of IPv6",
            Self::PortsHeld | Self::PortsUndeclared => BIND,
            Self::Abstract if hooks.unix => {
                "cgroup/connect_unix, sendmsg_unix, or the same by LSM before 6.7; a strict run also Landlock (6.12)"
            }
            Self::Abstract => "nothing before Linux 6.7",
            Self::Sysctl => "cgroup/sysctl",
            Self::Raw => "cgroup/sock_create; a strict run also seccomp, and it has no NET_RAW",
            Self::Packet if hooks.lsm => {
                "LSM socket_create; a strict run also seccomp, and it has no NET_RAW"
            }
            Self::Packet => "a strict run: seccomp, and it has no NET_RAW",
            Self::Netlink | Self::Vsock if hooks.lsm => "LSM socket_create; a strict run also seccomp",
            Self::Netlink => "a strict run: seccomp",
            Self::Vsock => {
                "a strict run: seccomp; containers: Docker's own seccomp profile, of newer versions"
            }
            Self::Interfaces => "cgroup_skb/ingress, egress",
        }
    }

    fn change(self, hooks: Hooks) -> Option<String> {
        let text = match self {
            Self::PortsHeld | Self::Sysctl => return None,
            Self::Abstract if hooks.unix => return None,
            Self::Abstract => format!("Linux 6.7 or newer; or {BOOT}"),
            Self::Loopback => format!("label cofferdam.loopback: private, or {STRICT}"),
            Self::PortsUndeclared => format!("label cofferdam.bind: 80, or {STRICT}"),
            Self::Raw => format!("{STRICT}, or {NO_RAW}"),
            Self::Interfaces => "label cofferdam.interfaces: eth0".to_owned(),
            Self::Packet if hooks.lsm => format!("{STRICT}, or {NO_RAW}"),
            Self::Packet => format!("{NO_RAW}; or {BOOT}"),
            Self::Netlink | Self::Vsock if hooks.lsm => STRICT.to_owned(),
            Self::Netlink | Self::Vsock => {
                let (family, number) = self.family();
                format!(
                    "security_opt: [seccomp=FILE] that refuses socket({number}, ...), {family}; or {BOOT}"
                )
            }
        };
        Some(text)
    }

    /// The family of sockets that it is, as the kernel has it.
    const fn family(self) -> (&'static str, u8) {
        match self {
            Self::Netlink => ("AF_NETLINK", 16),
            Self::Packet => ("AF_PACKET", 17),
            _ => ("AF_VSOCK", 40),
        }
    }
}

/// Stopped if strict, else this.
const fn of_level(unless_strict: State, whose: Whose) -> State {
    match whose {
        Whose::Default => unless_strict,
        Whose::Strict | Whose::StrictRun => State::Stopped,
    }
}

// === impl State ===

impl State {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Seen => "seen",
            Self::NotApplied => "not-applied",
            Self::Open => "open",
        }
    }
}

// === impl Hooks ===

impl Hooks {
    /// By the names of features that a daemon tells of.
    #[must_use]
    pub fn of_features<'f>(features: impl IntoIterator<Item = (&'f str, bool)>) -> Self {
        let mut hooks = Self::default();
        for (name, present) in features {
            match name {
                "abstract-sockets" => hooks.unix = present,
                "lsm" => hooks.lsm = present,
                _ => {}
            }
        }
        hooks
    }

    /// By what any process can read: the kernel's release, and the LSMs of this boot.
    #[must_use]
    pub fn of_kernel(release: &str, lsms: &str) -> Self {
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|number| number.parse().unwrap_or(0_u32));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let lsm = lsms.trim().split(',').any(|lsm| lsm == "bpf");
        Self {
            unix: version >= (6, 7) || lsm,
            lsm,
        }
    }
}

// === impl Whose ===

impl Whose {
    /// Of a workload with this containment.
    #[must_use]
    pub const fn of(containment: &Containment, is_run: bool) -> Self {
        match (containment.strict, is_run) {
            (false, _) => Self::Default,
            (true, false) => Self::Strict,
            (true, true) => Self::StrictRun,
        }
    }
}

#[cfg(test)]
mod tests;
