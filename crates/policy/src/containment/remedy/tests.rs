use super::*;
use crate::containment::{CONTAIN, Level};

fn declared(labels: &[(&str, &str)]) -> Containment {
    let mut declared = Declared::default();
    for (key, value) in labels {
        declared.declare(key, value).unwrap();
    }
    declared.at(Level::Default)
}

fn allowing(labels: &[(&str, &str)], need: &Need) -> Option<String> {
    let (key, value) = declared(labels).allowing(need)?;
    Some(format!("{key}={value}"))
}

#[test]
fn what_was_refused_is_added_to_what_is_declared() {
    let strict = (CONTAIN, "strict");
    for (labels, need, wanted) in [
        (&[][..], Need::Allow("sysctl".into()), "cofferdam.allow=sysctl"),
        (
            &[strict, (ALLOW, "raw, shared:5353/udp")],
            Need::Allow("netlink:sock-diag".into()),
            "cofferdam.allow=raw, shared:5353/udp, netlink:sock-diag",
        ),
        (
            &[],
            Need::Abstract("/tmp/.X11-unix/X0".into()),
            "cofferdam.allow=abstract:@/tmp/.X11-unix/X0",
        ),
        (
            &[],
            Need::Abstract("odd name".into()),
            "cofferdam.allow=abstract:@odd*",
        ),
        (
            &[(BIND, "80=8080")],
            Need::Port(Protocol::TCP, 9000),
            "cofferdam.bind=80=8080, 9000/tcp",
        ),
        (&[strict], Need::Port(Protocol::UDP, 53), "cofferdam.bind=53/udp"),
        (
            &[(INTERFACES, "eth0")],
            Need::Interface([192, 168, 1, 5].into()),
            "cofferdam.interfaces=eth0, 192.168.1.5",
        ),
    ] {
        assert_eq!(allowing(labels, &need).as_deref(), Some(wanted), "{need:?}");
    }
}

fn taken(protocol: Protocol, port: u16, real: u16, beside: &[(Protocol, u16)]) -> Need {
    Need::Taken {
        protocol,
        port,
        real,
        beside: beside.to_vec(),
    }
}

#[test]
fn a_port_that_is_held_is_moved_or_shared() {
    const TCP: Protocol = Protocol::TCP;
    const UDP: Protocol = Protocol::UDP;
    for (labels, need, wanted) in [
        (
            &[][..],
            taken(TCP, 80, 80, &[(TCP, 9000), (TCP, 80)]),
            "cofferdam.bind=80/tcp=8080, 9000/tcp",
        ),
        (
            &[(BIND, "80/tcp, 443")],
            taken(TCP, 80, 80, &[(TCP, 9000)]),
            "cofferdam.bind=443, 80/tcp=8080",
        ),
        (
            &[(BIND, "80=8080")],
            taken(TCP, 80, 8080, &[]),
            "cofferdam.bind=80=18080",
        ),
        (
            &[],
            taken(TCP, 60000, 60000, &[]),
            "cofferdam.bind=60000/tcp=50000",
        ),
        (
            &[],
            taken(UDP, 5353, 5353, &[]),
            "cofferdam.allow=shared:5353/udp",
        ),
        (&[], taken(UDP, 53, 53, &[]), "cofferdam.bind=53/udp=8053"),
    ] {
        assert_eq!(allowing(labels, &need).as_deref(), Some(wanted), "{need:?}");
    }
    // Part of a range: what would be right is not one item more.
    let range = [(BIND, "80-90")];
    assert_eq!(allowing(&range, &taken(TCP, 80, 80, &[])), None);
}

#[test]
fn a_port_has_the_number_that_the_workload_knows() {
    let moved = declared(&[(BIND, "80=8080, 30000-30009/udp=40000, 443")]);
    for (protocol, port, wanted) in [
        (Protocol::TCP, 8080, 80),
        (Protocol::UDP, 8080, 80),
        (Protocol::UDP, 40009, 30009),
        (Protocol::UDP, 40010, 40010),
        (Protocol::TCP, 40009, 40009),
        (Protocol::TCP, 443, 443),
        (Protocol::TCP, 80, 80),
    ] {
        assert_eq!(moved.inside(protocol, port), wanted, "{protocol} {port}");
    }
}
