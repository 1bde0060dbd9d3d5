use super::types;
use super::*;

/// G-ABI: a number that means one thing in the kernel and another in Rust is a wrong verdict.
#[test]
fn enums_agree_with_abi_h() {
    use types::{action as a, direction as d, peer_class as c, reason as r};
    assert_eq!(Direction::Ingress as u32, d::DIR_INGRESS.0);
    assert_eq!(Direction::Egress as u32, d::DIR_EGRESS.0);
    assert_eq!(Action::Allow as u32, a::ACT_ALLOW.0);
    assert_eq!(Action::Deny as u32, a::ACT_DENY.0);
    assert_eq!(Effect::Allow as u32, a::ACT_ALLOW.0);
    assert_eq!(Effect::Deny as u32, a::ACT_DENY.0);
    assert_eq!(Effect::Pass as u32, a::ACT_PASS.0);
    assert_eq!(u32::from(Plane::STAGES), types::plane::PLANE_STAGES.0);
    assert_eq!(u32::from(Plane::OBSERVED), types::plane::PLANE_OBSERVED.0);
    assert_eq!(u32::from(Plane::BESIDE), types::plane::PLANE_BESIDE.0);
    for (ours, theirs) in [
        (PeerClass::Host, c::CLASS_HOST),
        (PeerClass::Lan, c::CLASS_LAN),
        (PeerClass::Metadata, c::CLASS_METADATA),
        (PeerClass::Multicast, c::CLASS_MULTICAST),
        (PeerClass::World, c::CLASS_WORLD),
        (PeerClass::Pending, c::CLASS_PENDING),
        (PeerClass::Workload, c::CLASS_WORKLOAD),
    ] {
        assert_eq!(ours as u32, theirs.0);
        assert_eq!(class(theirs.0), Some(ours));
    }
    for (ours, theirs) in [
        (Reason::Rule, r::WHY_RULE),
        (Reason::SameWorkload, r::WHY_SAME_WORKLOAD),
        (Reason::Loopback, r::WHY_LOOPBACK),
        (Reason::Reply, r::WHY_REPLY),
        (Reason::Unprotected, r::WHY_UNPROTECTED),
        (Reason::Pending, r::WHY_PENDING),
        (Reason::NoPolicy, r::WHY_NO_POLICY),
        (Reason::Protocol, r::WHY_PROTOCOL),
        (Reason::Malformed, r::WHY_MALFORMED),
        (Reason::PortTaken, r::WHY_PORT_TAKEN),
        (Reason::ForeignSocket, r::WHY_FOREIGN_SOCKET),
        (Reason::ForeignSource, r::WHY_FOREIGN_SOURCE),
        (Reason::NotJudged, r::WHY_NOT_JUDGED),
        (Reason::Off, r::WHY_OFF),
    ] {
        assert_eq!(u32::from(ours as u8), theirs.0);
        assert_eq!(reason(ours as u8), Some(ours));
    }
}

#[test]
fn addresses_keep_their_family() {
    for ip_text in ["127.0.0.1", "0.0.0.0", "::1", "::", "fd00::5"] {
        let parsed: IpAddr = ip_text.parse().unwrap();
        assert_eq!(ip(&address(parsed)), parsed);
    }
}
