use super::*;

fn class(address: &str) -> PeerClass {
    class_of(&class_prefixes(&World::default()), address.parse().unwrap())
}

#[test]
fn every_line_of_the_table_parses_and_is_canonical() {
    for (text, _) in BASE {
        let net: IpNet = text.parse().unwrap();
        assert_eq!(canonical(net), net, "{text}");
        assert_eq!(net.to_string(), text);
    }
    let distinct: std::collections::BTreeSet<_> = BASE.iter().map(|(net, _)| net).collect();
    assert_eq!(distinct.len(), BASE.len());
}

#[test]
fn addresses_have_the_documented_class() {
    let expected = [
        (
            PeerClass::Host,
            &[
                "127.0.0.1",
                "127.8.9.10",
                "0.0.0.0",
                "::",
                "::1",
                "::ffff:127.0.0.1",
            ][..],
        ),
        (
            PeerClass::Lan,
            &[
                "10.1.2.3",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.9.9",
                "100.64.0.1",
            ],
        ),
        (
            PeerClass::Lan,
            &[
                "169.254.1.1",
                "fe80::1",
                "fd12::1",
                "fec0::1",
                "64:ff9b::10.0.0.1",
            ],
        ),
        (
            PeerClass::Metadata,
            &["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"],
        ),
        (
            PeerClass::Metadata,
            &["168.63.129.16", "100.100.100.200", "64:ff9b::169.254.169.254"],
        ),
        (
            PeerClass::Multicast,
            &["224.0.0.251", "239.255.255.250", "255.255.255.255", "ff02::fb"],
        ),
        (
            PeerClass::World,
            &[
                "9.9.9.9",
                "172.32.0.1",
                "100.128.0.1",
                "2620:fe::9",
                "64:ff9b::9.9.9.9",
            ],
        ),
    ];
    for (expected, addresses) in expected {
        for address in addresses {
            assert_eq!(class(address), expected, "{address}");
        }
    }
}

#[test]
fn the_hosts_own_prefixes_lie_over_the_table() {
    let world = World {
        prefixes: vec![
            ("192.168.1.5/32".parse().unwrap(), PeerClass::Host),
            ("172.17.0.0/16".parse().unwrap(), PeerClass::Host),
            ("198.51.100.7/24".parse().unwrap(), PeerClass::Lan),
            ("10.0.0.0/8".parse().unwrap(), PeerClass::Host),
        ],
        ..World::default()
    };
    let prefixes = class_prefixes(&world);
    let class = |address: &str| class_of(&prefixes, address.parse().unwrap());
    assert_eq!(class("192.168.1.5"), PeerClass::Host);
    assert_eq!(class("192.168.1.6"), PeerClass::Lan);
    assert_eq!(class("172.17.3.3"), PeerClass::Host);
    assert_eq!(class("198.51.100.200"), PeerClass::Lan);
    assert_eq!(class("10.3.3.3"), PeerClass::Host);
}
