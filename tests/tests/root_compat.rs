//! G-COMPAT: services that everybody knows run contained on the host's network and do their normal work, with the labels that
//! `docs/compatibility.md` names.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::time::Duration;

use cofferdam_tests::compatibility::{Harbour, Level, SERVICES, Service, service};

/// What does not work by then does not.
const SHORT: Duration = Duration::from_secs(4);

fn play(names: &[&str]) {
    let services: Vec<_> = names
        .iter()
        .map(|name| service(name).expect("a service"))
        .collect();
    let harbour = Harbour::new(&services).expect("a lab");
    for service in services {
        let name = service.name;
        for level in [Level::Default, Level::Strict] {
            let done = harbour.play(service, &service.labels(level));
            eprintln!("{name}, {level:?}\n{}", done.expect(name));
        }
    }
}

#[test]
fn root_nginx_works_contained() {
    play(&["nginx"]);
}

#[test]
fn root_databases_work_contained() {
    play(&["redis", "postgres"]);
}

#[test]
fn root_a_dns_server_works_contained() {
    play(&["dnsmasq"]);
}

#[test]
fn root_avahi_works_contained() {
    play(&["avahi"]);
}

#[test]
fn root_avahi_works_contained_beside_the_hosts() {
    play(&["avahi-too"]);
}

#[test]
fn root_an_exporter_works_contained() {
    play(&["exporter"]);
}

#[test]
fn root_java_works_contained() {
    play(&["java"]);
}

#[test]
fn root_node_works_contained() {
    play(&["node"]);
}

/// Without any of the labels that it is said to need it does not do its work.
fn each_is_needed(name: &str) {
    let service = service(name).expect("a service");
    let harbour = Harbour::new(&[service]).expect("a lab");
    for level in [Level::Default, Level::Strict] {
        for missing in service.declares(level) {
            let mut labels = service.labels(level);
            labels.retain(|label| *label != missing);
            let reason = match missing.1.starts_with("shared:") {
                true => "port-taken",
                false => "undeclared",
            };
            // As the page says: who only observes is told.
            let observed = [&labels[..], &[("cofferdam.mode", "observe")]].concat();
            let told = harbour.start_refused(service, &observed, "observe", reason);
            told.expect("a record");
            harbour.stop(service).expect("an end");
            let told = harbour.start_refused(service, &labels, "enforce", reason);
            told.expect("a record");
            let done = harbour.work(service, SHORT);
            harbour.stop(service).expect("an end");
            assert!(
                done.is_err(),
                "{name} works at {level:?} without {missing:?}: {done:?}"
            );
        }
    }
}

#[test]
fn root_each_declaration_of_avahi_is_needed() {
    each_is_needed("avahi");
}

#[test]
fn root_each_declaration_of_a_second_avahi_is_needed() {
    each_is_needed("avahi-too");
}

#[test]
fn root_each_declaration_of_java_and_node_is_needed() {
    each_is_needed("java");
    each_is_needed("node");
}

/// So that a service which is added is also tried without what it declares.
#[test]
fn nobody_else_declares_anything() {
    let declares = |service: &&Service| !service.declares(Level::Strict).is_empty();
    let names: Vec<_> = SERVICES
        .iter()
        .filter(declares)
        .map(|service| service.name)
        .collect();
    assert_eq!(names, ["avahi", "avahi-too", "java", "node"]);
}

/// So that a service which is added is also run.
#[test]
fn there_are_nine_services() {
    assert_eq!(SERVICES.len(), 9);
}
