use super::*;

/// Prints openings the way the issue reads them: peer, then ports.
fn read(value: &str) -> Vec<String> {
    let openings = parse(Direction::Ingress, value).unwrap();
    openings
        .iter()
        .map(|opening| {
            let peer = match &opening.peer {
                OpeningPeer::Labels(labels) => format!("{labels:?}"),
                OpeningPeer::Class(class) => class.name().to_owned(),
                OpeningPeer::Prefix(net) => net.to_string(),
            };
            let ports = opening
                .ports
                .map_or("everything".to_owned(), |ports| ports.to_string());
            format!("{peer} {ports}")
        })
        .collect()
}

#[test]
fn the_documented_forms_parse() {
    for (value, expected) in [
        ("", &[][..]),
        ("app=web:5432/tcp", &[r#"{"app": "web"} 5432/tcp"#]),
        ("app=web", &[r#"{"app": "web"} everything"#]),
        ("app=web&env=prod:80", &[r#"{"app": "web", "env": "prod"} 80"#]),
        (
            "app.kubernetes.io/name=db:5432",
            &[r#"{"app.kubernetes.io/name": "db"} 5432"#],
        ),
        ("lan:53/udp", &["lan 53/udp"]),
        ("10.0.0.0/8:443", &["10.0.0.0/8 443"]),
        ("10.1.2.3/8:443", &["10.0.0.0/8 443"]),
        ("192.168.1.9:631", &["192.168.1.9/32 631"]),
        ("[fd00::/8]:443", &["fd00::/8 443"]),
        ("[fd00::1]", &["fd00::1/128 everything"]),
        ("[::ffff:10.1.0.0/112]:443", &["10.1.0.0/16 443"]),
        ("host:5432", &["host 5432"]),
        ("world", &["world everything"]),
        ("multicast:5353/udp", &["multicast 5353/udp"]),
        ("metadata:80", &["metadata 80"]),
        ("lan:80-90", &["lan 80-90"]),
        ("lan:80-90/sctp", &["lan 80-90/sctp"]),
        ("lan:udp", &["lan udp"]),
        ("lan:icmp", &["lan icmp", "lan icmp"]),
        (" app=a:80 ,lan:53 ", &[r#"{"app": "a"} 80"#, "lan 53"]),
    ] {
        assert_eq!(read(value), expected, "{value}");
    }
}

#[test]
fn the_source_is_the_item_as_written() {
    let openings = parse(Direction::Egress, "app=a:80, lan:53/udp").unwrap();
    let sources: Vec<_> = openings.iter().map(|opening| opening.source.as_str()).collect();
    assert_eq!(
        sources,
        [
            "label cofferdam.egress=app=a:80",
            "label cofferdam.egress=lan:53/udp"
        ]
    );
    assert!(
        openings
            .iter()
            .all(|opening| opening.direction == Direction::Egress)
    );
}

#[test]
fn defects_are_located_and_hinted() {
    for (value, column, what, hint) in [
        ("app=web:99999", 9, "port 99999 does not exist", "1 to 65535"),
        ("app=web:0", 9, "port 0 does not exist", "1 to 65535"),
        ("lan:53, app=web:x", 17, "\"x\" is not a port", "app=web:5432/tcp"),
        ("app=web:", 9, "no port follows the colon", ":80"),
        ("app=web:80-", 12, "\"\" is not a port", "PEER[:PORTS]"),
        ("app=web:90-80", 9, "the range 90-80 is empty", "80-90"),
        ("app=web:80/tpc", 12, "\"tpc\" is not a protocol", "/tcp"),
        ("app=web:80/icmp", 12, "icmp has no ports", ":icmp"),
        (
            "app=web:80,443",
            12,
            "\"443\" names ports but no peer",
            "app=web:443",
        ),
        ("icmp", 1, "\"icmp\" names ports but no peer", "app=web:icmp"),
        ("app=web,,lan", 9, "nothing stands between the commas", "comma"),
        ("app=web,", 9, "nothing stands between the commas", "comma"),
        ("app=web lan", 8, "an item cannot contain a blank", "commas"),
        ("api.example.com:443", 1, "names are not supported yet", "address"),
        ("lan, *.example.com", 6, "names are not supported yet", "address"),
        ("web:80", 1, "neither a label, a class nor an address", "app=web"),
        (":80", 1, "neither a label, a class nor an address", "app=web"),
        ("internet:443", 1, "\"internet\" is not a peer", "write world"),
        ("LAN:53", 1, "\"LAN\" is not a peer", "write lan"),
        ("localhost:53", 1, "\"localhost\" is not a peer", "write host"),
        ("*:53", 1, "\"*\" is not a peer", "host, lan, world"),
        (
            "fd00::1:443",
            1,
            "an IPv6 address stands in brackets",
            "[fd00::/8]:443",
        ),
        ("::1", 1, "an IPv6 address stands in brackets", "[fd00::/8]:443"),
        ("[fd00::/8:443", 1, "the bracket is not closed", "[fd00::/8]:443"),
        (
            "[fd00::/8]443",
            11,
            "\"443\" follows the bracket",
            "[fd00::/8]:443",
        ),
        ("[10.0.0.0/8]:443", 2, "not an IPv6 address", "[fd00::/8]"),
        ("10.0.0.0/33:443", 1, "not an IPv4 address", "10.0.0.0/8"),
        ("10.0.0.300", 1, "not an IPv4 address", "10.0.0.0/8"),
        ("app=:80", 1, "empty value", "app="),
        ("=web:80", 1, "has no key", "KEY=VALUE"),
        ("app=web&env:80", 9, "not KEY=VALUE", "env=VALUE"),
        ("app!=web:80", 1, "a key cannot contain '!'", "letters"),
        (
            "app=a&app=b",
            7,
            "app cannot have two values at once",
            "app=a, app=b",
        ),
        (
            "cofferdam.label.team=a",
            1,
            "not a label that peers are known by",
            "team=a",
        ),
        ("äpp=web:x", 1, "a key cannot contain 'ä'", "letters"),
        ("lan,ä=web", 5, "a key cannot contain 'ä'", "letters"),
    ] {
        let error = parse(Direction::Ingress, value).unwrap_err();
        assert_eq!(error.column, column, "{error}");
        assert!(error.what.contains(what), "{error}");
        assert!(error.hint().contains(hint), "{value}: {}", error.hint());
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn an_error_names_label_value_and_column() {
    let error = parse(Direction::Egress, "lan:99999").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"cofferdam.egress="lan:99999": column 5: port 99999 does not exist"#
    );
}

#[test]
fn a_published_port_opens_to_strangers_only() {
    let published = |host_ip: Option<&str>| {
        let host_ip = host_ip.map(|address| address.parse().unwrap());
        let openings = published(Protocol::TCP, host_ip, 8080, 80);
        let classes: Vec<_> = openings.iter().map(|opening| opening.peer.clone()).collect();
        let ports: Vec<_> = openings.iter().filter_map(|opening| opening.ports).collect();
        assert!(ports.iter().all(|ports| ports.to_string() == "80/tcp"));
        (classes, openings[0].source.clone())
    };
    let class = OpeningPeer::Class;
    let all = vec![
        class(PeerClass::Host),
        class(PeerClass::Lan),
        class(PeerClass::World),
    ];
    assert_eq!(published(None), (all.clone(), "-p 8080:80".to_owned()));
    assert_eq!(published(Some("0.0.0.0")), (all.clone(), "-p 8080:80".to_owned()));
    assert_eq!(
        published(Some("192.168.1.5")),
        (all, "-p 192.168.1.5:8080:80".to_owned())
    );
    let host = vec![class(PeerClass::Host)];
    assert_eq!(
        published(Some("127.0.0.1")),
        (host.clone(), "-p 127.0.0.1:8080:80".to_owned())
    );
    assert_eq!(published(Some("::1")), (host, "-p [::1]:8080:80".to_owned()));
}

#[test]
fn a_resolver_opens_its_address_on_53() {
    let opening = resolver("::ffff:192.168.1.1".parse().unwrap());
    assert_eq!(
        opening.peer,
        OpeningPeer::Prefix("192.168.1.1/32".parse().unwrap())
    );
    assert_eq!(opening.ports.unwrap().to_string(), "53");
    assert_eq!(opening.direction, Direction::Egress);
}
