use super::*;
use crate::{Action, Labels, Peer, Subject, compile, openings};

fn world(labels: &[(&str, &str, &str)]) -> World {
    let mut world = World::default();
    for (number, (namespace, key, value)) in (1..).zip(labels) {
        let mut labels = Labels::new();
        if !key.is_empty() {
            labels.insert((*key).to_owned(), (*value).to_owned());
        }
        let peer = Peer(255 + number);
        let namespace = (*namespace).to_owned();
        world.identities.push(Identity {
            number: peer,
            namespace,
            identity_labels: labels.clone().into(),
            labels: labels.into(),
            named_ports: Vec::new(),
        });
        world.subjects.push(Subject {
            number,
            identity: peer,
            openings: Vec::new(),
            profile: None,
        });
    }
    world
}

fn attempt(from: End, to: End, protocol: Protocol, port: u16) -> Attempt {
    Attempt {
        from,
        to,
        protocol,
        port,
        from_address: None,
        to_address: None,
    }
}

fn address(text: &str) -> End {
    End::Address(text.parse().unwrap())
}

/// Follows the suggestions and returns how the attempt then ends.
fn follow(mut world: World, attempt: &Attempt) -> Action {
    for suggestion in suggestions(&world, attempt) {
        let Remedy::Label(item) = &suggestion.remedy else {
            panic!("no label: {suggestion}");
        };
        let opened = openings::parse(suggestion.direction, item).unwrap();
        let subject = world
            .subjects
            .iter_mut()
            .find(|subject| subject.number == suggestion.subject);
        subject.unwrap().openings.extend(opened);
    }
    assert!(compile(&world).is_ok());
    crate::decide(&world, attempt).action
}

#[test]
fn a_suggestion_names_who_and_what_and_following_it_allows() {
    let world = world(&[("default", "app", "nginx"), ("default", "app", "other")]);
    let (nginx, other) = (End::Subject(1), End::Subject(2));
    for (from, to, protocol, port, expected) in [
        (
            address("127.0.0.1"),
            nginx,
            6,
            80,
            "label on app=nginx: cofferdam.ingress=host:80/tcp",
        ),
        (
            address("192.168.1.9"),
            nginx,
            17,
            53,
            "label on app=nginx: cofferdam.ingress=lan:53/udp",
        ),
        (
            address("9.9.9.9"),
            nginx,
            6,
            80,
            "label on app=nginx: cofferdam.ingress=world:80/tcp",
        ),
        (
            nginx,
            address("127.0.0.1"),
            6,
            5432,
            "label on app=nginx: cofferdam.egress=host:5432/tcp",
        ),
        (
            nginx,
            address("192.168.1.9"),
            6,
            631,
            "label on app=nginx: cofferdam.egress=192.168.1.9:631/tcp",
        ),
        (
            nginx,
            address("fd12::9"),
            6,
            631,
            "label on app=nginx: cofferdam.egress=[fd12::9]:631/tcp",
        ),
        (
            nginx,
            address("169.254.169.254"),
            6,
            80,
            "label on app=nginx: cofferdam.egress=metadata:80/tcp",
        ),
        (
            nginx,
            address("224.0.0.251"),
            17,
            5353,
            "label on app=nginx: cofferdam.egress=multicast:5353/udp",
        ),
        (
            nginx,
            address("192.168.1.9"),
            1,
            0,
            "label on app=nginx: cofferdam.egress=192.168.1.9:icmp",
        ),
        (
            other,
            nginx,
            6,
            80,
            "label on app=other: cofferdam.egress=app=nginx:80/tcp; label on app=nginx: cofferdam.ingress=app=other:80/tcp",
        ),
    ] {
        let attempt = attempt(from, to, Protocol(protocol), port);
        assert_eq!(suggest(&world, &attempt).as_deref(), Some(expected));
        assert_eq!(follow(world.clone(), &attempt), Action::Allow, "{expected}");
    }
}

#[test]
fn only_the_end_that_denies_gets_a_suggestion() {
    let mut world = world(&[("default", "app", "db"), ("default", "app", "web")]);
    world.subjects[1].openings = openings::parse(Direction::Egress, "app=db:5432").unwrap();
    let attempt = attempt(End::Subject(2), End::Subject(1), Protocol::TCP, 5432);
    let expected = "label on app=db: cofferdam.ingress=app=web:5432/tcp";
    assert_eq!(suggest(&world, &attempt).as_deref(), Some(expected));
}

#[test]
fn nothing_is_suggested_where_nothing_can_help_or_none_is_needed() {
    let world = world(&[
        ("default", "app", "a"),
        ("shop", "app", "b"),
        ("default", "", ""),
        ("default", "app", "x\ny"),
        ("default", "app", "a"),
    ]);
    let subject = End::Subject;
    for (from, to, protocol) in [
        (subject(1), subject(3), 6),
        (subject(1), subject(4), 6),
        (subject(1), subject(5), 6),
        (subject(1), End::Pending, 6),
        (subject(1), subject(99), 6),
        (subject(1), address("10.0.0.1"), 47),
        (address("10.0.0.1"), address("10.0.0.2"), 6),
    ] {
        assert_eq!(
            suggest(&world, &attempt(from, to, Protocol(protocol), 80)),
            None,
            "{from:?} {to:?}"
        );
    }
}
