//! Everything that is not TCP between two network namespaces.

use cofferdam_datapath::Hook;
use cofferdam_policy::{
    Action, Direction, Peer, PeerClass, PortKey, PortValue, Reason, RowKey, RowValue, Step,
};

use crate::support::net::BRIDGE;
use crate::support::wire::Pair;
use crate::support::{ask_in, identity};

/// G-UDP: a datagram to somebody who is not a peer is refused at once, also in another namespace and without an entry in
/// the directory nowhere delivered.
#[test]
fn root_datagrams_between_namespaces() {
    let mut pair = Pair::unprotected();
    let (_older, older_at) = pair.serve("udp-serve");
    pair.protect();
    for family in [0, 1] {
        let (_server, at) = pair.serve_family("udp-serve", family);
        for kind in ["udp", "udp-connected"] {
            let words = format!("{kind} {at}");
            let outcome = pair.ask(&pair.friend, &words);
            assert!(outcome.ok, "{words} {outcome:?} {:#?}", pair.stage.flows());
            let stranger = pair.stage.folder("stranger");
            for dir in [&pair.others, &stranger] {
                let outcome = pair.ask(dir, &words);
                assert!(outcome.denied_at_once(), "{words} {outcome:?}");
            }
        }
    }
    assert!(pair.ask(&pair.friend, &format!("udp {older_at}")).ok);
    assert!(!pair.ask(&pair.others, &format!("udp {older_at}")).ok);
}

/// G-PROTOCOLS: protocols that no rule can be about are refused to and from protected workloads, and recorded.
#[test]
fn root_point_09_unknown_protocols_are_denied_and_recorded() {
    let mut pair = Pair::new();
    let stranger = pair.stage.folder("stranger");
    for family in [0, 1] {
        for protocol in [132, 253] {
            let _listener = pair.stage.serve(
                &pair.server_dir,
                &format!("raw-serve {protocol}"),
                ["0.0.0.0", "::"][family],
            );
            let words = format!("raw {protocol} {}", BRIDGE[family]);
            pair.stage.flows();
            assert!(pair.ask(&stranger, &words).ok, "leaves a stranger");
            let outcome = pair.ask(&pair.friend, &words);
            assert!(outcome.denied(), "{words} {outcome:?}");
            let flows = pair.stage.flows();
            for (hook, workload) in [(Hook::Ingress, 0), (Hook::Egress, 2)] {
                assert!(
                    flows.iter().any(|f| f.hook == hook
                        && f.verdict.reason == Reason::Protocol
                        && f.verdict.action == Action::Deny
                        && f.from.workload == workload
                        && f.protocol.0 == protocol),
                    "{words} {hook:?} {flows:#?}"
                );
            }
        }
    }
}

/// G-PROTOCOLS: an echo is judged where it leaves; where it arrives the kernel answers by itself.
#[test]
fn root_point_09_echo_is_judged_where_it_leaves() {
    let mut pair = Pair::new();
    let steps = [PeerClass::Lan, PeerClass::Host].map(|class| {
        let key = RowKey {
            subject: 3,
            peer: Peer(class as u32),
            direction: Direction::Egress,
            plane: cofferdam_policy::Plane::FIRST,
        };
        let verdict = PortValue {
            effect: cofferdam_policy::Effect::Deny,
            observe: false,
            rule: 9,
            priority: 0,
        };
        Step::SetRow(
            key,
            RowValue {
                verdict,
                table: 0,
                sizes: 0,
            },
        )
    });
    pair.stage.datapath().apply(&steps).unwrap();
    let stranger = pair.stage.folder("stranger");
    for (family, protocol) in [(0, 1), (1, 58)] {
        let words = format!("raw {protocol} {}", BRIDGE[family]);
        let outcome = pair.ask(&pair.friend, &words);
        assert!(outcome.ok, "{words} {outcome:?} {:#?}", pair.stage.flows());
        assert!(pair.ask(&stranger, &words).ok, "{words}: docs/known-limits.md");
        let outcome = pair.ask(&pair.others, &words);
        assert!(outcome.denied(), "{words} {outcome:?}");
        let flows = pair.stage.flows();
        let denied = flows.iter().find(|f| f.verdict.rule == 9).unwrap();
        assert_eq!((denied.hook, denied.from.workload), (Hook::Egress, 3));
    }
}

