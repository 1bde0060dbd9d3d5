//! G-LEARN: what was seen is allowed by what was learnt of it, and nothing else is, but for what the documents name as a
//! generalisation. The documents are read back by the product's own reader and judged by the reference.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use cofferdam_learn::{End, Flow, Learned, Limits, Outside, Policy, Seen, Who, Workload, learn};
use cofferdam_policy::{
    Action, Attempt, DefaultProfile, Direction, Document, IDENTITY_MIN, Identity, Judge, Labels, Peer,
    PeerClass, Protocol, Subject, World, documents, labels,
};
use proptest::prelude::*;

const OUTSIDE: [(PeerClass, &str); 14] = [
    (PeerClass::Host, "127.0.0.1"),
    (PeerClass::Host, "127.0.0.2"),
    (PeerClass::Host, "::1"),
    (PeerClass::Lan, "192.168.0.1"),
    (PeerClass::Lan, "192.168.0.2"),
    (PeerClass::Lan, "10.0.0.1"),
    (PeerClass::Lan, "fd00::1"),
    (PeerClass::World, "203.0.113.1"),
    (PeerClass::World, "203.0.113.2"),
    (PeerClass::World, "203.0.113.3"),
    (PeerClass::World, "2001:db8::1"),
    (PeerClass::Metadata, "169.254.169.254"),
    (PeerClass::Metadata, "fd00:ec2::254"),
    (PeerClass::Multicast, "224.0.0.251"),
];

const PORTS: [(Protocol, u16); 12] = [
    (Protocol::TCP, 80),
    (Protocol::TCP, 81),
    (Protocol::TCP, 82),
    (Protocol::TCP, 83),
    (Protocol::TCP, 443),
    (Protocol::TCP, 8080),
    (Protocol::UDP, 53),
    (Protocol::UDP, 80),
    (Protocol::ICMP, 8),
    (Protocol::ICMP, 0),
    (Protocol::ICMP6, 128),
    (Protocol::SCTP, 80),
];

/// A label that says who its bearer is, or, with another key, only sometimes: then it is a process's.
fn workload() -> impl Strategy<Value = Workload> {
    let some = |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    let namespace = prop::sample::select(&["shop", "mail"][..]);
    let app = some(&["a", "b"]);
    let all = (
        namespace,
        app,
        some(&["p", "q"]),
        some(&["x", "true", "\"#\n: {"]),
        any::<bool>(),
        prop::bool::weighted(0.8),
    );
    all.prop_map(|(namespace, app, env, team, is_process, protected)| {
        let pairs = [("app", app), ("env", env), ("team", team)];
        let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let given: Labels = pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Workload {
            name: String::new(),
            namespace: namespace.to_owned(),
            identity: if is_process {
                given.clone()
            } else {
                labels::identity_labels(&given, &[])
            },
            visible: labels::selectable(&given, &[]),
            protected,
        }
    })
}

/// An index of workloads first, of [`OUTSIDE`] behind them.
fn everybody(workloads: &[Workload]) -> Vec<End> {
    let outside = OUTSIDE.iter().map(|(class, address)| {
        End::Outside(Outside {
            class: *class,
            address: address.parse().unwrap(),
            name: None,
        })
    });
    workloads
        .iter()
        .filter(|one| one.protected)
        .cloned()
        .map(End::Workload)
        .chain(outside)
        .collect()
}

type Picked = (prop::sample::Index, prop::sample::Index, prop::sample::Index);

fn flows(everybody: &[End], seen: &[Picked]) -> Vec<Flow> {
    let flow = |(from, to, port): &Picked| {
        let (from, to) = (from.get(everybody), to.get(everybody));
        let (protocol, port) = *port.get(&PORTS);
        let time = "2026-03-01T10:00:00Z".parse().unwrap();
        Flow {
            from: from.clone(),
            to: to.clone(),
            protocol,
            port,
            times: 1,
            first: time,
            last: time,
        }
    };
    let is_protected = |end: &End| matches!(end, End::Workload(_));
    let flows = seen.iter().map(flow);
    flows
        .filter(|flow| flow.from != flow.to && (is_protected(&flow.from) || is_protected(&flow.to)))
        .collect()
}

/// Everybody whom no document selects may do everything, so that only documents deny.
fn world(workloads: &[Workload], documents: Vec<std::sync::Arc<Document>>) -> World {
    let mut world = World {
        profile: DefaultProfile::Allow,
        documents,
        ..World::default()
    };
    for (number, workload) in (1..).zip(workloads).filter(|(_, one)| one.protected) {
        let identity = Peer(IDENTITY_MIN + number);
        world.identities.push(Identity {
            number: identity,
            namespace: workload.namespace.clone(),
            identity_labels: workload.identity.clone().into(),
            labels: workload.visible.clone().into(),
            named_ports: Vec::new(),
        });
        world.subjects.push(Subject {
            number,
            identity,
            openings: Vec::new(),
            profile: None,
        });
    }
    world
}

