//! Who is protected, observed, opened; which numbers stay and which change.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cofferdam_policy::{DefaultProfile, Labels, Mode, PeerClass};
use cofferdam_workload::{Container, ContainerId, ContainerState, NetworkMode, PublishedPort};

use super::{Fingerprints, FoundUnit, HostFacts, Inputs, Placement, Resolved, resolve};
use crate::config::{Config, Protect};
use crate::state::{Choices, Numbers, Run};

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn id(letter: char) -> ContainerId {
    ContainerId::new(letter.to_string().repeat(64)).unwrap()
}

/// A running container on the host's network.
pub(crate) fn container(letter: char, name: &str, pairs: &[(&str, &str)]) -> Container {
    Container {
        id: id(letter),
        name: name.to_owned(),
        image: "image".to_owned(),
        labels: labels(pairs),
        namespace: "default".to_owned(),
        network_mode: NetworkMode::Host,
        host_network: true,
        netns_owner: None,
        published: Vec::new(),
        addresses: Vec::new(),
        exposed: Vec::new(),
        net_raw: true,
        virtual_addresses: Vec::new(),
        pid: Some(1000),
        state: ContainerState::Running,
        resolvers: vec!["9.9.9.9".parse().unwrap()],
        cgroup: Some(format!("/cg/docker/{}", id(letter)).into()),
        cgroup_parent: None,
    }
}

mod documents;

#[derive(Default)]
struct Bench {
    containers: BTreeMap<ContainerId, Container>,
    runs: BTreeMap<String, Run>,
    units: Vec<FoundUnit>,
    config: Config,
    choices: Choices,
    host: HostFacts,
    numbers: Numbers,
    documents: Vec<std::sync::Arc<cofferdam_policy::Document>>,
}

impl Bench {
    fn with(containers: impl IntoIterator<Item = Container>) -> Self {
        let containers = containers.into_iter().map(|one| (one.id.clone(), one)).collect();
        Self {
            containers,
            ..Self::default()
        }
    }

    fn resolve(&mut self) -> Resolved {
        let inputs = Inputs {
            containers: &self.containers,
            runs: &self.runs,
            units: &self.units,
            config: &self.config,
            choices: &self.choices,
            host: &self.host,
        };
        let resolved = resolve(
            &inputs,
            self.documents.clone(),
            (&mut self.numbers, &mut Fingerprints::default()),
        );
        resolved.forget_others(&mut self.numbers);
        resolved
    }

    fn one(&mut self, name: &str) -> Placement {
        self.resolve()
            .placements
            .into_iter()
            .find(|placement| placement.name == name)
            .unwrap()
    }
}

fn sources(placement: &Placement) -> Vec<&str> {
    let mut all: Vec<_> = placement
        .openings
        .iter()
        .map(|opening| opening.source.as_str())
        .collect();
    all.dedup();
    all
}

#[test]
fn an_identity_label_protects_and_other_labels_do_not() {
    let mut bench = Bench::with([
        container('a', "web", &[("app", "web"), ("traefik.enable", "true")]),
        container('b', "plain", &[("traefik.enable", "true")]),
        container('c', "asked", &[("cofferdam.protect", "true")]),
        container('d', "refused", &[("app", "web"), ("cofferdam.protect", "false")]),
        container('e', "unclear", &[("cofferdam.protect", "yes")]),
    ]);
    let web = bench.one("web");
    assert_eq!(web.protected_by.as_deref(), Some("labels app=web"));
    assert_eq!((web.mode, web.entry.observe), (Mode::Enforce, false));
    let identity = web.identity.unwrap();
    assert_eq!(*identity.identity_labels, labels(&[("app", "web")]));
    assert!(
        identity.labels.contains_key("traefik.enable"),
        "selectors see every label"
    );

    let plain = bench.one("plain");
    assert_eq!(
        (plain.protected_by, plain.entry.subject, plain.entry.identity.0),
        (None, 0, PeerClass::Host as u32)
    );
    let expected = "on the host's network, not protected: `cofferdam protect plain` protects it";
    assert_eq!(plain.notes, [expected]);
    assert_eq!(
        bench.one("asked").protected_by.as_deref(),
        Some("label cofferdam.protect")
    );
    assert_eq!(bench.one("refused").protected_by, None);
    assert!(
        bench.one("unclear").protected_by.is_some(),
        "what is not understood fails closed"
    );
    assert!(bench.one("unclear").warnings[0].contains("taken as true"));
    let world = bench.resolve().world;
    assert_eq!(
        (world.identities.len(), world.subjects.len()),
        (2, 2),
        "strangers are in no world"
    );
}

