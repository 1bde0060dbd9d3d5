//! Where private loopbacks lie, and what sharing one opens.

use std::net::{IpAddr, Ipv6Addr};

use super::{Containment, LOOPBACK, Loopback};
use crate::{Direction, Labels, Opening, OpeningPeer};

/// 127.64.0.0/10.
const V4: [u8; 2] = [127, 64];
const V4_MASK: u8 = 0xc0;
/// fd63:6f66:6665:7264:616d::/96.
const V6: Ipv6Addr = Ipv6Addr::new(0xfd63, 0x6f66, 0x6665, 0x7264, 0x616d, 0, 0, 0);

/// Whether this is somebody's private 127.0.0.1 or `::1`.
#[must_use]
pub fn is_private_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => [v4.octets()[0], v4.octets()[1] & V4_MASK] == V4,
        IpAddr::V6(v6) => v6.octets()[..12] == V6.octets()[..12],
    }
}

// === impl Containment ===

impl Containment {
    /// Who shares a loopback by name may talk, as those that joined one container: an opening to all who give the name, and
    /// the label that they have for it.
    #[must_use]
    pub fn sharing(&self) -> Option<(Labels, [Opening; 2])> {
        let Loopback::Group(name) = &self.loopback else {
            return None;
        };
        let shared = Labels::from([(LOOPBACK.to_owned(), name.clone())]);
        let openings = [Direction::Ingress, Direction::Egress].map(|direction| Opening {
            direction,
            peer: OpeningPeer::Labels(shared.clone()),
            ports: None,
            source: format!("label {LOOPBACK}={name}"),
        });
        Some((shared, openings))
    }
}