/// G-PROTOCOLS: where a rule names a type of ICMP, it is that type's.
#[test]
fn root_rules_are_about_types_of_icmp() {
    let mut pair = Pair::new();
    let answer = |effect| PortValue {
        effect,
        observe: false,
        rule: 9,
        priority: 0,
    };
    let row = |class: PeerClass, table| {
        let key = RowKey {
            subject: 3,
            peer: Peer(class as u32),
            direction: Direction::Egress,
            plane: cofferdam_policy::Plane::FIRST,
        };
        let verdict = answer(cofferdam_policy::Effect::Deny);
        Step::SetRow(
            key,
            RowValue {
                verdict,
                table,
                sizes: 1,
            },
        )
    };
    let echo = |table, protocol, kind| {
        let key = PortKey {
            table,
            protocol: cofferdam_policy::Protocol(protocol),
            port: kind,
            bits: 24,
        };
        Step::SetPort(key, answer(cofferdam_policy::Effect::Allow))
    };
    for (table, kinds, allowed) in [(77, [8, 128], true), (78, [13, 133], false)] {
        let ports = [echo(table, 1, kinds[0]), echo(table, 58, kinds[1])];
        let rows = [PeerClass::Lan, PeerClass::Host].map(|class| row(class, table));
        pair.stage.datapath().apply(&ports).unwrap();
        pair.stage.datapath().apply(&rows).unwrap();
        for (family, protocol) in [(0, 1), (1, 58)] {
            let words = format!("raw {protocol} {}", BRIDGE[family]);
            let outcome = pair.ask(&pair.others, &words);
            assert_eq!(
                (outcome.ok, outcome.denied()),
                (allowed, !allowed),
                "{kinds:?} {outcome:?}"
            );
        }
    }
}

/// G-PROTOCOLS: what goes to everybody is of the class `multicast`, whoever sends it and at whatever address.
#[test]
fn root_multicast_and_broadcast_are_a_class_of_their_own() {
    let mut pair = Pair::new();
    let stranger = pair.stage.folder("stranger");
    let lan = pair.net.path("lan");
    let (_server, at) = pair.serve("udp-serve");
    let multicast = PeerClass::Multicast as u32;
    for group in ["224.0.0.1", "255.255.255.255", "192.168.7.255"] {
        pair.stage.flows();
        let outcome = ask_in(
            &lan,
            &stranger,
            &format!("udp-group {group}:{} 192.168.7.254", at.port()),
        );
        assert!(outcome.ok, "{group} {outcome:?}");
        let flows = pair.stage.flows();
        let one = flows.iter().find(|f| f.hook == Hook::Ingress).unwrap();
        assert_eq!(
            (one.from.peer.0, one.verdict.action),
            (multicast, Action::Deny),
            "{group}"
        );
    }
    for group in ["224.0.0.1", "255.255.255.255"] {
        let words = format!("udp-group {group}:9 {}", pair.addresses[0]);
        assert!(pair.ask(&pair.friend, &words).ok);
        let flows = pair.stage.flows();
        let one = flows.iter().find(|f| f.from.workload == 2).unwrap();
        assert_eq!(one.to.peer.0, multicast, "{group} {flows:#?}");
    }
    pair.protect_for(&[identity(2), Peer(multicast)]);
    let words = format!("udp-group 192.168.7.255:{} 192.168.7.254", at.port());
    assert!(ask_in(&lan, &stranger, &words).ok);
    let flows = pair.stage.flows();
    assert!(
        flows
            .iter()
            .any(|f| f.from.peer.0 == multicast && f.verdict.action == Action::Allow),
        "{flows:#?}"
    );
}
