//! Compose files as docker compose reads them.

use super::{Given, Read, read};
use crate::model::{MountKind, NetworkMode};

fn project(files: &[(&str, &str)], paths: &[&str]) -> Read {
    let given = Given(
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect(),
    );
    read(
        &given,
        &paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>(),
    )
}

#[test]
fn variables_come_from_the_env_file_and_have_defaults() {
    let text = "services:\n  web:\n    image: nginx:${TAG:-latest}\n    ports: ['${PORT-80}:${INNER:-${OTHER:-8080}}']\n";
    let read = project(
        &[
            ("a/compose.yaml", text),
            ("a/.env", "export PORT=\"9${X:-0}\" # why\nTAG=\n"),
        ],
        &["a/compose.yaml"],
    );
    let web = &read.project.services[0];
    assert_eq!(web.image.as_ref().map(|i| i.value.as_str()), Some("nginx:latest"));
    assert_eq!(web.ports[0].key(), "90:8080/tcp");
    assert_eq!((web.ports[0].at.line, web.ports[0].at.column), (4, 13));
    assert_eq!(read.project.name, "a");
    assert!(read.project.notes.is_empty(), "{:?}", read.project.notes);
}

#[test]
fn extends_merges_and_keeps_each_files_paths() {
    let base = "services:\n  base:\n    cap_add: [NET_ADMIN]\n    volumes: ['./x:/x']\n    ports: ['1:1']\n";
    let main = "services:\n  web:\n    extends: {file: sub/base.yaml, service: base}\n    ports: ['2:2']\n    privileged: true\n";
    let read = project(
        &[("d/compose.yaml", main), ("d/sub/base.yaml", base)],
        &["d/compose.yaml"],
    );
    let web = &read.project.services[0];
    assert_eq!(web.cap_add[0].at.file.as_ref(), "d/sub/base.yaml");
    assert_eq!(web.mounts[0].source.as_deref(), Some("d/sub/x"));
    assert_eq!(web.ports.len(), 2);
    assert!(web.privileged.is_some());
}

#[test]
fn a_circle_of_extends_ends() {
    let text = "services:\n  a: {extends: b, image: x}\n  b: {extends: a}\n";
    let read = project(&[("c.yaml", text)], &["c.yaml"]);
    assert_eq!(read.project.services.len(), 2);
    assert!(
        read.project
            .notes
            .iter()
            .any(|note| note.text.contains("extends itself"))
    );
}

#[test]
fn overrides_add_reset_and_replace() {
    let main = "services:\n  web:\n    image: a\n    ports: ['1:1']\n    cap_add: [X]\n    environment: [A=1]\n    volumes: ['first:/a']\n";
    let over = "services:\n  web:\n    ports: !override ['2:2']\n    cap_add: !reset []\n    environment: {A: 2, B: 3}\n    volumes: ['second:/a']\n";
    let read = project(&[("m.yaml", main), ("o.yaml", over)], &["m.yaml", "o.yaml"]);
    let web = &read.project.services[0];
    assert_eq!(web.ports.len(), 1);
    assert_eq!(web.ports[0].key(), "2:2/tcp");
    assert!(web.cap_add.is_empty());
    assert_eq!(web.environment.len(), 2);
    assert_eq!(web.mounts.len(), 1);
    assert_eq!(web.mounts[0].source.as_deref(), Some("second"));
}

#[test]
fn include_brings_services() {
    let main = "include: [sub/more.yaml]\nservices:\n  a: {image: x}\n";
    let more = "services:\n  b: {image: 'y:${T}'}\n";
    let read = project(
        &[("m.yaml", main), ("sub/more.yaml", more), ("sub/.env", "T=7\n")],
        &["m.yaml"],
    );
    let names: Vec<_> = read.project.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(
        read.project.services[0].image.as_ref().map(|i| i.value.as_str()),
        Some("y:7")
    );
}

#[test]
fn long_and_short_syntax() {
    let text = "services:\n  web:\n    image: x\n    network_mode: host\n    ports:\n      - target: 80\n        published: '8080'\n        host_ip: 127.0.0.1\n        protocol: udp\n      - '[::1]:3000-3001:3000-3001/tcp'\n      - 53\n    volumes:\n      - type: bind\n        source: /var/run/docker.sock\n        target: /var/run/docker.sock\n        read_only: true\n      - data:/data:ro,z\n    extra_hosts: ['host.docker.internal:host-gateway']\nvolumes:\n  data: {driver_opts: {type: none, o: bind, device: /etc}}\n";
    let read = project(&[("m.yaml", text)], &["m.yaml"]);
    let web = &read.project.services[0];
    assert_eq!(
        web.network_mode.as_ref().map(|m| m.value.clone()),
        Some(NetworkMode::Host)
    );
    assert!(web.ports[0].is_loopback() && web.ports[1].is_loopback() && web.ports[2].is_wildcard());
    assert_eq!(web.ports[1].pairs().len(), 2);
    assert_eq!(web.mounts[0].kind, MountKind::Bind);
    assert!(web.mounts[0].read_only && web.mounts[1].read_only);
    assert_eq!(web.mounts[1].host_path().as_deref(), Some("/etc"));
    assert_eq!(web.extra_hosts[0].1, "host-gateway");
}

#[test]
fn old_files_and_fragments() {
    let read_one = |text: &str| project(&[("m.yaml", text)], &["m.yaml"]).project;
    let first = read_one("web:\n  image: x\n  net: host\ndb:\n  build: .\n");
    assert_eq!(first.services.len(), 2);
    assert_eq!(
        first.services[0].network_mode.as_ref().map(|m| m.value.clone()),
        Some(NetworkMode::Host)
    );
    let fragment = read_one("image: x\nprivileged: yes\n");
    assert!(fragment.services[0].privileged.is_some());
    assert_eq!(fragment.notes.len(), 1);
}

#[test]
fn a_folder_has_one_file_and_one_override() {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let all = names(&[
        "docker-compose.yaml",
        "docker-compose.yml",
        "docker-compose.override.yaml",
        "x.yaml",
    ]);
    assert_eq!(
        super::default_files(&all),
        names(&["docker-compose.yml", "docker-compose.override.yaml"])
    );
    let mixed = names(&[
        "compose.yml",
        "docker-compose.override.yml",
        "compose.override.yaml",
    ]);
    assert_eq!(
        super::default_files(&mixed),
        names(&["compose.yml", "compose.override.yaml"])
    );
    assert!(super::default_files(&names(&["x.yaml"])).is_empty());
}

#[test]
fn a_file_without_services_says_so() {
    for text in ["", "services: [a]\n", "- 1\n", "services: {a: null}\n", "{"] {
        let read = project(&[("m.yaml", text)], &["m.yaml"]);
        let noted = read
            .project
            .notes
            .iter()
            .any(|note| note.text == "no services are in it");
        assert!(noted, "{text}: {:?}", read.project.notes);
    }
}

#[test]
fn what_is_read_twice_is_noted_once() {
    let main =
        "services:\n  a: {extends: {file: b.yaml, service: x}}\n  b: {extends: {file: b.yaml, service: x}}\n";
    let base = "services:\n  x:\n    image: y\n    ports: ['no port'] # why\n    image: z\n";
    let read = project(&[("m.yaml", main), ("b.yaml", base)], &["m.yaml"]);
    assert_eq!(read.comments.len(), 1);
    let twice = read
        .project
        .notes
        .iter()
        .filter(|note| note.text.contains("written twice"));
    assert_eq!(twice.count(), 1, "{:?}", read.project.notes);
}
