//! Between the structs of `abi.h` and the policy crate's types, and between structs and bytes.

use std::net::{IpAddr, Ipv6Addr};

use cofferdam_policy::{
    Action, Direction, Effect, Peer, PeerClass, Plane, PortValue, Reason, RowKey, RowValue,
};

pub(crate) use crate::skel::cofferdam::types;

/// A struct of `abi.h`: only integers, explicit padding, every bit pattern valid.
///
/// # Safety
/// The type must be `repr(C)`, without implicit padding, and valid for every bit pattern.
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ident),* $(,)?) => {
        $(
            // SAFETY: generated from abi.h, whose structs hold integers only and pad explicitly.
            unsafe impl Plain for types::$name {}
        )*
    };
}

plain!(
    settings,
    epochs,
    entry,
    container_key,
    announcement,
    row_key,
    row,
    port_key,
    port_verdict,
    prefix_key,
    prefix_value,
    address,
    published_key,
    published,
    containment,
    place_key,
    place,
    name_key,
    interface_key,
    listener_key,
    listener,
    flow_event,
    object_event,
    names_event,
    judged_key,
    judged,
    totals_key,
    totals,
    secret,
    cgroup_event,
    decide_args,
    sign_args,
);
plain!(wire_option);
// SAFETY: plain integers.
unsafe impl Plain for [u8; 16] {}
// SAFETY: plain integers.
unsafe impl Plain for u32 {}
// SAFETY: plain integers.
unsafe impl Plain for u64 {}

pub(crate) fn bytes<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `Plain` has no padding that could be uninitialised.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// Reads a struct from the start of `bytes`; `None` if there are too few.
pub(crate) fn read<T: Plain>(bytes: &[u8]) -> Option<T> {
    // SAFETY: the length is checked, the read is unaligned, and every bit pattern is valid.
    (bytes.len() >= size_of::<T>()).then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

pub(crate) fn address(ip: IpAddr) -> types::address {
    types::address {
        bytes: mapped(ip).octets(),
    }
}

pub(crate) fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

pub(crate) fn ip(address: &types::address) -> IpAddr {
    Ipv6Addr::from(address.bytes).to_canonical()
}

pub(crate) fn row_key(key: &RowKey) -> types::row_key {
    types::row_key {
        subject: key.subject,
        peer: key.peer.0,
        direction: key.direction as u32 | u32::from(key.plane.0) << types::plane::PLANE_SHIFT.0,
    }
}

pub(crate) fn row_key_back(key: &types::row_key) -> Option<RowKey> {
    let shift = types::plane::PLANE_SHIFT.0;
    Some(RowKey {
        subject: key.subject,
        peer: Peer(key.peer),
        direction: direction(key.direction & ((1 << shift) - 1))?,
        plane: Plane(u8::try_from(key.direction >> shift).ok()?),
    })
}

pub(crate) fn verdict(value: &PortValue) -> types::port_verdict {
    types::port_verdict {
        action: value.effect as u8,
        observe: u8::from(value.observe),
        priority: value.priority,
        rule: value.rule,
    }
}

pub(crate) fn verdict_back(value: &types::port_verdict) -> Option<PortValue> {
    Some(PortValue {
        effect: effect(value.action)?,
        observe: value.observe != 0,
        rule: value.rule,
        priority: value.priority,
    })
}

pub(crate) fn row(value: &RowValue) -> types::row {
    types::row {
        verdict: verdict(&value.verdict),
        table: value.table,
        sizes: value.sizes,
    }
}

pub(crate) fn direction(number: u32) -> Option<Direction> {
    [Direction::Ingress, Direction::Egress]
        .into_iter()
        .find(|d| *d as u32 == number)
}

pub(crate) fn action(number: u8) -> Option<Action> {
    [Action::Allow, Action::Deny]
        .into_iter()
        .find(|a| *a as u8 == number)
}

pub(crate) fn effect(number: u8) -> Option<Effect> {
    [Effect::Allow, Effect::Deny, Effect::Pass]
        .into_iter()
        .find(|e| *e as u8 == number)
}

pub(crate) fn class(number: u32) -> Option<PeerClass> {
    use PeerClass::{Host, Lan, Metadata, Multicast, Pending, Workload, World};
    [Host, Lan, Metadata, Multicast, World, Pending, Workload]
        .into_iter()
        .find(|c| *c as u32 == number)
}

pub(crate) fn reason(number: u8) -> Option<Reason> {
    use Reason::{
        ForeignSocket, ForeignSource, Loopback, Malformed, NoPolicy, NotJudged, Off, Pending, PortTaken,
        Protocol, Reply, Rule, SameWorkload, Undeclared, Unprotected,
    };
    [
        Rule,
        SameWorkload,
        Loopback,
        Reply,
        Unprotected,
        Pending,
        NoPolicy,
        Protocol,
        Malformed,
        PortTaken,
        ForeignSocket,
        Off,
        ForeignSource,
        NotJudged,
        Undeclared,
    ]
    .into_iter()
    .find(|r| *r as u8 == number)
}

/// A NUL-terminated C string.
pub(crate) fn text(chars: &[i8]) -> String {
    let bytes: Vec<u8> = chars
        .iter()
        .map(|c| c.cast_unsigned())
        .take_while(|c| *c != 0)
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
