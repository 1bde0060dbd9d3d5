//! Labels, as the matrix reads them: each line of docs/labels.md that says who is let in.

use std::collections::BTreeMap;

use cofferdam_audit::compose::{self, Given};
use cofferdam_audit::host::{Host, HostAddress};
use cofferdam_audit::matrix::{From, Outcome, Way, matrix};
use cofferdam_audit::model::Estate;

use super::{Judged, Profile};

/// Where the host's neighbours are.
const LINK: &str = "192.168.1.7/24";

fn estate(services: &str) -> Estate {
    let text = format!("services:\n{services}");
    let files = Given(BTreeMap::from([("shop/c.yaml".to_owned(), text.into_bytes())]));
    let address = |name: &str, address: &str| HostAddress {
        interface: name.to_owned(),
        address: address.parse().unwrap(),
    };
    Estate {
        projects: vec![compose::read(&files, &["shop/c.yaml".to_owned()]).project],
        engine: None,
        host: Some(Host {
            addresses: vec![
                address("lo", "127.0.0.1/8"),
                address("eth0", LINK),
                address("eth1", "8.8.4.4/24"),
            ],
            ..Host::default()
        }),
    }
}

/// What becomes of the only path from somebody to a service over a way, and who says so.
fn told(services: &str, from: &str, to: &str, way: Way) -> (Outcome, String) {
    let estate = estate(services);
    let profile = Profile::of(&estate);
    let from = match from {
        "internet" => From::Internet,
        "lan" => From::Lan,
        "host" => From::Host,
        name => From::Container(name.to_owned()),
    };
    let judged: Vec<Judged<'_>> = matrix(&estate)
        .into_iter()
        .map(|row| profile.judge(row))
        .collect();
    let mut found = judged
        .iter()
        .filter(|judged| judged.row.from == from && judged.row.to == to && judged.row.way == way);
    let one = found.next().unwrap_or_else(|| panic!("{judged:?}"));
    assert!(found.next().is_none(), "{judged:?}");
    assert_ne!(one.row.now, Outcome::Blocked, "nothing to judge: {one:?}");
    (one.with_cofferdam, one.decided_by.clone().unwrap_or_default())
}

fn outcome(services: &str, from: &str, to: &str, way: Way) -> Outcome {
    told(services, from, to, way).0
}

const REACHED: Outcome = Outcome::Reached;
const BLOCKED: Outcome = Outcome::Blocked;

#[test]
fn who_says_nothing_is_left_alone() {
    let services = "  web: {image: w, expose: ['80']}\n  tool: {image: t}\n";
    assert_eq!(
        told(services, "tool", "web", Way::Direct),
        (REACHED, String::new())
    );
}

#[test]
fn same_labels_talk_and_others_do_not() {
    let services = "  web: {image: w, expose: ['80'], labels: {app: shop}}\n  same: {image: s, labels: {app: shop}}\n  \
                    other: {image: o, labels: {app: else}}\n  stranger: {image: t}\n";
    assert_eq!(outcome(services, "same", "web", Way::Direct), REACHED);
    let (other, rule) = told(services, "other", "web", Way::Direct);
    assert_eq!(
        (other, rule.as_str()),
        (BLOCKED, "egress of other: default/other-workloads (built-in)")
    );
    assert_eq!(outcome(services, "stranger", "web", Way::Direct), BLOCKED);
    assert_eq!(outcome(services, "host", "web", Way::Direct), BLOCKED);
}

/// A protected container's way out is judged too, to whom nobody protects.
#[test]
fn the_way_out_to_the_host_is_closed() {
    let services =
        "  web: {image: w, labels: {app: shop}}\n  tool: {image: t, network_mode: host, expose: ['7000']}\n";
    assert_eq!(outcome(services, "web", "tool", Way::Gateway), BLOCKED);
    let opened = services.replace("app: shop", "app: shop, cofferdam.egress: 'host:7000/tcp'");
    assert_eq!(outcome(&opened, "web", "tool", Way::Gateway), REACHED);
    let elsewhere = services.replace("app: shop", "app: shop, cofferdam.egress: 'host:7001'");
    assert_eq!(outcome(&elsewhere, "web", "tool", Way::Gateway), BLOCKED);
}

