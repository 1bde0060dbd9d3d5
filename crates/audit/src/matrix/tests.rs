//! The measured table, as a matrix.

use std::collections::BTreeMap;

use super::{From, Outcome, Row, Way, matrix};
use crate::compose::{self, Given};
use crate::host::{Firewall, FirewallTool, Host};
use crate::model::Estate;

const TEXT: &str = "services:
  web: {image: nginx, ports: ['8080:80']}
  admin: {image: a, ports: ['127.0.0.1:9000:9000']}
  tool: {image: t, network_mode: host, expose: ['7000']}
  lone: {image: l, network_mode: none}
";

fn read(texts: &[(&str, &str)]) -> Vec<crate::model::Project> {
    let files = Given(
        texts
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect::<BTreeMap<_, _>>(),
    );
    texts
        .iter()
        .map(|(name, _)| compose::read(&files, &[(*name).to_owned()]).project)
        .collect()
}

fn estate(text: &str, drops: bool) -> Estate {
    let firewall = Firewall {
        tool: FirewallTool::Ufw,
        input_drops: drops,
        ..Firewall::default()
    };
    Estate {
        projects: read(&[("a/c.yaml", text)]),
        engine: None,
        host: Some(Host {
            firewall,
            ..Host::default()
        }),
    }
}

fn container(name: &str) -> From {
    From::Container(name.to_owned())
}

fn one<'r>(rows: &'r [Row<'_>], from: &From, to: &str, way: Way) -> &'r Row<'r> {
    let found: Vec<_> = rows
        .iter()
        .filter(|row| row.from == *from && row.to == to && row.way == way)
        .collect();
    assert_eq!(found.len(), 1, "{from:?} {to} {way:?}: {found:?}");
    found[0]
}

#[test]
fn a_firewall_covers_host_mode_and_not_published_ports() {
    let estate = estate(TEXT, true);
    let rows = matrix(&estate);
    let now = |from: &From, to: &str, way| one(&rows, from, to, way).now;
    assert_eq!(now(&From::Lan, "tool", Way::HostMode), Outcome::Blocked);
    assert_eq!(now(&From::Lan, "web", Way::Published), Outcome::Reached);
    assert_eq!(now(&From::Lan, "admin", Way::Published), Outcome::Blocked);
    assert_eq!(now(&From::Host, "tool", Way::Loopback), Outcome::Reached);
    assert!(rows.iter().all(|row| row.to != "lone"));
}

/// Measured: Docker's DNAT leaves out what comes from bridges.
#[test]
fn a_firewall_covers_published_ports_from_other_bridges() {
    let text = "services: {web: {image: w, ports: ['80:80']}, far: {image: f, networks: [other]}}\nnetworks: {other: {}}";
    for (drops, wanted) in [(false, Outcome::Reached), (true, Outcome::Blocked)] {
        let estate = estate(text, drops);
        let rows = matrix(&estate);
        assert_eq!(one(&rows, &container("far"), "web", Way::Gateway).now, wanted);
        assert_eq!(
            one(&rows, &From::Lan, "web", Way::Published).now,
            Outcome::Reached
        );
    }
}

#[test]
fn a_published_port_leads_to_the_one_inside() {
    let estate = estate(TEXT, false);
    let rows = matrix(&estate);
    let row = one(&rows, &From::Lan, "web", Way::Published);
    assert_eq!((row.port, row.inside), (8080, 80));
    let row = one(&rows, &container("tool"), "web", Way::Published);
    assert_eq!(row.source.map(|place| place.service.name.as_str()), Some("tool"));
    assert_eq!(row.target.service.name, "web");
}

#[test]
fn a_port_on_one_address_is_dialled_there() {
    let text = "services: {web: {image: w, ports: ['192.0.2.7:80:80']}, far: {image: f, networks: [other]}}\nnetworks: {other: {}}";
    let estate = estate(text, false);
    let rows = matrix(&estate);
    let at = |from: &From, way| one(&rows, from, "web", way).address.clone();
    assert_eq!(at(&From::Host, Way::Published).as_deref(), Some("192.0.2.7"));
    assert_eq!(at(&container("far"), Way::Gateway).as_deref(), Some("192.0.2.7"));
}

#[test]
fn projects_meet_on_networks_that_are_made_elsewhere() {
    let shared =
        "services: {web: {image: w, expose: ['80'], networks: [proxy]}}\nnetworks: {proxy: {external: true}}";
    let apart = "services: {own: {image: o, networks: [proxy]}}\nnetworks: {proxy: {}}";
    let estate = Estate {
        projects: read(&[
            ("a/c.yaml", shared),
            ("b/c.yaml", &shared.replace("web", "edge")),
            ("c/c.yaml", apart),
        ]),
        ..Estate::default()
    };
    let rows = matrix(&estate);
    assert_eq!(
        one(&rows, &container("edge"), "web", Way::Direct).now,
        Outcome::Reached
    );
    assert!(rows.iter().all(|row| row.from != container("own")), "{rows:?}");
}

#[test]
fn macvlan_puts_a_container_on_the_lan_and_out_of_the_hosts_reach() {
    let text = "services: {tv: {image: t, expose: ['80'], ports: ['80:80'], networks: [street]}}\nnetworks: {street: {driver: macvlan}}";
    let estate = estate(text, true);
    let rows = matrix(&estate);
    assert_eq!(one(&rows, &From::Lan, "tv", Way::Direct).now, Outcome::Reached);
    assert_eq!(one(&rows, &From::Host, "tv", Way::Direct).now, Outcome::Blocked);
    assert_eq!(rows.len(), 2, "nothing is published there: {rows:?}");
}

#[test]
fn a_database_that_opens_nothing_is_reached_at_the_port_of_its_image() {
    let text = "services: {web: {image: w}, db: {image: 'postgres:16'}}";
    let estate = estate(text, false);
    let rows = matrix(&estate);
    assert_eq!(one(&rows, &container("web"), "db", Way::Direct).port, 5432);
}