#[test]
fn what_was_here_first_is_observed_until_the_user_says_otherwise() {
    let mut bench = Bench::with([
        container('a', "old", &[("app", "web")]),
        container('b', "new", &[("app", "web")]),
        container('c', "sure", &[("app", "web"), ("cofferdam.mode", "enforce")]),
    ]);
    bench.choices.adopted = Some([id('a'), id('c')].into());
    assert_eq!(bench.one("old").mode, Mode::Observe);
    assert!(bench.one("old").notes[0].contains("`cofferdam enforce old`"));
    assert_eq!(bench.one("new").mode, Mode::Enforce);
    assert_eq!(bench.one("sure").mode, Mode::Enforce, "the label is explicit");
    let before = bench.one("old").entry;
    let key = bench.one("old").key;
    bench.choices.modes.insert(key, Mode::Enforce);
    let after = bench.one("old").entry;
    assert_eq!(
        (after.subject, after.observe),
        (before.subject, false),
        "the mode is not part of the policy"
    );
    bench.config.mode = Mode::Observe;
    assert!(
        bench
            .resolve()
            .placements
            .iter()
            .all(|placement| placement.mode == Mode::Observe)
    );
}

#[test]
fn a_bad_opening_opens_nothing_and_is_said() {
    let bad = [
        ("app", "web"),
        ("cofferdam.ingress", "lan:"),
        ("cofferdam.mode", "maybe"),
    ];
    let mut bench = Bench::with([container('a', "web", &bad)]);
    let web = bench.one("web");
    assert_eq!(sources(&web), ["resolver 9.9.9.9"]);
    assert_eq!(web.warnings.len(), 2, "{:?}", web.warnings);
    assert_eq!(web.mode, Mode::Enforce, "what is not understood does not weaken");
}

#[test]
fn a_published_port_opens_and_a_joined_container_inherits() {
    let mut owner = container('a', "vpn", &[("app", "vpn")]);
    (owner.host_network, owner.network_mode) = (false, NetworkMode::Bridge);
    owner.addresses = vec!["172.17.0.2".parse().unwrap()];
    owner.virtual_addresses = vec!["10.0.1.6".parse().unwrap()];
    owner.published = vec![
        PublishedPort {
            protocol: cofferdam_policy::Protocol::TCP,
            container_port: 80,
            host_ip: None,
            host_port: Some(8080),
        },
        PublishedPort {
            protocol: cofferdam_policy::Protocol::TCP,
            container_port: 81,
            host_ip: Some("127.0.0.1".parse().unwrap()),
            host_port: Some(81),
        },
    ];
    let mut joined = container('b', "torrent", &[("app", "torrent")]);
    joined.host_network = false;
    joined.netns_owner = Some(id('a'));
    let mut bench = Bench::with([owner, joined]);
    bench.host.namespaces = [(id('a'), 7), (id('b'), 7)].into();
    let ports = |placement: &Placement, class: PeerClass| -> Vec<u16> {
        let of = |opening: &&cofferdam_policy::Opening| {
            opening.peer == cofferdam_policy::OpeningPeer::Class(class)
        };
        placement
            .openings
            .iter()
            .filter(of)
            .filter_map(|opening| opening.ports.map(|ports| ports.first))
            .collect()
    };
    for name in ["vpn", "torrent"] {
        let placement = bench.one(name);
        assert_eq!(ports(&placement, PeerClass::Host), [80, 81], "{name}");
        assert_eq!(ports(&placement, PeerClass::World), [80], "{name}");
    }
    let resolved = bench.resolve();
    let here = |text: &str| (text.parse().unwrap(), 7);
    assert_eq!(resolved.addresses, [here("10.0.1.6"), here("172.17.0.2")]);
    let targets: Vec<_> = resolved
        .published
        .iter()
        .map(|one| (one.host_port, one.container_port, one.target_netns))
        .collect();
    assert_eq!(targets, [(8080, 80, 7), (81, 81, 7)]);
}

#[test]
fn alike_workloads_share_a_subject_and_a_changed_policy_gets_a_new_one() {
    let mut bench = Bench::with([
        container('a', "one", &[("app", "web")]),
        container('b', "two", &[("app", "web")]),
    ]);
    let (one, two) = (bench.one("one"), bench.one("two"));
    assert_eq!(
        (one.entry.subject, one.entry.identity),
        (two.entry.subject, two.entry.identity)
    );
    assert_ne!(one.entry.workload, two.entry.workload);

    bench
        .containers
        .get_mut(&id('b'))
        .unwrap()
        .labels
        .insert("cofferdam.ingress".into(), "lan:80".into());
    let changed = bench.one("two");
    assert_eq!(
        changed.entry.identity, two.entry.identity,
        "directives are no labels"
    );
    assert_ne!(changed.entry.subject, two.entry.subject);
    assert_eq!(bench.one("one"), one);

    bench.config.default = DefaultProfile::Strict;
    assert_ne!(bench.one("one").entry.subject, one.entry.subject);
}

#[test]
fn the_books_survive_a_restart() {
    let mut bench = Bench::with([container('a', "one", &[("app", "web")])]);
    let before = bench.resolve();
    bench.numbers = serde_json::from_str(&serde_json::to_string(&bench.numbers).unwrap()).unwrap();
    assert_eq!(bench.resolve(), before);
}

