#![allow(clippy::unwrap_used, reason = "a test may panic")]
use cofferdam_audit::compose::{self, Given};
use cofferdam_audit::model::Project;

use super::*;

const SHOP: &str = include_str!("shop.yaml");

fn read(files: &[(&str, &str)]) -> Project {
    let names: Vec<String> = files.iter().map(|(name, _)| (*name).to_owned()).collect();
    let given = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    compose::read(&Given(given.collect()), &names).project
}

fn services(project: &Project) -> Services<'_> {
    project
        .services
        .iter()
        .map(|one| (one.name.clone(), one))
        .collect()
}

fn shown(proposal: &Proposal) -> Vec<String> {
    let labels = |one: &Proposed| {
        let labels = one
            .labels
            .iter()
            .map(|(key, value, why)| format!("{key}={value} ({why})"));
        format!("{}: {}", one.service, labels.collect::<Vec<_>>().join(" "))
    };
    proposal.services.iter().map(labels).collect()
}

#[test]
fn names_images_and_settings_say_who_a_service_is() {
    let project = read(&[("compose.yaml", SHOP)]);
    let seen = [("shop-cron".to_owned(), "api".to_owned())].into();
    let proposal = propose(&project.name, &services(&project), &seen);
    assert_eq!(
        shown(&proposal),
        [
            "api: app=api (its name) role=backend (called by shop-cron, web)",
            "cache: app=cache (its name) role=cache (image redis)",
            "db: app=db (its name) role=database (image postgres)",
            "queue: app=queue (its name) role=queue (image rabbitmq)",
            "shop-cron: app=cron (its name) role=worker (calls api, and nobody calls it)",
            "site: app=site (its name)",
            "web: app=web (its name) role=proxy (image nginx)",
            "worker-1: app=worker (copies of one: worker-1, worker-2) role=worker (calls db, queue, and nobody calls it)",
            "worker-2: app=worker (copies of one: worker-1, worker-2) role=worker (calls db, queue, and nobody calls it)",
        ]
    );
    assert_eq!(
        proposal
            .left
            .iter()
            .map(|(name, why)| format!("{name}: {why}"))
            .collect::<Vec<_>>(),
        [
            "known: it says who it is: app=known",
            "offline: it has no network",
            "open: it asks not to be protected",
        ]
    );
}

#[test]
fn the_override_gives_every_service_an_identity() {
    let project = read(&[("compose.yaml", SHOP)]);
    let proposal = propose(&project.name, &services(&project), &Calls::new());
    assert_eq!(proposal.file_name(), "shop.labels.yaml");
    let odd = propose("../../etc/x", &services(&project), &Calls::default());
    assert_eq!(odd.file_name(), "------etc-x.labels.yaml");
    let text = proposal.yaml();
    let both = read(&[("compose.yaml", SHOP), ("shop.labels.yaml", &text)]);
    assert_eq!(both.notes.len(), 0, "{:?}\n{text}", both.notes);
    assert_eq!(both.services.len(), project.services.len());
    let again = propose(&both.name, &services(&both), &Calls::new());
    assert_eq!(again.services, [], "{text}");
    let web = both.services.iter().find(|one| one.name == "web").unwrap();
    assert_eq!(web.label("traefik.enable"), Some("true"), "what was there stays");
    assert_eq!(web.label("cofferdam.mode"), Some("observe"));
}

#[test]
fn a_host_is_named_by_where_it_stands() {
    let yes = [
        ("DB_HOST", "db"),
        ("X", "db:5432"),
        ("X", "postgres://u:p@db/shop"),
        ("X", "postgres://db"),
        ("X", "a:1,db:9092"),
        ("X", "http://db:80/x"),
    ];
    let no = [
        ("DB_NAME", "db"),
        ("X", "mydb:5432"),
        ("X", "/var/db/x"),
        ("X", "db:name"),
        ("X", "dbs:1"),
        ("X", ""),
    ];
    for (key, value) in yes {
        assert!(names_host(key, value, "db"), "{key}={value}");
    }
    for (key, value) in no {
        assert!(!names_host(key, value, "db"), "{key}={value}");
    }
}
