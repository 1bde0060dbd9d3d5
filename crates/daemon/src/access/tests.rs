//! Nobody claims a label that he may not claim.

use cofferdam_api::RunRequest;

use super::{may_change, may_run};
use crate::command::Caller;
use crate::config::{Allow, Config};

fn caller(uid: u32, user: &str, groups: &[&str]) -> Caller {
    Caller {
        uid,
        pid: 1,
        pidfd: None,
        user: Some(user.to_owned()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

fn config() -> Config {
    let labels = vec!["app=test".to_owned(), "team=*".to_owned()];
    let namespaces = vec!["default".to_owned(), "ci".to_owned()];
    let developers = Allow {
        group: Some("dev".into()),
        user: None,
        labels,
        namespaces,
    };
    let ann = Allow {
        group: None,
        user: Some("ann".into()),
        labels: vec!["app=db".into()],
        namespaces: vec!["default".into()],
    };
    Config {
        allow: vec![developers, ann],
        ..Config::default()
    }
}

fn request(labels: &[(&str, &str)], namespace: Option<&str>) -> RunRequest {
    RunRequest {
        labels: labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        namespace: namespace.map(str::to_owned),
        ..RunRequest::default()
    }
}

#[test]
fn root_may_everything_and_others_change_nothing() {
    assert!(
        may_run(
            &Config::default(),
            &caller(0, "root", &[]),
            &request(&[], Some("x"))
        )
        .is_ok()
    );
    assert!(may_change(&caller(0, "root", &[])).is_ok());
    assert!(may_change(&caller(1000, "ann", &["cofferdam"])).is_err());
}

#[test]
fn every_label_needs_a_rule() {
    let bob = caller(1001, "bob", &["dev"]);
    let may = |labels: &[(&str, &str)], namespace| may_run(&config(), &bob, &request(labels, namespace));
    assert!(may(&[("app", "test"), ("team", "red")], None).is_ok());
    assert!(may(&[("app", "test")], Some("ci")).is_ok());
    assert!(
        may(&[("app", "test")], Some("prod")).is_err(),
        "a namespace is part of who one is"
    );
    let refusal = may(&[("app", "db"), ("team", "red")], None).unwrap_err();
    assert_eq!(
        refusal.message,
        "you may not claim the label app=db in namespace default"
    );
    assert!(
        may(&[("app", "test"), ("cofferdam.ingress", "world")], None).is_err(),
        "openings are labels too"
    );
    assert!(may(&[], None).is_err());
}

#[test]
fn who_gives_something_up_needs_no_rule_for_it() {
    let bob = caller(1001, "bob", &["dev"]);
    let may = |labels: &[(&str, &str)]| may_run(&config(), &bob, &request(labels, None)).is_ok();
    let app = ("app", "test");
    assert!(may(&[
        app,
        ("cofferdam.contain", "strict"),
        ("cofferdam.loopback", "private"),
        ("cofferdam.interfaces", "eth0")
    ]));
    assert!(
        !may(&[app, ("cofferdam.contain", "default")]),
        "the configuration may say strict"
    );
    assert!(
        !may(&[app, ("cofferdam.loopback", "db")]),
        "it is the loopback of others"
    );
    assert!(
        !may(&[app, ("cofferdam.bind", "80")]),
        "it needs no capability then"
    );
    assert!(
        !may(&[("cofferdam.contain", "strict")]),
        "it would have no label of his"
    );
}

#[test]
fn rules_add_up_and_strangers_get_nothing() {
    let ann = caller(1000, "ann", &["dev"]);
    assert!(may_run(&config(), &ann, &request(&[("app", "db"), ("team", "x")], None)).is_ok());
    assert!(may_run(&config(), &ann, &request(&[("app", "db")], Some("ci"))).is_err());
    let eve = caller(1002, "eve", &["users"]);
    assert_eq!(
        may_run(&config(), &eve, &request(&[("app", "db")], None))
            .unwrap_err()
            .message,
        "user eve may not use `cofferdam run`"
    );
}
