//! Where private loopbacks lie.

use std::net::{IpAddr, Ipv6Addr};

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
