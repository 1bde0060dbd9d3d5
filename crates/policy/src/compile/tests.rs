use super::*;
use crate::{DefaultProfile, Effect, Identity, Labels, Opening, PortKey, PrefixValue, Protocol, Subject};

fn labels(app: &str) -> Labels {
    [("app".to_owned(), app.to_owned())].into()
}

fn identity(number: u32, app: &str) -> Identity {
    let namespace = "default".to_owned();
    Identity {
        number: Peer(number),
        namespace,
        identity_labels: labels(app).into(),
        labels: labels(app).into(),
        named_ports: Vec::new(),
    }
}

fn world(openings: &[(Direction, &str)]) -> World {
    let openings: Vec<Opening> = openings
        .iter()
        .flat_map(|(direction, text)| crate::openings::parse(*direction, text).unwrap())
        .collect();
    World {
        identities: vec![identity(256, "a"), identity(257, "b"), identity(258, "c")],
        subjects: vec![Subject {
            number: 1,
            identity: Peer(256),
            openings,
            profile: None,
        }],
        ..World::default()
    }
}

fn rows(compiled: &Compiled, direction: Direction) -> Vec<u32> {
    let keys = compiled.rows.keys().filter(|key| key.direction == direction);
    keys.map(|key| key.peer.0).collect()
}

#[test]
fn a_subject_has_its_class_rows_and_those_that_differ() {
    let compiled = compile(&world(&[])).unwrap();
    assert_eq!(rows(&compiled, Direction::Ingress), [1, 2, 3, 4, 5, 7, 256]);
    assert_eq!(rows(&compiled, Direction::Egress), [1, 2, 3, 4, 5, 7, 256]);
    assert!(compiled.ports.is_empty());
    let compiled = compile(&world(&[(Direction::Ingress, "app=b:80")])).unwrap();
    assert_eq!(rows(&compiled, Direction::Ingress), [1, 2, 3, 4, 5, 7, 256, 257]);
}

#[test]
fn same_labels_open_every_port_so_narrower_rules_behind_them_cost_nothing() {
    let compiled = compile(&world(&[(Direction::Ingress, "app=a:80")])).unwrap();
    assert!(compiled.ports.is_empty());
}

#[test]
fn a_named_prefix_has_one_number_and_a_row_for_whoever_names_it() {
    let compiled = compile(&world(&[(Direction::Egress, "10.1.0.0/16:443")])).unwrap();
    let named = compiled.classify("10.1.2.3".parse().unwrap());
    assert!(named.peer.0 >= PREFIX_MIN);
    assert_eq!(named.class, PeerClass::Lan);
    assert_eq!(rows(&compiled, Direction::Egress).last(), Some(&named.peer.0));
    assert!(!rows(&compiled, Direction::Ingress).contains(&named.peer.0));
    assert_eq!(
        compiled.classify("10.2.0.1".parse().unwrap()).peer,
        PeerClass::Lan.peer()
    );
}

#[test]
fn nested_prefixes_fold_the_rules_of_those_around_them() {
    let world = world(&[(Direction::Egress, "10.0.0.0/8:80, 10.1.0.0/16:81, lan:82")]);
    let compiled = compile(&world).unwrap();
    let allowed = |address: &str| -> Vec<u16> {
        let PrefixValue { peer, class } = compiled.classify(address.parse().unwrap());
        let allowed = |port| {
            let value = compiled
                .lookup(1, Direction::Egress, peer, class, Protocol::TCP, port)
                .unwrap();
            value.effect == Effect::Allow
        };
        (79..=83).filter(|port| allowed(*port)).collect()
    };
    assert_eq!(allowed("10.1.2.3"), [80, 81, 82]);
    assert_eq!(allowed("10.2.2.3"), [80, 82]);
    assert_eq!(allowed("192.168.1.1"), [82]);
}

#[test]
fn ranges_become_the_fewest_blocks_and_end_where_they_say() {
    let compiled = compile(&world(&[(Direction::Ingress, "host:80-85/tcp, host:90-100/tcp")])).unwrap();
    let blocks: Vec<(u16, u8)> = compiled.ports.keys().map(|key| (key.port, key.bits)).collect();
    assert_eq!(
        blocks,
        [(80, 22), (84, 23), (90, 23), (92, 22), (96, 22), (100, 24)]
    );
    let allowed = |port| {
        let host = PeerClass::Host;
        let value = compiled.lookup(1, Direction::Ingress, host.peer(), host, Protocol::TCP, port);
        value.unwrap().effect == Effect::Allow
    };
    let expected = |port| (80..=85).contains(&port) || (90..=100).contains(&port);
    assert!((0..=u16::MAX).all(|port| allowed(port) == expected(port)));
}

