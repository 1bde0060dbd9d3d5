//! What a user opens: the grammar of `cofferdam.ingress` and `cofferdam.egress`, published ports, resolvers.
//!
//! The grammar is documented in `docs/labels.md`; a word that could be a typo is refused, never guessed.

use std::net::IpAddr;

use crate::items::ValueError;
use crate::{Direction, Opening, OpeningPeer, PeerClass, PortRange, Protocol};

mod parse;
#[cfg(test)]
mod tests;

/// The label that opens a workload to its peers.
pub const INGRESS: &str = "cofferdam.ingress";
/// The label that opens peers to a workload.
pub const EGRESS: &str = "cofferdam.egress";

/// Parses the value of a `cofferdam.ingress` or `cofferdam.egress` label. An empty value opens nothing.
///
/// # Errors
/// The first defect, with its column. Nothing of a defective value is used.
pub fn parse(direction: Direction, value: &str) -> Result<Vec<Opening>, ValueError> {
    parse::value(value)
        .map(|items| {
            items
                .into_iter()
                .flat_map(|item| item.openings(direction))
                .collect()
        })
        .map_err(|defect| defect.of(label(direction), value))
}

/// The label that opens this direction.
#[must_use]
pub const fn label(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => INGRESS,
        Direction::Egress => EGRESS,
    }
}

/// What a published port (`-p`) opens: the container's port, to `host`, `lan` and `world`; to `host` alone if it is
/// published on a loopback address. Never to other protected workloads.
#[must_use]
pub fn published(
    protocol: Protocol,
    host_ip: Option<IpAddr>,
    host_port: u16,
    container_port: u16,
) -> Vec<Opening> {
    let loopback = host_ip.is_some_and(|address| address.to_canonical().is_loopback());
    let classes: &[PeerClass] = if loopback {
        &[PeerClass::Host]
    } else {
        &[PeerClass::Host, PeerClass::Lan, PeerClass::World]
    };
    let host = match host_ip.filter(|address| !address.is_unspecified()) {
        Some(IpAddr::V6(address)) => format!("[{address}]:"),
        Some(address) => format!("{address}:"),
        None => String::new(),
    };
    let suffix = if protocol == Protocol::TCP {
        String::new()
    } else {
        format!("/{protocol}")
    };
    let source = format!("-p {host}{host_port}:{container_port}{suffix}");
    let ports = PortRange {
        protocol,
        first: container_port,
        last: container_port,
    };
    let opening = |class: &PeerClass| Opening {
        direction: Direction::Ingress,
        peer: OpeningPeer::Class(*class),
        ports: Some(ports),
        source: source.clone(),
    };
    classes.iter().map(opening).collect()
}

/// What a configured resolver opens: egress to its address, port 53, any transport.
#[must_use]
pub fn resolver(address: IpAddr) -> Opening {
    Opening {
        direction: Direction::Egress,
        peer: OpeningPeer::Prefix(address.to_canonical().into()),
        ports: Some(PortRange {
            protocol: Protocol::ANY,
            first: 53,
            last: 53,
        }),
        source: format!("resolver {address}"),
    }
}
