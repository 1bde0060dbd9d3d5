//! The label that would have allowed what containment refused, with all that the workload declares already.

use std::net::IpAddr;

use super::names::joined;
use super::{ALLOW, BIND, Bind, BindTo, Containment, Declared, INTERFACES, Interface};
use crate::{PortRange, Protocol};

/// What a workload was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// An item of `cofferdam.allow`.
    Allow(String),
    /// An abstract unix socket, without the `@`.
    Abstract(String),
    /// To bind a port.
    Port(Protocol, u16),
    /// To bind a port that another one holds.
    Taken {
        /// TCP or UDP.
        protocol: Protocol,
        /// As the workload knows it.
        port: u16,
        /// What it really is.
        real: u16,
        /// Ports that it has, and keeps.
        beside: Vec<(Protocol, u16)>,
    },
    /// The interface that has this address.
    Interface(IpAddr),
}

/// Ports that several programs of a host are meant to have at once: whoever binds one asks for it.
const SHARED: [u16; 6] = [67, 68, 1900, 3702, 5353, 5355];
/// How far a port is moved: 80 → 8080 is what people would do, 8080 → 18080 as well.
const LOW_STEP: u16 = 8000;
const STEP: u16 = 10_000;

// === impl Containment ===

impl Containment {
    /// The label, key and whole value; `None` where none can say it.
    #[must_use]
    pub fn allowing(&self, need: &Need) -> Option<(&'static str, String)> {
        let (key, value) = match need {
            Need::Allow(item) => (ALLOW, self.with_item(item)),
            Need::Abstract(name) => (ALLOW, self.with_item(&format!("abstract:@{}", writable(name)))),
            Need::Port(protocol, port) => (BIND, self.with_bind(one(*protocol, *port, None), &[])),
            Need::Taken {
                protocol: Protocol::UDP,
                port,
                ..
            } if SHARED.contains(port) => (ALLOW, self.with_item(&format!("shared:{port}/udp"))),
            Need::Taken {
                protocol,
                port,
                real,
                beside,
            } => {
                let to = Some(elsewhere(*real));
                (BIND, self.with_bind(one(*protocol, *port, to), beside))
            }
            Need::Interface(address) => (INTERFACES, self.with_interface(*address)),
        };
        let reads = Declared::default().declare(key, &value).is_ok();
        reads.then_some((key, value))
    }

    fn with_item(&self, item: &str) -> String {
        let mut items = self.allow.items();
        items.push(item.to_owned());
        items.join(", ")
    }

    /// Who declares a port for the first time has to declare all of them.
    fn with_bind(&self, mut bind: Bind, beside: &[(Protocol, u16)]) -> String {
        let ports = bind.ports;
        let is_same = |said: &Bind| {
            let protocol = [ports.protocol, Protocol::ANY].contains(&said.ports.protocol);
            protocol && (said.ports.first, said.ports.last) == (ports.first, ports.last)
        };
        let said = self.bind.iter().flatten();
        let (same, mut binds): (Vec<_>, Vec<_>) = said.cloned().partition(is_same);
        if let [before, ..] = same.as_slice() {
            bind.ports = before.ports;
        }
        binds.push(bind);
        if !self.limits_ports() {
            let others = beside.iter().map(|(protocol, port)| one(*protocol, *port, None));
            for other in others {
                if !binds.iter().any(|bind| bind.ports == other.ports) {
                    binds.push(other);
                }
            }
        }
        joined(&binds)
    }

    fn with_interface(&self, address: IpAddr) -> String {
        let mut items = self.interfaces.clone().unwrap_or_default();
        items.push(Interface::Address(address));
        joined(&items)
    }

    /// The port that the workload knows a really bound one by, which rules are about.
    #[must_use]
    pub fn inside(&self, protocol: Protocol, port: u16) -> u16 {
        let binds = self.bind.iter().flatten();
        let mut moved = binds.filter_map(|bind| {
            let to = bind.to?;
            let index = port.checked_sub(to.first)?;
            let about = [protocol, Protocol::ANY].contains(&bind.ports.protocol);
            (about && index <= bind.ports.last - bind.ports.first).then(|| bind.ports.first + index)
        });
        moved.next().unwrap_or(port)
    }
}

fn one(protocol: Protocol, port: u16, to: Option<u16>) -> Bind {
    Bind {
        ports: PortRange {
            protocol,
            first: port,
            last: port,
        },
        to: to.map(|first| BindTo { address: None, first }),
    }
}

/// Where a port may be moved to.
const fn elsewhere(port: u16) -> u16 {
    if port < 1024 {
        port + LOW_STEP
    } else if let Some(moved) = port.checked_add(STEP) {
        moved
    } else {
        port - STEP
    }
}

/// A name as the label can hold it: cut off where it cannot.
fn writable(name: &str) -> String {
    let sign = |c: char| c == ',' || c == '*' || c == char::REPLACEMENT_CHARACTER || c.is_whitespace();
    match name.split_once(sign) {
        Some((begin, _)) => format!("{begin}*"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
