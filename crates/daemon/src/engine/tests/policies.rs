//! A policy folder: what is written there is in the kernel, and no mistake takes anything out of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Engine, Host, entry_of, has_rows, labelled};
use crate::config::Config;

const WEB: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\n\
                   spec: {podSelector: {matchLabels: {app: web}}}\n";

/// As the loop does it.
fn write(engine: &mut Engine, path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    engine.hear_policies();
    assert!(engine.look_due.is_some());
    engine.look_at_policies();
}

fn subject(engine: &Engine, cgroup: &Path) -> u32 {
    entry_of(engine, cgroup).unwrap().subject
}

/// A host with a folder, and two labelled cgroups.
fn scene(name: &str) -> (Host, PathBuf, Engine, [PathBuf; 2]) {
    let host = Host::new(name);
    let folder = host.state.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let mut engine = host.engine(Config::default());
    let cgroups = ["web", "db"].map(|name| (name, host.folder(&format!("cofferdam/{name}-1"))));
    let cgroups = cgroups.map(|(name, cgroup)| {
        labelled(&mut engine, name, cgroup.clone());
        cgroup
    });
    (host, folder, engine, cgroups)
}

#[test]
fn root_a_policy_comes_stays_in_spite_of_mistakes_and_goes() {
    let (host, folder, mut engine, [web, db]) = scene("policies");
    let before = [subject(&engine, &web), subject(&engine, &db)];
    let path = folder.join("web.yaml");
    write(&mut engine, &path, WEB);
    let isolated = subject(&engine, &web);
    assert_ne!(isolated, before[0]);
    assert!(has_rows(&engine, &web));
    assert_eq!(subject(&engine, &db), before[1], "it is not about the other");
    engine.finish_change();
    let held = engine.enforcer.kernel().compiled().unwrap();
    assert!(
        held.rows.keys().all(|row| row.subject != before[0]),
        "the old rows are gone"
    );

    write(&mut engine, &path, "kind: NetworkPolicy\n");
    assert_eq!(subject(&engine, &web), isolated);
    let warnings = engine.status().warnings;
    assert!(
        warnings[0].starts_with(&format!("{}:1:1: ", path.display())),
        "{warnings:?}"
    );
    engine.save();
    engine.finish_saving();
    drop(engine);
    let mut engine = host.engine(Config::default());
    assert_eq!(subject(&engine, &web), isolated, "over a restart, too");
    assert_eq!(engine.status().warnings, warnings);

    fs::remove_file(&path).unwrap();
    engine.hear_policies();
    engine.look_at_policies();
    assert_ne!(subject(&engine, &web), isolated);
    assert_eq!(engine.status().warnings, [""; 0]);
    drop(engine);
    let engine = host.engine(Config::default());
    assert_eq!(engine.policies.files().len(), 0, "what is gone is not kept");
    engine.remove().unwrap();
}

#[test]
fn root_what_does_not_fit_is_refused_before_it_is_applied() {
    let (_host, folder, mut engine, [web, _]) = scene("room");
    write(&mut engine, &folder.join("web.yaml"), WEB);
    let isolated = subject(&engine, &web);
    let entries = entry_of(&engine, &web);
    let rules = "{},".repeat(usize::from(u16::MAX));
    let big = WEB
        .replace("name: web", "name: big")
        .replace("}}}", &format!("}}}}, ingress: [{rules}]}}"));
    write(&mut engine, &folder.join("big.yaml"), &big);
    let warnings = engine.status().warnings;
    let start = format!("{}:1:1: it does not fit: ", folder.join("big.yaml").display());
    assert!(
        warnings
            .iter()
            .any(|line| line.starts_with(&start) && line.contains("rules are about")),
        "{warnings:?}"
    );
    assert_eq!(subject(&engine, &web), isolated);
    assert_eq!(entry_of(&engine, &web), entries);
    engine.remove().unwrap();
}

#[test]
fn root_a_policy_ends_by_itself() {
    let (_host, folder, mut engine, [web, _]) = scene("until");
    let before = subject(&engine, &web);
    let soon = super::super::policies::now() + 2;
    let time = cofferdam_api::Timestamp::from_second(i64::try_from(soon).unwrap()).unwrap();
    let text = WEB.replace("}}}", &format!("}}}}, until: '{time}'}}"));
    write(&mut engine, &folder.join("web.yaml"), &text);
    let isolated = subject(&engine, &web);
    assert_ne!(isolated, before);
    while super::super::policies::now() < soon {
        assert!(!engine.find_policies() || super::super::policies::now() >= soon);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(engine.find_policies());
    engine.reconcile();
    assert_ne!(subject(&engine, &web), isolated);
    assert!(!engine.find_policies());
    engine.remove().unwrap();
}