#[test]
fn every_port_of_a_protocol_is_one_block_and_any_protocol_is_three() {
    let keys = |text| -> Vec<(u8, u16, u8)> {
        let compiled = compile(&world(&[(Direction::Ingress, text)])).unwrap();
        compiled
            .ports
            .keys()
            .map(
                |PortKey {
                     protocol, port, bits, ..
                 }| (protocol.0, *port, *bits),
            )
            .collect()
    };
    assert_eq!(keys("host:tcp"), [(6, 0, 8)]);
    assert_eq!(keys("host:icmp"), [(1, 0, 8), (58, 0, 8)]);
    assert_eq!(keys("host:53"), [(6, 53, 24), (17, 53, 24), (132, 53, 24)]);
    assert_eq!(keys("host"), []);
}

#[test]
fn tables_with_the_same_content_are_one() {
    let mut world = world(&[(Direction::Ingress, "host:80, lan:80")]);
    // Same source text, so the same rule: the tables are equal.
    for opening in &mut world.subjects[0].openings {
        opening.source = "x".to_owned();
    }
    let tables: BTreeSet<u32> = compile(&world)
        .unwrap()
        .ports
        .keys()
        .map(|key| key.table)
        .collect();
    assert_eq!(tables.len(), 1);
}

#[test]
fn inconsistent_worlds_are_refused() {
    let with = |change: fn(&mut World)| {
        let mut world = world(&[]);
        change(&mut world);
        compile(&world).unwrap_err().to_string()
    };
    assert_eq!(
        with(|world| world.subjects[0].number = 0),
        "subject number 0 is used twice or is 0"
    );
    assert_eq!(
        with(|world| world.subjects.push(world.subjects[0].clone())),
        "subject number 1 is used twice or is 0"
    );
    assert_eq!(
        with(|world| world.identities[0].number = Peer(7)),
        "identity number 7 is used twice or out of range"
    );
    assert_eq!(
        with(|world| world.identities[0].number = Peer(257)),
        "identity number 257 is used twice or out of range"
    );
    assert_eq!(
        with(|world| world.subjects[0].identity = Peer(999)),
        "subject 1 has the unknown identity 999"
    );
    assert_eq!(
        with(|world| world
            .prefixes
            .push(("10.0.0.0/8".parse().unwrap(), PeerClass::Pending))),
        "prefix 10.0.0.0/8 cannot be of class pending"
    );
}

#[test]
fn unused_rule_numbers_are_reused_only_when_there_are_very_many() {
    let world = world(&[(Direction::Ingress, "host:80")]);
    let text = |number: usize| RuleText {
        name: format!("old/{number}"),
        source: String::new(),
    };
    let few: Vec<RuleText> = (0..100).map(text).collect();
    let compiled = compile_with(&world, &few).unwrap();
    assert_eq!(compiled.rules[..100], few);
    let many: Vec<RuleText> = (0..2000).map(text).collect();
    let compiled = compile_with(&world, &many).unwrap();
    assert_eq!(compiled.rules.len(), 2000);
    assert_eq!(compiled.rules[1].name, "default/same-labels");
    assert_eq!(compiled.rules[0], many[0]);
}

#[test]
fn the_allow_posture_needs_no_more_than_its_class_rows() {
    let mut world = world(&[(Direction::Ingress, "app=b:80, 10.0.0.0/8")]);
    world.profile = DefaultProfile::Allow;
    assert_eq!(compile(&world).unwrap().rows.len(), 12);
}

#[test]
fn ten_thousand_identities_compile_to_rows_for_friends_only() {
    let count = 10_000_u32;
    let mut world = World::default();
    for at in 0..count {
        world
            .identities
            .push(identity(IDENTITY_MIN + at, &format!("app-{}", at / 2)));
        let openings = crate::openings::parse(Direction::Ingress, "app=app-7:80, 10.0.0.0/8:443").unwrap();
        world.subjects.push(Subject {
            number: at + 1,
            identity: Peer(IDENTITY_MIN + at),
            openings,
            profile: None,
        });
    }
    let compiled = compile(&world).unwrap();
    // Twelve classes, two with the same labels each way, two that are opened, one prefix.
    let most = 12 + 4 + 2 + 1;
    assert!(
        compiled.rows.len() <= usize::try_from(count * most).unwrap(),
        "{}",
        compiled.rows.len()
    );
}
