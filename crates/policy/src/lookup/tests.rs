use super::*;
use crate::RowValue;

fn value(rule: u32) -> PortValue {
    PortValue {
        effect: Effect::Allow,
        observe: false,
        rule,
        priority: 0,
    }
}

fn compiled() -> Compiled {
    let key = |peer| RowKey {
        subject: 1,
        peer: Peer(peer),
        direction: Direction::Egress,
        plane: Plane::FIRST,
    };
    let block = |port, bits| PortKey {
        table: 9,
        protocol: Protocol::TCP,
        port,
        bits,
    };
    Compiled {
        rows: [
            (
                key(PeerClass::Lan as u32),
                RowValue {
                    verdict: value(1),
                    table: 0,
                    sizes: 0,
                },
            ),
            (
                key(1 << 24),
                RowValue {
                    verdict: value(2),
                    table: 9,
                    sizes: 1 | 1 << 4 | 1 << 16,
                },
            ),
        ]
        .into(),
        ports: [
            (block(0, 8), value(3)),
            (block(80, 20), value(4)),
            (block(80, 24), value(5)),
            (
                PortKey {
                    table: 8,
                    ..block(443, 24)
                },
                value(6),
            ),
        ]
        .into(),
        prefixes: [
            (
                "10.0.0.0/8".parse().unwrap(),
                PrefixValue {
                    peer: Peer(2),
                    class: PeerClass::Lan,
                },
            ),
            (
                "10.1.0.0/16".parse().unwrap(),
                PrefixValue {
                    peer: Peer(1 << 24),
                    class: PeerClass::Lan,
                },
            ),
        ]
        .into(),
        rules: Vec::new(),
        kept: Default::default(),
    }
}

fn rule(peer: u32, class: PeerClass, protocol: Protocol, port: u16) -> Option<u32> {
    let found = compiled().lookup(1, Direction::Egress, Peer(peer), class, protocol, port);
    found.map(|value| value.rule)
}

#[test]
fn the_longest_block_of_the_rows_own_table_decides() {
    let rule = |protocol, port| rule(1 << 24, PeerClass::Lan, protocol, port);
    assert_eq!(rule(Protocol::TCP, 80), Some(5));
    assert_eq!(rule(Protocol::TCP, 81), Some(4));
    assert_eq!(rule(Protocol::TCP, 443), Some(3));
    assert_eq!(rule(Protocol::UDP, 80), Some(2));
}

#[test]
fn the_peers_row_comes_before_its_classs_and_nothing_is_no_policy() {
    assert_eq!(rule((1 << 24) + 1, PeerClass::Lan, Protocol::TCP, 80), Some(1));
    assert_eq!(rule((1 << 24) + 1, PeerClass::World, Protocol::TCP, 80), None);
    let other = compiled().lookup(1, Direction::Ingress, Peer(2), PeerClass::Lan, Protocol::TCP, 80);
    assert_eq!(other, None);
}

#[test]
fn the_longest_prefix_decides_and_mapped_addresses_are_ipv4() {
    let peer = |address: &str| compiled().classify(address.parse().unwrap()).peer.0;
    assert_eq!(peer("10.1.2.3"), 1 << 24);
    assert_eq!(peer("::ffff:10.1.2.3"), 1 << 24);
    assert_eq!(peer("10.2.2.3"), 2);
    assert_eq!(peer("9.9.9.9"), PeerClass::World as u32);
    assert_eq!(peer("::1"), PeerClass::World as u32);
}
