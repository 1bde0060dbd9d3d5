use std::collections::BTreeMap;

use cofferdam_api::{ContainmentView, VERSION, WorkloadKind};

use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn port(protocol: &str, address: &str, port: u16) -> ListeningPort {
    ListeningPort {
        protocol: protocol.into(),
        address: address.parse().unwrap(),
        port,
        really: None,
    }
}

fn nginx() -> WorkloadView {
    WorkloadView {
        name: "nginx".into(),
        kind: WorkloadKind::Container,
        id: "0123456789abcdef".repeat(4),
        namespace: "default".into(),
        labels: map(&[("app", "nginx"), ("traefik.enable", "true")]),
        identity_labels: map(&[("app", "nginx")]),
        identity: Some(256),
        network_mode: "host".into(),
        protected: true,
        mode: Some(Mode::Enforce),
        listening: vec![
            port("tcp", "0.0.0.0", 80),
            port("tcp", "::", 80),
            port("udp", "127.0.0.1", 53),
        ],
        containment: Some(ContainmentView {
            text: "default".into(),
            labels: map(&[]),
            open: vec!["loopback".into(), "packet".into()],
        }),
        pid: Some(4711),
        cgroup: None,
        profile: None,
        ports: map(&[]),
        openings: vec!["-p 80:80".into()],
        flows: Default::default(),
        notes: vec![],
        warnings: vec![],
    }
}

fn others() -> [WorkloadView; 2] {
    let stranger = WorkloadView {
        name: "home-assistant-with-a-long-name".into(),
        labels: map(&[("com.example.some.rather.long.key", "and-a-value"), ("icon", "x")]),
        identity_labels: map(&[]),
        identity: None,
        network_mode: "container:nginx".into(),
        protected: false,
        mode: None,
        listening: vec![],
        containment: None,
        openings: vec![],
        pid: None,
        ..nginx()
    };
    let shell = WorkloadView {
        name: "bash-1".into(),
        kind: WorkloadKind::Process,
        id: "run-1".into(),
        identity: Some(257),
        mode: Some(Mode::Observe),
        labels: map(&[("app", "nginx"), ("env", "prod"), ("role", "administrator")]),
        identity_labels: map(&[("app", "nginx"), ("env", "prod"), ("role", "administrator")]),
        listening: (8000..8020).map(|number| port("tcp", "::", number)).collect(),
        containment: None,
        ..nginx()
    };
    [stranger, shell]
}

fn shown(wide: bool) -> String {
    let [stranger, shell] = others();
    let text = text(
        &Workloads {
            version: VERSION,
            workloads: vec![nginx(), stranger, shell],
        },
        wide,
    );
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn the_table_keeps_to_80_columns() {
    let text = shown(false);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(text, include_str!("narrow.txt"), "\n{text}");
}

#[test]
fn the_wide_table_shows_everything() {
    let text = shown(true);
    assert_eq!(text, include_str!("wide.txt"), "\n{text}");
}

/// What is really elsewhere: in the narrow table a moved port alone, as its label says it.
#[test]
fn a_port_is_shown_as_the_workload_knows_it() {
    let really = |one: ListeningPort, really: &str| ListeningPort {
        really: Some(really.parse().unwrap()),
        ..one
    };
    let ports = [
        really(port("tcp", "0.0.0.0", 80), "0.0.0.0:8080"),
        really(port("tcp", "127.0.0.1", 5432), "127.64.0.3:5432"),
        really(port("udp", "::", 53), "[::]:5353"),
        port("tcp", "::", 443),
    ];
    assert_eq!(listening(&ports, false), "80=8080,443,5432,53=5353/udp");
    assert_eq!(
        listening(&ports, true),
        "0.0.0.0:80 (really 8080),[::]:443,127.0.0.1:5432 (private),[::]:53/udp (really 5353)"
    );
}

#[test]
fn nothing_is_said_in_words() {
    assert_eq!(super::text(&Workloads::new(vec![]), false), "no workloads\n");
}

#[test]
fn json_is_the_wire() {
    let value = serde_json::to_value(Workloads::new(vec![nginx()])).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["workloads"][0]["name"], "nginx");
    assert_eq!(value["workloads"][0]["network_mode"], "host");
    assert_eq!(
        value["workloads"][0]["listening"][0],
        serde_json::json!({"protocol":"tcp","address":"0.0.0.0","port":80})
    );
}