#[test]
fn commands_and_configuration_protect_by_name() {
    let mut bench = Bench::with([container('a', "ha", &[]), container('b', "db", &[])]);
    bench
        .choices
        .protected
        .insert("ha".into(), labels(&[("app", "home")]));
    bench.config.protect = vec![Protect {
        name: "db".into(),
        labels: Labels::new(),
    }];
    let home = bench.one("ha");
    assert_eq!(home.protected_by.as_deref(), Some("cofferdam protect"));
    assert_eq!(
        *home.identity.unwrap().identity_labels,
        labels(&[("app", "home")])
    );
    let db = bench.one("db");
    assert_eq!(
        db.protected_by.as_deref(),
        Some("[[protect]] of the configuration")
    );
    assert!(
        db.identity.unwrap().identity_labels.is_empty(),
        "protected, and like nobody"
    );
}

#[test]
fn a_label_given_by_name_does_what_it_does_on_a_container() {
    let mut bench = Bench::with([container('a', "ha", &[("cofferdam.mode", "enforce")])]);
    let given = labels(&[
        ("app", "home"),
        ("cofferdam.mode", "observe"),
        ("cofferdam.ingress", "lan:8123"),
    ]);
    bench.choices.protected.insert("ha".into(), given);
    let home = bench.one("ha");
    assert_eq!(home.mode, Mode::Observe);
    assert!(
        home.openings
            .iter()
            .any(|opening| opening.source.contains("lan:8123")),
        "{home:?}"
    );
    let who = home.identity.unwrap();
    assert_eq!(*who.identity_labels, labels(&[("app", "home")]));
    assert_eq!(
        *who.labels,
        labels(&[("app", "home")]),
        "no selector sees a directive"
    );
}

#[test]
fn runs_and_units_are_who_they_are_said_to_be() {
    let mut bench = Bench::with([container('a', "web", &[("app", "web")])]);
    let run = |pairs: &[(&str, &str)]| Run {
        name: "curl".into(),
        namespace: "default".into(),
        labels: labels(pairs),
        cgroup: "/cg/cofferdam/curl-1".into(),
        pid: 1,
        host_network: true,
    };
    bench.runs.insert("run:curl-1".into(), run(&[("app", "web")]));
    bench.runs.insert(
        "run:curl-2".into(),
        Run {
            name: "bare".into(),
            ..run(&[])
        },
    );
    bench.units = vec![FoundUnit {
        name: "db.service".into(),
        namespace: "default".into(),
        labels: labels(&[("team", "db"), ("cofferdam.ingress", "host:5432")]),
        cgroup: None,
    }];
    bench.host.resolvers = vec!["127.0.0.53".parse::<IpAddr>().unwrap()];
    assert_eq!(
        bench.one("curl").entry.identity,
        bench.one("web").entry.identity,
        "same labels, same identity"
    );
    assert_eq!(bench.one("bare").protected_by, None);
    let mut why = |pairs: &[(&str, &str)]| {
        bench.runs.insert("run:curl-1".into(), run(pairs));
        bench.one("curl").protected_by
    };
    let strict = ("cofferdam.contain", "strict");
    let protect = |value| ("cofferdam.protect", value);
    assert_eq!(why(&[strict]).as_deref(), Some("cofferdam run --contain"));
    assert_eq!(
        why(&[protect("true")]).as_deref(),
        Some("label cofferdam.protect")
    );
    assert_eq!(why(&[protect("false"), strict, ("app", "web")]), None);
    assert_eq!(why(&[("cofferdam.port.http", "80")]), None);
    let unit = bench.one("db.service");
    assert_eq!(
        *unit.identity.as_ref().unwrap().identity_labels,
        labels(&[("team", "db")])
    );
    assert_eq!(
        sources(&unit).len(),
        2,
        "its label and the resolver: {:?}",
        sources(&unit)
    );
}

#[test]
fn docker_subnets_and_own_addresses_are_host_even_on_a_link() {
    let host = HostFacts {
        netns: 1,
        addresses: ["127.0.0.1", "192.168.1.5", "172.17.0.1"]
            .map(|text| text.parse().unwrap())
            .to_vec(),
        links: ["192.168.1.0/24", "172.17.0.0/16"]
            .map(|text| text.parse().unwrap())
            .to_vec(),
        subnets: vec!["172.17.0.0/16".parse().unwrap()],
        ..HostFacts::default()
    };
    let mut bench = Bench {
        host,
        ..Bench::default()
    };
    let resolved = bench.resolve();
    let class = |text: &str| {
        resolved
            .world
            .prefixes
            .iter()
            .find(|(prefix, _)| prefix.to_string() == text)
            .map(|(_, class)| *class)
    };
    assert_eq!(class("172.17.0.0/16"), Some(PeerClass::Host));
    assert_eq!(class("192.168.1.0/24"), Some(PeerClass::Lan));
    assert_eq!(class("192.168.1.5/32"), Some(PeerClass::Host));
    assert_eq!(class("192.168.1.255/32"), Some(PeerClass::Multicast));
    assert_eq!(resolved.addresses.len(), 2, "loopback is everywhere");
}
