use super::*;
use crate::{Identity, Labels, Peer, PeerClass, Protocol, Subject};

fn world() -> World {
    let identity = |number, app: &str| {
        let labels: Labels = [("app".to_owned(), app.to_owned())].into();
        let namespace = "default".to_owned();
        Identity {
            number: Peer(number),
            namespace,
            identity_labels: labels.clone().into(),
            labels: labels.into(),
            named_ports: Vec::new(),
        }
    };
    let subject = |number, identity| Subject {
        number,
        identity: Peer(identity),
        openings: Vec::new(),
        profile: None,
    };
    World {
        identities: vec![identity(256, "a"), identity(257, "b")],
        subjects: vec![subject(1, 256), subject(2, 257), subject(3, 256)],
        ..World::default()
    }
}

fn verdict(from: End, to: End) -> Verdict {
    let attempt = Attempt {
        from,
        to,
        protocol: Protocol::TCP,
        port: 80,
        from_address: None,
        to_address: None,
    };
    let world = world();
    let verdict = decide(&world, &attempt);
    assert_eq!(crate::compile(&world).unwrap().verdict(&world, &attempt), verdict);
    verdict
}

fn address(text: &str) -> End {
    End::Address(text.parse().unwrap())
}

#[test]
fn the_first_denial_decides_and_egress_is_asked_first() {
    let denied = verdict(End::Subject(1), End::Subject(2));
    assert_eq!(
        (denied.action, denied.direction),
        (Action::Deny, Some(Direction::Egress))
    );
    let allowed = verdict(End::Subject(1), End::Subject(3));
    assert_eq!(
        (allowed.action, allowed.direction),
        (Action::Allow, Some(Direction::Ingress))
    );
}

#[test]
fn pending_comes_before_everything() {
    for (from, to) in [
        (End::Pending, address("9.9.9.9")),
        (address("9.9.9.9"), End::Pending),
        (End::Pending, End::Subject(1)),
        (End::Subject(99), End::Pending),
        (End::Pending, End::Pending),
    ] {
        let denied = verdict(from, to);
        assert_eq!(
            (denied.action, denied.reason, denied.rule),
            (Action::Deny, Reason::Pending, 0)
        );
    }
}

#[test]
fn a_subject_without_policy_fails_closed() {
    let denied = verdict(End::Subject(99), address("9.9.9.9"));
    assert_eq!((denied.action, denied.reason), (Action::Deny, Reason::NoPolicy));
    let denied = verdict(address("9.9.9.9"), End::Subject(99));
    assert_eq!(denied.direction, Some(Direction::Ingress));
    assert_eq!((denied.action, denied.reason), (Action::Deny, Reason::NoPolicy));
}

#[test]
fn strangers_among_themselves_are_left_alone() {
    assert_eq!(
        verdict(address("127.0.0.1"), address("169.254.169.254")),
        UNPROTECTED
    );
}

#[test]
fn an_inconsistent_class_has_no_policy() {
    let mut world = world();
    world.prefixes = vec![("10.0.0.0/8".parse().unwrap(), PeerClass::Workload)];
    let attempt = Attempt {
        from: End::Subject(1),
        to: address("10.0.0.1"),
        protocol: Protocol::TCP,
        port: 80,
        from_address: None,
        to_address: None,
    };
    assert_eq!(decide(&world, &attempt).reason, Reason::NoPolicy);
}
