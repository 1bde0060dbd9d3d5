use super::*;

#[test]
fn an_id_is_64_lower_case_hexadecimal_digits() {
    let id = ContainerId::new("0123456789abcdef".repeat(4)).unwrap();
    assert_eq!(id.short(), "0123456789ab");
    for wrong in ["", "abc", &"A".repeat(64), &"g".repeat(64), &"a".repeat(65)] {
        assert!(ContainerId::new(wrong).is_err(), "{wrong}");
    }
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(serde_json::from_str::<ContainerId>(&json).unwrap(), id);
    assert!(serde_json::from_str::<ContainerId>("\"abc\"").is_err());
}

#[test]
fn network_modes_survive_printing() {
    for text in ["none", "bridge", "host", "container:abc", "backend"] {
        assert_eq!(NetworkMode::parse(text).to_string(), text);
    }
    assert_eq!(NetworkMode::parse("default"), NetworkMode::Bridge);
    assert_eq!(NetworkMode::parse(""), NetworkMode::Bridge);
}

#[test]
fn a_published_port_covers_what_docker_forwards() {
    let port = |ip: Option<&str>| PublishedPort {
        protocol: Protocol::TCP,
        container_port: 80,
        host_ip: ip.map(|ip| ip.parse().unwrap()),
        host_port: Some(8080),
    };
    let (v4, v6): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
    assert!(port(None).covers(v4) && port(None).covers(v6));
    assert!(port(Some("0.0.0.0")).covers(v4) && !port(Some("0.0.0.0")).covers(v6));
    assert!(!port(Some("::")).covers(v4) && port(Some("::")).covers(v6));
    assert!(port(Some("192.0.2.1")).covers(v4) && !port(Some("192.0.2.2")).covers(v4));
    let loopback = ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"];
    assert!(loopback.iter().all(|ip| port(Some(ip)).is_loopback_only()));
    assert!(!port(None).is_loopback_only() && !port(Some("0.0.0.0")).is_loopback_only());
}
