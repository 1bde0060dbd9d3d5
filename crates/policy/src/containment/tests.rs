use super::*;
use crate::Protocol;

fn declared(key: &str, value: &str) -> Result<Declared, ValueError> {
    let mut declared = Declared::default();
    declared.declare(key, value).map(|()| declared)
}

/// What was declared, as it is written.
fn read(key: &str, value: &str) -> String {
    let declared = declared(key, value).unwrap();
    declared.at(Level::Default).to_string()
}

#[test]
fn the_documented_forms_parse() {
    for (key, value, expected) in [
        (CONTAIN, "default", "default"),
        (CONTAIN, "strict", "strict; loopback private"),
        (LOOPBACK, "host", "default"),
        (LOOPBACK, "private", "default; loopback private"),
        (LOOPBACK, "shop-1", "default; loopback shop-1"),
        (BIND, "", "default; bind "),
        (BIND, "80", "default; bind 80"),
        (BIND, "80/tcp , 53/udp", "default; bind 80/tcp, 53/udp"),
        (BIND, "30000-30100", "default; bind 30000-30100"),
        (BIND, "80=8080", "default; bind 80=8080"),
        (BIND, "8000-8009/tcp=9000", "default; bind 8000-8009/tcp=9000"),
        (BIND, "80=192.168.1.5:80", "default; bind 80=192.168.1.5:80"),
        (BIND, "80=[fd00::5]:80", "default; bind 80=[fd00::5]:80"),
        (BIND, "8080=127.0.0.1:8080", "default; bind 8080=127.0.0.1:8080"),
        (BIND, "80=[::ffff:10.1.0.1]:80", "default; bind 80=10.1.0.1:80"),
        (BIND, "80,80", "default; bind 80"),
        (
            BIND,
            "80=192.168.1.5:80, 80=[fd00::5]:80",
            "default; bind 80=192.168.1.5:80, 80=[fd00::5]:80",
        ),
        (
            BIND,
            "80/tcp=8080, 80/udp=8081",
            "default; bind 80/tcp=8080, 80/udp=8081",
        ),
        (BIND, "80, 80-90", "default; bind 80, 80-90"),
        (INTERFACES, "", "default; interfaces "),
        (
            INTERFACES,
            "eth0, 192.168.1.5, fd00::5, [fd00::6], eth0.100, br-1a2b",
            "default; interfaces eth0, 192.168.1.5, fd00::5, fd00::6, eth0.100, br-1a2b",
        ),
        (ALLOW, "", "default"),
        (
            ALLOW,
            "sysctl,vsock, raw, packet",
            "default; allow packet, raw, vsock, sysctl",
        ),
        (ALLOW, "netlink", "default; allow netlink"),
        (ALLOW, "netlink:audit, netlink", "default; allow netlink"),
        (
            ALLOW,
            "netlink:sock-diag, netlink:0, netlink:31",
            "default; allow netlink:route, netlink:sock-diag, netlink:31",
        ),
        (
            ALLOW,
            "abstract:@/tmp/.X11-unix/X0, abstract:@dbus-*, abstract:@*",
            "default; allow abstract:@/tmp/.X11-unix/X0, abstract:@dbus-*, abstract:@*",
        ),
        (
            ALLOW,
            "shared:5353/udp, shared:80-81",
            "default; allow shared:5353/udp, shared:80-81",
        ),
    ] {
        assert_eq!(read(key, value), expected, "{key}={value}");
    }
}