fn attempt(workloads: &[Workload], flow: &Flow) -> Attempt {
    let end = |end: &End| match end {
        End::Workload(one) => {
            let at = workloads.iter().position(|other| other == one).unwrap();
            cofferdam_policy::End::Subject(u32::try_from(at + 1).unwrap())
        }
        End::Outside(outside) => cofferdam_policy::End::Address(outside.address),
    };
    Attempt {
        from: end(&flow.from),
        to: end(&flow.to),
        protocol: flow.protocol,
        port: flow.port,
        from_address: None,
        to_address: None,
    }
}

/// What makes two ends the same to whoever learns.
fn key(end: &End) -> (String, Labels, Option<IpAddr>) {
    match end {
        End::Workload(one) => {
            let labels = if one.identity.is_empty() {
                &one.visible
            } else {
                &one.identity
            };
            (one.namespace.clone(), labels.clone(), None)
        }
        End::Outside(outside) => (String::new(), Labels::new(), Some(outside.address)),
    }
}

type Edge = (
    Direction,
    (String, Labels, Option<IpAddr>),
    (String, Labels, Option<IpAddr>),
    Protocol,
    u16,
);

fn edges(flow: &Flow) -> [Edge; 2] {
    let (from, to) = (key(&flow.from), key(&flow.to));
    [
        (
            Direction::Egress,
            from.clone(),
            to.clone(),
            flow.protocol,
            flow.port,
        ),
        (Direction::Ingress, to, from, flow.protocol, flow.port),
    ]
}

/// Whether a policy that selects this end names the way in which it allows more than was seen.
fn is_named(learned: &Learned, subject: &Workload, other: &End, edge: &Edge) -> bool {
    let selects =
        |policy: &&Policy| policy.namespace == subject.namespace && policy.selector.matches(&subject.visible);
    learned.policies.iter().filter(selects).any(|policy| {
        if policy.identity != edge.1.1 {
            return !policy.generalised.is_empty();
        }
        let rules = if edge.0 == Direction::Ingress {
            &policy.ingress
        } else {
            &policy.egress
        };
        rules.iter().any(|rule| {
            let is_about = |who: &Who| match (who, other) {
                (Who::Workloads(namespace, selector), End::Workload(one)) => {
                    namespace.as_ref().unwrap_or(&policy.namespace) == &one.namespace
                        && selector.matches(&one.visible)
                }
                (Who::Class(class), End::Outside(outside)) => *class == outside.class,
                (Who::Address(address), End::Outside(outside)) => *address == outside.address,
                _ => false,
            };
            let mut peers = rule.peers.iter();
            peers.any(|peer| is_about(&peer.who) && !peer.generalised.is_empty())
                && rule.ports.iter().any(|ports| ports.contains(edge.3, edge.4))
        })
    })
}

fn read(learned: &Learned) -> Vec<std::sync::Arc<Document>> {
    let mut all = Vec::new();
    for policy in &learned.policies {
        let text = policy.yaml();
        let found = documents::parse(&policy.file_name(), text.as_bytes());
        let found = found.unwrap_or_else(|mistakes| panic!("{mistakes:#?}\n{text}"));
        assert_eq!(found[0].subject.pods, policy.selector);
        let says_more = text.contains("# GENERALISED: ");
        assert_eq!(says_more, policy.generalised().next().is_some());
        all.extend(found);
    }
    assert_eq!(documents::twice(&all), []);
    all
}

/// Only those are taken for each other whom no selector can tell apart.
fn is_alike(policy: &Policy, workloads: &[Workload]) -> bool {
    let of_policy = |one: &&Workload| one.protected && policy.workloads.contains(&one.name);
    let (own, others): (Vec<&Workload>, Vec<_>) = workloads.iter().partition(of_policy);
    let has = |(key, value): (&String, &String)| own.iter().any(|one| one.visible.get(key) == Some(value));
    let mut others = others.into_iter().filter(|one| one.namespace == policy.namespace);
    others.any(|one| one.visible.iter().all(has))
}

