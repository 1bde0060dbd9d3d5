//! Which addresses belong to which peer class, as data.

use ipnet::IpNet;

use crate::PeerClass;

/// The prefixes whose class does not depend on the host, `0.0.0.0/0` and `::/0` (world) included. [`crate::decide`] and
/// [`crate::compile`] lay `World::prefixes` over them: the same prefix there wins.
#[must_use]
pub fn base_prefixes() -> Vec<(IpNet, PeerClass)> {
    Vec::new()
}
