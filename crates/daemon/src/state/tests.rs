//! The state file: survives, refuses the future, sets the broken aside; numbers are stable and never reused.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use cofferdam_policy::{DefaultProfile, Labels, Peer};

use super::{Loaded, Numbers, Saver, State};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// As the daemon ends: what was asked for is written.
fn save(state: &mut State, folder: &std::path::Path) {
    let mut saver = Saver::start(folder.to_owned()).unwrap();
    saver.ask(b"an older one".to_vec());
    saver.ask(state.bytes().unwrap());
}

#[test]
fn a_saved_state_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (mut state, loaded) = State::load(folder.path()).unwrap();
    assert_eq!(loaded, Loaded::Fresh);
    state.numbers.workload(
        "container:x",
        "default",
        Arc::default(),
        Arc::default(),
        Vec::new(),
    );
    state.choices.off = true;
    save(&mut state, folder.path());
    let (again, loaded) = State::load(folder.path()).unwrap();
    assert_eq!((again, loaded), (state, Loaded::Known));
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["state.json"], "nothing lies beside it");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    fs::write(&path, r#"{"schema":99,"numbers":"of another shape"}"#).unwrap();
    let error = State::load(folder.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has schema 99; this cofferdam knows schema 1 and older"),
        "{error}"
    );
    assert!(path.exists());
}

#[test]
fn a_broken_file_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("state.json"), "{\"schema\":1,\"numb").unwrap();
    let (state, loaded) = State::load(folder.path()).unwrap();
    assert_eq!(state, State::default());
    let Loaded::SetAside { path, why } = loaded else {
        panic!("{loaded:?}")
    };
    assert!(path.exists() && why.contains("EOF"), "{why}");
}

#[test]
fn numbers_are_stable_and_never_reused() {
    let mut numbers = Numbers::default();
    let web = Arc::new(labels(&[("app", "web")]));
    let mut ask =
        |key: &str, namespace: &str| numbers.workload(key, namespace, web.clone(), web.clone(), Vec::new());
    let (first, one) = ask("a", "default");
    let (second, other) = ask("b", "shop");
    assert_eq!(
        (one.number, other.number),
        (Peer(256), Peer(257)),
        "the namespace is part of it"
    );
    assert_eq!((first, second), (1, 2));
    assert_eq!(ask("a", "default"), (first, one.clone()));
    assert_eq!(ask("c", "default").1, one, "same labels, same identity");
    assert_eq!(ask("a", "shop"), (first, other), "labels changed");

    let plain = numbers.subject(one.number, DefaultProfile::SameLabels, &[], 0);
    let again = numbers.subject(one.number, DefaultProfile::SameLabels, &[], 0);
    assert_eq!(again, plain, "alike share");
    let strict = numbers.subject(one.number, DefaultProfile::Strict, &[], 0);
    assert_ne!(strict, plain, "another profile is another policy");

    numbers.retain(&BTreeSet::new(), &BTreeSet::new(), &BTreeSet::new());
    let (number, identity) = numbers.workload("a", "default", web.clone(), web, Vec::new());
    assert_eq!(
        (number, identity),
        (4, one),
        "a new number, and the identity is remembered"
    );
    let fresh = numbers.subject(Peer(256), DefaultProfile::SameLabels, &[], 0);
    assert!(fresh > strict);
}

#[test]
fn what_the_kernel_holds_is_not_given_again() {
    let mut numbers = Numbers::default();
    numbers.start_above((7, 300, 9));
    let (workload, identity) = numbers.workload("a", "default", Arc::default(), Arc::default(), Vec::new());
    let subject = numbers.subject(identity.number, DefaultProfile::SameLabels, &[], 0);
    assert_eq!((workload, identity.number, subject), (8, Peer(301), 10));
}

#[test]
fn what_only_the_kernel_knew_keeps_its_numbers() {
    let mut numbers = Numbers::default();
    numbers.start_above((7, 300, 9));
    numbers.recover("a", 5, Peer(290));
    numbers.recover("b", 6, Peer(290));
    numbers.recover("c", 7, Peer(280));
    let [web, db] = ["web", "db"].map(|app| Arc::new(labels(&[("app", app)])));
    let mut ask = |key: &str, labels: &Arc<Labels>| {
        let (number, identity) = numbers.workload(key, "default", labels.clone(), labels.clone(), Vec::new());
        (number, identity.number)
    };
    assert_eq!(ask("a", &web), (5, Peer(290)));
    assert_eq!(
        ask("b", &db),
        (6, Peer(301)),
        "its labels are others now: no number means two things"
    );
    assert_eq!(ask("c", &web), (7, Peer(290)), "same labels, same identity");
    assert_eq!(ask("d", &web), (8, Peer(290)));
}

#[test]
fn a_state_with_containers_and_openings_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::default();
    let container = crate::resolve::tests::container('a', "web", &[("app", "web")]);
    state.containers.insert(container.id.clone(), container);
    state.choices.adopted = Some(state.containers.keys().cloned().collect());
    let opening = cofferdam_policy::Opening {
        direction: cofferdam_policy::Direction::Egress,
        peer: cofferdam_policy::OpeningPeer::Prefix("10.0.0.0/8".parse().unwrap()),
        ports: None,
        source: "label cofferdam.egress=10.0.0.0/8".to_owned(),
    };
    state
        .numbers
        .subject(Peer(256), DefaultProfile::SameLabels, &[opening], 0);
    save(&mut state, folder.path());
    assert_eq!(State::load(folder.path()).unwrap().0, state);
}
