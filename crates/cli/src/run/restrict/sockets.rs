//! Kinds of sockets that are refused by seccomp, on every kernel, and what would make sockets past it.

use std::collections::BTreeMap;

use cofferdam_policy::containment::{Containment, Netlink};
use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

/// The same call of the x32 ABI, which some kernels of x86-64 have.
#[cfg(target_arch = "x86_64")]
const OTHER_ABIS: [i64; 2] = [0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const OTHER_ABIS: [i64; 1] = [0];
/// What `AF_PACKET` was called once.
const SOCK_PACKET: i32 = 10;
/// The bits of a socket's type that are no flags.
const TYPE: u64 = 0xf;

/// Calls of another architecture (32-bit programs) end the process: their `socket` cannot be looked into.
pub(super) fn refuse(containment: &Containment) -> Result<(), Error> {
    let refused = rules(containment)?;
    let calls = OTHER_ABIS.into_iter().flat_map(|abi| {
        [
            (abi | libc::SYS_socket, refused.clone()),
            // Its operations make sockets, and connect them, past this filter.
            (abi | libc::SYS_io_uring_setup, Vec::new()),
        ]
    });
    let permission = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(
        calls.collect::<BTreeMap<_, _>>(),
        SeccompAction::Allow,
        permission,
        architecture,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}

/// Any of them refuses.
fn rules(containment: &Containment) -> Result<Vec<SeccompRule>, BackendError> {
    let allow = &containment.allow;
    let families = [
        (libc::AF_UNIX, true),
        (libc::AF_INET, true),
        (libc::AF_INET6, true),
        (libc::AF_NETLINK, true),
        // The kernel's cryptography: no network.
        (libc::AF_ALG, true),
        (libc::AF_PACKET, allow.packet),
        (libc::AF_XDP, allow.packet),
        (libc::AF_VSOCK, allow.vsock),
    ];
    let known = families.into_iter().filter(|(_, known)| *known);
    let mut rules = vec![known.map(|(family, _)| is_not(0, family)).collect()];
    if !allow.raw {
        rules.extend(
            [libc::AF_INET, libc::AF_INET6].map(|family| vec![is(0, family), is_type(libc::SOCK_RAW)]),
        );
    }
    if !allow.packet {
        rules.push(vec![is(0, libc::AF_INET), is_type(SOCK_PACKET)]);
    }
    if allow.netlink != Netlink::All {
        let families = (0..=u8::MAX).filter(|family| containment.allows_netlink(*family));
        let others = families.map(|family| is_not(2, i32::from(family)));
        rules.push([is(0, libc::AF_NETLINK)].into_iter().chain(others).collect());
    }
    let rules = rules
        .into_iter()
        .map(|rule: Vec<_>| SeccompRule::new(rule.into_iter().collect::<Result<_, _>>()?));
    rules.collect()
}

type Condition = Result<SeccompCondition, BackendError>;

fn is(argument: u8, value: i32) -> Condition {
    condition(argument, SeccompCmpOp::Eq, value)
}

fn is_not(argument: u8, value: i32) -> Condition {
    condition(argument, SeccompCmpOp::Ne, value)
}

fn is_type(value: i32) -> Condition {
    condition(1, SeccompCmpOp::MaskedEq(TYPE), value)
}

/// The kernel looks at 32 bits of each.
fn condition(argument: u8, operator: SeccompCmpOp, value: i32) -> Condition {
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        operator,
        u64::from(value.unsigned_abs()),
    )
}
