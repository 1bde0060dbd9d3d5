//! What a reload takes over, and what it leaves for the next start.

use super::keep_fixed;
use crate::config::{Config, OnDead};

#[test]
fn what_only_a_start_can_change_is_named_each_time() {
    let old = Config::default();
    let mut wanted = Config {
        on_dead: OnDead::Closed,
        ..Config::default()
    };
    wanted.docker.socket = Some("/run/other.sock".into());
    wanted.socket.group = "staff".to_owned();
    wanted.flows.keep = 500;
    let mut taken = wanted.clone();
    assert_eq!(keep_fixed(&mut taken, &old), ["on-dead", "docker.socket"]);
    assert_eq!(
        (taken.on_dead, &taken.docker.socket),
        (OnDead::Open, &None),
        "as in force"
    );
    assert_eq!((taken.socket.group.as_str(), taken.flows.keep), ("staff", 500));
    let mut again = wanted.clone();
    assert_eq!(
        keep_fixed(&mut again, &taken),
        ["on-dead", "docker.socket"],
        "still not in force"
    );
    assert!(keep_fixed(&mut old.clone(), &taken).is_empty(), "taken back");
}