#[test]
fn both_ends_must_open() {
    let services = |out: &str, into: &str| {
        format!(
            "  web: {{image: w, labels: {{app: web, cofferdam.egress: '{out}'}}}}\n  \
             db: {{image: d, expose: ['5432'], labels: {{app: db, cofferdam.ingress: '{into}'}}}}\n"
        )
    };
    let of = |out: &str, into: &str| told(&services(out, into), "web", "db", Way::Direct);
    let (both, rule) = of("app=db:5432", "app=web:5432/tcp");
    assert_eq!(
        (both, rule.as_str()),
        (
            REACHED,
            "ingress of db: default/opened (label cofferdam.ingress=app=web:5432/tcp)"
        )
    );
    assert_eq!(of("", "app=web:5432").0, BLOCKED, "the way out is missing");
    assert_eq!(of("app=db:5432", "").0, BLOCKED, "the way in is missing");
    assert_eq!(of("app=db:5432", "app=web:5433").0, BLOCKED, "another port");
    assert_eq!(
        of("app=db:5432", "app=web:5432/udp").0,
        BLOCKED,
        "another protocol"
    );
    assert_eq!(
        of("app=db:5432", "app=web:5432, lan:http").0,
        BLOCKED,
        "what does not parse opens nothing"
    );
}

#[test]
fn published_ports_open_to_outsiders_and_loopback_to_the_host_alone() {
    let services = "  web: {image: w, ports: ['8080:80'], labels: {app: shop}}\n  \
                    admin: {image: a, ports: ['127.0.0.1:9000:9000'], labels: {app: shop}}\n  \
                    other: {image: o, network_mode: host, labels: {app: else}}\n  tool: {image: t, network_mode: host}\n";
    for from in ["internet", "lan", "host", "tool"] {
        assert_eq!(outcome(services, from, "web", Way::Published), REACHED, "{from}");
    }
    assert_eq!(outcome(services, "host", "admin", Way::Published), REACHED);
    assert_eq!(outcome(services, "lan", "admin", Way::Direct), BLOCKED);
    assert_eq!(
        outcome(services, "other", "web", Way::Published),
        BLOCKED,
        "never to other protected workloads"
    );
}

#[test]
fn ingress_opens_classes_and_prefixes() {
    let services = |into: &str| {
        format!(
            "  web: {{image: w, network_mode: host, expose: ['80'], labels: {{app: shop, cofferdam.ingress: '{into}'}}}}\n"
        )
    };
    let of = |into: &str, from: &str| {
        let way = if from == "host" {
            Way::Loopback
        } else {
            Way::HostMode
        };
        told(&services(into), from, "web", way)
    };
    assert_eq!(of("", "lan").0, BLOCKED);
    assert_eq!(of("lan:80", "lan").0, REACHED);
    assert_eq!(of("lan:80", "internet").0, BLOCKED);
    assert_eq!(of("lan:80", "host").0, BLOCKED);
    assert_eq!(of("host, lan, world", "internet").0, REACHED);
    assert_eq!(
        of("192.168.0.0/16:80", "lan").0,
        Outcome::Unknown,
        "not on the other link"
    );
    let (some, rule) = of("198.51.100.0/24:80", "internet");
    assert_eq!(
        (some, rule.as_str()),
        (
            Outcome::Unknown,
            "ingress of web: default/opened (label cofferdam.ingress=198.51.100.0/24:80), from some addresses alone"
        )
    );
    assert_eq!(of("0.0.0.0/0:80", "internet").0, REACHED);
    assert_eq!(of("0.0.0.0/0:80", "lan").0, REACHED);
}

/// A port that a label moves is judged as the one that the service binds; who shares a loopback by name may talk.
#[test]
fn containment_is_part_of_the_verdict() {
    let web = |bind: &str| {
        format!(
            "  web: {{image: w, network_mode: host, expose: ['8080'], labels: {{app: shop, cofferdam.ingress: 'lan:80', \
             cofferdam.bind: '{bind}'}}}}\n"
        )
    };
    assert_eq!(outcome(&web("80=8080"), "lan", "web", Way::HostMode), REACHED);
    assert_eq!(outcome(&web("8080"), "lan", "web", Way::HostMode), BLOCKED);
    let pair = |shared: &str| {
        format!(
            "  web: {{image: w, network_mode: host, labels: {{app: web, cofferdam.loopback: shop}}}}\n  \
             db: {{image: d, network_mode: host, expose: ['5432'], labels: {{app: db, cofferdam.loopback: {shared}}}}}\n"
        )
    };
    assert_eq!(outcome(&pair("shop"), "web", "db", Way::Loopback), REACHED);
    assert_eq!(outcome(&pair("other"), "web", "db", Way::Loopback), BLOCKED);
}

