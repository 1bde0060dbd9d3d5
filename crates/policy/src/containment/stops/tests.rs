use super::*;
use crate::containment::{Allowed, Declared, Level};

const OLD: Hooks = Hooks {
    unix: false,
    lsm: false,
};
const PLAIN: Hooks = Hooks {
    unix: true,
    lsm: false,
};
const FULL: Hooks = Hooks {
    unix: true,
    lsm: true,
};

fn row(what: What, hooks: Hooks) -> [&'static str; 3] {
    let of = |whose| what.state(hooks, whose).name();
    [of(Whose::Default), of(Whose::Strict), of(Whose::StrictRun)]
}

#[test]
fn a_kernel_stops_what_it_has_hooks_for() {
    for (what, hooks, wanted) in [
        (What::Loopback, OLD, ["not-applied", "stopped", "stopped"]),
        (What::PortsHeld, OLD, ["stopped"; 3]),
        (What::PortsUndeclared, OLD, ["seen", "stopped", "stopped"]),
        (What::Abstract, OLD, ["open"; 3]),
        (What::Abstract, PLAIN, ["stopped"; 3]),
        (What::Sysctl, OLD, ["stopped"; 3]),
        (What::Raw, OLD, ["seen", "stopped", "stopped"]),
        (What::Packet, PLAIN, ["open", "open", "stopped"]),
        (What::Packet, FULL, ["seen", "stopped", "stopped"]),
        (What::Netlink, PLAIN, ["open", "open", "stopped"]),
        (What::Vsock, FULL, ["seen", "stopped", "stopped"]),
        (What::Interfaces, FULL, ["not-applied"; 3]),
    ] {
        assert_eq!(row(what, hooks), wanted, "{what:?} {hooks:?}");
    }
}

#[test]
fn what_is_not_stopped_says_what_to_do() {
    for hooks in [OLD, PLAIN, FULL] {
        for row in stops(hooks) {
            let stopped = [row.default, row.strict, row.run_strict] == [State::Stopped; 3];
            assert_eq!(row.change.is_none(), stopped, "{row:?}");
            assert_eq!(
                serde_json::to_value(row.what).unwrap(),
                serde_json::Value::from(row.what.key())
            );
            assert_eq!(
                serde_json::to_value(row.strict).unwrap(),
                serde_json::Value::from(row.strict.name())
            );
        }
    }
    let packet = stops(PLAIN).into_iter().find(|row| row.what == What::Packet);
    let change = packet.and_then(|row| row.change).unwrap_or_default();
    assert!(
        change.contains("cap_drop: [NET_RAW]") && change.contains("lsm="),
        "{change}"
    );
}

#[test]
fn a_kernel_is_known_by_its_release_and_its_lsms() {
    assert_eq!(Hooks::of_kernel("6.18.44-x", ""), PLAIN);
    assert_eq!(Hooks::of_kernel("6.6.0", "lockdown,bpfish,yama"), OLD);
    assert_eq!(Hooks::of_kernel("6.7", "lockdown,bpf\n"), FULL);
    assert_eq!(Hooks::of_kernel("5.15.0-1", "bpf,yama"), FULL);
    assert_eq!(Hooks::of_kernel("", ""), OLD);
    let told = [("connect", true), ("abstract-sockets", true), ("lsm", false)];
    assert_eq!(Hooks::of_features(told), PLAIN);
}

#[test]
fn what_is_open_to_a_workload_is_neither_stopped_nor_beyond_it() {
    let open = |containment: &Containment, hooks, is_run, raw| -> Vec<&str> {
        let whose = Whose::of(containment, is_run);
        let open = open_to(containment, hooks, whose, raw);
        open.into_iter().map(What::key).collect()
    };
    let nothing = Containment::default();
    let strict = Containment {
        strict: true,
        loopback: Loopback::Private,
        ..Containment::default()
    };
    let all = [
        "loopback",
        "ports-undeclared",
        "raw",
        "packet",
        "netlink",
        "vsock",
        "interfaces",
    ];
    assert_eq!(open(&nothing, PLAIN, false, true), all);
    assert_eq!(
        open(&strict, PLAIN, false, true),
        ["packet", "netlink", "vsock", "interfaces"]
    );
    assert_eq!(
        open(&strict, PLAIN, false, false),
        ["netlink", "vsock", "interfaces"]
    );
    assert_eq!(open(&strict, PLAIN, true, true), ["interfaces"]);
    assert_eq!(open(&strict, FULL, false, true), ["interfaces"]);
    let declared = Containment {
        allow: Allowed {
            packet: true,
            ..Allowed::default()
        },
        ..strict
    };
    assert_eq!(open(&declared, FULL, false, true), ["packet", "interfaces"]);
    assert_eq!(
        Declared::default().at(Level::Default),
        nothing,
        "nothing declared is the default"
    );
}
