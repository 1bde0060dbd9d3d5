//! Random worlds from a small stock of labels, prefixes and ports, so that things meet.

mod documents;

use std::net::IpAddr;

use cofferdam_policy::{
    Attempt, DefaultProfile, Direction, End, IDENTITY_MIN, Identity, Labels, NamedPort, Opening, OpeningPeer,
    Peer, PeerClass, PortRange, Protocol, Subject, World,
};
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::select;

const NETS: [&str; 16] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.0/24",
    "10.1.2.3/32",
    "10.1.2.77/25",
    "127.0.0.0/8",
    "169.254.169.254/32",
    "172.17.0.0/16",
    "198.51.100.0/24",
    "::/0",
    "::ffff:10.1.0.0/112",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "fd00:ec2::254/128",
    "fd00::/8",
];

const ADDRESSES: [&str; 16] = [
    "10.1.2.3",
    "10.1.2.4",
    "10.1.2.200",
    "10.1.3.3",
    "10.200.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.17.0.9",
    "198.51.100.7",
    "9.9.9.9",
    "224.0.0.251",
    "::1",
    "::ffff:10.1.2.3",
    "2001:db8:1::5",
    "2001:db8:2::5",
    "fd00:ec2::254",
];

const PORTS: [u16; 8] = [0, 1, 79, 80, 81, 90, 443, u16::MAX];
/// TCP most often, so that openings and attempts meet.
const PROTOCOLS: [u8; 12] = [6, 6, 6, 6, 17, 17, 17, 132, 1, 58, 47, 136];

fn net() -> impl Strategy<Value = IpNet> {
    select(NETS.as_slice()).prop_map(|text| text.parse().unwrap())
}

fn outside_class() -> impl Strategy<Value = PeerClass> {
    select(
        [
            PeerClass::Host,
            PeerClass::Lan,
            PeerClass::Metadata,
            PeerClass::Multicast,
            PeerClass::World,
        ]
        .as_slice(),
    )
}

fn labels(most: usize) -> impl Strategy<Value = Labels> {
    let label = (select(["app", "role"].as_slice()), select(["a", "b"].as_slice()));
    prop::collection::vec(label, 0..=most).prop_map(|pairs| {
        pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    })
}

fn identity(number: u32) -> impl Strategy<Value = Identity> {
    (
        select(["default", "shop"].as_slice()),
        labels(2),
        labels(2),
        named_ports(),
    )
        .prop_map(move |(namespace, identity_labels, mut labels, named_ports)| {
            labels.extend(identity_labels.clone());
            Identity {
                number: Peer(number),
                namespace: namespace.to_owned(),
                identity_labels: identity_labels.into(),
                labels: labels.into(),
                named_ports,
            }
        })
}

fn ports() -> impl Strategy<Value = Option<PortRange>> {
    let protocol = prop_oneof![1 => Just(0), 2 => select(PROTOCOLS.as_slice())].prop_map(Protocol);
    let ends = (
        select(PORTS.as_slice()),
        select(PORTS.as_slice()),
        any::<u16>(),
        0..4,
    );
    let range = (protocol, ends).prop_map(|(protocol, (one, two, odd, pick))| {
        let other = if pick == 0 { odd } else { two };
        PortRange {
            protocol,
            first: one.min(other),
            last: one.max(other),
        }
    });
    prop_oneof![1 => Just(None), 4 => range.prop_map(Some)]
}

fn opening() -> impl Strategy<Value = Opening> {
    let peer = prop_oneof![
        labels(2).prop_map(OpeningPeer::Labels),
        outside_class().prop_map(OpeningPeer::Class),
        net().prop_map(OpeningPeer::Prefix),
        net().prop_map(OpeningPeer::Prefix),
    ];
    let direction = select([Direction::Ingress, Direction::Egress].as_slice());
    (direction, peer, ports()).prop_map(|(direction, peer, ports)| Opening {
        direction,
        source: format!("label {} {peer:?} {ports:?}", direction.name()),
        peer,
        ports,
    })
}

/// The prefixes of a host.
pub(crate) fn prefixes() -> impl Strategy<Value = Vec<(IpNet, PeerClass)>> {
    prop::collection::vec((net(), outside_class()), 0..4)
}

fn profile() -> impl Strategy<Value = DefaultProfile> {
    select(
        [
            DefaultProfile::SameLabels,
            DefaultProfile::Strict,
            DefaultProfile::Allow,
            DefaultProfile::Networks,
            DefaultProfile::Agent,
        ]
        .as_slice(),
    )
}

/// A consistent world on a host with these prefixes. Subject numbers are 1 to 6, not all of them used.
pub(crate) fn world_on(prefixes: Vec<(IpNet, PeerClass)>) -> impl Strategy<Value = World> {
    let identities: Vec<_> = (0..6).map(|at| identity(IDENTITY_MIN + at)).collect();
    let own = prop_oneof![4 => Just(None), 1 => profile().prop_map(Some)];
    let subject = (0..6_u32, prop::collection::vec(opening(), 0..8), own);
    let subjects = prop::collection::btree_map(1..=6_u32, subject, 2..6);
    let documents = prop_oneof![
        1 => Just(Vec::new()),
        2 => prop::collection::vec(documents::document(), 0..6),
    ];
    (profile(), identities, subjects, documents).prop_map(
        move |(profile, identities, subjects, documents)| World {
            profile,
            identities,
            documents: documents.into_iter().map(std::sync::Arc::new).collect(),
            namespaces: [(
                "shop".to_owned(),
                Labels::from([("app".to_owned(), "a".to_owned())]),
            )]
            .into(),
            subjects: subjects
                .into_iter()
                .map(|(number, (identity, openings, profile))| Subject {
                    number,
                    identity: Peer(IDENTITY_MIN + identity),
                    openings,
                    profile,
                })
                .collect(),
            prefixes: prefixes.clone(),
        },
    )
}

/// Any consistent world.
pub(crate) fn world() -> impl Strategy<Value = World> {
    prefixes().prop_flat_map(world_on)
}

fn named_ports() -> impl Strategy<Value = Vec<NamedPort>> {
    let port = (
        select(["http", "dns"].as_slice()),
        select([6_u8, 17].as_slice()),
        select(PORTS.as_slice()),
    );
    prop::collection::vec(port, 0..3).prop_map(|ports| {
        let named = |(name, protocol, port): (&str, u8, u16)| NamedPort {
            name: name.to_owned(),
            protocol: Protocol(protocol),
            port,
        };
        ports.into_iter().map(named).collect()
    })
}

fn end_address() -> impl Strategy<Value = Option<IpAddr>> {
    let address = select(ADDRESSES.as_slice()).prop_map(|text| text.parse().ok());
    prop_oneof![1 => Just(None), 3 => address]
}

fn end() -> impl Strategy<Value = End> {
    let address = select(ADDRESSES.as_slice()).prop_map(|text| text.parse::<IpAddr>().unwrap());
    prop_oneof![
        10 => (1..=6_u32).prop_map(End::Subject),
        5 => address.prop_map(End::Address),
        1 => Just(End::Pending),
    ]
}

/// Any attempt.
pub(crate) fn attempt() -> impl Strategy<Value = Attempt> {
    let port = prop_oneof![3 => select(PORTS.as_slice()), 1 => any::<u16>()];
    let ends = (end(), end(), end_address(), end_address());
    (ends, select(PROTOCOLS.as_slice()), port).prop_map(|(ends, protocol, port)| Attempt {
        from: ends.0,
        to: ends.1,
        protocol: Protocol(protocol),
        port,
        from_address: ends.2,
        to_address: ends.3,
    })
}
