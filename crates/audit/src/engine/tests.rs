//! Settings of the engine.

use super::{Engine, Version};
use crate::position::Position;

#[test]
fn a_daemon_json_keeps_its_lines() {
    let text = b"{\n  \"hosts\": [\"unix://\", \"tcp://0.0.0.0:2375\"],\n  \"iptables\": false\n}\n";
    let engine = Engine::read_configuration("daemon.json", text);
    let open: Vec<_> = engine.open_hosts().collect();
    assert_eq!(open[0].value, "tcp://0.0.0.0:2375");
    assert_eq!(open[0].at.line, 2);
    assert_eq!(
        engine.iptables.map(|set| (set.value, set.at.line)),
        Some((false, 3))
    );
}

#[test]
fn versions_compare_as_numbers() {
    let old = Version::parse("20.10.24+dfsg1").expect("version");
    assert_eq!(old, Version(20, 10, 24));
    assert!(old < Version(28, 0, 0));
    assert_eq!(Version::parse("none"), None);
}

#[test]
fn an_engine_says_what_it_is() {
    let mut engine = Engine::unknown(Position::start("engine:info"));
    engine.add_version(br#"{"Version":"4.3.1","Components":[{"Name":"Podman Engine"}]}"#);
    engine.add_info(br#"{"SecurityOptions":["name=seccomp,profile=default","name=rootless"]}"#);
    assert!(engine.podman && engine.rootless && engine.live);
    assert_eq!(
        engine.is_before(&Version(28, 0, 0)),
        None,
        "Podman has numbers of its own"
    );
}