#[test]
fn protect_and_mode_are_obeyed() {
    let services = |labels: &str| format!("  web: {{image: w, expose: ['80'], labels: {{{labels}}}}}\n");
    let of = |labels: &str| told(&services(labels), "host", "web", Way::Direct);
    assert_eq!(of("cofferdam.protect: 'true'").0, BLOCKED);
    assert_eq!(of("cofferdam.protect: 'perhaps'").0, BLOCKED, "it fails closed");
    assert_eq!(of("app: shop, cofferdam.protect: 'false'").0, REACHED);
    assert_eq!(of("app: ''").0, REACHED, "an unset variable identifies nobody");
    assert_eq!(of("cofferdam.label.team: pay").0, BLOCKED);
    let (observed, rule) = of("app: shop, cofferdam.mode: observe");
    assert_eq!(observed, REACHED);
    assert!(rule.ends_with("(built-in), observed only"), "{rule}");
}

#[test]
fn a_joined_container_has_the_openings_of_the_one_that_it_joins() {
    let services = "  vpn: {image: v, network_mode: host, ports: ['80:80'], labels: {app: a}}\n  \
                    web: {image: w, network_mode: 'service:vpn', expose: ['80'], labels: {app: b}}\n";
    assert_eq!(outcome(services, "lan", "web", Way::HostMode), REACHED);
}

#[test]
fn two_projects_are_strangers_and_names_may_repeat() {
    let service = |labels: &str| {
        format!(
            "services: {{web: {{image: w, network_mode: host, expose: ['80'], labels: {{app: shop, {labels}}}}}}}\n"
        )
    };
    let files = Given(BTreeMap::from([
        ("a/c.yaml".to_owned(), service("x: y").into_bytes()),
        (
            "b/c.yaml".to_owned(),
            service("cofferdam.mode: observe").into_bytes(),
        ),
    ]));
    let projects = ["a/c.yaml", "b/c.yaml"].map(|name| compose::read(&files, &[name.to_owned()]).project);
    let estate = Estate {
        projects: projects.to_vec(),
        ..Estate::default()
    };
    let profile = Profile::of(&estate);
    let between: Vec<Outcome> = matrix(&estate)
        .into_iter()
        .filter(|row| row.source.is_some())
        .map(|row| profile.judge(row).with_cofferdam)
        .collect();
    // The first lets nobody in; its own way out to the second, which only watches, is closed too.
    assert_eq!(between, [BLOCKED, BLOCKED]);
}

#[test]
fn what_is_not_understood_is_noted_where_it_stands() {
    let estate = estate(
        "  web:\n    image: w\n    labels:\n      cofferdam.ingres: lan:80\n      cofferdam.mode: watch\n",
    );
    let notes: Vec<_> = Profile::of(&estate)
        .notes
        .iter()
        .map(|note| (note.at.line, note.text.clone()))
        .collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].0 == 5 && notes[0].1.contains("cofferdam.ingres is unknown"),
        "{notes:?}"
    );
    assert!(
        notes[1].0 == 6 && notes[1].1.contains("cofferdam.mode=enforce"),
        "{notes:?}"
    );
}

#[test]
fn what_is_declared_of_the_hosts_network_is_known_and_a_mistake_in_it_noted() {
    let noted = |bind: &str| {
        let estate = estate(&format!(
            "  web:\n    image: w\n    network_mode: host\n    labels:\n      app: shop\n      \
             cofferdam.contain: strict\n      cofferdam.loopback: private\n      cofferdam.interfaces: eth0\n      \
             cofferdam.allow: netlink:sock-diag\n      cofferdam.bind: {bind}\n",
        ));
        let notes = Profile::of(&estate).notes.into_iter();
        notes.map(|note| (note.at.line, note.text)).collect::<Vec<_>>()
    };
    assert_eq!(noted("80=8080, 443"), []);
    let notes = noted("8080:80");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(
        notes[0],
        (
            11,
            "web: cofferdam.bind=\"8080:80\": column 1: \"8080:80\" is not a port; \
             what the workload binds comes first: write 80=8080"
                .to_owned()
        )
    );
}