#[test]
fn defects_are_located_and_hinted() {
    for (key, value, column, what, hint) in [
        (
            CONTAIN,
            "Strict",
            1,
            "\"Strict\" is not a level",
            "default or strict",
        ),
        (CONTAIN, "", 1, "\"\" is not a level", "default or strict"),
        (LOOPBACK, "", 1, "\"\" is not a loopback", "private, host"),
        (
            LOOPBACK,
            "Private",
            1,
            "\"Private\" is not a loopback",
            "private, host",
        ),
        (LOOPBACK, "a b", 2, "cannot contain ' '", "private, host"),
        (LOOPBACK, "äb", 1, "cannot contain 'ä'", "private, host"),
        (BIND, "80,,81", 4, "nothing stands between", "comma"),
        (BIND, "80 81", 3, "cannot contain a blank", "commas"),
        (BIND, "http", 1, "\"http\" is not a port", "80=8080"),
        (BIND, "80, 0", 5, "port 0 does not exist", "1 to 65535"),
        (BIND, "90-80", 1, "the range 90-80 is empty", "80-90"),
        (BIND, "80/sctp", 4, "\"sctp\" is not a protocol", "/tcp, /udp"),
        (BIND, "8080:80", 1, "\"8080:80\" is not a port", "write 80=8080"),
        (BIND, "80=", 4, "\"\" is not a port", "80=8080"),
        (BIND, "80=8080/tcp", 8, "stands before the =", "80/tcp=8080"),
        (
            BIND,
            "80-81=90-91",
            7,
            "moved by its first port",
            "8000-8009=9000",
        ),
        (BIND, "65000-65010=65530", 13, "would end at port 65540", "65535"),
        (
            BIND,
            "80=1.2.3.4",
            4,
            "no port follows the address",
            "1.2.3.4:PORT",
        ),
        (
            BIND,
            "80=fd00::5",
            4,
            "no port follows the address",
            "[fd00::5]:PORT",
        ),
        (
            BIND,
            "80=[fd00::5]",
            4,
            "no port follows the address",
            "[fd00::5]:PORT",
        ),
        (BIND, "80=fd00::5:x", 12, "\"x\" is not a port", "80=8080"),
        (BIND, "80=[10.0.0.1]:80", 4, "stands in brackets", "10.0.0.1:PORT"),
        (BIND, "80=localhost:80", 4, "not an address", "192.168.1.5:80"),
        (BIND, "80=0.0.0.0:80", 4, "every address", "leave it out"),
        (BIND, "80=[::]:80", 4, "every address", "leave it out"),
        (BIND, "80=224.0.0.1:80", 4, "no interface has", "one host"),
        (
            BIND,
            "80=[fe80::1]:80",
            4,
            "without its interface",
            "another address",
        ),
        (
            BIND,
            "80=8080, 80=8081",
            10,
            "port 80 is in `80=8080`",
            "one place",
        ),
        (BIND, "80, 79-90=8080", 5, "port 80 is in `80`", "one place"),
        (
            BIND,
            "80=8080, 81=8080",
            10,
            "port 8080 would be bound",
            "behind the =",
        ),
        (
            BIND,
            "8080/tcp, 80=8080",
            11,
            "port 8080 would be bound",
            "behind the =",
        ),
        (INTERFACES, "eth0,", 6, "nothing stands between", "comma"),
        (INTERFACES, "eth*", 1, "no wildcards", "each name"),
        (INTERFACES, "10.0.0.300", 1, "is not an address", "192.168.1.5"),
        (INTERFACES, "fd00::x", 1, "is not an address", "fd00::5"),
        (
            INTERFACES,
            "10.0.0.0/8",
            1,
            "neither a name nor an address",
            "prefix",
        ),
        (INTERFACES, "0.0.0.0", 1, "every address", "leave it out"),
        (
            INTERFACES,
            "lo, interface-that-is-long",
            5,
            "not a name",
            "15 bytes",
        ),
        (ALLOW, "pakcet", 1, "\"pakcet\" is nothing", "packet, raw"),
        (ALLOW, "Packet", 1, "\"Packet\" is nothing", "write packet"),
        (ALLOW, "packet:eth0", 1, "with a colon is nothing", "write packet"),
        (ALLOW, "NET_RAW", 1, "is nothing", "raw, packet"),
        (ALLOW, "route", 1, "is nothing", "netlink:route"),
        (ALLOW, "abstract", 1, "is nothing", "abstract:@NAME"),
        (ALLOW, "shared", 1, "is nothing", "shared:5353/udp"),
        (ALLOW, "netlink:", 9, "\"\" is not a family", "sock-diag"),
        (ALLOW, "netlink:sock_diag", 9, "\"sock_diag\" is not", "sock-diag"),
        (ALLOW, "netlink:32", 9, "\"32\" is not", "up to 31"),
        (ALLOW, "netlink:+4", 9, "\"+4\" is not", "up to 31"),
        (ALLOW, "raw, abstract:x", 15, "is not the name", "abstract:@x"),
        (ALLOW, "abstract:@", 10, "no name follows", "@PREFIX*"),
        (ALLOW, "abstract:@a*b", 12, "at the end only", "@PREFIX*"),
        (ALLOW, "abstract:@a\u{1}", 12, "cannot contain", "@PREFIX*"),
        (ALLOW, "shared:x", 8, "\"x\" is not a port", "80/tcp"),
    ] {
        let error = declared(key, value).unwrap_err();
        assert_eq!(error.column, column, "{error}");
        assert_eq!((error.label, error.value.as_str()), (key, value));
        assert!(error.what.contains(what), "{error}");
        assert!(error.hint().contains(hint), "{value}: {}", error.hint());
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    let many: Vec<_> = (1..=257).map(|port: u16| port.to_string()).collect();
    let error = declared(BIND, &many.join(",")).unwrap_err();
    assert!(error.what.contains("more than 256"), "{error}");
    let long = format!("abstract:@{}", "a".repeat(108));
    assert!(declared(ALLOW, &long).is_err());
    assert!(declared(LOOPBACK, &"a".repeat(64)).is_err());
}

#[test]
fn what_is_unsaid_follows_the_level() {
    let at = |value: Declared, level| value.at(level).loopback;
    let unset = Declared::default;
    assert_eq!(at(unset(), Level::Default), Loopback::Host);
    assert_eq!(at(unset(), Level::Strict), Loopback::Private);
    assert_eq!(unset().at(Level::Default), Containment::default());
    let host = declared(LOOPBACK, "host").unwrap();
    assert_eq!(at(host, Level::Strict), Loopback::Host);
    let own = declared(CONTAIN, "default").unwrap().at(Level::Strict);
    assert!(!own.strict && own.loopback == Loopback::Host && !own.limits_ports());
    assert!(unset().at(Level::Strict).limits_ports());
    assert!(declared(BIND, "").unwrap().at(Level::Default).limits_ports());
}

#[test]
fn under_strict_libc_can_list_interfaces() {
    let strict = Declared::default().at(Level::Strict);
    assert!(strict.allows_netlink(0) && !strict.allows_netlink(16));
    assert!(Containment::default().allows_netlink(16));
    let diag = declared(ALLOW, "netlink:sock-diag").unwrap().at(Level::Strict);
    assert!(diag.allows_netlink(4) && !diag.allows_netlink(16));
    let all = declared(ALLOW, "netlink").unwrap().at(Level::Strict);
    assert!(all.allows_netlink(31));
}

#[test]
fn a_range_moves_as_a_whole() {
    let bind = |value| declared(BIND, value).unwrap().bind.unwrap().remove(0);
    let moved = bind("8000-8009=10.0.0.1:9000");
    let address = Some("10.0.0.1".parse().unwrap());
    assert_eq!(moved.bound(8000), Some((address, 9000)));
    assert_eq!(moved.bound(8009), Some((address, 9009)));
    assert_eq!((moved.bound(7999), moved.bound(8010)), (None, None));
    assert_eq!(bind("80").bound(80), Some((None, 80)));
    assert_eq!(bind("80").ports.protocol, Protocol::ANY);
}