/// The same by labels: what can be said is allowed, and nothing else, but to those with the same labels.
fn check_labels(workloads: &[Workload], flows: &[Flow], learned: &Learned) {
    let mut world = world(workloads, Vec::new());
    let mut unsaid = false;
    let numbers: Vec<&Workload> = workloads.iter().collect();
    for subject in &mut world.subjects {
        let one = numbers[usize::try_from(subject.number - 1).unwrap()];
        let mut policies = learned.policies.iter();
        // Whoever is in no policy gets no label either, and may what it may.
        let Some(own) = policies.find(|policy| policy.workloads.contains(&one.name)) else {
            continue;
        };
        subject.profile = Some(DefaultProfile::Strict);
        for direction in [Direction::Ingress, Direction::Egress] {
            let openings = own.openings(direction);
            unsaid |= !openings.unsaid.is_empty();
            let parsed = cofferdam_policy::openings::parse(direction, &openings.value());
            subject.openings.extend(parsed.expect("a label that parses"));
        }
    }
    // Where one end cannot say it, both ends' other flows are as they were; but which those are is not asked here.
    if unsaid {
        return;
    }
    let judge = Judge::new(&world);
    for flow in flows.iter().filter(|flow| flow.protocol != Protocol::SCTP) {
        let verdict = judge.decide(&attempt(workloads, flow));
        assert_eq!(verdict.action, Action::Allow, "{flow:#?}\n{learned:#?}");
    }
    let known: BTreeSet<Edge> = flows.iter().flat_map(edges).collect();
    let everybody = everybody(workloads);
    let pairs = everybody
        .iter()
        .flat_map(|from| everybody.iter().map(move |to| (from, to)));
    for (from, to) in pairs.filter(|(from, to)| !have_same_labels(from, to)) {
        for (protocol, port) in PORTS {
            let flow = Flow {
                from: from.clone(),
                to: to.clone(),
                protocol,
                port,
                ..example()
            };
            // A label knows no types of ICMP, and says so.
            let is_icmp = [Protocol::ICMP, Protocol::ICMP6].contains(&protocol);
            if is_icmp || judge.decide(&attempt(workloads, &flow)).action == Action::Deny {
                continue;
            }
            for (edge, (subject, other)) in edges(&flow).iter().zip([(from, to), (to, from)]) {
                let End::Workload(subject) = subject else { continue };
                let has = |policy: &Policy| policy.workloads.contains(&subject.name);
                let is_right = !learned.policies.iter().any(has)
                    || known.contains(edge)
                    || is_named(learned, subject, other, edge);
                assert!(is_right, "nobody has seen {edge:?}\n{learned:#?}");
            }
        }
    }
}

fn have_same_labels(one: &End, other: &End) -> bool {
    let (End::Workload(one), End::Workload(other)) = (one, other) else {
        return false;
    };
    one.namespace == other.namespace && one.identity == other.identity
}

fn check(mut workloads: Vec<Workload>, passed: &[Picked], refused: &[Picked], limits: Limits) {
    (0..)
        .zip(&mut workloads)
        .for_each(|(number, one)| one.name = format!("w{number}"));
    let everybody = everybody(&workloads);
    let (flows, refused) = (flows(&everybody, passed), flows(&everybody, refused));
    let seen = Seen {
        passed: &flows,
        refused: &refused,
        there: &workloads,
    };
    let learned = learn(seen, limits, |_| true);
    for (policy, stranger) in learned.policies.iter().flat_map(|policy| {
        let strangers = workloads
            .iter()
            .filter(|one| !one.protected && one.identity.is_empty());
        strangers.map(move |stranger| (policy, stranger))
    }) {
        let is_selected =
            policy.namespace == stranger.namespace && policy.selector.matches(&stranger.visible);
        let is_told = !policy.generalised.is_empty() && !policy.identity.is_empty();
        assert!(!is_selected || is_told, "{stranger:?}\n{policy:#?}");
    }
    let told = |policy: &Policy| {
        policy.generalised.is_empty() || policy.identity.is_empty() || is_alike(policy, &workloads)
    };
    assert!(learned.policies.iter().all(told), "{learned:#?}");
    check_labels(&workloads, &flows, &learned);
    let world = world(&workloads, read(&learned));
    let judge = Judge::new(&world);
    for flow in flows.iter().filter(|flow| flow.protocol != Protocol::SCTP) {
        let verdict = judge.decide(&attempt(&workloads, flow));
        assert_eq!(verdict.action, Action::Allow, "{flow:#?}\n{learned:#?}");
    }
    let known: BTreeSet<Edge> = flows.iter().flat_map(edges).collect();
    for from in &everybody {
        for (to, (protocol, port)) in everybody.iter().flat_map(|to| PORTS.map(|port| (to, port))) {
            let flow = Flow {
                from: from.clone(),
                to: to.clone(),
                protocol,
                port,
                ..example()
            };
            if from == to || judge.decide(&attempt(&workloads, &flow)).action == Action::Deny {
                continue;
            }
            for (edge, (subject, other)) in edges(&flow).iter().zip([(from, to), (to, from)]) {
                let End::Workload(subject) = subject else { continue };
                let is_selected = world
                    .documents
                    .iter()
                    .any(|one| one.selects(&world.namespaces, &subject.namespace, &subject.visible));
                let is_right =
                    !is_selected || known.contains(edge) || is_named(&learned, subject, other, edge);
                assert!(is_right, "nobody has seen {edge:?}\n{learned:#?}");
            }
        }
    }
}

fn example() -> Flow {
    let outside = End::Outside(Outside {
        class: PeerClass::Host,
        address: IpAddr::from([127, 0, 0, 1]),
        name: None,
    });
    let time = jiff::Timestamp::UNIX_EPOCH;
    Flow {
        from: outside.clone(),
        to: outside,
        protocol: Protocol::TCP,
        port: 1,
        times: 1,
        first: time,
        last: time,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_seen_is_allowed_and_nothing_else_unless_it_is_named(
        workloads in prop::collection::vec(workload(), 1..7),
        passed in prop::collection::vec(any::<Picked>(), 0..40),
        refused in prop::collection::vec(any::<Picked>(), 0..10),
        addresses in 0..4_usize,
        ports in 1..4_usize,
    ) {
        check(workloads, &passed, &refused, Limits { addresses, ports });
    }
}
