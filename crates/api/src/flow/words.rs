//! What a workload takes for itself, and why it was refused that, in words.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cofferdam_policy::containment::is_private_loopback;

use super::{FlowView, HOOK_BIND, HOOK_SOCKET, HOOK_SYSCTL, HOOK_UNIX};
use crate::{Class, Verdict};

// === impl FlowView ===

impl FlowView {
    /// What the workload takes or does, in words, where it reaches nobody: `binds 0.0.0.0:80`.
    #[must_use]
    pub fn act(&self) -> Option<String> {
        let object = self.object.as_deref().unwrap_or_default();
        match self.hook.as_str() {
            hook if HOOK_BIND.contains(&hook) => Some(self.bound()),
            HOOK_SOCKET => Some(format!("opens a {object} socket ({})", self.protocol)),
            HOOK_UNIX => Some(format!("connects to {object}")),
            HOOK_SYSCTL => Some(format!("writes {object}")),
            _ => None,
        }
    }

    /// `binds 127.0.0.1:53/udp`: as the workload knows it, then what it really is.
    fn bound(&self) -> String {
        let mut at = self.destination;
        let mut really = String::new();
        if is_private_loopback(at.ip()) {
            at.set_ip(loopback_like(at.ip()));
            really.push_str(" (private)");
        } else if let Some(port) = self.inner_port {
            at.set_port(port);
            let _ = write!(really, " (really {})", self.destination.port());
        }
        let protocol = match self.protocol.as_str() {
            "tcp" => String::new(),
            other => format!("/{other}"),
        };
        format!("binds {at}{protocol}{really}")
    }

    /// In plain words what was refused and why, where that was no rule's: `port 80/tcp is held by db`.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        if self.verdict != Verdict::Deny {
            return None;
        }
        let port = format!("port {}/{}", self.destination.port(), self.protocol);
        let object = self.object.as_deref().unwrap_or_default();
        let said = match (self.reason.as_str(), self.hook.as_str()) {
            ("port-taken", _) => {
                let named = self.to.name.clone();
                let holder =
                    named.or_else(|| (self.to.class == Class::Workload).then(|| "a workload".to_owned()));
                let holder = holder.unwrap_or_else(|| "somebody else on this host".to_owned());
                match self.inner_port {
                    Some(inner) => format!("{port}, which its {inner} really is, is held by {holder}"),
                    None => format!("{port} is held by {holder}"),
                }
            }
            ("undeclared", hook) if HOOK_BIND.contains(&hook) => {
                if is_private_loopback(self.destination.ip()) {
                    "that address is another workload's own loopback".to_owned()
                } else {
                    let known = self.port();
                    format!("it does not declare port {known}/{}", self.protocol)
                }
            }
            ("undeclared", HOOK_SOCKET) => format!("it is strict, and does not declare {object} sockets"),
            ("undeclared", HOOK_UNIX) => format!("{object} is somebody else's, and not declared"),
            ("undeclared", HOOK_SYSCTL) => "it does not declare sysctls of the network".to_owned(),
            ("undeclared", _) => "it does not declare that interface".to_owned(),
            _ => return None,
        };
        Some(said)
    }
}

/// The loopback of the same family that its owner sees.
fn loopback_like(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}
