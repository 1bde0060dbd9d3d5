//! The state file: survives, refuses the future, sets the broken aside; numbers are stable and never reused.

use std::collections::BTreeSet;
use std::fs;

use cofferdam_policy::{DefaultProfile, Labels, Peer};

use super::{Loaded, Numbers, State};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn a_saved_state_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (mut state, loaded) = State::load(folder.path()).unwrap();
    assert_eq!(loaded, Loaded::Fresh);
    state.numbers.workload("container:x");
    state.choices.off = true;
    state.save(folder.path()).unwrap();
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
    let web = numbers.identity("default", labels(&[("app", "web")]), labels(&[("app", "web")]));
    let other = numbers.identity("shop", labels(&[("app", "web")]), labels(&[("app", "web")]));
    assert_eq!(
        (web.number, other.number),
        (Peer(256), Peer(257)),
        "the namespace is part of it"
    );
    assert_eq!(
        numbers.identity("default", web.identity_labels.clone(), web.labels.clone()),
        web
    );

    let one = numbers.subject(web.number, DefaultProfile::SameLabels, Vec::new());
    assert_eq!(
        numbers.subject(web.number, DefaultProfile::SameLabels, Vec::new()),
        one,
        "alike share"
    );
    let strict = numbers.subject(web.number, DefaultProfile::Strict, Vec::new());
    assert_ne!(strict.number, one.number, "another profile is another policy");

    let first = numbers.workload("a");
    numbers.retain(&BTreeSet::new(), &BTreeSet::new(), &BTreeSet::new());
    assert_ne!(numbers.workload("a"), first);
    assert!(
        numbers
            .subject(web.number, DefaultProfile::SameLabels, Vec::new())
            .number
            > strict.number
    );
    assert_eq!(
        numbers.identity("default", web.identity_labels.clone(), web.labels.clone()),
        web,
        "remembered"
    );
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
        .subject(Peer(256), DefaultProfile::SameLabels, vec![opening]);
    state.save(folder.path()).unwrap();
    assert_eq!(State::load(folder.path()).unwrap().0, state);
}
