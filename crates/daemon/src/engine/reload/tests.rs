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
    wanted.metrics.listen = "127.0.0.1:9417".parse().ok();
    wanted.metrics.pairs = 7;
    wanted.socket.group = "staff".to_owned();
    wanted.flows.keep = 500;
    let mut taken = wanted.clone();
    assert_eq!(
        keep_fixed(&mut taken, &old),
        ["on-dead", "docker.socket", "metrics.listen"]
    );
    assert_eq!(
        (taken.on_dead, &taken.docker.socket, taken.metrics.listen),
        (OnDead::Open, &None, None),
        "as in force"
    );
    let took = (taken.socket.group.as_str(), taken.flows.keep, taken.metrics.pairs);
    assert_eq!(took, ("staff", 500, 7));
    let mut again = wanted.clone();
    assert_eq!(
        keep_fixed(&mut again, &taken),
        ["on-dead", "docker.socket", "metrics.listen"],
        "still not in force"
    );
    assert!(keep_fixed(&mut old.clone(), &taken).is_empty(), "taken back");
}
