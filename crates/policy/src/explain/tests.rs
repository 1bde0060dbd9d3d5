use super::*;
use crate::{Identity, Labels, Peer, Protocol, Subject, openings};

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
    let mut nginx = openings::parse(Direction::Ingress, "app=web:443, 10.0.0.0/8:80").unwrap();
    nginx.extend(openings::published(Protocol::TCP, None, 8080, 80));
    World {
        identities: vec![identity(256, "nginx"), identity(257, "other")],
        subjects: vec![
            Subject {
                number: 1,
                identity: Peer(256),
                openings: nginx,
                profile: None,
            },
            Subject {
                number: 2,
                identity: Peer(257),
                openings: Vec::new(),
                profile: None,
            },
        ],
        ..World::default()
    }
}

fn explained(from: End, to: End, port: u16) -> Explanation {
    explain(
        &world(),
        &Attempt {
            from,
            to,
            protocol: Protocol::TCP,
            port,
            from_address: None,
            to_address: None,
        },
    )
}

#[test]
fn a_denial_shows_both_ends_every_rule_and_the_way_out() {
    let text = explained(End::Subject(2), End::Subject(1), 80).to_string();
    assert_eq!(text, include_str!("denied.txt"));
}

#[test]
fn an_allowed_attempt_stops_at_the_rule_that_decides() {
    let explanation = explained(End::Address("192.168.1.9".parse().unwrap()), End::Subject(1), 80);
    assert_eq!(explanation.rule.as_ref().unwrap().source, "-p 8080:80");
    assert!(explanation.ends[0].rules.last().unwrap().matched);
    assert_eq!(
        explanation.ends[0]
            .rules
            .iter()
            .filter(|rule| rule.matched)
            .count(),
        1
    );
    assert_eq!(explanation.suggestions, [""; 0]);
}

#[test]
fn of_a_label_that_opens_to_several_the_closest_is_told() {
    let explanation = explained(End::Address("192.168.1.9".parse().unwrap()), End::Subject(1), 81);
    let told = |source: &str| -> Vec<&str> {
        let rules = explanation.ends[0].rules.iter();
        rules
            .filter(|rule| rule.rule.source == source)
            .map(|rule| rule.why.as_str())
            .collect()
    };
    assert_eq!(
        told("-p 8080:80"),
        ["the peer matches, but it opens 80/tcp, not 81/tcp"]
    );
}

#[test]
fn verdicts_without_rules_are_explained_too() {
    let host = End::Address("127.0.0.1".parse().unwrap());
    for (from, to, because) in [
        (host, host, "because neither end is protected"),
        (
            End::Pending,
            host,
            "because the labels of one end are not known yet",
        ),
        (
            End::Subject(9),
            host,
            "because one end has no compiled policy, which fails closed",
        ),
    ] {
        let text = explained(from, to, 80).to_string();
        assert!(text.contains(because), "{text}");
    }
}

#[test]
fn no_line_is_wider_than_a_terminal() {
    let mut world = world();
    world.identities[0].namespace = "a-very-long-namespace-".repeat(6);
    for opening in &mut world.subjects[0].openings {
        opening.source = "label cofferdam.ingress=app=web&role=a-long-one ".repeat(4);
    }
    for (from, to) in [(2, 1), (1, 2), (1, 1)] {
        let (from, to) = (End::Subject(from), End::Subject(to));
        let text = explain(
            &world,
            &Attempt {
                from,
                to,
                protocol: Protocol::UDP,
                port: 53,
                from_address: None,
                to_address: None,
            },
        )
        .to_string();
        // What is to be copied stays whole.
        let mut lines = text.lines().filter(|line| !line.starts_with("  policy: "));
        assert!(lines.all(|line| line.chars().count() <= COLUMNS), "{text}");
    }
}

#[test]
fn it_is_the_same_as_json() {
    let explanation = explained(End::Subject(2), End::Subject(1), 80);
    let json = serde_json::to_string(&explanation).unwrap();
    assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), explanation);
}
