//! The measured table, as a matrix.

use std::collections::BTreeMap;

use super::{From, Outcome, Row, Way, matrix};
use crate::compose::{self, Given};
use crate::host::{Firewall, FirewallTool, Host};
use crate::model::Estate;

const TEXT: &str = "services:
  web: {image: nginx, ports: ['8080:80'], labels: {app: shop}}
  admin: {image: a, ports: ['127.0.0.1:9000:9000'], labels: {app: shop}}
  tool: {image: t, network_mode: host, expose: ['7000']}
  lone: {image: l, network_mode: none}
";

fn rows(drops: bool) -> Vec<Row> {
    let files = Given(BTreeMap::from([(
        "a/c.yaml".to_owned(),
        TEXT.as_bytes().to_vec(),
    )]));
    let firewall = Firewall {
        tool: FirewallTool::Ufw,
        input_drops: drops,
        ..Firewall::default()
    };
    matrix(&Estate {
        projects: vec![compose::read(&files, &["a/c.yaml".to_owned()]).project],
        engine: None,
        host: Some(Host {
            firewall,
            ..Host::default()
        }),
    })
}

fn one(rows: &[Row], from: &From, to: &str, way: Way) -> (Outcome, Outcome) {
    let found: Vec<_> = rows
        .iter()
        .filter(|row| row.from == *from && row.to == to && row.way == way)
        .collect();
    assert_eq!(found.len(), 1, "{from:?} {to} {way:?}: {found:?}");
    (found[0].now, found[0].with_cofferdam)
}

#[test]
fn a_firewall_covers_host_mode_and_not_published_ports() {
    let rows = rows(true);
    assert_eq!(one(&rows, &From::Lan, "tool", Way::HostMode).0, Outcome::Blocked);
    assert_eq!(one(&rows, &From::Lan, "web", Way::Published).0, Outcome::Reached);
    assert_eq!(
        one(&rows, &From::Lan, "admin", Way::Published).0,
        Outcome::Blocked
    );
    assert_eq!(one(&rows, &From::Host, "tool", Way::Loopback).0, Outcome::Reached);
}

#[test]
fn the_default_profile_keeps_strangers_out() {
    let rows = rows(false);
    let tool = From::Container("tool".to_owned());
    let web = From::Container("web".to_owned());
    assert_eq!(
        one(&rows, &tool, "web", Way::Published),
        (Outcome::Reached, Outcome::Reached),
        "it is opened"
    );
    assert_eq!(
        one(&rows, &web, "admin", Way::Direct),
        (Outcome::Reached, Outcome::Reached),
        "same labels"
    );
    assert_eq!(
        one(&rows, &web, "tool", Way::Gateway),
        (Outcome::Reached, Outcome::Reached),
        "nobody protects it"
    );
    assert!(rows.iter().all(|row| row.to != "lone"));
}
