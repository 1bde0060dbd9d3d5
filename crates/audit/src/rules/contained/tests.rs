use super::*;
use crate::model::Origin;
use crate::position::{Located, Position};

fn service(labels: &[(&str, &str)]) -> Service {
    let at = Position::start("x.yaml");
    let mut service = Service::new("web", Origin::Compose, at.clone());
    service.labels = labels
        .iter()
        .map(|(key, value)| (Located::new((*key).to_owned(), at.clone()), (*value).to_owned()))
        .collect();
    service
}

#[test]
fn labels_protect_as_the_daemon_reads_them() {
    let app = ("app", "web");
    assert!(!is_protected(&service(&[("traefik.enable", "true")])));
    assert!(is_protected(&service(&[app])));
    assert!(is_protected(&service(&[("cofferdam.protect", "true")])));
    assert!(!is_protected(&service(&[app, ("cofferdam.protect", "false")])));
    assert!(!is_protected(&service(&[app, ("cofferdam.mode", "observe")])));
    let strict = ("cofferdam.contain", "strict");
    assert!(is_strict(&service(&[app, strict])) && !is_strict(&service(&[strict])));
    let own = |labels: &[(&str, &str)]| has_own_loopback(&service(labels));
    assert!(own(&[app, strict]) && own(&[app, ("cofferdam.loopback", "shop")]));
    assert!(!own(&[app]) && !own(&[app, strict, ("cofferdam.loopback", "host")]));
    assert!(allows(
        &service(&[("cofferdam.allow", "raw, netlink:generic")]),
        "netlink"
    ));
    assert!(!allows(&service(&[("cofferdam.allow", "raw")]), "packet"));
}

#[test]
fn a_port_is_where_its_label_moves_it() {
    let moved = service(&[
        ("app", "web"),
        (
            "cofferdam.bind",
            "80=8080, 443, 8000-8009/tcp=9000, 53=192.168.1.5:53",
        ),
    ]);
    for (port, wanted) in [
        (80, Some(8080)),
        (443, Some(443)),
        (8009, Some(9009)),
        (53, None),
        (22, Some(22)),
    ] {
        assert_eq!(really(&moved, port), wanted, "{port}");
    }
    for (port, wanted) in [
        (80, true),
        (8080, true),
        (443, true),
        (9009, true),
        (9010, false),
        (22, false),
    ] {
        assert_eq!(declares(&moved, port), wanted, "{port}");
    }
    let bare = service(&[("cofferdam.bind", "80=8080")]);
    assert_eq!(really(&bare, 80), Some(80), "nobody protects it");
    assert!(offer(80).contains("80=8080") && offer(60_000).contains("60000=50000"));
}
